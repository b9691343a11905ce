"""Reassembly: the twins painted into every frame, everything else left as it was.

Every face of every track is either replaced or redacted; there is no third way out of this stage.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from infra.media.frame import YuvFrame
from infra.media.turn import OpenFrames, Sink, TurnedSink, open_turned
from infra.process.parallel import ahead, batches, ordered
from models.interfaces.capabilities import Floats, Image
from models.interfaces.twins import AnimatedFace, MotionModel, Patch
from tasks import redact
from tasks.analysis.analysis import Analysis
from tasks.generation.twin import TwinResult
from tasks.output.patches import PaintedPatches
from tasks.records import FaceEdits, RedactionRegion, Track
from tasks.stage import Work, stage

VERSION = 2


@dataclass(frozen=True)
class RenderPlan:
    """What is rendered.

    Attributes:
        number: Of the render, from 1.
        twins: One result per identity; a face without a twin is covered.
        regions: To be covered, too.
        patches: What the last render painted, of which what did not change is used again; None paints everything.
    """

    number: int
    twins: tuple[TwinResult, ...]
    regions: tuple[RedactionRegion, ...]
    patches: PaintedPatches | None = None

    @property
    def label(self) -> str:
        """What tells one render from another."""
        return str(self.number)


@dataclass(frozen=True)
class Rendered:
    """A finished, not yet audited result.

    Attributes:
        frames: Opens its frames, turned as the input's were for processing.
        painted: What was done to the faces.
        file: Where it lies; None while it has no file.
        picture: (H, W, 3) uint8 BGR, of a still that is a result; None for a video.
        audio_copied: Whether the sound was copied bit by bit.
    """

    frames: OpenFrames
    painted: FaceEdits
    file: Path | None = None
    picture: Image | None = None
    audio_copied: bool = False


@stage("reassemble", "reassemble", VERSION, "3.5 (6)", ("motion",), cached=False)
def reassemble(work: Work, faces: Analysis, plan: RenderPlan) -> Rendered:
    """Write every frame of an input with the twins in it, see `run`.

    Args:
        work: Loads the motion model; holds the settings.
        faces: What is known of the input's faces.
        plan: What is to be painted.

    Returns:
        The rendered result.
    """
    video = faces.video
    with video.sink(work.folder, work.settings) as sink:
        painted = run(
            faces, TurnedSink(sink, -video.turn), plan, work.load("motion"), work.settings.threads, work.advance
        )
    picture = None if video.picture is None else video.picture()
    return Rendered(open_turned(video.written(work.folder), video.turn), painted, picture=picture)


_PART = 0.3
"""Share of a face's box under a covered region from which the face is covered, too."""
_Row = tuple[int, int, bool, Floats, Floats]
_Shown = dict[int, AnimatedFace | Patch | None]
"""Track -> what its twin does on one frame, or what was painted there in the last render."""


