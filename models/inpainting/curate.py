"""Builds the catalogue of synthetic identities: `python -m models.inpainting.curate WORK_FOLDER`.

Run once by the project; users get the result (`catalogue.npz`) and never need this. It samples the generator,
measures every face, learns linear directions in the latent space (yaw, pitch, mouth, smile, eyes, age, skin tone),
samples again steered towards the rarer cells, turns each face frontal and neutral, and keeps clean faces, evenly over
age group x gender x skin tone. Everything is seeded; WORK_FOLDER holds the measurements so that a stopped run resumes.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from models.attributes import skin
from models.attributes.age_gender import DlibAgeGender
from models.capabilities import Floats, Image
from models.detection.retinaface_mobilenet import RetinaFaceMobileNet
from models.embedding.facenet import FaceNet
from models.inpainting.catalogue import AGE_BOUNDS, TONE_BOUNDS, cell_of
from models.inpainting.mobilestylegan import DIMENSION, MobileStyleGAN
from models.landmarks import pose
from models.landmarks.mesh import MeshLandmarker
from models.landmarks.topology import LEFT_EYE, OVAL, RIGHT_EYE
from models.masks.bisenet import BiSeNet
from models.motion import geometry, raster, render

SEED = 777000
MEAN_SEED = 20261121
FIRST = 2400
SECOND = 1600
TRUNCATION = 0.8
SHORTLIST_PER_CELL = 36
PER_CELL = 32
CLEAR_GLASSES = 0.66
EVEN = 0.12
FEATURES = ("yaw", "pitch", "mouth", "smile", "eyes", "age", "female", "ita", "beard", "light")
REST_GAIN = 0.95
AT_REST = {"yaw": 0.0, "pitch": -4.0, "mouth": 0.0, "smile": 0.02, "eyes": 0.23, "light": 0.0}
LABELS_OVER_FACE = ("hair", "hat", "cloth")


@dataclass
class Measures:
    """What is measured of one picture; None of it when no single clear face is seen."""

    values: dict[str, float]
    glasses: float
    covered: float
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
        """Measure a (1024, 1024, 3) picture; parse: also look for glasses, hair and hats over the face."""
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
        glasses, covered = self._obstacles(picture, mesh.points) if parse else (0.0, 0.0)
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
        }
        return Measures(values, glasses, covered, mesh.points, self.embedder.embed([picture], faces[:1])[0])

    def _obstacles(self, picture: Image, points: Floats) -> tuple[float, float]:
        """(share of the face under glasses, share under hair, hat or cloth)."""
        labels = self.parser.parse([picture])[0]
        oval = np.zeros(labels.shape, np.uint8)
        cv2.fillConvexPoly(oval, cv2.convexHull(np.round(points[list(OVAL), :2]).astype(np.int32)), 1)
        inside = labels[oval > 0]
        names = self.parser.labels
        over = [names.index(name) for name in LABELS_OVER_FACE]
        return float((inside == names.index("glasses")).mean()), float(np.isin(inside, over).mean())


def directions(latents: Floats, values: Floats) -> Floats:
    """(F, 512): how the latent moves on average per unit of each feature, the others held still (least squares)."""
    design = np.concatenate([values, np.ones((len(values), 1))], axis=1)
    solved, *_ = np.linalg.lstsq(design, latents, rcond=None)
    return np.asarray(solved[:-1], dtype=np.float32)


def rest_edit(latent: Floats, seen: dict[str, float], moves: Floats) -> Floats:
    """The latent moved towards a frontal, neutral face."""
    result = latent.copy()
    for name, goal in AT_REST.items():
        result = result + REST_GAIN * (goal - seen[name]) * moves[FEATURES.index(name)]
    return result


def _survey(
    latents: Floats, generator: MobileStyleGAN, meter: Meter, file: Path, parse: bool = False
) -> list[Measures | None]:
    """Measure every latent, on two threads; results are kept in `file`."""
    if file.exists():
        with np.load(file, allow_pickle=False) as archive:
            stored = {name: archive[name] for name in archive.files}
        result: list[Measures | None] = []
        for i in range(len(latents)):
            if not stored["good"][i]:
                result.append(None)
                continue
            values = {name: float(v) for name, v in zip(FEATURES, stored["values"][i], strict=True)}
            result.append(
                Measures(
                    values,
                    float(stored["glasses"][i]),
                    float(stored["covered"][i]),
                    stored["mesh"][i],
                    stored["embedding"][i],
                )
            )
        return result
    with ThreadPoolExecutor(2) as pool:
        result = list(pool.map(lambda latent: meter.measure(generator.picture(latent), parse), latents))
    empty = Measures(dict.fromkeys(FEATURES, 0.0), 0.0, 0.0, np.zeros((478, 3), np.float32), np.zeros(512, np.float32))
    rows = [m or empty for m in result]
    np.savez(
        file,
        good=np.array([m is not None for m in result]),
        values=np.array([[m.values[name] for name in FEATURES] for m in rows], np.float32),
        glasses=np.array([m.glasses for m in rows], np.float32),
        covered=np.array([m.covered for m in rows], np.float32),
        mesh=np.stack([m.mesh for m in rows]),
        embedding=np.stack([m.embedding for m in rows]),
    )
    return result


def _draw(generator: MobileStyleGAN, mean: Floats, count: int, start: int) -> Floats:
    rows = []
    for i in range(start, start + count):
        noise = np.random.default_rng(SEED + i).standard_normal(DIMENSION).astype(np.float32)
        rows.append(mean + TRUNCATION * (generator.latent(noise) - mean))
    return np.stack(rows).astype(np.float32)


def _shortlist(latents: Floats, found: list[Measures | None]) -> list[int]:
    """Promising faces, at most SHORTLIST_PER_CELL of each cell, the most frontal first."""
    groups: dict[tuple[int, int, int], list[tuple[float, int]]] = {}
    for index, seen in enumerate(found):
        if seen is None:
            continue
        v = seen.values
        if 0.35 < v["female"] < 0.65 or abs(v["yaw"]) > 18 or not np.isfinite(v["ita"]):
            continue
        cell = cell_of(v["age"], v["female"], v["ita"])
        cost = abs(v["yaw"]) / 10 + v["mouth"] * 6 + v["smile"]
        groups.setdefault(cell, []).append((cost, index))
    chosen = []
    for members in groups.values():
        chosen += [index for _, index in sorted(members)[:SHORTLIST_PER_CELL]]
    return sorted(chosen)


def main(folder: Path) -> None:
    """Build the catalogue; prints its coverage."""
    folder.mkdir(parents=True, exist_ok=True)
    generator, meter = MobileStyleGAN(), Meter()
    rng = np.random.default_rng(MEAN_SEED)
    mean = np.mean(
        [generator.latent(rng.standard_normal(DIMENSION).astype(np.float32)) for _ in range(4096)], axis=0
    ).astype(np.float32)

    first = _draw(generator, mean, FIRST, 0)
    seen_first = _survey(first, generator, meter, folder / "first.npz")
    good = [i for i, m in enumerate(seen_first) if m is not None and np.isfinite(m.values["ita"])]
    table = np.array([[_measures(seen_first[i]).values[name] for name in FEATURES] for i in good])
    moves = directions(first[good], table)

    # Steered: every face of the second round is pushed towards a random age and skin tone.
    second = _draw(generator, mean, SECOND, FIRST)
    rng = np.random.default_rng(SEED + 1)
    age_pull = rng.uniform(-12, 30, SECOND)[:, None] * moves[FEATURES.index("age")]
    tone_pull = rng.uniform(-75, 5, SECOND)[:, None] * moves[FEATURES.index("ita")]
    second = (second + age_pull + tone_pull).astype(np.float32)
    seen_second = _survey(second, generator, meter, folder / "second.npz")

    latents, found = np.concatenate([first, second]), seen_first + seen_second
    chosen = _shortlist(latents, found)
    print(f"measured {len(found)}, shortlisted {len(chosen)}")
    edited = np.stack([rest_edit(latents[i], _measures(found[i]).values, moves) for i in chosen]).astype(np.float32)
    seen = _survey(edited, generator, meter, folder / "rest.npz", parse=True)
    _keep(edited, seen, generator, Path(__file__).with_name("catalogue.npz"))


def _measures(seen: Measures | None) -> Measures:
    if seen is None:
        raise ValueError("This candidate was not measured.")
    return seen


def _flaws(seen: Measures) -> float:
    v = seen.values
    return seen.covered + abs(v["yaw"]) / 60 + v["mouth"] + abs(v["light"])


def _clean(seen: Measures | None) -> bool:
    if seen is None or not np.isfinite(seen.values["ita"]):
        return False
    v = seen.values
    still = (
        abs(v["yaw"]) < 6
        and abs(v["light"]) < 0.12
        and v["mouth"] < 0.06
        and v["smile"] < 0.35
        and 0.15 < v["eyes"] < 0.33
    )
    return still and abs(v["pitch"] - AT_REST["pitch"]) < 11 and seen.covered < 0.015 and abs(v["female"] - 0.5) > 0.3


def eye_light(picture: Image, points: Floats) -> float:
    """Brightness of the whites of the eyes beside the cheeks: under about two thirds behind dark glasses."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    levels = []
    for polygons, share in (((LEFT_EYE, RIGHT_EYE), 0.9), (skin.CHEEKS, 0.5)):
        mask = np.zeros(grey.shape, np.uint8)
        for polygon in polygons:
            cv2.fillConvexPoly(mask, cv2.convexHull(points[list(polygon), :2].astype(np.int32)), 1)
        levels.append(float(np.quantile(grey[mask > 0], share)))
    return levels[0] / max(levels[1], 1.0)


