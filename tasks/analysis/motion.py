"""The driving motion of every track: steadied meshes, poses, neutral shape, and what the motion model reads from the
frames. Does not depend on any twin, so that another twin costs none of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from infra.media.turn import OpenFrames
from infra.process.parallel import ahead, batches
from models.interfaces.capabilities import Floats
from models.interfaces.twins import DrivingMotion, MotionModel
from models.landmarks import pose
from models.motion.mesh import geometry, occlusion, rows
from tasks.analysis.frame_source import FrameSource
from tasks.analysis.identities import Identities
from tasks.analysis.settings import MotionLimits
from tasks.records import Track, Tracks
from tasks.stage import Work, stage

VERSION = 3

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class DrivingMotions:
    """One driving motion per track, in the order of the tracks."""

    drivings: tuple[DrivingMotion, ...]


@stage("extract motion", "motion", VERSION, "3.5 (6)", ("motion",))
def extract_motion(work: Work, video: FrameSource, tracks: Tracks, people: Identities) -> DrivingMotions:
    """Build the driving motion of every track, see `run`.

    Args:
        work: Loads the motion model.
        video: The input.
        tracks: Its tracks.
        people: Its identities.

    Returns:
        One driving motion per track.
    """
    return run(tracks, people, video.limits, video.open, work.load("motion"), work.advance)


def run(
    tracks: Tracks,
    identities: Identities,
    limits: MotionLimits | None = None,
    frames: OpenFrames | None = None,
    motion: MotionModel | None = None,
    progress: Callable[[int], None] | None = None,
) -> DrivingMotions:
    """Build the driving motion of each track; the neutral shape is shared by all tracks of an identity.

    Args:
        tracks: The tracks.
        identities: Whose tracks they are.
        limits: When a face may be replaced, the usual limits when None.
        frames: Opens the decoded frames; may be left out for models that need nothing but meshes.
        motion: Reads its templates from the frames; may be left out for models that need nothing but meshes.
        progress: Called with the number of frames read.

    Returns:
        One driving motion per track.
    """
    limits = limits or MotionLimits()
    rests = {identity.index: _rest(tracks, identity.tracks, limits) for identity in identities.identities}
    result = []
    for track in tracks.tracks:
        meshes, usable = steadied(track, limits)
        owner = [i for i in identities.identities if track.index in i.tracks]
        rest = rests[owner[0].index] if owner else pose.mean_face()
        result.append(rows.of_meshes(meshes, usable, track.presence, rest, track.first))
    if frames is None or motion is None or motion.columns == 0:
        return DrivingMotions(tuple(result))
    return DrivingMotions(tuple(_observed(frames, result, motion, progress)))


def _observed(
    frames: OpenFrames, drivings: Sequence[DrivingMotion], motion: MotionModel, progress: Callable[[int], None] | None
) -> list[DrivingMotion]:
    """The drivings with what the model reads from every usable row, NaN elsewhere, and how hidden the face is there."""
    tables = [np.full((len(d.usable), motion.columns), np.nan, np.float32) for d in drivings]
    looks = [np.zeros((len(d.usable), 468, 3), np.uint8) for d in drivings]
    done = 0
    with frames() as stream, contextlib.closing(ahead(batches(stream, motion.batch))) as ready:
        for some in ready:
            wanted = [(frame, index, row) for frame in some for index, row in _rows(drivings, frame.index)]
            pictures = {frame.index: frame.to_bgr() for frame, _, _ in wanted}
            if wanted:
                read = motion.observe(
                    [pictures[frame.index] for frame, _, _ in wanted],
                    [drivings[index] for _, index, _ in wanted],
                    [row for _, _, row in wanted],
                )
                for (frame, index, row), values in zip(wanted, read, strict=True):
                    tables[index][row] = values
                    looks[index][row] = occlusion.look(pictures[frame.index], drivings[index].meshes[row])
            done += len(some)
            if progress is not None:
                progress(done)
    return [
        replace(driving, template=table, hidden=occlusion.share(look, driving.usable))
        for driving, table, look in zip(drivings, tables, looks, strict=True)
    ]


def _rows(drivings: Sequence[DrivingMotion], frame: int) -> Iterator[tuple[int, int]]:
    """(index of the driving, row) for each that has a usable row on a frame."""
    for index, driving in enumerate(drivings):
        row = frame - driving.first
        if 0 <= row < len(driving.usable) and driving.usable[row]:
            yield index, row


def steadied(track: Track, limits: MotionLimits) -> tuple[Floats, Flags]:
    """Return the meshes of a track without jitter, and its usable frames.

    Args:
        track: The track.
        limits: When a face may be replaced.

    Returns:
        ((n, 478, 3) float32 meshes in pixels, (n,) bool usable frames).
    """
    known = np.isfinite(track.mesh).all(axis=(1, 2)) & (track.presence >= limits.least_presence)
    side = np.sqrt(np.maximum(np.prod(track.boxes[:, 2:] - track.boxes[:, :2], axis=1), 0.0))
    angles = np.nan_to_num(np.abs(track.angles), nan=180.0)
    # A detector's box and the mesh must speak of the same face.
    centre = np.nan_to_num(track.mesh[:, :468, :2]).mean(axis=1)
    middle = (track.boxes[:, :2] + track.boxes[:, 2:]) / 2
    agrees = np.hypot(*(centre - middle).T) < 0.5 * np.maximum(side, 1.0)
    clear = known & agrees
    usable, surely = (
        clear
        & (side >= limits.least_face * (1 + margin * limits.growth))
        & (angles[:, 1] <= limits.most_yaw - margin * limits.release)
        & (angles[:, 0] <= limits.most_pitch - margin * limits.release)
        for margin in (0, 1)
    )
    usable = debounced(usable, surely, limits.least_run)
    if usable.sum() < limits.least_frames:
        usable[:] = False
    meshes = np.nan_to_num(track.mesh).astype(np.float32)
    span = np.linalg.norm(meshes[:, 33, :2] - meshes[:, 263, :2], axis=1)
    if known.any():
        # Rows without a mesh must not pull on their neighbours: they are far away and so outside the filter's reach.
        meshes[~known] = 1e6
        meshes = geometry.steady(meshes, noise=0.012 * float(np.median(span[known])))
        filler = meshes[np.flatnonzero(known)[0]]
        meshes[~known] = filler
    else:
        meshes[:] = pose.mean_face() * 100
    return meshes, usable


def debounced(usable: Flags, surely: Flags, least_run: int) -> Flags:
    """Return the usable frames with fewer changes; never a frame more than before.

    A redaction ends, and looking back in time begins, only at a frame that is sure; what is shown between two
    redactions lasts `least_run` frames at least, and so does a redaction inside the track. Faces near a limit would
    flicker otherwise.

    Args:
        usable: (n,) bool usable frames.
        surely: (n,) bool frames that are usable by a margin.
        least_run: Frames of the shortest run.

    Returns:
        (n,) bool usable frames.
    """
    result = usable & _held(usable, surely) & _held(usable[::-1], surely[::-1])[::-1]
    for first, last in _runs(~result):
        missing = least_run - (last - first + 1)
        if missing > 0:
            result[max(first - (missing + 1) // 2, 0) : last + missing // 2 + 1] = False
    for first, last in _runs(result):
        if first > 0 and last < len(result) - 1 and last - first + 1 < least_run:
            result[first : last + 1] = False
    return result


def _held(usable: Flags, surely: Flags) -> Flags:
    """Usable frames without those that follow an unusable one before any sure one."""
    result = usable.copy()
    for row in range(1, len(result)):
        result[row] = usable[row] and (result[row - 1] or surely[row])
    return result


def _runs(flags: Flags) -> list[tuple[int, int]]:
    """First and last index of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(first), int(last) - 1) for first, last in edges.reshape(-1, 2)]


def _rest(tracks: Tracks, members: tuple[int, ...], limits: MotionLimits) -> Floats:
    shapes, blendshapes = [], []
    for track in tracks.tracks:
        if track.index not in members:
            continue
        meshes, usable = steadied(track, limits)
        turned = np.abs(np.nan_to_num(track.angles[:, 1], nan=90.0))
        calm = np.flatnonzero(usable & (turned <= max(15.0, float(np.min(turned)) + 3)))
        if len(calm):
            calm = calm[:: max(1, len(calm) // 400)]
            shapes.append(geometry.canonical(meshes[calm], pose.mean_face())[0])
            blendshapes.append(track.blendshapes[calm])
    if not shapes:
        return pose.mean_face()
    return geometry.neutral(np.concatenate(shapes), np.concatenate(blendshapes))