def run(
    faces: Analysis,
    sink: Sink,
    plan: RenderPlan,
    motion: MotionModel,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> FaceEdits:
    """Write every frame to the sink, faces replaced or redacted.

    Args:
        faces: Where the faces are.
        sink: Takes the frames.
        plan: What is shown and what is covered.
        motion: Moves the twins.
        workers: Threads.
        progress: Called with the number of frames done.

    Returns:
        What was done.
    """
    painter = _Painter(faces, plan, motion)
    table: list[_Row] = []
    done = 0
    with faces.video.open() as stream:
        # With batches, the next one is animated while the last one is painted and encoded. What runs ahead must end
        # before the decoder does, or it would wait for frames that never come.
        staging = painter.animated(stream)
        if motion.batch > 1:
            staging = ahead(staging, motion.batch)
        with contextlib.closing(staging):
            for frame, rows in ordered(painter.paint, staging, workers, 2 * workers + 2):
                sink.write(frame)
                table += rows
                done += 1
                if progress is not None:
                    progress(done)
    count = len(table)
    return FaceEdits(
        np.array([row[0] for row in table], np.int64),
        np.array([row[1] for row in table], np.int64),
        np.array([row[2] for row in table], bool),
        np.stack([row[3] for row in table]) if count else np.zeros((0, 4), np.float32),
        np.stack([row[4] for row in table]) if count else np.zeros((0, 5, 2), np.float32),
    )


class _Painter:
    """Animates the twins of a plan and paints them into frames."""

    def __init__(self, faces: Analysis, plan: RenderPlan, motion: MotionModel) -> None:
        owner = {track: identity.index for identity in faces.people for track in identity.tracks}
        by_identity = {result.identity: result for result in plan.twins}
        self._shown = {track: by_identity[index] for track, index in owner.items() if index in by_identity}
        self._drivings, self._motion, self._regions = faces.drivings, motion, plan.regions
        self._present: dict[int, list[Track]] = {}
        for track in faces.tracks.tracks:
            for index in range(track.first, track.last + 1):
                self._present.setdefault(index, []).append(track)
        # Where one person is alone, another attempt changes everything.
        alone = sum(result.twin is not None for result in plan.twins) < 2
        self._patches = None if alone else plan.patches
        if self._patches is not None:
            self._patches.begin(
                {index: (one.twin, one.strength) if one.twin else None for index, one in self._shown.items()},
                plan.regions,
            )

    def animated(self, stream: Iterator[YuvFrame]) -> Generator[tuple[YuvFrame, _Shown]]:
        """Each frame with what its twins do, in batches as large as the motion model likes."""
        for some in batches(stream, self._motion.batch):
            shown = self._animated(some)
            yield from ((frame, shown.get(frame.index, {})) for frame in some)

    def _animated(self, frames: Sequence[YuvFrame]) -> dict[int, _Shown]:
        """What every twin does on these frames, by frame and track; each track's rows are animated together."""
        rows: dict[int, list[int]] = {}
        result: dict[int, _Shown] = {}
        for frame in frames:
            beside = self._present.get(frame.index, [])
            for track in beside:
                known = self._patches and self._patches.known(track, frame.index, beside)
                if known:
                    result.setdefault(frame.index, {})[track.index] = known
                else:
                    rows.setdefault(track.index, []).append(frame.index - track.first)
        for index, wanted in rows.items():
            one = self._shown.get(index)
            if one is None or one.twin is None:
                continue
            driving = self._drivings.drivings[index]
            animated = self._motion.animate(one.twin, driving, wanted, one.strength)
            for row, shown in zip(wanted, animated, strict=True):
                result.setdefault(driving.first + row, {})[index] = shown
        return result

    def paint(self, staged: tuple[YuvFrame, _Shown]) -> tuple[YuvFrame, list[_Row]]:
        """A frame with its faces replaced or redacted, and what was done."""
        frame, shown = staged
        faces = self._present.get(frame.index, [])
        marked = [region for region in self._regions if region.first <= frame.index <= region.last]
        if not faces and not marked:
            return frame, []
        image = frame.to_bgr()
        rows: list[_Row] = []
        # Nearer faces are larger and lie over farther ones.
        for track in sorted(faces, key=lambda t: t.area(frame.index)):
            # A twin of which a part is covered is covered whole: what is left of it could not be audited.
            one = None if _under(track, frame.index, marked) else shown.get(track.index)
            patch = one if one is None or isinstance(one, Patch) else one.paint(image)
            if self._patches is not None and patch is not None and patch is not one:
                self._patches.keep(track.index, frame.index, patch)
            rows.append(_face(frame, image, track, patch))
        for region in marked:
            covered = redact.cover(region.box, np.full((478, 3), np.nan, np.float32), frame.width, frame.height)
            _fill(frame, image, covered)
            rows.append((frame.index, -1, False, covered.astype(np.float32), np.zeros((5, 2), np.float32)))
        return frame, rows


def _face(frame: YuvFrame, image: Image, track: Track, patch: Patch | None) -> _Row:
    """Replace or redact one face, in the frame and in its BGR view (a face behind another sees it changed)."""
    row = frame.index - track.first
    if patch is not None:
        window = patch.window(image)
        changed = (patch.pixels != window).any(axis=2)
        window[:] = patch.pixels
        frame.write_bgr(patch.pixels, patch.x, patch.y, changed)
        return frame.index, track.index, True, patch.box, patch.points
    region = redact.cover(track.boxes[row], track.mesh[row], frame.width, frame.height)
    _fill(frame, image, region)
    return frame.index, track.index, False, region.astype(np.float32), track.points[row]


def _under(track: Track, frame: int, regions: Sequence[RedactionRegion]) -> bool:
    """Whether a good part of a face lies under regions to be covered."""
    box = track.boxes[frame - track.first]
    for region in regions:
        low, high = np.maximum(box[:2], region.box[:2]), np.minimum(box[2:], region.box[2:])
        if np.prod(np.maximum(high - low, 0)) > _PART * np.prod(box[2:] - box[:2]):
            return True
    return False


def _fill(frame: YuvFrame, image: Image, region: NDArray[np.int64]) -> None:
    if region[2] <= region[0] or region[3] <= region[1]:
        return
    redact.fill(image, region)
    x0, y0, x1, y1 = (int(v) for v in region)
    frame.write_bgr(image[y0:y1, x0:x1], x0, y0)
