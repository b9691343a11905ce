"""A real Prefect server, for tests of what it does by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.topology import Topology, only_a_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    """A Prefect server on SQLite, on loopback, for the tests of a file; this process speaks to it."""
    with only_a_server(tmp_path_factory.mktemp("server")) as started:
        yield started
