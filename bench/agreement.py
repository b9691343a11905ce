"""How far a result agrees with its source in everything but the person, over all frames of both.

Usage: python bench/agreement.py SOURCE RESULT [--json FILE]

Time, sound, motion and background should agree; the faces should not. Faces of the two videos are matched by place,
so several people work. Distances are cosine distances of each face of the result to all sampled faces of the source,
whoever they belong to. A face that the result hides under one flat colour is counted as redacted and not compared.
Not measured: looks. A person must still watch the result.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from infra.errors import AnonflowError, ToolError  # noqa: E402
from infra.media import child, commands  # noqa: E402
from infra.media.decode import open_frames  # noqa: E402
from infra.media.frame import YuvFrame  # noqa: E402
from infra.media.limits import ChildLimits, MediaLimits  # noqa: E402
from infra.media.probe import VideoInfo, probe_video  # noqa: E402
from models import profiles  # noqa: E402
from models.capabilities import Face, Floats, Image, Mesh  # noqa: E402
from models.embedding.calibration import calibration  # noqa: E402
from models.landmarks import pose  # noqa: E402
from models.motion import geometry  # noqa: E402
from tasks.tracking import overlap  # noqa: E402

EMBEDDERS = ("dlib-resnet", "sface", "facenet")
FIRST, SECOND = "retinaface-mobilenet", "yunet"
AGREE = 0.1
"""Points of the second detector count as well placed within this share of the face's size from the first one's."""
AXES = ("pitch", "yaw", "roll")
SAMPLED = 24
LEAST_SCORE = 0.7
FLAT = 4.0
"""Spread of brightness, in grey levels, under which a face's place counts as filled with one colour."""
HEAD = 0.9
"""The head region is the face's box with this share of its size on each side."""
ALIGNED = 96


@dataclass
class Person:
    """One face followed by its place through the source: its last box and frame, and the measurements of each frame.

    rows: per frame the source's and the result's value of each figure, (2, k).
    """

    box: Floats
    frame: int
    rows: list[NDArray[np.float64]] = field(default_factory=list)
    last_pair: tuple[Image, Image] | None = None


@dataclass
class Tally:
    """Sums over the whole video."""

    distances: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in EMBEDDERS})
    faces: int = 0
    lost: int = 0
    lost_by_both: int = 0
    badly_framed: int = 0
    redacted: int = 0
    without_mesh: int = 0
    outside: list[float] = field(default_factory=list)
    changed: list[float] = field(default_factory=list)
    unrest: list[tuple[float, float]] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)


def times(source: VideoInfo, result: VideoInfo) -> dict[str, Any]:
    """Frames of the source whose time the result lacks, and the reverse; times relative to the first frame, exact."""
    ours, theirs = ([Fraction(int(p - i.pts[0])) * i.time_base for p in i.pts] for i in (source, result))
    return {
        "frames": source.frame_count,
        "frames_dropped": len(set(ours) - set(theirs)),
        "frames_added": len(theirs) - len(set(ours) & set(theirs)),
        "times_equal": ours == theirs,
        "size_equal": (source.width, source.height) == (result.width, result.height),
    }


def sound(source: Path, result: Path, infos: tuple[VideoInfo, VideoInfo]) -> str:
    """How the sound compares: no sound, packets identical, samples identical, or different."""
    if not infos[0].audio and not infos[1].audio:
        return "no sound"
    if len(infos[0].audio) != len(infos[1].audio):
        return "different number of streams"
    for decoded, answer in ((False, "packets identical"), (True, "samples identical")):
        hashes = [_hashes(path, info, decoded) for path, info in zip((source, result), infos, strict=True)]
        if hashes[0] == hashes[1]:
            return answer
    return "different"


def _hashes(path: Path, info: VideoInfo, decoded: bool) -> list[str]:
    arguments = commands.audio_hashes(path, info.audio, MediaLimits().max_pixels, decoded)
    found = child.run("ffmpeg", arguments, ChildLimits())
    if found.status != 0:
        raise ToolError(f"The sound could not be hashed (ffmpeg ended with status {found.status}).")
    return [line.rsplit("=", 1)[-1] for line in sorted(found.output.decode("ascii").split())]


def best_match(faces: Sequence[Face], box: Floats, least: float = 0.25) -> Face | None:
    """The face that overlaps a (4,) box most, None when none does by at least `least` (IoU)."""
    best = max(faces, key=lambda face: overlap(face.box, box), default=None)
    return best if best is not None and overlap(best.box, box) > least else None


def framings(first: Face | None, second: Face | None) -> list[Face]:
    """How to frame one face for an embedder: by both detectors, the second only where its points are well placed.

    Its points stay upright on a head that is tilted far; cut by them all people look alike to an embedder.
    """
    if first is None or second is None:
        return [face for face in (first, second) if face is not None]
    apart = float(np.abs(first.points - second.points).max())
    return [first, second] if apart < AGREE * first.size else [first]


