"""What the contract suites share: real pictures, real weights, and the comparisons every capability must pass."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from infra.errors import WeightsError
from models.interfaces.capabilities import Face, Image
from models.selection import profiles
from models.weights import weight_files

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 800
DEEPFACE = ("vgg-face", "deepface-age-gender", "deepface-emotion", "deepface-race")


def shared() -> Path:
    """The folder of test pictures, or skip."""
    folder = Path(os.environ.get("ANONFLOW_SHARED", str(ROOT.parent / "shared")))
    if not (folder / "stills").is_dir():
        pytest.skip(f"no test stills in {folder}; set ANONFLOW_SHARED to the folder that holds stills/")
    return folder


@cache
def _read(path: Path) -> Image:
    image = cv2.imread(str(path))
    assert image is not None, f"{path.name} cannot be read"
    scale = LONGEST / max(image.shape[:2])
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(image, np.uint8)


def still(name: str) -> Image:
    """A still as BGR, at most LONGEST pixels long; name like "people/012_4"."""
    return _read(shared() / "stills" / f"{name}.jpg").copy()


def names(capability: str) -> list[str]:
    return list(profiles.BACKENDS[capability])


def load(capability: str, name: str, **options: Any) -> Any:
    """The shared instance of a backend, or skip when its weights are not in place."""
    try:
        return profiles.load(capability, name, **options)
    except WeightsError as error:
        pytest.skip(str(error))


def learnt(capability: str, name: str, **options: Any) -> Any:
    """The shared instance of a backend with its trained weights, or skip: what is asked next has to be learnt."""
    try:
        return profiles.load(capability, name, **options)
    except WeightsError as error:
        pytest.skip(f"{name} has learnt nothing here, so its judgement cannot be tested: {error}")


def either(capability: str, name: str, files: pytest.TempPathFactory, **options: Any) -> Any:
    """A backend with its trained weights; where they are not in place, with random ones, read from files in the
    released layout; skip where there is no way to make such files."""
    try:
        return profiles.load(capability, name, **options)
    except WeightsError as error:
        folder = files.getbasetemp() / name
        if name == "retinaface-resnet50":
            return profiles.load(capability, name, **options, **random_retinaface(folder))
        if name in DEEPFACE:
            return profiles.load(capability, name, **options, home=random_deepface(folder))
        pytest.skip(str(error))


def random_retinaface(folder: Path) -> dict[str, Path]:
    """Where RetinaFaceResNet50 finds the package and a file with random weights; skip when the package is missing."""
    try:
        package = weight_files.path("retinaface-pytorch")
    except WeightsError as error:
        pytest.skip(f"even a network with random weights is built by the package: {error}")
    if not folder.is_dir():
        from tests.reference import retinaface_files

        folder.mkdir()
        retinaface_files.write(folder, package)
    return {"package": package, "file": next(folder.iterdir())}


def random_deepface(folder: Path) -> Path:
    """The home of DeepFace's five files with random weights."""
    from tests.reference import deepface_files

    return folder if folder.is_dir() else deepface_files.write(folder)


def random_motion(name: str, folder: Path, **options: Any) -> Any:
    """A motion backend with small random weights, read from files in the released layout."""
    # Imported here, since torch comes with them: half a gigabyte that most tests do not need.
    from models.motion.lia.backend import LiaMotion
    from models.motion.liveportrait.backend import LivePortraitMotion
    from tests.reference import released

    if name == "liveportrait":
        return LivePortraitMotion(files=released.liveportrait(folder, released.SMALL), sizes=released.SMALL, **options)
    return LiaMotion(file=released.lia(folder, released.LITTLE), sizes=released.LITTLE, **options)


@cache
def _face(name: str) -> Face:
    faces = load("detector", "retinaface-mobilenet").detect([still(name)])[0]
    assert faces, f"no face in {name}"
    return max(faces, key=lambda face: face.size)


def face(name: str) -> Face:
    """The largest face of a still."""
    return _face(name)


def same(a: Any, b: Any) -> bool:
    """Exact equality of nested lists, dataclasses and arrays."""
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if hasattr(a, "__dataclass_fields__"):
        return type(a) is type(b) and all(same(getattr(a, key), getattr(b, key)) for key in a.__dataclass_fields__)
    return bool(a == b)


def on_two_threads(call: Callable[[], Any], repeats: int = 3) -> list[Any]:
    """The results of `call` from two threads that start together; an exception in either is raised here."""
    results: list[Any] = []
    errors: list[BaseException] = []
    barrier = threading.Barrier(2)

    def work() -> None:
        try:
            barrier.wait(30)
            for _ in range(repeats):
                results.append(call())
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    if errors:
        raise errors[0]
    assert len(results) == 2 * repeats
    return results
