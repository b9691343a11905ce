"""recorded.json in the weights folder: the findings of the first pull about files for which no source states a hash.

Trust on first use: the first content that a repository or page gave is the one that counts from then on, on this
machine. Nothing says that it is the content which its authors meant.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.errors import WeightsError
from models.weights.atomic_files import beside, locked, place
from models.weights.weight import HubFile, Weight

NAME = "recorded.json"
_FORMAT = 1


@dataclass(frozen=True)
class Record:
    """The record of one file. source: where it came from, without the commit. commit: "" where there is none."""

    source: str
    sha256: str
    size: int
    commit: str


def read(root: Path) -> dict[str, Record]:
    """Return the records of the weights folder.

    Args:
        root: The weights folder.

    Returns:
        Name of weight file -> record; empty when nothing was recorded.

    Raises:
        WeightsError: The file cannot be read.
    """
    file = root / NAME
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(file) from error
    try:
        rows = json.loads(text)
        if rows["format"] != _FORMAT:
            raise WeightsError(f"{file} was written by another version of anonflow; delete it and pull again.")
        return {name: Record(**row) for name, row in rows["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable(file) from error


def _unreadable(file: Path) -> WeightsError:
    return WeightsError(f"{file} cannot be read; delete it and run: anonflow models pull (hashes are recorded anew).")


def find(weight: Weight, root: Path) -> Record | None:
    """Return the record of a weight file, if it is about the same source and, where one is pinned, commit.

    Args:
        weight: The registry entry.
        root: The weights folder.

    Returns:
        The record, or None.
    """
    record = read(root).get(weight.name)
    if record is None or record.source != source(weight):
        return None
    pinned = weight.origin.revision if isinstance(weight.origin, HubFile) else ""
    return record if pinned in ("", record.commit) else None


def serving(entry: Weight, root: Path) -> Weight:
    """Return which choice of an entry counts in this weights folder (see Weight.choices).

    The preferred file when it lies there, since libraries load it rather than a pickle beside it; else the one that is
    recorded; else the one that lies there, put there by a person; else the preferred one.

    Args:
        entry: The registry entry.
        root: The weights folder.

    Returns:
        The entry with the path and origin of that choice.
    """
    preferred, *others = entry.choices
    if not others or (root / preferred.file).is_file() or find(preferred, root) is not None:
        return preferred
    fetched = (other for other in others if find(other, root) is not None)
    placed = (other for other in others if (root / other.file).is_file())
    return next(fetched, None) or next(placed, preferred)


def known(weight: Weight, root: Path) -> tuple[str, int]:
    """Return the known SHA-256 and size of a weight file: the registry's, else the recorded ones.

    Args:
        weight: The registry entry.
        root: The weights folder.

    Returns:
        Hex SHA-256 and bytes; "" and 0 when neither is known. The registry may state a hash and no size.
    """
    if weight.sha256:
        return weight.sha256, weight.size
    record = find(weight, root)
    return (record.sha256, record.size) if record is not None else ("", 0)


def commit_of(repo: str, root: Path) -> str:
    """Return the commit at which another file of a repository was recorded.

    Files that belong together are taken from one commit, also when they are pulled on different days.

    Args:
        repo: "owner/name".
        root: The weights folder.

    Returns:
        The commit, or "".
    """
    for record in read(root).values():
        if record.commit and record.source.startswith(f"{repo}/"):
            return record.commit
    return ""


def add(weight: Weight, root: Path, sha256: str, size: int, commit: str) -> None:
    """Record a weight file's content. Other processes may record other files at the same time.

    Args:
        weight: The registry entry.
        root: The weights folder.
        sha256: Hex SHA-256 of the content.
        size: Bytes.
        commit: Commit it was taken from, "" where there is none.
    """
    with locked(root / ".pull" / f"{NAME}.lock"):
        records = read(root) | {weight.name: Record(source(weight), sha256, size, commit)}
        rows = {name: asdict(records[name]) for name in sorted(records)}
        with beside(root / NAME) as temporary:
            temporary.write_text(json.dumps({"format": _FORMAT, "files": rows}, indent=1) + "\n", encoding="utf-8")
            place(temporary, root / NAME)


def source(weight: Weight) -> str:
    """Return where a weight file comes from, without the commit.

    Args:
        weight: The registry entry.

    Returns:
        "owner/name/path" for a file of the hub, else the entry's `source`.
    """
    return f"{weight.origin.repo}/{weight.origin.path}" if isinstance(weight.origin, HubFile) else weight.source
