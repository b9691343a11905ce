"""What is measured of a pair besides what the networks see."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from flows import measuring
from infra.media.probe import probe_video
from infra.media.sound import loudness
from infra.settings import Settings
from infra.store import Store
from tasks.measure.records import Measured
from tests.conftest import Make


@pytest.fixture
def measurer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> measuring.Measurer:
    """Without networks: nobody is seen."""
    monkeypatch.setattr(measuring, "instruments", lambda settings: None)
    monkeypatch.setattr(measuring.measuring, "run", lambda *_: Measured.empty())
    return measuring.Measurer(Settings(profile="evaluation"), Store(f"file://{tmp_path}/store"), b"k" * 32, tmp_path)


def told(frames: int) -> None:
    """Nobody asks."""


def test_the_sound_of_the_original_is_listened_to(measurer: measuring.Measurer, made: Make) -> None:
    original, mute = made("loud.mkv", frames=24), made("mute.mkv", frames=24, tracks=0)
    info = probe_video(original)
    expected = loudness(original, info, np.array([info.seconds(n) for n in range(24)]))
    assert len(expected) == 24 and expected.min() > -40
    assert np.array_equal(measurer._measure(original, mute, False, told).loudness, expected)
    assert measurer._measure(mute, original, False, told).loudness.shape == (0,)


def test_a_picture_has_no_sound(measurer: measuring.Measurer, tmp_path: Path) -> None:
    path = tmp_path / "one.png"
    cv2.imwrite(str(path), np.full((40, 60, 3), 90, np.uint8))
    assert measurer._measure(path, path, True, told).loudness.shape == (0,)
