"""Originals and what became of them, each content once, and who is on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from flows.evaluation import copies, results, who
from flows.evaluation.results import Results
from flows.run.sources import VIDEO_SUFFIXES, Job, find
from infra.errors import UsageError
from infra.media.pictures.still import PICTURE_SUFFIXES

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
        copies: Other originals with the same content and the same anonymized file, or with none like this one.
        group: Apparent group of its person as labelled by hand, "" without a label or where copies differ.
        result_group: The same of the person in its result.
    """

    ordinal: int
    original: Job = field(repr=False)
    anonymized: Job | None = field(repr=False)
    person: int
    labelled: bool = False
    surroundings: float | None = None
    other: bool = False
    copies: tuple[Job, ...] = field(default=(), repr=False)
    group: str = field(default="", repr=False)
    result_group: str = field(default="", repr=False)

    @property
    def picture(self) -> bool:
        """Whether it is a still."""
        return results.is_picture(self.original)

    @property
    def name(self) -> str:
        """What it may be called: by its anonymized file, or by its number."""
        if self.other:
            return f"(other picture, input {self.ordinal})"
        return self.anonymized.name if self.anonymized is not None else f"(no result, input {self.ordinal})"


@dataclass(frozen=True)
class Pairing:
    """All pairs. No two of them have the same anonymized file.

    Attributes:
        pairs: The originals with their results.
        strangers: See `flows.evaluation.results.Results`.
        people: How many people the originals show, as far as it was said.
        manifest: Whether the anonymized files come with a manifest of ours.
        others: Other pictures of people who are named, counted on after the originals; they have no result.
        unnamed: How many more pictures there are, of people who are not named.
        unlabelled: How many of `people` no label names: contents that each count as another person.
        other_inputs: See `flows.evaluation.results.Results`.
    """

    pairs: tuple[Pair, ...]
    strangers: int
    people: int
    manifest: bool = False
    others: tuple[Pair, ...] = ()
    unnamed: int = 0
    unlabelled: int = 0
    other_inputs: int = 0

    @property
    def copies(self) -> int:
        """How many originals are looked at as copies of another one."""
        return sum(len(pair.copies) for pair in self.pairs)


def pair_up(
    originals: str, anonymized: str, key: bytes, person: str = "", people: str = "", others: str = ""
) -> Pairing:
    """Pair the files behind two addresses (files, folders, tables; see `flows.run.sources.find`).

    A destination of ours is read by its manifest, with the key that made it. Otherwise files belong together that have
    the same path but for the suffix; a file and a file always do. Without `person` and `people`, every original shows
    another person. Originals of the same content show the same person; where their labels differ, nobody is named. They
    are one pair where they have the same anonymized file, or none.

    Args:
        originals: Address of the originals.
        anonymized: Address of the anonymized files.
        key: Makes keyed ids.
        person: Regular expression on the path of an original, whose first group names the person.
        people: CSV table with columns file, person, and as one likes group, result_group.
        others: Address of more pictures of people, who are named in the same way by their paths below it.

    Returns:
        The pairs.

    Raises:
        UsageError: When nothing fits.
        SpaceError: When there is no room for a copy of a remote file.
    """
    ours = find(originals, SUFFIXES, argument="ORIGINALS")
    theirs = find(anonymized, SUFFIXES, argument="ANONYMIZED")
    if others and not (person or people):
        raise UsageError("--others needs --person or --people: without, it is not known whose pictures they are.")
    more = find(others, SUFFIXES, argument="--others") if others else []
    labels = who.labels([job.name for job in ours], [job.name for job in more], person, people)
    found = results.match(ours, theirs, anonymized, key)
    same = copies.contents(ours)
    groups = who.groups([job.name for job in ours], people)
    group_of = _of_contents([group or None for group, _ in groups], same)
    ours_labels = _of_contents(labels[: len(ours)], same)
    numbers: dict[str, int] = {}
    # No label holds a null character, so that an unnamed content is a person of its own.
    whose = [
        numbers.setdefault(label or f"\x00{first}", len(numbers))
        for label, first in zip(ours_labels, same, strict=True)
    ]
    shown = len(numbers)
    pairs = tuple(
        Pair(
            group[0] + 1,
            ours[group[0]],
            found.of.get(group[0]),
            whose[group[0]],
            bool(ours_labels[group[0]]),
            found.surroundings.get(group[0]),
            copies=tuple(ours[n] for n in group[1:]),
            group=group_of[group[0]] or "",
            result_group=_agreed(groups[n][1] for n in group) or "",
        )
        for group in _together(found, same)
    )
    named = tuple(
        Pair(len(ours) + n, job, None, numbers.setdefault(label, len(numbers)), True, other=True)
        for n, (job, label) in enumerate(zip(more, labels[len(ours) :], strict=True), 1)
        if label
    )
    return Pairing(
        pairs,
        found.strangers,
        shown,
        found.manifest,
        named,
        len(more) - len(named),
        len({first for first, label in zip(same, ours_labels, strict=True) if not label}),
        found.other_inputs,
    )


def _of_contents(labels: Sequence[str | None], same: Sequence[int]) -> list[str | None]:
    """For each original the one label of all with its content; None without any, and where they differ."""
    given: dict[int, set[str]] = {}
    for label, first in zip(labels, same, strict=True):
        given.setdefault(first, set()).update({label} if label else ())
    return [_agreed(given[first]) for first in same]


def _agreed(labels: Iterable[str]) -> str | None:
    """The one label among these; None without any, and where they differ."""
    given = {label for label in labels if label}
    return next(iter(given)) if len(given) == 1 else None


def _together(found: Results, same: Sequence[int]) -> list[list[int]]:
    """Indices of the originals that are one pair, by the first of each."""
    groups: dict[tuple[int, str], list[int]] = {}
    for n, first in enumerate(same):
        groups.setdefault((first, found.of[n].uri if n in found.of else ""), []).append(n)
    shared = [uri for _, uri in groups if uri]
    if len(set(shared)) < len(shared):
        raise UsageError(
            "Originals of different content have the same anonymized file: one was replaced since it was converted, or "
            "cannot be read. Convert them again, then evaluate."
        )
    return list(groups.values())