def references(path: Path, info: VideoInfo) -> dict[str, Floats]:
    """(n, D) embeddings per embedder of the faces on evenly spread frames of the source, framed by both detectors."""
    wanted = set(np.linspace(0, info.frame_count - 1, min(SAMPLED, info.frame_count)).round().astype(int).tolist())
    vectors: dict[str, list[Floats]] = {name: [] for name in EMBEDDERS}
    with open_frames(path, info) as frames:
        for frame in frames:
            if frame.index not in wanted:
                continue
            image = frame.to_bgr()
            first, second = (profiles.load("detector", name).detect([image])[0] for name in (FIRST, SECOND))
            sure = [face for face in first if face.score >= LEAST_SCORE]
            views = [view for face in sure for view in framings(face, best_match(second, face.box))]
            for name in EMBEDDERS:
                vectors[name].append(profiles.load("embedder", name).embed([image] * len(views), views))
    return {name: np.concatenate(parts) for name, parts in vectors.items()}


def figures(mesh: Mesh, width: int, height: int) -> NDArray[np.float64]:
    """(10,): mouth opening, eye opening, gaze x and y, six-point pitch yaw roll, similarity pitch yaw roll (degrees).

    Gaze is the place of the iris between the corners of its eye, the mean of both eyes, relative to the eye's width.
    """
    points = mesh.points
    eyes = []
    for iris, left, right in ((468, 33, 133), (473, 362, 263)):
        across = points[right, :2] - points[left, :2]
        offset = points[iris, :2] - (points[left, :2] + points[right, :2]) / 2
        upright = np.array([-across[1], across[0]])
        eyes.append([float(offset @ side) / max(float(across @ across), 1e-6) for side in (across, upright)])
    turned = geometry.align_stable(points, pose.mean_face()).rotation
    steady = [np.arctan2(-turned[1, 2], turned[2, 2]), np.arcsin(-turned[0, 2]), np.arctan2(turned[1, 0], turned[0, 0])]
    openings = [geometry.mouth_gap(points), float(geometry.lid_gaps(points).mean())]
    return np.array([*openings, *np.mean(eyes, axis=0), *pose.angles(points, width, height), *np.degrees(steady)])


def follow(people: list[Person], box: Floats, frame: int) -> Person:
    """The person last seen about here within the last ten frames, or a new one."""
    near = [p for p in people if frame - 10 <= p.frame < frame and overlap(p.box, box) > 0.3]
    person = max(near, key=lambda p: overlap(p.box, box), default=None)
    if person is None:
        person = Person(box, frame)
        people.append(person)
    person.box, person.frame = box, frame
    return person


def compare_frame(source: YuvFrame, result: YuvFrame, known: dict[str, Floats], tally: Tally) -> None:
    """Add one pair of frames to the tally."""
    before, after = source.to_bgr(), result.to_bgr()
    found = {name: profiles.load("detector", name).detect([before, after]) for name in (FIRST, SECOND)}
    outside = np.ones(before.shape[:2], dtype=bool)
    for face in (face for pair in found.values() for side in pair for face in side if face.score >= 0.3):
        _head(outside, face.box)
    for face in (f for f in found[FIRST][0] if f.score >= LEAST_SCORE):
        compare_face(face, (before, after), {name: pair[1] for name, pair in found.items()}, known, tally, source.index)
    if outside.any():
        difference = cv2.absdiff(source.planes[0], result.planes[0])[outside]
        tally.outside.append(float(difference.mean()))
        tally.changed.append(float((difference > 8).mean()))


def _head(outside: NDArray[np.bool_], box: Floats) -> None:
    side = HEAD * (box[2:] - box[:2])
    low = np.maximum(np.floor(box[:2] - side), 0).astype(int)
    high = np.maximum(np.ceil(box[2:] + side), 0).astype(int)
    outside[low[1] : high[1], low[0] : high[0]] = False


def compare_face(
    face: Face,
    images: tuple[Image, Image],
    after: dict[str, list[Face]],
    known: dict[str, Floats],
    tally: Tally,
    frame: int,
) -> None:
    """Add one face of the source and what stands in its place to the tally. after: the result's faces by detector."""
    tally.faces += 1
    x0, y0, x1, y1 = np.maximum(np.round(face.box), 0).astype(int)
    inner = images[1][y0:y1, x0:x1]
    if inner.size and float(inner.reshape(-1, 3).std(axis=0).max()) < FLAT:
        tally.redacted += 1
        return
    first, second = (best_match(after[name], face.box) for name in (FIRST, SECOND))
    views = framings(first, second) or [face]
    tally.lost += second is None
    tally.lost_by_both += first is None and second is None
    tally.badly_framed += first is not None and second is not None and len(views) == 1
    for name in EMBEDDERS:
        vectors = profiles.load("embedder", name).embed([images[1]] * len(views), views)
        if len(known[name]):
            tally.distances[name].append(float((1.0 - vectors @ known[name].T).min()))
    meshes = profiles.load("landmarker", "mesh").locate(list(images), [face, views[0]])
    if min(mesh.presence for mesh in meshes) < 0.5:
        tally.without_mesh += 1
        return
    person = follow(tally.people, face.box, frame)
    height, width = images[0].shape[:2]
    person.rows.append(np.stack([figures(mesh, width, height) for mesh in meshes]))
    # Both videos are aligned by the source's mesh, so that the mesh's own jitter is the same in both.
    centre, span = meshes[0].points[:468, :2].mean(axis=0), float(np.ptp(meshes[0].points[:468, 1]))
    scale = ALIGNED / max(span, 1.0)
    move = np.array([[scale, 0, ALIGNED / 2 - scale * centre[0]], [0, scale, ALIGNED / 2 - scale * centre[1]]])
    pair = [cv2.warpAffine(image, move, (ALIGNED, ALIGNED), flags=cv2.INTER_AREA) for image in images]
    if person.last_pair is not None:
        before, now = (cv2.absdiff(new, old).mean() for new, old in zip(pair, person.last_pair, strict=True))
        tally.unrest.append((float(before), float(now)))
    person.last_pair = (pair[0], pair[1])


