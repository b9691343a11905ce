"""Measures every embedder on labelled faces and writes models/embedding/calibration.json.

Usage: python bench/calibrate.py [--check]   (ANONFLOW_SHARED names the folder with the test stills and clips)

Faces are framed as the product frames them, by the mesh. People were labelled by eye. Every pair of people counts the
same, however many pictures they have, and so does every person in the genuine pairs. Mirrored copies are used for
genuine pairs only. With --check nothing is written.
An embedder whose weights are not in place keeps what the file says of it, and so do the published thresholds.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from infra.errors import WeightsError  # noqa: E402
from models.embedding.calibration import FILE  # noqa: E402
from models.embedding.vectors import distances  # noqa: E402
from models.interfaces.capabilities import Face, Image  # noqa: E402
from models.selection import profiles  # noqa: E402
from models.weights import weight_files  # noqa: E402
from tasks.analysis.framing import framed, mirrored  # noqa: E402

MIN_SIDE = 32.0
PER_PERSON = 6
LONGEST = 1600


@dataclass(frozen=True)
class Span:
    """Frames first..last of a clip in which the face whose centre lies in columns left..right is `person`."""

    clip: str
    person: str
    first: int
    last: int
    left: int = 0
    right: int = 1 << 20


SPANS = (
    Span("grid_pwij3p.mpg", "grid man", 0, 74),
    Span("grid_id2_swwp2s.mpg", "grid man", 0, 74),
    Span("intel_two_faces.gif", "intel woman", 0, 55, 0, 200),
    Span("intel_two_faces.gif", "intel man", 0, 55, 200, 480),
    Span("latentsync_demo2.mp4", "latentsync man", 0, 500),
    Span("nim_eyecontact_woman_720p.mp4", "nim woman", 0, 239),
    Span("pyfeat_face_noface.mov", "pyfeat man", 0, 60),
    Span("googlework_short.mp4", "google man 1", 630, 700, 200, 270),
    Span("googlework_short.mp4", "google man 1", 780, 815, 200, 270),
    Span("googlework_short.mp4", "google man 2", 840, 935, 60, 150),
)
NAMED_STILLS = {"A": "still A", "B": "still B", "C": "still C"}
DEMO = "demo man"


@dataclass(frozen=True)
class Sample:
    """One labelled face. source: the picture or clip it comes from; real: not a generated person."""

    person: str
    source: str
    real: bool
    frame: Image
    face: Face


def from_stills(folder: Path, detector: Any) -> Iterator[Sample]:
    """Faces of the stills: named people by file name, everybody else one person per face."""
    for kind in ("people", "synthetic"):
        for path in sorted((folder / kind).glob("*.jpg")):
            image = cv2.imread(str(path))
            scale = LONGEST / max(image.shape[:2])
            if scale < 1:
                image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            faces = [face for face in detector.detect([image])[0] if face.size >= MIN_SIDE]
            label = path.stem.split("_")[-1]
            if kind == "synthetic" or label in NAMED_STILLS:
                person = NAMED_STILLS.get(label, f"synthetic {path.stem}")
                yield Sample(person, path.name, kind == "people", image, max(faces, key=lambda face: face.size))
                continue
            for index, face in enumerate(faces):
                yield Sample(f"{path.stem} #{index}", path.name, True, image, face)


def from_clip(path: Path, spans: list[Span], detector: Any) -> Iterator[Sample]:
    """At most PER_PERSON evenly spaced faces of each person of a clip."""
    wanted: dict[int, list[Span]] = {}
    for span in spans:
        for index in np.linspace(span.first, span.last, PER_PERSON // 2 + 1).round().astype(int):
            wanted.setdefault(int(index), []).append(span)
    capture = cv2.VideoCapture(str(path))
    index = 0
    while wanted and index <= max(wanted):
        good, image = capture.read()
        if not good:
            break
        for span in wanted.get(index, []):
            faces = [
                face
                for face in detector.detect([image])[0]
                if face.size >= MIN_SIDE and span.left <= float(face.box[[0, 2]].mean()) < span.right
            ]
            if faces:
                yield Sample(span.person, path.name, True, image, max(faces, key=lambda face: face.size))
        index += 1
    capture.release()


def collect(shared: Path) -> list[Sample]:
    """All labelled faces. Raises SystemExit when the shared folder is not there."""
    if not (shared / "stills").is_dir() or not (shared / "clips").is_dir():
        raise SystemExit(f"no stills and clips in {shared}; set ANONFLOW_SHARED")
    detector = profiles.load("detector", "retinaface-mobilenet", min_score=0.8)
    samples = list(from_stills(shared / "stills", detector))
    for clip in sorted({span.clip for span in SPANS}):
        spans = [span for span in SPANS if span.clip == clip]
        samples += from_clip(shared / "clips" / clip, spans, detector)
    demo = weight_files.path("demo-clip")
    samples += list(from_clip(demo, [Span(demo.name, DEMO, 0, 170)], detector))
    landmarker = profiles.load("landmarker", "mesh")
    # As in the product: where no mesh can be read, the detector's own box and points serve.
    return [replace(s, face=framed(s.frame, s.face, landmarker) or s.face) for s in samples]


def impostors(samples: list[Sample], table: NDArray[np.float32], keep: Any) -> tuple[Any, Any, int]:
    """Distances and weights of all pairs of different people that `keep` accepts, one vote per pair of people."""
    people = sorted({sample.person for sample in samples})
    rows = {person: [i for i, sample in enumerate(samples) if sample.person == person] for person in people}
    real = {sample.person: sample.real for sample in samples}
    values, votes, pairs = [], [], 0
    for first, a in enumerate(people):
        for b in people[first + 1 :]:
            if keep(real[a], real[b]):
                block = table[np.ix_(rows[a], rows[b])].ravel()
                values.append(block)
                votes.append(np.full(block.size, 1 / block.size))
                pairs += 1
    return np.concatenate(values), np.concatenate(votes), pairs


def genuine(samples: list[Sample], table: NDArray[np.float32], mirror: NDArray[np.float32], across: bool) -> Any:
    """Distances and weights of pairs of different pictures of one person, one vote per person.

    across: only pairs from different files, which are the hard ones.
    """
    values: list[float] = []
    votes: list[float] = []
    for person in sorted({sample.person for sample in samples}):
        rows = [i for i, sample in enumerate(samples) if sample.person == person]
        pairs = [
            (i, j)
            for n, i in enumerate(rows)
            for j in rows[n + 1 :]
            if not across or samples[i].source != samples[j].source
        ]
        found = [float(t[i, j]) for i, j in pairs for t in (table, mirror)]
        values += found
        votes += [1 / max(len(found), 1)] * len(found)
    return np.array(values), np.array(votes)


def quantile(values: Any, votes: Any, share: float) -> float:
    """The largest value such that at most `share` of the votes lie strictly under it."""
    order = np.argsort(values)
    below = np.cumsum(votes[order]) / votes.sum()
    return float(values[order][min(int(np.searchsorted(below, share)), len(order) - 1)])


def share_above(values: Any, votes: Any, threshold: float) -> float:
    """The share of the votes at or above a distance."""
    return float(votes[values >= threshold].sum() / votes.sum())


def equal_error(good: tuple[Any, Any], bad: tuple[Any, Any]) -> tuple[float, float]:
    """Return (rate, distance) where false accepts and false rejects are nearest to each other."""
    steps = np.unique(np.concatenate([good[0], bad[0]]))
    rejects = np.array([share_above(*good, step) for step in steps])
    accepts = np.array([1 - share_above(*bad, step) for step in steps])
    best = int(np.argmin(np.abs(rejects - accepts)))
    return float((rejects[best] + accepts[best]) / 2), float(steps[best])


def measure(name: str, samples: list[Sample]) -> dict[str, Any]:
    """All figures of one embedder."""
    embedder = profiles.load("embedder", name)
    vectors = embedder.embed([s.frame for s in samples], [s.face for s in samples])
    turned = [mirrored(sample.frame, sample.face) for sample in samples]
    flipped = embedder.embed([frame for frame, _ in turned], [face for _, face in turned])
    table, mirror = distances(vectors, vectors), distances(vectors, flipped)
    sets = {
        "real": lambda a, b: a and b,
        "synthetic": lambda a, b: not a and not b,
        "real to synthetic": lambda a, b: a != b,
    }
    every = genuine(samples, table, mirror, across=False)
    across = genuine(samples, table, mirror, across=True)
    strangers = {key: impostors(samples, table, keep) for key, keep in sets.items()}
    far = {
        share: {key: quantile(values, votes, share) for key, (values, votes, _) in strangers.items()}
        for share in (0.01, 0.001)
    }
    one, tenth = max(far[0.01].values()), max(far[0.001].values())
    rate, where = equal_error(every, strangers["real"][:2])
    entry = {
        "digest": profiles.digest("embedder", name),
        "far_1": one,
        "frr_1": share_above(*every, one),
        "frr_1_across_files": share_above(*across, one),
        "far_01": tenth,
        "frr_01": share_above(*every, tenth),
        "frr_01_across_files": share_above(*across, tenth),
        "eer": rate,
        "eer_distance": where,
        "far_1_by_set": far[0.01],
        "far_01_by_set": far[0.001],
        "nearest_strangers": {key: float(values.min()) for key, (values, _, _) in strangers.items()},
        "genuine_median": quantile(*every, 0.5),
        "genuine_largest": float(every[0].max()),
    }
    return {key: round(value, 4) if isinstance(value, float) else _rounded(value) for key, value in entry.items()}


def _rounded(value: Any) -> Any:
    return {key: round(number, 4) for key, number in value.items()} if isinstance(value, dict) else value


def measure_all(samples: list[Sample], before: dict[str, Any]) -> dict[str, Any]:
    """All figures of every embedder, those of `before` where the weights are not in place."""
    found: dict[str, Any] = {}
    for name in profiles.BACKENDS["embedder"]:
        try:
            found[name] = measure(name, samples)
        except WeightsError as error:
            print(f"{name} is not measured: {error}", file=sys.stderr)
            if name in before:
                found[name] = before[name]
    return found


def counts(samples: list[Sample]) -> dict[str, int]:
    """How many people, pictures and pairs stand behind the figures."""
    blank = np.zeros((len(samples), len(samples)), np.float32)
    several = {p for p in {s.person for s in samples} if sum(s.person == p for s in samples) > 1}
    real, made = (len({s.person for s in samples if s.real == kind}) for kind in (True, False))
    return {
        "people_real": real,
        "people_synthetic": made,
        "people_with_several_pictures": len(several),
        "faces": len(samples),
        "genuine_pairs_with_mirrored": len(genuine(samples, blank, blank, across=False)[0]),
        "genuine_pairs_across_files_with_mirrored": len(genuine(samples, blank, blank, across=True)[0]),
        "pairs_of_real_people": impostors(samples, blank, lambda a, b: a and b)[2],
        "pairs_of_synthetic_people": impostors(samples, blank, lambda a, b: not a and not b)[2],
        "pairs_real_to_synthetic": impostors(samples, blank, lambda a, b: a != b)[2],
        "impostor_pictures_real": len(impostors(samples, blank, lambda a, b: a and b)[0]),
    }


def main() -> None:
    """Measure, print, and write unless --check is given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="print, write nothing")
    arguments = parser.parse_args()
    shared = Path(os.environ.get("ANONFLOW_SHARED", str(ROOT.parent / "shared")))
    samples = collect(shared)
    before = json.loads(FILE.read_text(encoding="utf-8"))
    report = {
        "made_by": "bench/calibrate.py",
        "counts": counts(samples),
        "embedders": measure_all(samples, before["embedders"]),
        "published": before["published"],
    }
    text = json.dumps(report, indent=2) + "\n"
    print(text)
    if not arguments.check:
        FILE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
