"""A weights folder with everything that both profiles need but LivePortrait: the embedded networks as they are, and
small random ones for the rest, each file where a pull would put it and recorded as a first pull records it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from models.selection import profiles
from models.weights import first_use_hashes, weight_files
from models.weights.pypi_source import sha256_of
from models.weights.weight import HubFile
from tests.reference import deepface_files, retinaface_files


def lay_out(
    root: Path, hub: Path, monkeypatch: pytest.MonkeyPatch, looks: deepface_files.Looks = "apart", seed: int = 0
) -> Path:
    """Fill the folder `root` and make it the weights folder. hub: what tests.reference.diffusion_files wrote.

    Skips when a file is missing that packages carry. `forget` must be called afterwards.
    """
    real, random = weight_files.folder(), _random()
    # LivePortrait's sizes are fixed in code: tests put a small one in its place.
    both = weight_files.with_needs(profiles.weights_of("diffusion") + profiles.weights_of("embedded"))
    needed = [name for name in both if weight_files.entry(name).capability != "motion"]
    missing = [n for n in needed if n not in random and not (real / weight_files.entry(n).file).is_file()]
    if missing:
        pytest.skip(f"weights are not in place; run: anonflow models pull {' '.join(missing)}")
    root.mkdir(parents=True, exist_ok=True)
    for name in needed:
        if name not in random:
            _link(real / weight_files.entry(name).file, root / weight_files.entry(name).file)
    for folder in hub.iterdir():
        _link(folder, root / folder.name)
    # Beside the hub's folder, once for all tests of a session.
    faces = hub.with_name(f"faces-{looks}-{seed}")
    if not faces.is_dir():
        deepface_files.write(faces / "deepface", seed, looks)
        retinaface_files.write(faces, weight_files.path(_CODE))
    for made in faces.rglob("*"):
        if made.is_file():
            _link(made, root / made.relative_to(faces))
    monkeypatch.setenv("ANONFLOW_WEIGHTS", str(root))
    for name in needed:
        if name in random:
            _record(name, root, monkeypatch)
    forget()
    return root


def forget() -> None:
    """Drop the random backends of this process; the others stay loaded."""
    for key in [key for key in profiles._instances if key[1] in _RANDOM_BACKENDS]:
        del profiles._instances[key]


_RANDOM_BACKENDS = frozenset(
    {
        "controlnet", "retinaface-resnet50", "vgg-face", "deepface-age-gender", "deepface-emotion", "deepface-race",
        "liveportrait",
    }
)  # fmt: skip


def _random() -> set[str]:
    """Weight files that those backends have for themselves, but for the code of RetinaFace, which a package carries."""
    tables = profiles.BACKENDS.values()
    needed = [w for table in tables for name in _RANDOM_BACKENDS & set(table) for w in table[name].weights]
    embedded = set(weight_files.with_needs(profiles.weights_of("embedded")))
    return set(weight_files.with_needs(needed)) - embedded - {_CODE}


_CODE = "retinaface-pytorch"


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(source)


def _record(name: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = weight_files.entry(name)
    origin = replace(entry.origin, revision="") if isinstance(entry.origin, HubFile) else entry.origin
    entry = replace(entry, sha256="", size=0, origin=origin)
    monkeypatch.setitem(weight_files.WEIGHTS, name, entry)
    file = root / entry.file
    first_use_hashes.add(entry, root, sha256_of(file), file.stat().st_size, "")