def correlation(pairs: Iterator[NDArray[np.float64]]) -> float:
    """Pearson correlation over (n, 2) series whose own means are taken out first; NaN when nothing moves."""
    parts = [pair - pair.mean(axis=0) for pair in pairs if len(pair) >= 5]
    if not parts:
        return float("nan")
    a, b = np.concatenate(parts).T
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 1e-12 else float("nan")


def summary(tally: Tally) -> dict[str, Any]:
    """All figures of the tally by name."""
    report: dict[str, Any] = {"faces": tally.faces, "lost_by_second_detector": tally.lost}
    report |= {"lost_by_both_detectors": tally.lost_by_both, "redacted": tally.redacted}
    report |= {"second_detector_points_misplaced": tally.badly_framed, "without_mesh": tally.without_mesh}
    for name, values in tally.distances.items():
        limit = calibration(name).far_1
        report[name] = {
            "smallest": min(values, default=float("nan")),
            "mean": float(np.mean(values)) if values else float("nan"),
            "threshold": limit,
            "at_or_below_threshold": sum(not value > limit for value in values),
        }
    tables = [np.stack(person.rows) for person in tally.people if person.rows]
    for column, name in enumerate(("mouth", "eyes", "gaze_x", "gaze_y")):
        report[f"{name}_correlation"] = correlation(table[:, :, column] for table in tables)
        # Where the source hardly moves, a correlation is one of noise; its movement tells.
        moved = [table[:, 0, column] - table[:, 0, column].mean() for table in tables]
        report[f"{name}_movement"] = float(np.concatenate(moved).std()) if moved else float("nan")
        errors = [table[:, 1, column] - table[:, 0, column] for table in tables]
        report[f"{name}_error_about_median"] = _mean_size([error - np.median(error) for error in errors])
    for kind, begin in (("six_point", 4), ("similarity", 7)):
        for axis, name in enumerate(AXES):
            errors = [table[:, 1, begin + axis] - table[:, 0, begin + axis] for table in tables]
            errors = [(error + 180.0) % 360.0 - 180.0 for error in errors]
            motion = [error - np.nanmedian(error) for error in errors]
            report[f"{kind}_{name}_error_degrees"] = _mean_size(errors)
            report[f"{kind}_{name}_error_degrees_about_median"] = _mean_size(motion)
    report["outside_head_mean_difference"] = float(np.mean(tally.outside)) if tally.outside else float("nan")
    report["outside_head_share_over_8"] = float(np.mean(tally.changed)) if tally.changed else float("nan")
    before, now = np.sum(tally.unrest, axis=0) if tally.unrest else (0.0, float("nan"))
    report["flicker_result_over_source"] = float(now / before) if before else float("nan")
    return report


def _mean_size(errors: Sequence[NDArray[np.float64]]) -> float:
    return float(np.nanmean(np.abs(np.concatenate(errors)))) if errors else float("nan")


def compare(source: Path, result: Path) -> dict[str, Any]:
    """All figures for a source and its result. Raises MediaError or ToolError when one of them cannot be read."""
    infos = probe_video(source), probe_video(result)
    report = times(*infos) | {"sound": sound(source, result, infos)}
    if not report["times_equal"] or not report["size_equal"]:
        return report
    known = references(source, infos[0])
    tally = Tally()
    with open_frames(source, infos[0]) as ours, open_frames(result, infos[1]) as theirs:
        for before, after in zip(ours, theirs, strict=True):
            compare_frame(before, after, known, tally)
    return report | summary(tally)


def table(report: dict[str, Any]) -> str:
    """The report as lines of name and value."""
    lines = []
    for name, value in report.items():
        if isinstance(value, dict):
            value = "  ".join(f"{key} {_number(entry)}" for key, entry in value.items())
        lines.append(f"{name:<46}{_number(value)}")
    return "\n".join(lines)


def _number(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def main() -> int:
    """Compare, print, and write the JSON file when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    arguments = parser.parse_args()
    try:
        report = compare(arguments.source, arguments.result)
    except AnonflowError as error:
        print(error, file=sys.stderr)
        return 1
    print(table(report))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
