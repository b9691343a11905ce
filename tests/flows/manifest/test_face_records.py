"""Where faces were replaced, beside each result."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from flows.manifest import face_records
from flows.manifest.manifest import Manifest
from flows.manifest.rows import VideoRow
from flows.recipes.context import Context, StageResult
from infra.errors import StoreUnavailable
from infra.media.video_info import VideoInfo
from infra.settings import Settings
from infra.storage.store import Store
from models.detection.turned import turned
from tasks.records import FaceEdits, Verdict
from tests.conftest import Make
from tests.flows.support import grey_chain, run

SHA = "a" * 64


def painted(count: int = 3) -> FaceEdits:
    rng = np.random.default_rng(4)
    return FaceEdits(
        np.arange(count, dtype=np.int64),
        np.zeros(count, np.int64),
        np.arange(count) % 2 == 0,
        rng.uniform(0, 90, (count, 4)).astype(np.float32),
        rng.uniform(0, 90, (count, 5, 2)).astype(np.float32),
    )


def same(one: FaceEdits, other: FaceEdits) -> bool:
    return all(np.array_equal(vars(one)[name], vars(other)[name]) for name in vars(one))


def painting(source: Path, info: VideoInfo, context: Context) -> StageResult:
    """A chain that knows what was painted."""
    context.painted = painted(3)
    return grey_chain(source, info, context)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_what_is_read_is_what_was_written(tmp_path: Path, count: int) -> None:
    store = Store(str(tmp_path), private=False)
    face_records.save(store, "id", painted(count), SHA)
    found = face_records.load(store, "id", SHA)
    assert found is not None and same(found, painted(count))
    assert face_records.load(store, "id", "b" * 64) is None, "a record of another result"
    assert face_records.load(store, "other", SHA) is None


def test_users_find_positions_and_nothing_else_in_it(tmp_path: Path) -> None:
    store = Store(str(tmp_path), private=False)
    face_records.save(store, "id", painted(), SHA)
    data = store.read_named(face_records.path_of("id"))
    assert data is not None
    table = pyarrow.parquet.read_table(io.BytesIO(data))
    assert table.column_names[:7] == ["frame", "track", "replaced", "x0", "y0", "x1", "y1"]
    assert len(table.column_names) == 17 and set(table.schema.metadata) == {b"output_sha256"}


def test_a_damaged_record_counts_as_none(tmp_path: Path) -> None:
    store = Store(str(tmp_path), private=False)
    store.write_named(face_records.path_of("id"), b"PAR1 and then nothing")
    assert face_records.load(store, "id", SHA) is None


def test_a_result_is_accompanied_by_what_was_painted(made: Make, home: Path, tmp_path: Path) -> None:
    summary, _ = run(made("record.mp4"), tmp_path / "out", painting)
    store = Store(str(tmp_path / "out"), private=False)
    row = summary.outcomes[0].row
    found = face_records.load(store, row.public_id, row.output_sha256)
    assert found is not None and same(found, painted(3))
    assert len(Manifest(store).rows()) == 1, "a record is no row"
    # Another result takes its place, about which nothing is known.
    run(made("record.mp4"), tmp_path / "out", grey_chain, Settings(overwrite=True))
    assert store.list_tree(face_records.FOLDER) == []


def test_a_record_that_cannot_be_written_holds_up_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise StoreUnavailable("at an address that is nobody's business")

    store = Store(str(tmp_path), private=False)
    monkeypatch.setattr(store, "write_named", refuse)
    row = VideoRow(public_id="id", input_id="in", ordinal=1, verdict=Verdict.PUBLISHED, output_sha256=SHA)
    face_records.keep(store, row, painted())
    assert "could not be noted (StoreUnavailable)" in caplog.text and "nobody" not in caplog.text


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_faces_of_a_file_that_was_turned_are_placed_in_the_file(angle: int) -> None:
    picture = np.zeros((120, 200, 3), np.uint8)
    picture[30:50, 70:90] = 255
    canvas, _ = turned(picture, angle)
    (y0, x0), (y1, x1) = np.argwhere(canvas[..., 0]).min(axis=0), np.argwhere(canvas[..., 0]).max(axis=0)
    one = painted(1)
    one = replace(one, boxes=np.float32([[x0, y0, x1, y1]]), points=np.float32([[[x0, y0]] * 5]))
    placed = face_records.in_file(one, angle, 200, 120)
    assert np.allclose(placed.boxes, [[70, 30, 89, 49]])
    assert face_records.in_file(one, 0, 200, 120) is one