def asymmetry(picture: Image, points: Floats) -> float:
    """How far the two halves of the face differ, relative to its brightness: small for an even, open face, large when
    a hand, hair or a hard shadow lies over one side."""
    side = 96
    place = (pose.mean_face() * 0.42 * side + np.array([side / 2, side / 2 + 2, 0])).astype(np.float32)
    region = raster.Region(0, 0, side, side)
    field = raster.warp_field(place, place, points, region, cells=side)
    flat = render.sample(render.pyramid(picture), field.twin, float(np.ptp(points[:468, 0])) / (0.84 * side))
    grey = cv2.GaussianBlur(cv2.cvtColor(flat, cv2.COLOR_BGR2GRAY).astype(np.float32), (0, 0), 2.0)
    both = field.face & field.face[:, ::-1]
    return float(np.abs(grey - grey[:, ::-1])[both].mean() / max(float(grey[both].mean()), 1.0))


def _keep(latents: Floats, seen: list[Measures | None], generator: MobileStyleGAN, file: Path) -> None:
    """Choose per cell, no two alike, and write the catalogue."""
    order = [i for i, m in enumerate(seen) if _clean(m)]
    order.sort(key=lambda i: _flaws(_measures(seen[i])))
    kept: list[int] = []
    count: dict[tuple[int, int, int, bool], int] = {}
    for index in order:
        m = _measures(seen[index])
        if 0.003 < m.glasses < 0.04:
            continue
        cell = (*cell_of(m.values["age"], m.values["female"], m.values["ita"]), m.glasses >= 0.04)
        limit = PER_CELL if not cell[3] else PER_CELL // 2
        if count.get(cell, 0) >= limit:
            continue
        if kept and max(float(m.embedding @ _measures(seen[k]).embedding) for k in kept) > 0.75:
            continue
        picture = generator.picture(latents[index])
        if asymmetry(picture, m.mesh) > EVEN or (cell[3] and eye_light(picture, m.mesh) < CLEAR_GLASSES):
            continue
        kept.append(index)
        count[cell] = count.get(cell, 0) + 1
    rows = [_measures(seen[i]) for i in kept]
    np.savez_compressed(
        file,
        latent=latents[kept].astype(np.float16),
        values=np.array([[m.values[name] for name in FEATURES] for m in rows], np.float32),
        glasses=np.array([m.glasses >= 0.04 for m in rows]),
        mesh=np.round(np.stack([m.mesh for m in rows]) * 16).astype(np.int16),
        embedding=np.stack([m.embedding for m in rows]).astype(np.float16),
        features=np.array(FEATURES),
        embedder=np.array(FaceNet.name),
    )
    print(f"kept {len(kept)} of {len(order)} clean faces; {file.stat().st_size / 1e6:.1f} MB")
    print("age bounds", AGE_BOUNDS, "tone bounds", TONE_BOUNDS)
    for key in sorted(count):
        print(key, count[key])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
