"""What the tests of measuring share: stand-ins for all instruments."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from models.interfaces.capabilities import Embedder, Face, Floats, Image
from tasks.evaluation.measure.look import Instruments
from tests.tasks import support


class AgeGender:
    """Takes the brightness for the age."""

    name = "fake"

    def estimate(self, frames: Sequence[Image], faces: Sequence[Face]) -> Floats:
        return np.array([[frame.mean(), 0.25] for frame in frames], np.float32)


class SecondReader:
    """Takes everybody for a woman of 33."""

    name = "second"

    def estimate(self, frames: Sequence[Image], faces: Sequence[Face]) -> Floats:
        return np.tile(np.array([33.0, 0.75], np.float32), (len(frames), 1))


class Emotion:
    """Sees the last emotion in everybody."""

    name = "fake"
    labels = tuple("abcdefg")

    def estimate(self, frames: Sequence[Image], faces: Sequence[Face]) -> Floats:
        return np.tile(np.eye(7, dtype=np.float32)[6], (len(frames), 1))


class Quality:
    """Takes the brightness for the quality, and notes the sizes of the pictures."""

    name = "fake"

    def __init__(self) -> None:
        self.shapes = list[tuple[int, ...]]()

    def rate(self, images: Sequence[Image]) -> Floats:
        self.shapes += [image.shape for image in images]
        return np.array([image.mean() for image in images], np.float32)


class Features:
    """Takes the mean of each channel for the features, and notes the sizes of the pictures."""

    name, dimension = "fake", 3

    def __init__(self) -> None:
        self.shapes = list[tuple[int, ...]]()

    def describe(self, images: Sequence[Image]) -> Floats:
        self.shapes += [image.shape for image in images]
        return np.array([image.mean(axis=(0, 1)) for image in images], np.float32)


class Attacker:
    """Answers with the place and side of the face that it was shown, and notes the faces."""

    dimension = 4

    def __init__(self, name: str = "fake") -> None:
        self.name, self.faces = name, list[Face]()

    def embed(self, frames: Sequence[Image], faces: Sequence[Face]) -> Floats:
        self.faces += faces
        rows = [
            [*(face.box[:2] + face.box[2:]) / 2, face.size, frame.shape[1]]
            for frame, face in zip(frames, faces, strict=True)
        ]
        vectors = np.array(rows, np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def instruments(attackers: Sequence[Embedder] = (), far: Callable[[Image, Face], float] = lambda *_: 0) -> Instruments:
    detector = support.Detector([])
    return Instruments(
        detector=detector,
        confirming=detector,
        landmarker=support.Landmarker(),
        people=support.Embedder(far),
        same=0.5,
        attackers=tuple(attackers),
        age_gender=AgeGender(),
        second_reader=SecondReader(),
        emotion=Emotion(),
        quality=Quality(),
    )
