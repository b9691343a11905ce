"""RetinaFace with a ResNet-50: the package's own predictions, out of its wheel, whatever the batch."""

from __future__ import annotations

import sys
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from infra.errors import WeightsError
from models.detection import retinaface_package, retinaface_resnet50
from models.detection.retinaface_resnet50 import RetinaFaceResNet50
from models.interfaces.capabilities import Image
from models.runtime import checkpoint
from tests.contracts import support
from tests.reference import retinaface_files


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The package's wheel and a file with random weights."""
    return support.random_retinaface(tmp_path_factory.getbasetemp() / "retinaface-resnet50")


@pytest.fixture(scope="module")
def wheel(files: dict[str, Path]) -> Path:
    return files["package"]


@pytest.fixture(scope="module")
def detector(files: dict[str, Path]) -> RetinaFaceResNet50:
    return RetinaFaceResNet50(**files)


class _Resize:
    """albumentations 1.0.0, LongestMaxSize."""

    def __init__(self, max_size: int, p: float) -> None:
        self.max_size = max_size

    def __call__(self, image: Any) -> Any:
        height, width = image.shape[:2]
        scale = self.max_size / float(max(width, height))
        if scale == 1.0:
            return image
        height, width = (int(round(side * scale)) for side in (height, width))  # noqa: RUF046 - as it is written there
        return cv2.resize(image, dsize=(width, height), interpolation=cv2.INTER_LINEAR)


class _Normalize:
    """albumentations 1.0.0, Normalize."""

    def __init__(self, p: float) -> None:
        self.mean = np.array((0.485, 0.456, 0.406), np.float32) * np.float32(255)
        self.scale = np.reciprocal(np.array((0.229, 0.224, 0.225), np.float32) * np.float32(255))

    def __call__(self, image: Any) -> Any:
        return (image.astype(np.float32) - self.mean) * self.scale


class _Compose:
    def __init__(self, steps: list[Any]) -> None:
        self.steps = steps

    def __call__(self, image: Any) -> dict[str, Any]:
        for step in self.steps:
            image = step(image)
        return {"image": image}


def _nms(boxes: torch.Tensor, scores: torch.Tensor, threshold: float) -> torch.Tensor:
    """torchvision's operator, which does not load beside every torch: greedy, by intersection over union."""
    kept: list[int] = []
    for index in scores.argsort(descending=True).tolist():
        x0, y0, x1, y1 = boxes[index].tolist()
        for other in kept:
            a0, b0, a1, b1 = boxes[other].tolist()
            common = max(min(x1, a1) - max(x0, a0), 0) * max(min(y1, b1) - max(y0, b0), 0)
            if common / ((x1 - x0) * (y1 - y0) + (a1 - a0) * (b1 - b0) - common) > threshold:
                break
        else:
            kept.append(index)
    return torch.tensor(kept, dtype=torch.int64)


