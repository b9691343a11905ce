"""One topology for all integration tests: its parts take a minute to start."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration import topology as parts
from tests.integration.topology import Topology


@pytest.fixture(scope="session")
def topology() -> Iterator[Topology]:
    """PostgreSQL, Prefect server and SeaweedFS on loopback."""
    # Not one of pytest's folders: another user, as whom PostgreSQL runs, must reach it.
    with tempfile.TemporaryDirectory(prefix="anonflow-topology-") as folder, parts.running(Path(folder)) as started:
        yield started
