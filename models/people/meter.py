"""What is measured of a synthetic person's picture, by the same networks that look at sources."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from models.attributes import head, skin
from models.interfaces.capabilities import AgeGender, Detector, Embedder, Face, Floats, Image, Landmarker, Parser
from models.landmarks import pose
from models.landmarks.topology import LEFT_EYE, RIGHT_EYE
from models.motion.mesh import geometry, raster, sampling
from models.motion.mesh.backend import face_of
from models.selection import profiles

EMBEDDER = "facenet"
STATES = ("yaw", "pitch", "mouth", "smile", "eyes", "light", "frown", "raised", "aside")
"""What a face does rather than what it is: degrees, gaps in widths of the mouth and the eyes, `skin.one_sidedness`, and
blendshapes of brows down, brows up and gaze."""
LOOKS = ("age", "female", "ita", "beard", "glasses", "fringe", "crown", "length", "shade", "warmth")
"""What the person looks like, see `FaceAttributes`."""
CHECKS = ("covered", "hat", "uneven", "eye_light")
"""What makes a picture unfit, see `head.HeadLook`, `uneven` and `eye_light`."""
VALUES = STATES + LOOKS + CHECKS
BALD = {"shade": 0.45, "warmth": 0.1}
"""Colour of hair where there is none: a usual one."""
_BROWS_DOWN, _BROWS_UP, _GAZE, _SMILE = slice(1, 3), slice(3, 6), slice(11, 19), slice(44, 46)
_SIDE = 512
"""Pixels of the picture that is measured: sources are seldom larger, and it takes half the time."""
_PARSED = 320
"""The parser's own side: glasses and hair differ from those at 512 by .01, at a third of the time."""
_LEAST_SCORE, _LEAST_SIZE, _LEAST_PRESENCE = 0.9, 150, 0.9


@dataclass(frozen=True)
class Measures:
    """The measurements of one picture.

    Attributes:
        values: By the names of VALUES, all finite.
        mesh: (478, 3) pixels.
        embedding: (512,) unit vector of FaceNet.
    """

    values: dict[str, float]
    mesh: Floats
    embedding: Floats


class Meter:
    """All the networks that look at a synthetic person. Safe for several threads."""

    def __init__(self) -> None:
        # Those of the profile, which are loaded anyway.
        self._detector: Detector = profiles.load("detector", "retinaface-mobilenet")
        self._landmarker: Landmarker = profiles.load("landmarker", "mesh")
        self._embedder: Embedder = profiles.load("embedder", EMBEDDER)
        self._age_gender: AgeGender = profiles.load("age_gender", "dlib-age-gender")
        self._parser: Parser = profiles.load("parser", "bisenet", side=_PARSED)

    def measure(self, original: Image) -> Measures | None:
        """Measure a picture.

        Args:
            original: (H, H, 3) uint8 BGR, a portrait by the generator.

        Returns:
            The measures; None when no single clear face is seen.
        """
        grown = original.shape[0] / _SIDE
        picture = np.asarray(cv2.resize(original, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.uint8)
        faces = self._detector.detect([picture])[0]
        if not faces or faces[0].score < _LEAST_SCORE or faces[0].size < _LEAST_SIZE:
            return None
        mesh = self._landmarker.locate([picture], faces[:1])[0]
        if mesh.presence < _LEAST_PRESENCE:
            return None
        seen = head.look(picture, mesh.points, self._parser)
        ita, beard = skin.measure(picture, mesh.points)
        light = skin.one_sidedness(picture, mesh.points)
        if seen is None or not np.isfinite([ita, beard, light]).all():
            return None
        age, female = self._estimate(picture, faces[0])
        angle = pose.angles(mesh.points, picture.shape[1], picture.shape[0])
        shape = geometry.align_stable(mesh.points, pose.mean_face()).invert(mesh.points)
        values = {
            "yaw": float(angle[1]),
            "pitch": float(angle[0]),
            "mouth": geometry.mouth_gap(shape),
            "smile": float(mesh.blendshapes[_SMILE].mean()),
            "eyes": float(geometry.lid_gaps(shape).mean()),
            "light": light,
            "frown": float(mesh.blendshapes[_BROWS_DOWN].max()),
            "raised": float(mesh.blendshapes[_BROWS_UP].mean()),
            "aside": float(mesh.blendshapes[_GAZE].max()),
            "age": age,
            "female": female,
            "ita": ita,
            "beard": beard,
            "glasses": seen.glasses,
            "fringe": seen.hair.fringe,
            "crown": seen.hair.crown,
            "length": seen.hair.length,
            "shade": seen.hair.shade if np.isfinite(seen.hair.shade) else BALD["shade"],
            "warmth": seen.hair.warmth if np.isfinite(seen.hair.warmth) else BALD["warmth"],
            "covered": seen.covered,
            "hat": seen.hat,
            "uneven": uneven(picture, mesh.points),
            "eye_light": eye_light(picture, mesh.points),
        }
        embedding = self._embedder.embed([picture], [face_of(mesh.points)])[0]
        # The centre of the first pixel is the origin.
        points = mesh.points * grown
        points[:, :2] += (grown - 1) / 2
        return Measures(values, points.astype(np.float32), np.asarray(embedding, np.float32))

    def _estimate(self, picture: Image, face: Face) -> tuple[float, float]:
        age, female = self._age_gender.estimate([picture], [face])[0]
        return float(age), float(female)


def eye_light(picture: Image, points: Floats) -> float:
    """Return the brightness of the whites of the eyes beside the cheeks.

    Args:
        picture: (H, W, 3) uint8 BGR.
        points: (478, 3) pixels.

    Returns:
        Under about two thirds behind dark glasses.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    levels = []
    for polygons, share in (((LEFT_EYE, RIGHT_EYE), 0.9), (skin.CHEEKS, 0.5)):
        mask = np.zeros(grey.shape, np.uint8)
        for polygon in polygons:
            cv2.fillConvexPoly(mask, cv2.convexHull(points[list(polygon), :2].astype(np.int32)), 1)
        levels.append(float(np.quantile(grey[mask > 0], share)) if mask.any() else 0.0)
    return levels[0] / max(levels[1], 1.0)


def uneven(picture: Image, points: Floats) -> float:
    """Return how far the two halves of the face differ, relative to its brightness.

    Args:
        picture: (H, W, 3) uint8 BGR.
        points: (478, 3) pixels.

    Returns:
        Small for an even, open face, large when a hand, hair or a hard shadow lies over one side.
    """
    side = 96
    place = (pose.mean_face() * 0.42 * side + np.array([side / 2, side / 2 + 2, 0])).astype(np.float32)
    region = raster.Region(0, 0, side, side)
    field = raster.warp_field(place, place, points, region, cells=side)
    flat = sampling.sample(sampling.pyramid(picture), field.twin, float(np.ptp(points[:468, 0])) / (0.84 * side))
    grey = cv2.GaussianBlur(cv2.cvtColor(flat, cv2.COLOR_BGR2GRAY).astype(np.float32), (0, 0), 2.0)
    both = field.face & field.face[:, ::-1]
    return float(np.abs(grey - grey[:, ::-1])[both].mean() / max(float(grey[both].mean()), 1.0))
