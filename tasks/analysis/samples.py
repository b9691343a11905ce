"""A few frames of each track, kept as crops: for embeddings, attributes, the frontal frame and the audit's references.

Identifying: lives under the identifying prefix until the video's verdict stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np

from infra.media.frame import YuvFrame
from models.interfaces.capabilities import Face, Floats, Image, Landmarker
from models.landmarks import topology
from tasks.analysis import framing, frontal
from tasks.analysis.frame_source import FrameSource
from tasks.records import Track, Tracks
from tasks.stage import Work, stage

VERSION = 4
_MARGIN = 1.0


@dataclass(frozen=True)
class Sample:
    """One face on one frame.

    Attributes:
        track: Index of its track.
        row: Row of the track.
        frame: Number of the frame.
        x: Left edge of the crop in the frame, in pixels.
        y: Top edge of the crop in the frame, in pixels.
        crop: (h, w, 3) uint8 BGR around the face.
        tied: Whether it is a candidate for the frontal frame.
        face: As embedders see it, in pixels of the crop, see `tasks.analysis.framing`.
    """

    track: int
    row: int
    frame: int
    x: int
    y: int
    crop: Image
    tied: bool
    face: Face


@dataclass(frozen=True)
class Samples:
    """All samples of a video, ordered by track and row."""

    samples: tuple[Sample, ...]

    def of(self, track: int) -> list[Sample]:
        """Return the samples of one track.

        Args:
            track: Index of the track.

        Returns:
            Its samples.
        """
        return [sample for sample in self.samples if sample.track == track]


def mesh_in_crop(sample: Sample, track: Track) -> Floats:
    """Return the mesh of a sample in the coordinates of its crop.

    Args:
        sample: The sample.
        track: Its track.

    Returns:
        (478, 3) float32 pixels.
    """
    return np.asarray(track.mesh[sample.row] - np.array([sample.x, sample.y, 0], np.float32), dtype=np.float32)


def rows(track: Track, width: int, height: int, most: int) -> tuple[list[int], list[int]]:
    """Choose the rows of a track to sample.

    These are frontal ones, extremes of pose and mouth, and evenly spread ones, so that the audit meets the source as it
    looks throughout the track.

    Args:
        track: The track.
        width: Of the frame in pixels.
        height: Of the frame in pixels.
        most: How many rows at most, unless more tie for the frontal frame.

    Returns:
        (rows to sample, those of them that tie for the frontal frame).
    """
    tied = frontal.candidates(track, width, height)
    known = np.flatnonzero((track.presence > 0.5) & track.detected)
    if not len(known):
        known = np.arange(track.length)
    chosen = list(tied)
    jaw = track.blendshapes[known, 25]
    for values in (track.angles[known, 1], track.angles[known, 0], jaw):
        filled = np.nan_to_num(values)
        chosen += [int(known[np.argmin(filled)]), int(known[np.argmax(filled)])]
    unique = list(dict.fromkeys(chosen))[: max(most, len(tied))]
    # The rest of the places go over the whole track; cut off at the end, they would leave its later part out.
    spread = known[np.linspace(0, len(known) - 1, max(most - len(unique), 0)).round().astype(int)]
    unique = list(dict.fromkeys([*unique, *(int(row) for row in spread)]))
    return sorted(unique), tied


@stage("sample faces", "samples", VERSION, roles=("landmarker",))
def sample_faces(work: Work, video: FrameSource, tracks: Tracks) -> Samples:
    """Cut a few faces of each track out of an input, see `run`.

    Args:
        work: Loads the landmarker.
        video: The input.
        tracks: Its tracks.

    Returns:
        The samples.
    """
    return run(video.open, tracks, work.load("landmarker"))


def run(
    frames: Callable[[], AbstractContextManager[Iterator[YuvFrame]]],
    tracks: Tracks,
    landmarker: Landmarker,
    most: int = 24,
) -> Samples:
    """Cut the samples out of a video.

    Args:
        frames: Opens the decoded frames.
        tracks: The tracks.
        landmarker: Frames their faces for embedders.
        most: Samples per track at most.

    Returns:
        The samples, by track and row.
    """
    wanted: dict[int, list[tuple[Track, int, bool]]] = {}
    for track in tracks.tracks:
        chosen, tied = rows(track, tracks.width, tracks.height, most)
        for row in chosen:
            wanted.setdefault(track.first + row, []).append((track, row, row in tied))
    result: list[Sample] = []
    if wanted:
        final = max(wanted)
        with frames() as stream:
            for frame in stream:
                if frame.index in wanted:
                    image = frame.to_bgr()
                    result += [
                        _cut(image, frame.index, track, row, tied, landmarker)
                        for track, row, tied in wanted[frame.index]
                    ]
                if frame.index >= final:
                    break
    return Samples(tuple(sorted(result, key=lambda s: (s.track, s.row))))


def _cut(image: Image, index: int, track: Track, row: int, tied: bool, landmarker: Landmarker) -> Sample:
    box = track.boxes[row]
    points = track.mesh[row, :468, :2]
    if np.isfinite(points).all():
        box = np.concatenate([np.minimum(box[:2], points.min(axis=0)), np.maximum(box[2:], points.max(axis=0))])
    side = box[2:] - box[:2]
    low = np.maximum(np.floor(box[:2] - _MARGIN * side).astype(int), 0) // 2 * 2
    high = np.clip(np.ceil(box[2:] + _MARGIN * side).astype(int), 2, [image.shape[1], image.shape[0]])
    low = np.minimum(low, np.maximum(high - 2, 0))
    crop = np.ascontiguousarray(image[low[1] : high[1], low[0] : high[0]])
    shift = low.astype(np.float32)
    seen = Face((track.boxes[row] - np.tile(shift, 2)).astype(np.float32), 1.0, (track.points[row] - shift))
    if track.presence[row] > framing.PRESENT and np.isfinite(track.mesh[row]).all():
        seen = Face(seen.box, 1.0, topology.five_points(track.mesh[row]) - shift)
    face = framing.framed(crop, seen, landmarker) or seen
    return Sample(track.index, row, index, int(low[0]), int(low[1]), crop, tied, face)
