"""One clip through every motion backend, side by side in one picture, and the verdict on each.

Usage: python bench/backends.py CLIP FOLDER [--random] [--small] [--attempts N] [--columns N] [--only NAME ...]

FOLDER/backends.png shows the source above what each backend made of it BEFORE the audit: it is for whoever may see the
source. Backends whose weights are not in place are left out, or run with random weights (--random): garbage then, which
the audit must withhold. --small: random weights of small networks, which take a tenth of the time. Every backend
starts with an empty store.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import cv2  # noqa: E402
import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from rich.console import Console  # noqa: E402

from flows.recipes.catalogue import named  # noqa: E402
from flows.recipes.context import Context, StageResult  # noqa: E402
from flows.run import sources  # noqa: E402
from flows.run.convert import convert  # noqa: E402
from flows.run.progress import PlainReporter  # noqa: E402
from flows.run.video import run_recipe  # noqa: E402
from infra.errors import WeightsError  # noqa: E402
from infra.media.decode import open_frames  # noqa: E402
from infra.media.probe import probe_video  # noqa: E402
from infra.media.video_info import VideoInfo  # noqa: E402
from infra.settings import Settings  # noqa: E402
from models.selection import profiles  # noqa: E402

Image = NDArray[np.uint8]
WIDTH = 240


def random_backend(name: str, folder: Path, small: bool) -> type[Any]:
    """A motion backend with random weights of the released shapes, or of small ones, from files in the released layout.

    On a CPU the large networks run in bfloat16.
    """
    from models.motion.lia.backend import LiaMotion
    from models.motion.liveportrait.backend import LivePortraitMotion
    from tests.reference import released

    if name == "liveportrait":
        sizes = released.SMALL if small else None
        files, precision = released.liveportrait(folder, sizes), None if small else "bfloat16"
        return partial(LivePortraitMotion, files=files, sizes=sizes, precision=precision)
    little = released.LITTLE if small else None
    return partial(LiaMotion, file=released.lia(folder, little), sizes=little)


def main() -> None:
    """Run and print the verdicts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--random", action="store_true")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--attempts", type=int, default=1)
    parser.add_argument("--columns", type=int, default=6)
    parser.add_argument(
        "--only", nargs="*", choices=list(profiles.BACKENDS["motion"]), default=list(profiles.BACKENDS["motion"])
    )
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    rows = {"source": frames_of(options.clip, options.columns)}
    for name in options.only:
        with tempfile.TemporaryDirectory() as temporary:
            shown = one(name, options, Path(temporary))
        if shown is not None:
            rows[name] = shown
    sheet = np.vstack([labelled(np.hstack(pictures), label) for label, pictures in rows.items()])
    cv2.imwrite(str(options.folder / "backends.png"), sheet)
    print(options.folder / "backends.png")


def one(name: str, options: argparse.Namespace, folder: Path) -> list[Image] | None:
    """Frames of what a backend made of the clip; None without weights."""
    original = profiles.BACKENDS["motion"][name]
    settings = Settings(
        backends=(("motion", name),), max_attempts=options.attempts, cache_url=f"file://{folder / 'store'}"
    )
    try:
        profiles.check(settings)
    except WeightsError as error:
        if not options.random:
            print(f"{name}: left out. {error}")
            return None
        # Loaded by name as any backend is, so that nothing else of the run differs.
        globals()["Random"] = random_backend(name, folder, options.small)
        chosen = profiles.Backend(f"{__name__}:Random", settings=original.settings)
        profiles.BACKENDS["motion"][name] = chosen
    kept = options.folder / f"{name}-unaudited.mp4"
    kept.unlink(missing_ok=True)

    def keeping(source: Path, info: VideoInfo, context: Context) -> StageResult:
        try:
            return run_recipe(named("", "video"), source, info, context)
        finally:
            finished = context.folder / "finished.mp4"
            if finished.exists():
                shutil.copy(finished, kept)

    try:
        jobs = sources.find(str(options.clip), sources.VIDEO_SUFFIXES, str(folder / "out"))
        reporter = PlainReporter(Console(quiet=True), 1)
        row = convert(jobs, str(folder / "out"), settings, reporter, None, keeping).outcomes[0].row
    finally:
        profiles.BACKENDS["motion"][name] = original
    seconds = {stage: round(value, 1) for stage, value in row.stage_seconds.items() if value >= 0.1}
    print(f"{name}: {row.verdict} {row.reason}; {row.faces_replaced} replaced, {row.faces_lost} lost; {seconds}")
    return frames_of(kept, options.columns) if kept.exists() else None


def frames_of(path: Path, columns: int) -> list[Image]:
    """Evenly spread frames of a video, WIDTH pixels wide."""
    info = probe_video(path)
    chosen = set(np.linspace(0, info.frame_count - 1, columns).round().astype(int).tolist())

    def pictures() -> Iterator[Image]:
        with open_frames(path, info) as stream:
            for frame in stream:
                if frame.index in chosen:
                    height = round(frame.height * WIDTH / frame.width)
                    yield cv2.resize(frame.to_bgr(), (WIDTH, height), interpolation=cv2.INTER_AREA)

    return list(pictures())


def labelled(strip: Image, text: str) -> Image:
    """A strip of frames with its name in the corner."""
    cv2.putText(strip, text, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(strip, text, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (255, 255, 255), 1, cv2.LINE_AA)
    return strip


if __name__ == "__main__":
    main()
