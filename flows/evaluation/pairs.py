"""Which anonymized file belongs to which original, and who is on it."""

from __future__ import annotations

import csv
import io
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from flows.manifest.manifest import Manifest
from flows.manifest.rows import VideoRow
from flows.run.sources import VIDEO_SUFFIXES, Job, find, is_folder, read
from infra.errors import StoreError, UsageError
from infra.media.pictures.still import PICTURE_SUFFIXES
from infra.storage.store import Store

SUFFIXES = VIDEO_SUFFIXES | PICTURE_SUFFIXES


@dataclass(frozen=True)
class Pair:
    """An original and what became of it. Names of originals are identifying and stay out of the representation.

    Attributes:
        ordinal: From 1, in the order of the originals.
        original: The original.
        anonymized: None where there is none.
        person: Number of the person mostly seen; equal for files of one person.
        labelled: Whether a label names that person.
        surroundings: How often control strangers match the footage, as the manifest says
            (`flows.manifest.rows.Evidence`); None when it does not.
        other: Whether it is not one of the originals, but another picture of a person.
    """

    ordinal: int
    original: Job = field(repr=False)
    anonymized: Job | None = field(repr=False)
    person: int
    labelled: bool = False
    surroundings: float | None = None
    other: bool = False

    @property
    def picture(self) -> bool:
        """Whether it is a still."""
        return self.original.suffix in PICTURE_SUFFIXES

    @property
    def name(self) -> str:
        """What it may be called: by its anonymized file, or by its number."""
        if self.other:
            return f"(other picture, input {self.ordinal})"
        return self.anonymized.name if self.anonymized is not None else f"(no result, input {self.ordinal})"


@dataclass(frozen=True)
class Pairing:
    """All pairs.

    Attributes:
        pairs: The originals with their results.
        strangers: Anonymized files that belong to no original.
        people: How many people the originals show.
        manifest: Whether the anonymized files come with a manifest of ours.
        others: Other pictures of people who are named, counted on after the originals; they have no result.
        unnamed: How many more pictures there are, of people who are not named.
    """

    pairs: tuple[Pair, ...]
    strangers: int
    people: int
    manifest: bool = False
    others: tuple[Pair, ...] = ()
    unnamed: int = 0


def pair_up(
    originals: str, anonymized: str, key: bytes, person: str = "", people: str = "", others: str = ""
) -> Pairing:
    """Pair the files behind two addresses (files, folders, tables; see `flows.run.sources.find`).

    A destination of ours is read by its manifest, with the key that made it. Otherwise files belong together that have
    the same path but for the suffix; a file and a file always do. Without `person` and `people`, every original shows
    another person.

    Args:
        originals: Address of the originals.
        anonymized: Address of the anonymized files.
        key: Makes keyed ids.
        person: Regular expression on the path of an original, whose first group names the person.
        people: CSV table with columns file, person.
        others: Address of more pictures of people, who are named in the same way by their paths below it.

    Returns:
        The pairs.

    Raises:
        UsageError: When nothing fits.
    """
    ours = find(originals, SUFFIXES, argument="ORIGINALS")
    theirs = find(anonymized, SUFFIXES, argument="ANONYMIZED")
    if others and not (person or people):
        raise UsageError("--others needs --person or --people: without, it is not known whose pictures they are.")
    more = find(others, SUFFIXES, argument="--others") if others else []
    rows = _rows(anonymized)
    if rows:
        known = _by_manifest(ours, theirs, rows, key)
    else:
        known = {0: theirs[0]} if len(ours) == len(theirs) == 1 else _by_name(ours, theirs)
    if not known:
        raise UsageError(
            "No anonymized file belongs to an original: they need the same names, or a manifest of ours and the key "
            "that made it (ANONFLOW_KEY_FILE)."
        )
    numbers, labelled = _people([job.name for job in ours], [job.name for job in more], person, people)
    measured = {row.input_id: row.surroundings for row in rows}
    pairs = tuple(
        Pair(
            n + 1,
            job,
            known.get(n),
            numbers[n],
            labelled[n],
            measured.get(job.input_id(key)) if rows and n in known else None,
        )
        for n, job in enumerate(ours)
    )
    named = tuple(
        Pair(n + 1, job, None, numbers[n], True, other=True) for n, job in enumerate(more, len(ours)) if labelled[n]
    )
    used = {job.uri for job in known.values()}
    return Pairing(
        pairs,
        sum(job.uri not in used for job in theirs),
        len(set(numbers[: len(ours)])),
        bool(rows),
        named,
        len(more) - len(named),
    )


