"""The table of faults names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_every_line_of_the_table_is_a_test() -> None:
    lines = [line for line in (ROOT / "docs" / "faults.md").read_text("utf-8").splitlines() if line.startswith("| ")]
    named = [re.search(r"`(tests/[\w/]+\.py)::(test_\w+)` \|$", line) for line in lines[1:]]
    assert len(named) > 20
    for line, found in zip(lines[1:], named, strict=True):
        assert found is not None, line
        path, name = found.groups()
        assert f"def {name}(" in (ROOT / path).read_text("utf-8"), line
