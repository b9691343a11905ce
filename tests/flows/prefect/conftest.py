"""A real Prefect server, for tests of what it does by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.topology import Topology, only_a_server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Topology]:
    """A Prefect server on SQLite, on loopback; this process speaks to it."""
    with only_a_server(tmp_path) as started:
        yield started
