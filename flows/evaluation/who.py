"""Who is on which file, as the person who evaluates says."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from flows.run.sources import read
from infra.errors import UsageError

MOST_GROUPS, LONGEST_GROUP = 24, 40
"""Different labels of groups, and letters of one; more are likely names of people."""


def labels(names: Sequence[str], more: Sequence[str], person: str, people: str) -> list[str | None]:
    """Return the label of each file: that of the table, else what the pattern finds.

    Args:
        names: Paths of the originals.
        more: Paths of other pictures.
        person: Regular expression, may be empty.
        people: Address of the CSV table, may be empty.

    Returns:
        A label for each original, then for each other picture; None where it has none, or an empty one.

    Raises:
        UsageError: For an unusable pattern or table, and where one names nobody.
    """
    pattern, table = who_is_who(person, people)
    every = [*names, *more]
    found: list[str | None] = [None] * len(every)
    if pattern is not None:
        matches = [pattern.search(name) for name in every]
        found = [match.group(1) if match is not None else None for match in matches]
    found = [table.get(name, label) or None for name, label in zip(every, found, strict=True)]
    for some, place in ((found[: len(names)], "ORIGINALS"), (found[len(names) :], "--others")):
        if (pattern or table) and some and not any(some):
            raise UsageError(
                f"--person or --people names nobody: it is compared with paths below {place}, such as person/clip.mp4."
            )
    return found


def who_is_who(person: str, people: str) -> tuple[re.Pattern[str] | None, dict[str, str]]:
    """Return the pattern and the table that tell `labels` who is who.

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


def groups(names: Sequence[str], people: str) -> list[tuple[str, str]]:
    """Return the apparent groups that a person labelled by hand.

    Args:
        names: Paths of the originals.
        people: Address of the CSV table, may be empty; its columns `group` and `result_group` may be missing.

    Returns:
        For each original (group of its person, group of the person in its result), "" where there is no label.

    Raises:
        UsageError: For an unusable table, and where its labels can be no groups: these are shown in the report, so that
            names of people must not be among them.
    """
    table: dict[str, tuple[str, str]] = {}
    for row in _rows(people) if people else []:
        labels = ((row.get("group") or "").strip(), (row.get("result_group") or "").strip())
        if table.setdefault(row["file"], labels) != labels:
            raise UsageError("The table of --people gives two groups for one file; keep one of the two lines.")
    found = {label for labels in table.values() for label in labels if label}
    if len(found) > MOST_GROUPS or any(len(label) > LONGEST_GROUP for label in found):
        raise UsageError(
            f"The columns group and result_group of --people hold {len(found)} different labels, which the report "
            f"would show. Give at most {MOST_GROUPS} of at most {LONGEST_GROUP} letters each, and no names of people."
        )
    return [table.get(name, ("", "")) for name in names]


def _table(address: str) -> dict[str, str]:
    table: dict[str, str] = {}
    for row in _rows(address):
        if table.setdefault(row["file"], row["person"]) != row["person"]:
            raise UsageError("The table of --people names two people for one file; keep one of the two lines.")
    return table


def _rows(address: str) -> list[dict[str, str]]:
    try:
        reader = csv.DictReader(io.StringIO(read(address).decode("utf-8-sig")))
        rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error):
        raise UsageError("The table of --people cannot be read.") from None
    if not {"file", "person"} <= set(reader.fieldnames or ()):
        raise UsageError("The table of --people needs the columns file and person.")
    return rows
