"""Whether the audit finds what is planted into finished files: uncovered frames, and faces half unpainted.

Usage: python bench/planted.py CLIP...

Every clip is converted as usual. Where the result passes the audit, the source's own pixels are put back into it, once
in a single frame's replaced face, and once in one half of it on five frames on end, at places spread over the file, and
the audit looks at these frames again with the limits that it had. The rest of the file does not matter: a frame that is
recognised fails a file by itself.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from flows.recipes.catalogue import named  # noqa: E402
from flows.recipes.context import Context, StageResult  # noqa: E402
from flows.run.convert import convert  # noqa: E402
from flows.run.sources import VIDEO_SUFFIXES, find  # noqa: E402
from flows.run.video import run_recipe  # noqa: E402
from infra.media.frame import YuvFrame  # noqa: E402
from infra.media.turn import OpenFrames  # noqa: E402
from infra.media.video_info import VideoInfo  # noqa: E402
from infra.settings import OnFailure, Settings  # noqa: E402
from models.interfaces.capabilities import Floats  # noqa: E402
from tasks.analysis import frame_source  # noqa: E402
from tasks.analysis.frame_source import LocalFile  # noqa: E402
from tasks.audit import audit, result  # noqa: E402
from tasks.audit.audit import Known  # noqa: E402
from tasks.audit.recognisers import AuditNetworks  # noqa: E402
from tasks.audit.report import Report  # noqa: E402
from tasks.output.reassemble import FaceEdits  # noqa: E402

PLACES = 20
"""Places in a file, at most."""
RUN = 5
"""Frames on end with half a face."""
MARGIN = 0.15
"""Share of a face's box that is put back around it."""
WHOLE, HALF = "an uncovered frame", f"half a face, {RUN} frames"


@dataclass
class Counts:
    """By what was planted: whether each case was found. untouched: whether the frames were recognised without it."""

    found: dict[str, list[bool]] = field(default_factory=dict)
    untouched: list[bool] = field(default_factory=list)


def put_back(shown: YuvFrame, source: YuvFrame, box: Floats, half: bool) -> YuvFrame:
    """A finished frame with the source's pixels in a (4,) box and a little around it, or in its right half."""
    mixed = shown.copy()
    reach = MARGIN * (box[2:] - box[:2])
    x0, y0 = (int(v) & ~1 for v in np.maximum(box[:2] - reach, 0))
    x1, y1 = (
        min(int(v) | 1, most - 1) + 1 for v, most in zip(box[2:] + reach, (shown.width, shown.height), strict=True)
    )
    if half:
        x0 = int((box[0] + box[2]) / 2) & ~1
    for ours, theirs in zip(mixed.planes, source.planes, strict=True):
        step = shown.width // ours.shape[1]
        window = (slice(y0 // step, y1 // step), slice(x0 // step, x1 // step))
        ours[window] = theirs[window]
    return mixed


def starts(frames: Sequence[int]) -> list[int]:
    """Where something is planted: frames from which on RUN frames on end are replaced, spread over them."""
    known = set(frames)
    able = [one for one in sorted(known) if all(one + k in known for k in range(RUN))]
    at = np.unique(np.linspace(0, len(able) - 1, min(PLACES, len(able))).round().astype(int))
    return [able[k] for k in at]


def picked(opened: OpenFrames, wanted: set[int]) -> dict[int, YuvFrame]:
    """Some frames of a stream."""
    with opened() as stream:
        return {frame.index: frame.copy() for frame in stream if frame.index in wanted}


def plant(
    panel: AuditNetworks,
    source: OpenFrames,
    result: OpenFrames,
    painted: FaceEdits,
    known: Known,
    counts: Counts,
) -> None:
    """Plant into one result that passed, track by track."""

    def recognised(frames: list[YuvFrame]) -> bool:
        opened = contextlib.nullcontext(iter(frames))
        report = audit.run(lambda: opened, painted, Known(known.sources, known.twins), panel)
        return bool(report.strays) or any(score.recognised for score in report.scores)

    for track in np.unique(painted.track[painted.replaced]):
        rows = {int(painted.frame[r]): r for r in np.flatnonzero(painted.replaced & (painted.track == track))}
        places = starts(list(rows))
        wanted = {one + k for one in places for k in range(RUN)}
        before, after = picked(source, wanted), picked(result, wanted)

        def mixed(frame: int, half: bool) -> YuvFrame:
            return put_back(after[frame], before[frame], painted.boxes[rows[frame]], half)  # noqa: B023

        for one in places:
            run = range(one, one + RUN)
            counts.untouched.append(recognised([after[frame] for frame in run]))
            counts.found.setdefault(WHOLE, []).append(recognised([mixed(one, False)]))
            counts.found.setdefault(HALF, []).append(recognised([mixed(frame, True) for frame in run]))


def measure(clip: Path, counts: Counts) -> None:
    """Convert a clip and plant into what passed."""
    real = result.run

    def chain(source: Path, info: VideoInfo, context: Context) -> StageResult:
        opened = frame_source.of_video(LocalFile(source, context.digest), info, context.settings).open

        def audited(*given: Any) -> Report:
            report = real(*given)
            if report.clean:
                frames, painted, known, panel, *_ = given
                plant(panel, opened, frames, painted, known, counts)
            return report

        # The audit that passes is the one whose limits and places are needed.
        result.run = audited
        try:
            return run_recipe(named("", "video"), source, info, context)
        finally:
            result.run = real

    class Silent:
        def stage(self, *_: Any) -> None: ...
        def finished(self, *_: Any) -> None: ...
        def unchanged(self, *_: Any) -> None: ...

    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(cache_url=f"file://{folder}/store", on_failure=OnFailure.REDACT)
        convert(find(str(clip), VIDEO_SUFFIXES, f"{folder}/out"), f"{folder}/out", settings, Silent(), None, chain)


def line(name: str, counts: Counts) -> str:
    """A row of the table."""
    cells = [f"{sum(counts.found.get(what, []))} of {len(counts.found.get(what, []))}" for what in (WHOLE, HALF)]
    return f"| {name} | {cells[0]} | {cells[1]} | {sum(counts.untouched)} of {len(counts.untouched)} |"


def main() -> None:
    """Measure and print."""
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    print(f"| clip | {WHOLE} | {HALF} | the same frames untouched |\n|---|---|---|---|")
    for name in sys.argv[1:]:
        counts = Counts()
        measure(Path(name), counts)
        print(line(Path(name).stem, counts), flush=True)


if __name__ == "__main__":
    main()
