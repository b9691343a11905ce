"""A folder stays small enough to be read at a glance; `make lint` looks for circles between its modules."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MOST = 14
FOLDERS = sorted(
    {path.parent for floor in ("flows", "tasks", "models", "infra") for path in (ROOT / floor).rglob("*.py")}
)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.relative_to(ROOT).as_posix())
def test_no_folder_has_more_modules_than_fit_a_page(folder: Path) -> None:
    modules = [path.stem for path in folder.glob("*.py") if path.stem != "__init__"]
    assert len(modules) <= MOST, f"move some of them into a folder of their own: {sorted(modules)}"
