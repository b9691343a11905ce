"""Looks at one frame of a file and of its anonymized counterpart, through the same networks.

Where the anonymized file shows no face, an attacker is granted the place all the same, so that a face that is merely
hidden from a detector does not count as private.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infra.media.frame import YuvFrame
from models.attributes import skin
from models.interfaces.capabilities import (
    AgeGender,
    Detector,
    Embedder,
    Emotion,
    Face,
    Features,
    Floats,
    Image,
    Landmarker,
    Mesh,
    Quality,
)
from models.landmarks import topology
from tasks.analysis import framing
from tasks.evaluation.measure import figures, outside, quality
from tasks.evaluation.measure.pairing import FacePosition, by_frame, counterparts
from tasks.records import Tracks

SAMPLED = 24
"""Rows of each person on which age, gender, emotion, skin and the quality of the picture are looked at."""
LOOKS = 5
"""Numbers in `Side.looks` before the emotions."""


@dataclass(frozen=True)
class Instruments:
    """The networks.

    Attributes:
        landmarker: frames faces, too, as embedders see them.
        people: embedder that tells who is who within a file.
        same: cosine distance up to which two tracks are one person.
        second_reader: reads age and gender, and took no part in any result.
    """

    detector: Detector
    confirming: Detector
    landmarker: Landmarker
    people: Embedder
    same: float
    attackers: tuple[Embedder, ...]
    age_gender: AgeGender
    second_reader: AgeGender
    emotion: Emotion
    quality: Quality
    features: Features | None = None


@dataclass(frozen=True)
class Side:
    """One face on one side. What was not looked at is NaN.

    Attributes:
        vectors: one (D,) per attacker.
        figures: (11,), see `figures.figures`.
        shapes: (52,).
        looks: (LOOKS + emotions,) age, female, skin, age and female by the second reader, emotions.
        quality: of the picture.
        aligned: crop by the original's mesh, empty where there is none.
        unrest: see `flicker.Flicker`.
        texture: features of the picture of the face, None where it was not looked at.
    """

    vectors: tuple[Floats, ...]
    figures: Floats
    shapes: Floats
    looks: Floats
    quality: float
    aligned: Image
    unrest: float = float("nan")
    texture: Floats | None = None


@dataclass(frozen=True)
class Row:
    """One face of the original on one frame, and what stands in its place.

    Attributes:
        side: size of the face, pixels.
    """

    frame: int
    person: int
    side: float
    found: bool
    sides: tuple[Side, Side | None]


class Looker:
    """Looks at one frame of both files.

    Attributes:
        extra, unpaired: see `records.Measured`.
    """

    def __init__(
        self,
        tracks: Tracks,
        others: Tracks,
        people: dict[int, int],
        mapping: NDArray[np.int64],
        tools: Instruments,
        every: int,
    ) -> None:
        self._places, self._others = by_frame(tracks.tracks, every), by_frame(others.tracks)
        self._people, self._tools, self._mapping = people, tools, mapping
        self._scale = np.array([others.width / tracks.width, others.height / tracks.height], np.float32)
        self._sampled = self._spread()
        self.extra = self._count_extra(every)
        self.unpaired = len(np.setdiff1d(np.arange(others.frame_count), mapping))

    def look(self, both: tuple[YuvFrame, YuvFrame | None]) -> tuple[list[Row], tuple[float, float]]:
        """Look at one frame.

        Args:
            both: the frame of the original and its counterpart, None where there is none.

        Returns:
            The rows of the frame, and (PSNR in decibels, SSIM) outside all its faces, NaN where the sizes differ.
        """
        frame, other = both
        before, after = frame.to_bgr(), other.to_bgr() if other is not None else None
        places = self._places.get(frame.index, [])
        theirs = self._others.get(other.index, []) if other is not None else []
        matches = counterparts([place.box for place in places], self._scale, theirs)
        rows = [self._row(frame.index, *both, before, after) for both in zip(places, matches, strict=True)]
        if other is None or (frame.width, frame.height) != (other.width, other.height):
            return rows, (float("nan"), float("nan"))
        where = outside.mask(before.shape[:2], [place.box for place in (*places, *theirs)])
        planes = frame.planes[0], other.planes[0]
        return rows, (outside.psnr(*planes, where), outside.ssim(*planes, where))

    def _row(
        self, index: int, place: FacePosition, match: FacePosition | None, before: Image, after: Image | None
    ) -> Row:
        closely = (place.track.index, place.row) in self._sampled
        face = _face(place)
        ours = self._side(before, place, self._framed(before, face), place, closely)
        twin = None
        if after is not None:
            granted = Face(face.box * np.tile(self._scale, 2), face.score, face.points * self._scale)
            shown = self._framed(after, granted if match is None else _face(match))
            twin = self._side(after, match, shown, place if after.shape == before.shape else None, closely)
        person = self._people[place.track.index]
        return Row(index, person, face.size, match is not None, (ours, twin))

    def _side(
        self, image: Image, place: FacePosition | None, face: Face, still: FacePosition | None, closely: bool
    ) -> Side:
        """One side.

        Args:
            image: (H, W, 3) uint8 BGR picture.
            place: None where no face is seen.
            face: As the attackers see it.
            still: The place in the original by whose mesh the picture is aligned, None where that does not fit this
                image.
            closely: Whether age, gender, emotion, skin, quality and texture are measured, too.
        """
        vectors = tuple(attacker.embed([image], [face])[0] for attacker in self._tools.attackers)
        numbers, shapes = np.full(11, np.nan, np.float32), np.full(52, np.nan, np.float32)
        looks = np.full(LOOKS + len(self._tools.emotion.labels), np.nan, np.float32)
        if place is not None and place.meshed:
            mesh = _mesh(place)
            numbers = figures.figures(mesh, image.shape[1], image.shape[0]).astype(np.float32)
            shapes = place.track.blendshapes[place.row]
        if closely and place is not None:
            looks[:2] = self._tools.age_gender.estimate([image], [face])[0]
            looks[2] = skin.measure(image, place.track.mesh[place.row])[0] if place.meshed else np.nan
            looks[3:5] = self._tools.second_reader.estimate([image], [face])[0]
            looks[LOOKS:] = self._tools.emotion.estimate([image], [face])[0]
        rating, texture = float("nan"), None
        # By the box of the original on both sides, so that the same pixels are rated.
        if closely and place is not None and still is not None:
            shown = quality.crop(image, _face(still))
            rating = float(self._tools.quality.rate([shown])[0]) if shown is not None else rating
            texture = self._texture(image, still)
        aligned = np.zeros((0, 0, 3), np.uint8)
        if still is not None and still.meshed:
            aligned = figures.aligned([image], _mesh(still))[0]
        return Side(vectors, numbers, shapes, looks, rating, aligned, texture=texture)

    def _texture(self, image: Image, still: FacePosition) -> Floats | None:
        shown = quality.square(image, _face(still))
        if self._tools.features is None or shown is None:
            return None
        return np.asarray(self._tools.features.describe([shown])[0])

    def _framed(self, image: Image, face: Face) -> Face:
        return framing.framed(image, face, self._tools.landmarker) or face

    def _spread(self) -> set[tuple[int, int]]:
        """(track, row) of the rows to look at closely."""
        by_person: dict[int, list[tuple[int, int]]] = {}
        for places in self._places.values():
            for place in places:
                key = (place.track.index, place.row)
                by_person.setdefault(self._people[place.track.index], []).append(key)
        chosen: set[tuple[int, int]] = set()
        for rows in by_person.values():
            at = np.linspace(0, len(rows) - 1, min(SAMPLED, len(rows))).round().astype(int)
            chosen |= {sorted(rows)[k] for k in at}
        return chosen

    def _count_extra(self, every: int) -> int:
        """Faces of the anonymized file, on the frames looked at, where the original has none."""
        count = 0
        for index in range(0, len(self._mapping), every):
            free = [place for place in self._others.get(int(self._mapping[index]), []) if place.seen]
            taken = counterparts([place.box for place in self._places.get(index, [])], self._scale, free)
            count += sum(place not in taken for place in free)
        return count


def _face(place: FacePosition) -> Face:
    points = place.track.points[place.row]
    if place.meshed:
        points = topology.five_points(place.track.mesh[place.row])
    return Face(place.box, 1.0, np.asarray(points, np.float32))


def _mesh(place: FacePosition) -> Mesh:
    track, row = place.track, place.row
    return Mesh(track.mesh[row], float(track.presence[row]), track.blendshapes[row])