def _rows(anonymized: str) -> list[VideoRow]:
    """The manifest of a destination of ours; nothing when it has none."""
    if not is_folder(anonymized):
        return []
    try:
        return Manifest(Store(anonymized, private=False), tables=False).rows()
    except StoreError:
        raise UsageError("The manifest of the anonymized files cannot be read.") from None


def _by_manifest(ours: Sequence[Job], theirs: Sequence[Job], rows: Sequence[VideoRow], key: bytes) -> dict[int, Job]:
    """Index of an original -> its result."""
    outputs = {row.input_id: row.output for row in rows if row.output}
    files = {job.name: job for job in theirs}
    wanted = {n: outputs.get(job.input_id(key)) for n, job in enumerate(ours)}
    return {n: files[output] for n, output in wanted.items() if output in files}


def _by_name(ours: Sequence[Job], theirs: Sequence[Job]) -> dict[int, Job]:
    """Index of an original -> the file of the same path but for the suffix."""
    files: dict[str, Job] = {}
    for job in theirs:
        if files.setdefault(_stem(job), job) is not job:
            raise UsageError("Two anonymized files differ only in their suffix, so it cannot be told whose they are.")
    return {n: files[_stem(job)] for n, job in enumerate(ours) if _stem(job) in files}


def _stem(job: Job) -> str:
    return posixpath.splitext(job.name)[0]


def _people(names: Sequence[str], more: Sequence[str], person: str, people: str) -> tuple[list[int], list[bool]]:
    """For each original, then for each other picture: a number, the same for those of one person, and whether a label
    names that person."""
    pattern, table = who_is_who(person, people)
    every = [*names, *more]
    labels: list[str | None] = [None] * len(every)
    if pattern is not None:
        for n, name in enumerate(every):
            found = pattern.search(name)
            labels[n] = (found.group(1) or None) if found is not None else None
    labels = [table.get(name, labels[n]) for n, name in enumerate(every)]
    for some, place in ((labels[: len(names)], "ORIGINALS"), (labels[len(names) :], "--others")):
        if (pattern or table) and some and all(label is None for label in some):
            raise UsageError(
                f"--person or --people names nobody: it is compared with paths below {place}, such as person/clip.mp4."
            )
    numbers: dict[str, int] = {}
    # No label holds a null character, so that an unnamed file is a person of its own.
    whose = [numbers.setdefault(f"\x00{n}" if label is None else label, len(numbers)) for n, label in enumerate(labels)]
    return whose, [bool(label) for label in labels]


def who_is_who(person: str, people: str) -> tuple[re.Pattern[str] | None, dict[str, str]]:
    """Return the pattern and the table that tell `pair_up` who is who.

    Args:
        person: Regular expression, may be empty.
        people: Address of the CSV table, may be empty.

    Returns:
        (pattern, file -> person).

    Raises:
        UsageError: For unusable ones.
    """
    if person and people:
        raise UsageError("Say who is who by --person or by --people, not both.")
    if not person:
        return None, _table(people) if people else {}
    try:
        pattern = re.compile(person)
    except re.error as error:
        raise UsageError(f"--person is no regular expression ({error}).") from None
    if not pattern.groups:
        raise UsageError("--person needs a group in parentheses, which names the person.")
    return pattern, {}


def _table(address: str) -> dict[str, str]:
    try:
        reader = csv.DictReader(io.StringIO(read(address).decode("utf-8-sig")))
    except (OSError, UnicodeDecodeError):
        raise UsageError("The table of --people cannot be read.") from None
    if not {"file", "person"} <= set(reader.fieldnames or ()):
        raise UsageError("The table of --people needs the columns file and person.")
    return {row["file"]: row["person"] for row in reader}
