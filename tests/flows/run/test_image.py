from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from flows.manifest.manifest import Manifest
from flows.recipes.context import Context
from flows.run import image
from flows.run.image import convert_picture
from flows.run.session import Outcome, Services
from flows.run.sources import find
from infra.errors import Withheld
from infra.media.containers.hidden import hidden_in_picture
from infra.media.frame import YuvFrame
from infra.media.pictures.still import PICTURE_SUFFIXES, read_picture, write_picture
from infra.settings import IdentityScope, Settings
from infra.storage.cache import Key
from infra.storage.lease import Leases
from infra.storage.store import Store
from tasks.generation.gallery import Gallery
from tasks.records import Scene, Verdict
from tests.flows.support import Collector, grey_chain

Image = NDArray[np.uint8]


@pytest.fixture
def services(home: Path, tmp_path: Path) -> Iterator[Services]:
    (tmp_path / "scratch").mkdir()
    target = Store(str(tmp_path / "out"), private=False)
    store = Store(Settings().cache_url)
    people = Gallery(store, IdentityScope.VIDEO, "data")
    scratch = tmp_path / "scratch"
    with Leases(store) as leases:
        yield Services(store, target, Manifest(target), people, b"k" * 32, scratch, Collector(), grey_chain, leases)
    assert list((tmp_path / "scratch").iterdir()) == []


def grey(picture: Image, context: Context) -> tuple[Image, Verdict, str]:
    key = Key("scene", 1, context.public_id, (context.digest,))
    context.cache.get_or_make(key, Scene, lambda: Scene(0, 0, 0, 0))
    return np.full_like(picture, 128), Verdict.PUBLISHED, ""


def run(path: Path, services: Services, chain: object = grey, **settings: bool) -> Outcome:
    (job,) = find(str(path), PICTURE_SUFFIXES)
    outcome = convert_picture(job, Settings(**settings), services, chain)  # type: ignore[arg-type]
    assert outcome is not None
    return outcome


def test_published_unnamed_and_purged(services: Services, home: Path, tmp_path: Path) -> None:
    source = tmp_path / "Jane.jpg"
    write_picture(source, np.zeros((20, 31, 3), np.uint8))
    outcome = run(source, services)
    assert outcome.row.verdict is Verdict.PUBLISHED
    result = tmp_path / "out" / outcome.row.output
    assert outcome.row.output == f"images/{outcome.row.public_id}.png"
    assert (read_picture(result) == 128).all()
    assert read_picture(result).shape == (20, 31, 3)
    assert not [path for path in (home / "anonflow").rglob("*") if path.is_file()]
    assert run(source, services).reused
    assert not run(source, services, overwrite=True).reused


