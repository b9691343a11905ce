"""Where faces were replaced or covered in a result: a table beside its row, for users and for `anonflow recheck`.

It holds positions only. It names the result that it is about by its SHA-256, so that a record of an earlier result is
never taken for that of a later one.
"""

from __future__ import annotations

import io
import logging
from dataclasses import replace
from typing import Any

import numpy as np

from flows.manifest.rows import VideoRow
from infra.errors import StoreError, StoreUnavailable
from infra.storage.store import Store
from models.detection.turned import turned_face, way_back
from models.interfaces.capabilities import Face
from tasks.records import FaceEdits

log = logging.getLogger("anonflow")

FOLDER = "manifest/faces"
_ABOUT = b"output_sha256"
_BOX = ("x0", "y0", "x1", "y1")
_POINTS = tuple(
    f"{name}_{axis}" for name in ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth") for axis in "xy"
)


def path_of(public_id: str) -> str:
    """Return the place of a record relative to the destination.

    Args:
        public_id: Of the content.

    Returns:
        The path.
    """
    return f"{FOLDER}/{public_id}.parquet"


def in_file(painted: FaceEdits, turned: int, width: int, height: int) -> FaceEdits:
    """Return the same faces in the pixels of the file.

    Args:
        painted: In the pixels of the frames as they were turned for processing.
        turned: Degrees clockwise by which they were turned.
        width: Of the file's frames in pixels.
        height: Of the file's frames in pixels.

    Returns:
        The faces in the pixels of the file.
    """
    if turned == 0 or not len(painted.frame):
        return painted
    back = way_back(width, height, turned)
    faces = [
        turned_face(Face(box, 0.0, points), back) for box, points in zip(painted.boxes, painted.points, strict=True)
    ]
    return replace(painted, boxes=np.stack([f.box for f in faces]), points=np.stack([f.points for f in faces]))


def save(destination: Store, public_id: str, painted: FaceEdits, output_sha256: str) -> None:
    """Write the record of a result.

    Args:
        destination: Where results go.
        public_id: Of the content.
        painted: In the pixels of the file.
        output_sha256: SHA-256 of the result.

    Raises:
        StoreUnavailable: When the destination does not answer.
    """
    import pyarrow
    import pyarrow.parquet

    columns: dict[str, Any] = {"frame": painted.frame, "track": painted.track, "replaced": painted.replaced}
    columns |= {name: painted.boxes[:, n] for n, name in enumerate(_BOX)}
    points = painted.points.reshape(-1, len(_POINTS))
    columns |= {name: points[:, n] for n, name in enumerate(_POINTS)}
    table = pyarrow.table(columns).replace_schema_metadata({_ABOUT: output_sha256.encode()})
    sink = io.BytesIO()
    pyarrow.parquet.write_table(table, sink, compression="zstd")
    destination.write_named(path_of(public_id), sink.getvalue())


def keep(destination: Store, row: VideoRow, painted: FaceEdits | None) -> None:
    """Write the record of a published result, or remove that of an earlier one.

    A record that cannot be written is logged: without it a recheck is stricter, so the result need not wait for it.

    Args:
        destination: Where results go.
        row: Of the result.
        painted: In the pixels of the frames as they were turned for processing; None when it is not known.
    """
    try:
        if painted is None:
            destination.remove(path_of(row.public_id))
        else:
            placed = in_file(painted, row.turned, row.width, row.height)
            save(destination, row.public_id, placed, row.output_sha256)
    except (OSError, StoreError) as error:
        log.warning("%s: where its faces are could not be noted (%s).", row.public_id, type(error).__name__)


def load(destination: Store, public_id: str, output_sha256: str) -> FaceEdits | None:
    """Return the record of just this result.

    Args:
        destination: Where results go.
        public_id: Of the content.
        output_sha256: SHA-256 of the result.

    Returns:
        What was painted, in the pixels of the file; None when there is no record or it is damaged.

    Raises:
        StoreUnavailable: When the destination does not answer.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        data = destination.read_named(path_of(public_id))
    except StoreUnavailable:
        raise
    except StoreError:
        data = None
    if data is None:
        return None
    try:
        table = pyarrow.parquet.read_table(io.BytesIO(data))
        columns = {name: table.column(name).to_numpy() for name in ("frame", "track", "replaced", *_BOX, *_POINTS)}
    except (pyarrow.ArrowInvalid, KeyError, OSError):
        return None
    if (table.schema.metadata or {}).get(_ABOUT) != output_sha256.encode():
        return None
    return FaceEdits(
        columns["frame"].astype(np.int64),
        columns["track"].astype(np.int64),
        columns["replaced"].astype(bool),
        np.stack([columns[name] for name in _BOX], axis=1).astype(np.float32),
        np.stack([columns[name] for name in _POINTS], axis=1).astype(np.float32).reshape(-1, 5, 2),
    )