@pytest.fixture
def predictor(files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package's own class for single pictures, with the same weights."""
    stand_in = ModuleType("albumentations")
    vars(stand_in).update(Compose=_Compose, LongestMaxSize=_Resize, Normalize=_Normalize)
    monkeypatch.setitem(sys.modules, "albumentations", stand_in)
    module = retinaface_package._modules(files["package"], ("predict_single",))["predict_single"]
    vars(module).update(nms=_nms)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model = vars(module)["Model"](max_size=640)
    model.load_state_dict(retinaface_resnet50.read(files["file"]))
    model.eval()
    return model


# Sizes that the resizing brings to whole numbers: the package scales x, too, by the ratio of the heights.
@pytest.mark.parametrize(
    ("name", "height", "width"),
    [("people/012_4", 480, 640), ("people/016_8", 525, 700), ("people/009_C", 512, 344), ("people/013_4", 300, 400)],
)
def test_finds_what_the_package_finds(
    files: dict[str, Path], predictor: Any, name: str, height: int, width: int
) -> None:
    picture = support.still(name)[:height, :width]
    assert picture.shape[:2] == (height, width)
    rgb = np.ascontiguousarray(picture[..., ::-1])
    expected = predictor.predict_jsons(rgb, confidence_threshold=0.2, nms_threshold=0.3)
    (found,) = RetinaFaceResNet50(**files, min_score=0.2, overlap=0.3).detect([picture])
    assert len(found) == len(expected) > 3
    for face, known in zip(found, sorted(expected, key=lambda item: -item["score"]), strict=True):
        # The package rounds to two digits, so equal scores may stand in another order.
        nearest = min(expected, key=lambda item: np.abs(np.array(item["bbox"]) - face.box).max())
        assert face.score == pytest.approx(known["score"], abs=0.0051)
        assert face.box == pytest.approx(np.array(nearest["bbox"]), abs=0.02)
        assert face.points == pytest.approx(np.array(nearest["landmarks"]), abs=0.02)


def test_each_axis_has_its_own_scale(detector: Any) -> None:
    picture = support.still("people/012_4")[:203, :301]
    width, height = retinaface_resnet50._fitted(picture, 640)
    assert (width, height) == (640, 432) and height / 203 != width / 301
    priors = detector._priors(height, width)
    for index in (0, len(priors) // 2, len(priors) - 1):
        scores = torch.zeros(len(priors))
        scores[index] = 0.9
        (face,) = detector._faces(picture, (torch.zeros(len(priors), 4), scores, torch.zeros(len(priors), 10)))
        middle = priors[index, :2].numpy() * [301, 203]
        assert (face.box[:2] + face.box[2:]) / 2 == pytest.approx(middle, abs=1e-3)
        assert face.points == pytest.approx(np.tile(middle, (5, 1)), abs=1e-3)


@pytest.mark.parametrize(("shape", "expected"), [((1, 1), (640, 640)), ((2000, 1), (1, 640)), ((17, 301), (640, 36))])
def test_no_side_becomes_nothing(shape: tuple[int, int], expected: tuple[int, int]) -> None:
    assert retinaface_resnet50._fitted(np.zeros((*shape, 3), np.uint8), 640) == expected


def _pictures() -> list[Image]:
    """Frames of two sizes, mixed."""
    wide, high = support.still("people/012_4")[:480, :640], support.still("people/009_C")[:480, :320]
    turned = [np.ascontiguousarray(picture[:, ::-1]) for picture in (wide, high)]
    return [wide, high, turned[0], turned[1], wide, np.ascontiguousarray(wide[::-1])]


def _close(some: Sequence[Any], others: Sequence[Any]) -> bool:
    return all(
        len(a) == len(b)
        and all(np.abs(x.box - y.box).max() < 0.01 and np.abs(x.points - y.points).max() < 0.01
                for x, y in zip(a, b, strict=True))
        for a, b in zip(some, others, strict=True)
    )  # fmt: skip


def test_frames_of_one_size_go_together_and_every_frame_gets_its_own_faces(
    files: dict[str, Path], detector: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = RetinaFaceResNet50(**files, batch=4)
    seen: list[tuple[int, ...]] = []
    run = together._run
    monkeypatch.setattr(together, "_run", lambda frames: (seen.append((len(frames), *frames[0].shape)), run(frames))[1])
    found, expected = together.detect(_pictures()), detector.detect(_pictures())
    assert seen == [(4, 480, 640, 3), (2, 480, 320, 3)]
    assert _close(found, expected) and not _close(found[:1], found[2:3])


def test_too_little_memory_halves_the_batch_and_loses_nothing(
    files: dict[str, Path], detector: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = RetinaFaceResNet50(**files, batch=4)
    network, sizes = small._network, []

    def narrow(pictures: torch.Tensor) -> Any:
        sizes.append(len(pictures))
        if len(pictures) > 1:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return network(pictures)

    monkeypatch.setattr(small, "_network", narrow)
    assert support.same(small.detect(_pictures()), detector.detect(_pictures()))
    assert sizes == [4, 2, 1, 1, 1, 1, 1, 1]


def test_what_is_no_number_is_an_error_and_not_a_frame_without_faces(files: dict[str, Path]) -> None:
    broken = RetinaFaceResNet50(**files)
    broken._network.ClassHead[1].conv1x1.bias[0] = torch.nan
    with pytest.raises(WeightsError, match="no number"):
        broken.detect([support.still("people/009_C")])


def test_reads_the_zip_of_the_release_and_the_bare_checkpoint(files: dict[str, Path], tmp_path: Path) -> None:
    packed = retinaface_resnet50.read(files["file"])
    bare = retinaface_files.write(tmp_path, files["package"], packed=False)
    assert zipfile.is_zipfile(bare) and bare.suffix == ".pth" and files["file"].suffix == ".zip"
    # torch's own format is a zip, too, and may come under the release's name.
    named = bare.rename(tmp_path / files["file"].name)
    old = tmp_path / "old.pth"
    torch.save(packed, old, _use_new_zipfile_serialization=False)
    assert not zipfile.is_zipfile(old)
    for file in (named, old):
        state = retinaface_resnet50.read(file)
        assert list(state) == list(packed) and all(torch.equal(state[key], packed[key]) for key in state)


def test_other_files_are_refused(files: dict[str, Path], tmp_path: Path) -> None:
    def load(file: Path, package: Path = files["package"]) -> RetinaFaceResNet50:
        return RetinaFaceResNet50(package=package, file=file)

    with pytest.raises(WeightsError, match="does not exist"):
        load(tmp_path / "nothing.zip")
    text = tmp_path / "text.zip"
    with zipfile.ZipFile(text, "w") as archive:
        archive.writestr("inner.pth", b"no checkpoint")
    with pytest.raises(WeightsError, match=r"text\.zip"):
        load(text)
    damaged = tmp_path / "damaged.zip"
    content = bytearray(files["file"].read_bytes())
    content[5_000_000:5_000_100] = bytes(100)
    damaged.write_bytes(content)
    with pytest.raises(WeightsError, match="not a readable archive"):
        load(damaged)
    other = tmp_path / "other.pth"
    torch.save({"body.conv1.weight": torch.zeros(64, 3, 7, 7)}, other)
    with pytest.raises(WeightsError, match="missing keys"):
        load(other)
    with pytest.raises(WeightsError, match="not a readable wheel"):
        load(files["file"], package=Path(__file__))
    with pytest.raises(WeightsError, match="holds no package"):
        load(files["file"], package=text)


@pytest.mark.parametrize("others", [(), ("retinaface", "retinaface.commons")])
def test_another_package_of_the_name_stays_what_it_was(
    wheel: Path, others: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "retinaface"]:
        monkeypatch.delitem(sys.modules, name)
    known = {name: ModuleType(name) for name in others}
    for name, module in known.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(retinaface_package, "_loaded", {})
    package = retinaface_package.load(wheel)
    assert package.modules["network"].__name__ == "retinaface.network"
    left = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "retinaface"}
    assert left == known


def test_the_package_is_read_once_by_several_threads_and_warns_of_nothing(
    wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retinaface_package, "_loaded", {})
    packages = support.on_two_threads(lambda: retinaface_package.load(wheel))
    assert all(package is packages[0] for package in packages)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with torch.device("meta"):
            network = packages[0].network()
    assert sum(value.numel() for value in network.parameters()) > 27_000_000


def test_priors_are_two_for_each_place_of_three_grids(wheel: Path) -> None:
    priors = retinaface_package.load(wheel).priors(100, 200).numpy() * [200, 100, 200, 100]
    assert len(priors) == 2 * (13 * 25 + 7 * 13 + 4 * 7)
    assert priors[:3] == pytest.approx(np.array([[4, 4, 16, 16], [4, 4, 32, 32], [12, 4, 16, 16]]), abs=1e-3)
    assert priors[-1] == pytest.approx(np.array([208, 112, 512, 512]), abs=1e-3)


def test_a_checkpoint_fits_exactly(wheel: Path, files: dict[str, Path]) -> None:
    state = retinaface_resnet50.read(files["file"])
    network = checkpoint.build(retinaface_package.load(wheel).network, state, "some.zip")
    assert not any(value.requires_grad for value in network.parameters()) and not network.training
