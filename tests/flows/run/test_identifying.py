"""What a run leaves behind about people: the gallery of a dataset, while it is worked on and after."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from flows.recipes.context import Context, StageResult
from flows.run.cancelled import Cancelled
from infra.media.video_info import VideoInfo
from infra.settings import IdentityScope, Settings
from infra.storage.store import Store
from tasks.generation.gallery import Gallery, GalleryEntry
from tasks.generation.strength import seed_of
from tests.flows.support import grey_chain, run
from tests.tasks import support

ONE_MAN = np.float32([1, 0, 0, 0])


class Cast:
    """A chain in which the same man appears in every video. stop: the video (by its turn) at which the user stops."""

    def __init__(self, stop: int = -1) -> None:
        self.stop = stop
        self.places: list[GalleryEntry] = []
        self.candidates: list[int] = []

    def __call__(self, source: Path, info: VideoInfo, context: Context) -> StageResult:
        if len(self.places) == self.stop:
            raise KeyboardInterrupt
        place = context.people.place(ONE_MAN, f"{context.public_id}:0")
        candidate = place.candidate if place.candidate >= 0 else 10 + len(context.people.others(place).candidates)
        assert context.people.keep(place, ONE_MAN, support.twin(candidate))
        self.places.append(place)
        self.candidates.append(candidate)
        return grey_chain(source, info, context)


@pytest.fixture
def videos(made: Callable[..., Path], tmp_path: Path) -> Path:
    """Two different videos."""
    place = tmp_path / "Jane"
    place.mkdir()
    (place / "a.mp4").write_bytes(made("plain.mp4").read_bytes())
    (place / "b.mp4").write_bytes(made("other.mp4", size="176x144").read_bytes())
    return place


def left() -> list[str]:
    """Everything identifying in the store."""
    return Store(Settings().cache_url).list_tree("identifying")


def settings(**values: bool) -> Settings:
    return Settings(identity_scope=IdentityScope.DATASET, **values)


@pytest.mark.parametrize("scope", list(IdentityScope))
def test_nothing_identifying_is_left_after_a_run(
    scope: IdentityScope, videos: Path, home: Path, tmp_path: Path
) -> None:
    chain = Cast()
    summary, _ = run(videos, tmp_path / "out", chain, Settings(identity_scope=scope))
    assert summary.failed == 0 and len(chain.places) == 2
    assert (chain.candidates[0] == chain.candidates[1]) == (scope is IdentityScope.DATASET)
    assert left() == []


def test_a_stopped_run_goes_on_with_the_same_people_and_then_forgets_them(
    videos: Path, home: Path, tmp_path: Path
) -> None:
    out, stopped = tmp_path / "out", Cast(stop=1)
    with pytest.raises(Cancelled):
        run(videos, out, stopped, settings())
    assert {path.split("/")[2].partition("-")[0] for path in left() if "dataset-" in path} == {"gallery"}
    resumed = Cast()
    summary, _ = run(videos, out, resumed, settings())
    assert [outcome.reused for outcome in summary.outcomes] == [True, False]
    assert resumed.places == [GalleryEntry(stopped.places[0].key, stopped.candidates[0])]
    assert left() == []


def test_a_stopped_run_into_another_destination_is_another_dataset(videos: Path, home: Path, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        run(videos, tmp_path / "out", Cast(stop=1), settings())
    other = Cast()
    run(videos / "b.mp4", tmp_path / "other", other, settings())
    assert other.places[0].candidate == -1
    assert [path for path in left() if "dataset-" in path], "another dataset's people are not this run's to forget"


def test_a_finished_run_is_forgotten_and_a_kept_one_is_not(videos: Path, home: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first, later = Cast(), Cast()
    run(videos / "a.mp4", out, first, settings())
    run(videos, out, later, settings(overwrite=True, keep_intermediates=True))
    # The same key, and with it the same seed, but nothing is known of the twin that it had.
    assert later.places[0] == first.places[0] == GalleryEntry(first.places[0].key, -1)
    assert seed_of(7, later.places[0].key) == seed_of(7, first.places[0].key)
    assert any("dataset-" in path for path in left())
    known = Cast()
    run(videos / "b.mp4", out, known, settings(overwrite=True))
    assert known.places == [GalleryEntry(later.places[0].key, later.candidates[0])]
    assert not any("dataset-" in path for path in left())


def test_a_gallery_that_cannot_be_removed_is_named_in_the_log(
    videos: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def stuck(gallery: Gallery) -> None:
        raise PermissionError("Jane")

    monkeypatch.setattr(Gallery, "forget", stuck)
    with caplog.at_level(logging.ERROR):
        summary, _ = run(videos / "a.mp4", tmp_path / "out", Cast(), settings())
    assert summary.failed == 0
    assert "identifying/dataset-" in caplog.text and "PermissionError" in caplog.text and "Jane" not in caplog.text


def test_keeping_intermediates(videos: Path, home: Path, tmp_path: Path) -> None:
    run(videos / "a.mp4", tmp_path / "out", settings=Settings(keep_intermediates=True))
    objects = [path for path in (home / "anonflow" / "store" / "identifying").rglob("*") if path.is_file()]
    assert objects
    assert all(path.stat().st_mode & 0o077 == 0 for path in objects)
