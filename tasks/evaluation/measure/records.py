"""What is measured of one file and its anonymized counterpart, face by face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Measured:
    """One file of the originals, with what stands in the place of each of its faces. Identifying.

    There is one row for each face and frame of the original. In arrays with a first axis of 2, entry 0 is of the
    original and 1 of the anonymized file, which is NaN where that has no such frame, or where the number was taken on
    some rows only.

    Attributes:
        frames: of the original.
        shared: of these, how many the anonymized file has as well, 0 when there is none.
        unpaired: frames of the anonymized file that no frame of the original belongs to; they were not looked at.
        duration: seconds.
        same_size: whether both have the same size in pixels.
        frame, time, person: (n,); time in seconds.
        shown: (n,) whether the anonymized file has that frame.
        found: (n,) whether a detector sees a face there in it.
        side: (n,) size of the face, pixels.
        vectors: embedder -> (2, n, D) unit vectors; where no face was found, of what is in its place.
        angles: (2, n, 3) degrees, pitch (down), yaw (to the image's right), roll (clockwise).
        openings: (2, n, 5), see `figures.OPENINGS`.
        shapes: (2, n, 52) blendshapes in [0, 1].
        unrest: (2, n) grey levels.
        age: (2, n) years.
        female: (2, n) probability.
        age_second, female_second: (2, n) the same by the second reader.
        emotion: (2, n, 7).
        skin: (2, n) degrees of ITA.
        psnr: (m,) decibels, away from all faces, of each frame looked at.
        ssim: (m,) away from all faces, of each frame looked at.
        quality: (2, n) NIQE, see `quality.crop`.
        loudness: (frames,) decibels of the original's sound at each of its frames, (0,) when it has none.
        extra: faces of the anonymized file that stand where the original has none.
        textures: (2, k, D) features of `quality.square` of the k rows where both sides were looked at; D is 0 without a
            network for them.
    """

    frames: int
    shared: int
    unpaired: int
    duration: float
    same_size: bool
    frame: NDArray[np.int64]
    time: Floats
    person: NDArray[np.int64]
    shown: NDArray[np.bool_]
    found: NDArray[np.bool_]
    side: Floats
    vectors: dict[str, Floats]
    angles: Floats
    openings: Floats
    shapes: Floats
    unrest: Floats
    age: Floats
    female: Floats
    age_second: Floats
    female_second: Floats
    emotion: Floats
    skin: Floats
    psnr: Floats
    ssim: Floats
    quality: Floats
    loudness: Floats
    extra: int
    textures: Floats

    @classmethod
    def empty(cls) -> Measured:
        """Nothing measured."""
        none, both = np.zeros(0, np.float32), np.zeros((2, 0), np.float32)
        wide = {name: np.zeros((2, 0, k), np.float32) for name, k in (("angles", 3), ("openings", 5), ("shapes", 52))}
        return cls(
            frames=0,
            shared=0,
            unpaired=0,
            duration=0.0,
            same_size=False,
            frame=np.zeros(0, np.int64),
            time=none,
            person=np.zeros(0, np.int64),
            shown=np.zeros(0, np.bool_),
            found=np.zeros(0, np.bool_),
            side=none,
            vectors={},
            unrest=both,
            age=both,
            female=both,
            age_second=both,
            female_second=both,
            emotion=np.zeros((2, 0, 7), np.float32),
            skin=both,
            psnr=none,
            ssim=none,
            quality=both,
            loudness=none,
            extra=0,
            textures=np.zeros((2, 0, 0), np.float32),
            **wide,
        )

    @property
    def faces(self) -> int:
        """Number of rows."""
        return len(self.frame)

    @property
    def people(self) -> list[int]:
        """The persons of the original, the one with the most rows first."""
        names, counts = np.unique(self.person, return_counts=True)
        return [int(name) for name in names[np.argsort(-counts, kind="stable")]]
