"""Which anonymized file is the result of which original."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, field

from flows.manifest.manifest import Manifest
from flows.manifest.rows import VideoRow
from flows.run.sources import Job, is_folder
from infra.errors import StoreError, UsageError
from infra.media.pictures.still import PICTURE_SUFFIXES
from infra.storage.store import Store


@dataclass(frozen=True)
class Results:
    """Whose the anonymized files are.

    Attributes:
        of: Index of an original -> its anonymized file, which may be that of other originals too.
        surroundings: Index of an original that has one -> `flows.manifest.rows.Evidence.surroundings`.
        strangers: Anonymized files that belong to no original and that no row of the manifest knows.
        other_inputs: Anonymized files that rows of the manifest explain by inputs that are none of these originals, or
            by what an original was before it was replaced.
        manifest: Whether there is a manifest of ours.
    """

    of: dict[int, Job] = field(repr=False)
    surroundings: dict[int, float | None]
    strangers: int
    other_inputs: int
    manifest: bool


def match(ours: Sequence[Job], theirs: Sequence[Job], anonymized: str, key: bytes) -> Results:
    """Find the result of each original: by the manifest where there is one, else by the names.

    Args:
        ours: The originals.
        theirs: The anonymized files.
        anonymized: Address of the anonymized files.
        key: Makes keyed ids.

    Returns:
        Whose they are.

    Raises:
        UsageError: When it cannot be told, or nothing belongs together.
    """
    rows = _rows(anonymized)
    of = _by_rows(ours, theirs, rows, key) if rows else _by_name(ours, theirs)
    if not of:
        raise UsageError(
            "No anonymized file belongs to an original: they need the same names, or a manifest of ours and the key "
            "that made it (ANONFLOW_KEY_FILE)."
        )
    used = {job.uri for job in of.values()}
    explained = {row.output for row in rows if row.output}
    left = [job.name in explained for job in theirs if job.uri not in used]
    newest = _newest(rows)
    return Results(
        of,
        {n: newest[ours[n].input_id(key)].surroundings for n in of} if rows else {},
        left.count(False),
        left.count(True),
        bool(rows),
    )


def is_picture(job: Job) -> bool:
    """Return whether a file is a still, as its suffix says.

    Args:
        job: The file.

    Returns:
        Whether it is.
    """
    return job.suffix in PICTURE_SUFFIXES


def _rows(anonymized: str) -> list[VideoRow]:
    """The manifest of a destination of ours; nothing when it has none."""
    if not is_folder(anonymized):
        return []
    try:
        return Manifest(Store(anonymized, private=False), tables=False).rows()
    except StoreError:
        raise UsageError("The manifest of the anonymized files cannot be read.") from None


def _newest(rows: Sequence[VideoRow]) -> dict[str, VideoRow]:
    """Input id -> its last row; an original that was replaced has one for each content."""
    return {row.input_id: row for row in sorted(rows, key=lambda row: row.finished_at)}


def _by_rows(ours: Sequence[Job], theirs: Sequence[Job], rows: Sequence[VideoRow], key: bytes) -> dict[int, Job]:
    files, newest = {job.name: job for job in theirs}, _newest(rows)
    found = {n: newest[job.input_id(key)].output for n, job in enumerate(ours) if job.input_id(key) in newest}
    return {n: files[output] for n, output in found.items() if output in files}


def _by_name(ours: Sequence[Job], theirs: Sequence[Job]) -> dict[int, Job]:
    """A file and a file belong together, and those of the same path but for the suffix."""
    if len(ours) == len(theirs) == 1:
        if is_picture(ours[0]) != is_picture(theirs[0]):
            raise UsageError("A video and a picture cannot be compared; name two files of one kind.")
        return {0: theirs[0]}
    groups: dict[tuple[str, bool], tuple[list[int], list[Job]]] = {}
    for n, job in enumerate(ours):
        groups.setdefault(_place(job), ([], []))[0].append(n)
    for job in theirs:
        groups.setdefault(_place(job), ([], []))[1].append(job)
    found: dict[int, Job] = {}
    for mine, other in groups.values():
        if len(mine) == len(other) == 1:
            found[mine[0]] = other[0]
        elif mine and other:
            named = {job.name: job for job in other}
            if {ours[n].name for n in mine} != set(named):
                raise UsageError(
                    "Several files differ only in their suffix, so it cannot be told whose result is whose; give each "
                    "another name, or originals and results the very same ones."
                )
            found |= {n: named[ours[n].name] for n in mine}
    return found


def _place(job: Job) -> tuple[str, bool]:
    return posixpath.splitext(job.name)[0], is_picture(job)
