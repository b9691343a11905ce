"""The lists of lanes name tests that exist."""

from __future__ import annotations

import re

import pytest

from tests import lanes


@pytest.mark.parametrize("file", sorted(lanes.SLOW | lanes.TORCH | set(lanes.FIRST)))
def test_a_listed_file_exists(file: str) -> None:
    assert (lanes.HERE / file).is_file()


@pytest.mark.parametrize("name", sorted(lanes.SLOW_TESTS))
def test_a_slow_test_exists(name: str) -> None:
    file, _, test = name.partition("::")
    assert re.search(rf"^def {test}\(", (lanes.HERE / file).read_text("utf-8"), re.MULTILINE)


def test_marks_follow_the_list(request: pytest.FixtureRequest) -> None:
    assert not lanes.slow(request.node)
    assert request.node.get_closest_marker("slow") is None
