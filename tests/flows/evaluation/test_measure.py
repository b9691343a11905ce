"""What is measured of a pair besides what the networks see."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from flows.evaluation import measure
from flows.evaluation.pairs import Pair
from flows.run.cancelled import Cancelled
from flows.run.sources import VIDEO_SUFFIXES, find
from infra.media.probe import probe_video
from infra.media.sound import loudness
from infra.privacy import digest_file, public_id
from infra.settings import Settings
from infra.storage.store import Store
from tasks.evaluation.measure.records import Measured
from tests.conftest import Make


@pytest.fixture
def measurer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> measure.Measurer:
    """Without networks: nobody is seen."""
    monkeypatch.setattr(measure, "instruments", lambda settings: None)
    monkeypatch.setattr(measure.measuring, "run", lambda *_: Measured.empty())
    return measure.Measurer(Settings(profile="evaluation"), Store(f"file://{tmp_path}/store"), b"k" * 32, tmp_path)


def heard(measurer: measure.Measurer, *paths: Path, picture: bool = False) -> np.ndarray:
    return measurer.measure(measure.Files(*paths, picture)).loudness


def test_the_sound_of_the_original_is_listened_to(measurer: measure.Measurer, made: Make) -> None:
    original, mute = made("loud.mkv", frames=24), made("mute.mkv", frames=24, tracks=0)
    info = probe_video(original)
    expected = loudness(original, info, np.array([info.seconds(n) for n in range(24)]))
    assert len(expected) == 24 and expected.min() > -40
    assert np.array_equal(heard(measurer, original, mute), expected)
    assert heard(measurer, mute, original).shape == (0,)


def test_a_picture_has_no_sound(measurer: measure.Measurer, tmp_path: Path) -> None:
    path = tmp_path / "one.png"
    cv2.imwrite(str(path), np.full((40, 60, 3), 90, np.uint8))
    assert heard(measurer, path, path, picture=True).shape == (0,)


@pytest.mark.parametrize("owner", ["", "evaluation-films"])
def test_what_was_measured_is_kept_until_it_is_forgotten(
    measurer: measure.Measurer, made: Make, monkeypatch: pytest.MonkeyPatch, owner: str
) -> None:
    """Under a name that purging the dataset finds."""
    measurer._owner = owner
    path, store = made("plain.mp4"), measurer._cache._store
    heard(measurer, path, path)
    monkeypatch.setattr(measure.measuring, "run", lambda *_: pytest.fail("It was measured twice."))
    heard(measurer, path, path)
    expected = owner or f"evaluation-{public_id(b'k' * 32, digest_file(path))}"
    assert {place.split("/")[1] for place in store.list_tree("identifying")} == {expected}
    measurer.forget()
    assert not store.list_tree("identifying")


def test_each_file_is_fetched_and_probed_once(
    measurer: measure.Measurer, made: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, probed = made("plain.mp4"), []
    monkeypatch.setattr(measure, "probe_video", lambda path: (probed.append(path), probe_video(path))[1])
    job = find(str(path), VIDEO_SUFFIXES)[0]
    with measurer.files(Pair(1, job, job, 0)) as files:
        measurer.measure(files)
        for path in measurer.sheets(files, [(0, "")], True):
            assert path is not None and path.stat().st_mode & 0o077 == 0 and cv2.imread(str(path)) is not None
        assert measurer.sheets(files, [(99, "")], False) == (None, None)
        assert sorted(probed) == sorted([files.original, files.anonymized])


def test_every_pass_over_a_file_can_be_stopped(measurer: measure.Measurer, made: Make) -> None:
    job, left = find(str(made("six.mp4", frames=6)), VIDEO_SUFFIXES)[0], iter(range(8))

    def check() -> None:
        if next(left, None) is None:
            raise Cancelled

    with measurer.files(Pair(1, job, job, 0), check) as files:
        with files.before.open() as stream:
            assert len(list(stream)) == 6
        assert files.after is not None
        with pytest.raises(Cancelled), files.after.open() as stream:
            list(stream)
