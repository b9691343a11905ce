"""The measurements of one picture for the curation of the catalogue, and a survey of many that can be resumed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.attributes import skin
from models.attributes.age_gender import DlibAgeGender
from models.detection.retinaface_mobilenet import RetinaFaceMobileNet
from models.embedding.facenet import FaceNet
from models.inpainting.mobilestylegan import MobileStyleGAN
from models.interfaces.capabilities import Floats, Image
from models.landmarks import pose
from models.landmarks.mesh import MeshLandmarker
from models.landmarks.topology import LEFT_BROW, LEFT_EYE, OVAL, RIGHT_BROW, RIGHT_EYE
from models.masks.bisenet import BiSeNet
from models.motion.mesh import geometry, raster, sampling
from models.motion.mesh.backend import face_of

FEATURES = ("yaw", "pitch", "mouth", "smile", "eyes", "age", "female", "ita", "beard", "light")
"""The values that the catalogue stores of each person."""
CHECKS = ("glasses", "covered", "hat", "forehead", "frown", "raised", "aside")
"""Checks that only the curation uses: shares of the face under glasses and under hair, hat or cloth; share of the
picture that is hat; height of the bare forehead in widths of the face; blendshapes of brows down, brows up and gaze."""
_LEFT, _RIGHT = 127, 356
_BROWS_DOWN, _BROWS_UP, _GAZE = slice(1, 3), slice(3, 6), slice(11, 19)
_OVER_FACE = ("hair", "hat", "cloth")


@dataclass
class Measures:
    """The measurements of one picture.

    Attributes:
        values: By the names of FEATURES and CHECKS.
        mesh: (478, 3) pixels.
        embedding: (D,) unit vector of FaceNet.
    """

    values: dict[str, float]
    mesh: Floats
    embedding: Floats


class Meter:
    """All the networks that look at a candidate."""

    def __init__(self) -> None:
        self.detector = RetinaFaceMobileNet()
        self.landmarker = MeshLandmarker()
        self.embedder = FaceNet()
        self.age_gender = DlibAgeGender()
        self.parser = BiSeNet()

    def measure(self, picture: Image, parse: bool) -> Measures | None:
        """Measure a picture.

        Args:
            picture: (1024, 1024, 3) uint8 BGR.
            parse: Also make the checks that need parsed labels; without, these checks read as those of a bare face.

        Returns:
            The measures; None when no single clear face is seen.
        """
        faces = self.detector.detect([picture])[0]
        if not faces or faces[0].score < 0.9 or faces[0].size < 300:
            return None
        mesh = self.landmarker.locate([picture], faces[:1])[0]
        if mesh.presence < 0.9:
            return None
        angle = pose.angles(mesh.points, picture.shape[1], picture.shape[0])
        age, female = self.age_gender.estimate([picture], faces[:1])[0]
        ita, beard = skin.measure(picture, mesh.points)
        shape = geometry.align_stable(mesh.points, pose.mean_face()).invert(mesh.points)
        values = {
            "yaw": float(angle[1]),
            "pitch": float(angle[0]),
            "mouth": geometry.mouth_gap(shape),
            "smile": float(mesh.blendshapes[44:46].mean()),
            "eyes": float(geometry.lid_gaps(shape).mean()),
            "age": float(age),
            "female": float(female),
            "ita": ita,
            "beard": beard,
            "light": skin.one_sidedness(picture, mesh.points),
            "glasses": 0.0,
            "covered": 0.0,
            "hat": 0.0,
            "forehead": 1.0,
            "frown": float(mesh.blendshapes[_BROWS_DOWN].max()),
            "raised": float(mesh.blendshapes[_BROWS_UP].mean()),
            "aside": float(mesh.blendshapes[_GAZE].max()),
        }
        if parse:
            values |= shares(self.parser.parse([picture])[0], self.parser.labels, mesh.points)
        return Measures(values, mesh.points, self.embedder.embed([picture], [face_of(mesh.points)])[0])


def shares(labels: NDArray[np.uint8], names: tuple[str, ...], points: Floats) -> dict[str, float]:
    """Return the checks that need parsed labels: glasses, covered, hat and forehead.

    Args:
        labels: (H, W) indices into `names`.
        names: The parser's labels.
        points: (478, 3) in pixels of `labels`.

    Returns:
        Name -> value. A head without any hair has all forehead up to the picture's rim.
    """
    oval = np.zeros(labels.shape, np.uint8)
    cv2.fillConvexPoly(oval, cv2.convexHull(np.round(points[list(OVAL), :2]).astype(np.int32)), 1)
    inside = labels[oval > 0]
    wide = float(np.linalg.norm(points[_RIGHT, :2] - points[_LEFT, :2]))
    middle = float(points[[_LEFT, _RIGHT], 0].mean())
    brows = max(int(points[list(LEFT_BROW + RIGHT_BROW), 1].min()), 0)
    column = labels[: brows + 1, max(int(middle - 0.05 * wide), 0) : int(middle + 0.05 * wide)]
    hair = np.flatnonzero((column == names.index("hair")).mean(axis=1) > 0.5)
    return {
        "glasses": float((inside == names.index("glasses")).mean()),
        "covered": float(np.isin(inside, [names.index(name) for name in _OVER_FACE]).mean()),
        "hat": float((labels == names.index("hat")).mean()),
        "forehead": (brows - (int(hair[-1]) if len(hair) else -1)) / wide,
    }


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
        levels.append(float(np.quantile(grey[mask > 0], share)))
    return levels[0] / max(levels[1], 1.0)


def asymmetry(picture: Image, points: Floats) -> float:
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


def survey(
    latents: Floats, generator: MobileStyleGAN, meter: Meter, file: Path, parse: bool = False
) -> list[Measures | None]:
    """Measure every latent, on two threads.

    A file that holds the measures of other latents is measured anew and overwritten. Not noticed: changed networks or
    another `parse`.

    Args:
        latents: (n, 512).
        generator: Makes the pictures.
        meter: Measures them.
        file: Keeps the results, which are read from there the next time.
        parse: As for `Meter.measure`.

    Returns:
        The measures of each latent, None where no single clear face is seen.
    """
    names = FEATURES + CHECKS
    if file.exists():
        with np.load(file, allow_pickle=False) as archive:
            stored = {name: archive[name] for name in archive.files}
        if np.array_equal(stored["latents"], latents):
            return _rows(stored)
    with ThreadPoolExecutor(2) as pool:
        result = list(pool.map(lambda latent: meter.measure(generator.picture(latent), parse), latents))
    empty = Measures(dict.fromkeys(names, 0.0), np.zeros((478, 3), np.float32), np.zeros(512, np.float32))
    rows = [m or empty for m in result]
    np.savez(
        file,
        latents=latents,
        good=np.array([m is not None for m in result]),
        values=np.array([[m.values[name] for name in names] for m in rows], np.float32),
        mesh=np.stack([m.mesh for m in rows]),
        embedding=np.stack([m.embedding for m in rows]),
    )
    return result


def _rows(stored: dict[str, NDArray[Any]]) -> list[Measures | None]:
    names = FEATURES + CHECKS
    result: list[Measures | None] = []
    for good, values, mesh, embedding in zip(
        *(stored[k] for k in ("good", "values", "mesh", "embedding")), strict=True
    ):
        seen = Measures({name: float(v) for name, v in zip(names, values, strict=True)}, mesh, embedding)
        result.append(seen if good else None)
    return result
