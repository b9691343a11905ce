"""What all tests of the flows share."""

from __future__ import annotations

import pytest

from tasks import controls


@pytest.fixture(autouse=True)
def few_controls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer control strangers than the product asks for: making and painting them takes longest where a clip is short.
    How many there must be is tested in tests/tasks/test_controls.py, on real networks, too."""
    monkeypatch.setattr(controls, "COUNT", 3)
