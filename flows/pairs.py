"""Which anonymized file belongs to which original, and who is on it."""

from __future__ import annotations

import csv
import io
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from flows.manifest import Ledger
from flows.sources import VIDEO_SUFFIXES, Job, find, is_folder, read
from infra.errors import StoreError, UsageError
from infra.media.still import PICTURE_SUFFIXES
from infra.store import Store

SUFFIXES = VIDEO_SUFFIXES | PICTURE_SUFFIXES


@dataclass(frozen=True)
class Pair:
    """An original and what became of it.

    ordinal: from 1, in the order of the originals. anonymized: None where there is none. person: number of the person
    mostly seen; equal for files of one person. Names of originals are identifying and stay out of the representation.
    """

    ordinal: int
    original: Job = field(repr=False)
    anonymized: Job | None = field(repr=False)
    person: int

    @property
    def picture(self) -> bool:
        """Whether it is a still."""
        return self.original.suffix in PICTURE_SUFFIXES

    @property
    def name(self) -> str:
        """What it may be called: by its anonymized file, or by its number."""
        return self.anonymized.name if self.anonymized is not None else f"(no result, input {self.ordinal})"


@dataclass(frozen=True)
class Pairing:
    """All pairs. strangers: anonymized files that belong to no original. people: how many there are."""

    pairs: tuple[Pair, ...]
    strangers: int
    people: int


def pair_up(originals: str, anonymized: str, key: bytes, person: str = "", people: str = "") -> Pairing:
    """Pair the files behind two addresses (files, folders, tables; see `flows.sources.find`).

    A destination of ours is read by its manifest, with the key that made it. Otherwise files belong together that have
    the same path but for the suffix; a file and a file always do. person: regular expression on the path of an
    original, whose first group names the person. people: CSV table with columns file, person. Without either, every
    original shows somebody else. Raises UsageError when nothing fits.
    """
    ours, theirs = find(originals, SUFFIXES), find(anonymized, SUFFIXES)
    known = _by_manifest(ours, theirs, anonymized, key)
    if known is None:
        known = {0: theirs[0]} if len(ours) == len(theirs) == 1 else _by_name(ours, theirs)
    if not known:
        raise UsageError(
            "No anonymized file belongs to an original: they need the same names, or a manifest of ours and the key "
            "that made it (ANONFLOW_KEY_FILE)."
        )
    numbers = _people([job.name for job in ours], person, people)
    pairs = tuple(Pair(n + 1, job, known.get(n), numbers[n]) for n, job in enumerate(ours))
    used = {job.uri for job in known.values()}
    return Pairing(pairs, sum(job.uri not in used for job in theirs), len(set(numbers)))


def _by_manifest(ours: Sequence[Job], theirs: Sequence[Job], anonymized: str, key: bytes) -> dict[int, Job] | None:
    """Index of an original -> its result; None when the destination has no manifest of ours."""
    if not is_folder(anonymized):
        return None
    try:
        rows = Ledger(Store(anonymized, private=False), tables=False).rows()
    except StoreError:
        raise UsageError("The manifest of the anonymized files cannot be read.") from None
    if not rows:
        return None
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


def _people(names: Sequence[str], person: str, people: str) -> list[int]:
    """A number for each original, the same for those of one person."""
    pattern, table = who_is_who(person, people)
    labels = [f"\x00{n}" for n in range(len(names))]
    if pattern is not None:
        for n, name in enumerate(names):
            found = pattern.search(name)
            if found is not None and found.group(1):
                labels[n] = found.group(1)
    labels = [table.get(name, labels[n]) for n, name in enumerate(names)]
    if (pattern or table) and all(label.startswith("\x00") for label in labels):
        raise UsageError(
            "--person or --people names nobody: it is compared with paths below ORIGINALS, such as person/clip.mp4."
        )
    numbers: dict[str, int] = {}
    return [numbers.setdefault(label, len(numbers)) for label in labels]


def who_is_who(person: str, people: str) -> tuple[re.Pattern[str] | None, dict[str, str]]:
    """The pattern and the table (file -> person) that `pair_up` is told of. Raises UsageError for unusable ones."""
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