def test_doubt_and_failure_publish_nothing(
    services: Services, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = tmp_path / "Jane.png"
    write_picture(source, np.zeros((20, 30, 3), np.uint8))
    first = run(source, services)
    result = tmp_path / "out" / first.row.output
    assert result.is_file()

    def doubtful(picture: Image, context: Context) -> tuple[Image, Verdict, str]:
        raise Withheld("no_safe_twin", "x")

    def broken(picture: Image, context: Context) -> tuple[Image, Verdict, str]:
        raise RuntimeError(str(source))

    assert run(source, services, doubtful, overwrite=True).row.verdict is Verdict.WITHHELD
    assert not result.exists()
    with caplog.at_level(logging.ERROR):
        row = run(source, services, broken, overwrite=True).row
    assert (row.verdict, row.reason) == (Verdict.FAILED, "unexpected")
    assert "Jane" not in caplog.text


def drawn_on(picture: Image, context: Context) -> tuple[Image, Verdict, str]:
    """As the real chain leaves a picture: through the colours of frames, and changed in one place."""
    frame = YuvFrame.from_bgr(picture)
    frame.write_bgr(np.full((20, 20, 3), 90, np.uint8), 40, 40)
    return frame.to_bgr(), Verdict.PUBLISHED, ""


def cut_out(hidden: int) -> NDArray[np.uint8]:
    """A disc of noise on a transparent ground that hides a grey."""
    rows, columns = np.mgrid[:100, :100]
    alpha = np.where(np.hypot(rows - 50, columns - 50) < 30, 255, 0).astype(np.uint8)
    colours = np.random.default_rng(4).integers(0, 256, (100, 100, 3), dtype=np.uint8)
    colours[alpha == 0] = hidden
    return np.dstack([colours, alpha])


def test_transparency_is_kept_and_what_it_hides_is_not(services: Services, tmp_path: Path) -> None:
    made = []
    for hidden in (0, 200):
        source = tmp_path / f"{hidden}.png"
        cv2.imwrite(str(source), cut_out(hidden))
        outcome = run(source, services, drawn_on)
        result = tmp_path / "out" / outcome.row.output
        assert hidden_in_picture(result) == ()
        made.append(cv2.imread(str(result), cv2.IMREAD_UNCHANGED))
    assert np.array_equal(*made), "nothing depends on what is hidden"
    colours, alpha = made[0][..., :3], made[0][..., 3]
    assert (colours[alpha == 0] == 255).all() and (alpha[:15] == 0).all()
    assert (alpha[40:60, 40:60] == 255).all() and np.abs(colours[40:60, 40:60].astype(int) - 90).max() <= 2
    inside = cut_out(0)[..., 3] > 0
    inside[39:61, 39:61] = False
    assert np.abs(colours.astype(int) - cut_out(0)[..., :3])[inside].max() <= 3


def test_the_chain_sees_transparency_over_white(services: Services, tmp_path: Path) -> None:
    seen: list[Image] = []

    def look(picture: Image, context: Context) -> tuple[Image, Verdict, str]:
        seen.append(picture)
        return drawn_on(picture, context)

    source = tmp_path / "a.png"
    cv2.imwrite(str(source), cut_out(10))
    run(source, services, look)
    assert seen[0].shape == (100, 100, 3) and (seen[0][:15] == 255).all()


def test_a_face_that_alpha_draws_is_published_as_a_white_page(services: Services, shared: Path, tmp_path: Path) -> None:
    """White everywhere, with a portrait as transparency: over white it is blank, over black it is a person."""
    portrait = cv2.imread(str(sorted((shared / "stills" / "people").glob("*.jpg"))[0]), cv2.IMREAD_GRAYSCALE)
    assert portrait is not None
    source = tmp_path / "a.png"
    cv2.imwrite(str(source), np.dstack([np.full((*portrait.shape, 3), 255, np.uint8), portrait]))
    outcome = run(source, services, drawn_on)
    result = cv2.imread(str(tmp_path / "out" / outcome.row.output), cv2.IMREAD_UNCHANGED)
    assert result is not None and result.shape[2] == 3
    assert np.delete(result.reshape(-1, 3), 0, axis=0).min() >= 88
    assert (np.abs(result.astype(int) - 255).max(axis=2) > 3).sum() <= 400, "only what the chain drew"


def test_nothing_is_published_that_holds_more_than_it_shows(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def whole_frame_detector(path: Path, picture: Image) -> None:
        write_picture(path, picture)
        path.write_bytes(path.read_bytes() + b"Jane")

    source = tmp_path / "a.png"
    write_picture(source, np.zeros((20, 30, 3), np.uint8))
    monkeypatch.setattr(image, "write_picture", whole_frame_detector)
    row = run(source, services).row
    assert row.verdict is Verdict.FAILED and row.output == ""
    assert not (tmp_path / "out" / "images").exists()


def test_bad_pictures(services: Services, tmp_path: Path) -> None:
    for name, data, reason in (("a.png", b"", "empty"), ("b.jpg", b"text", "not_picture")):
        (tmp_path / name).write_bytes(data)
        row = run(tmp_path / name, services).row
        assert (row.verdict, row.reason) == (Verdict.FAILED, reason)
    assert not (tmp_path / "out" / "images").exists()
