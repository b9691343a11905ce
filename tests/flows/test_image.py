from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from flows.context import Context, Outcome, Services
from flows.image import convert_picture
from flows.manifest import Ledger
from flows.sources import find
from infra.cache import Key
from infra.errors import Withheld
from infra.lease import Leases
from infra.media.still import PICTURE_SUFFIXES, read_picture, write_picture
from infra.settings import IdentityScope, Settings
from infra.store import Store
from tasks.gallery import Gallery
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
        yield Services(store, target, Ledger(target), people, b"k" * 32, scratch, Collector(), grey_chain, leases)
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


def test_bad_pictures(services: Services, tmp_path: Path) -> None:
    for name, data, reason in (("a.png", b"", "empty"), ("b.jpg", b"text", "not_picture")):
        (tmp_path / name).write_bytes(data)
        row = run(tmp_path / name, services).row
        assert (row.verdict, row.reason) == (Verdict.FAILED, reason)
    assert not (tmp_path / "out" / "images").exists()
