"""Measures one file and its anonymized counterpart: faces are looked for in both in the same way, independently."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infra.media.frame import YuvFrame
from infra.media.turn import OpenFrames
from infra.process.parallel import ordered
from models.interfaces.capabilities import Image
from tasks.analysis import faces, identities, samples
from tasks.analysis.settings import FaceSettings, SceneConsumer
from tasks.evaluation.measure.flicker import Flicker
from tasks.evaluation.measure.look import Instruments, Looker, Row
from tasks.evaluation.measure.pairing import same_time, together
from tasks.evaluation.measure.records import Measured
from tasks.evaluation.measure.table import table
from tasks.records import Scene, Tracks

VERSION = 8


@dataclass(frozen=True)
class Reel:
    """A file to look at.

    Attributes:
        open: opens its decoded frames.
        size: (width, height).
        times: (n,) seconds of its frames.
    """

    open: OpenFrames
    size: tuple[int, int]
    times: NDArray[np.float64]


class Known:
    """A scene consumer that looks at nothing: it holds the scenes of the other file, which has these frames."""

    def __init__(self, scenes: tuple[Scene, ...], frames: int) -> None:
        self._scenes, self._frames = scenes, frames

    def push(self, frame_index: int, small_bgr: Image) -> None:
        """Look at nothing.

        Args:
            frame_index: number of the frame.
            small_bgr: the small frame.
        """

    def finish(self, frame_count: int) -> tuple[Scene, ...]:
        """Give the scenes.

        Args:
            frame_count: frames that went by.

        Returns:
            The known scenes, or one over all frames where those do not fit.
        """
        return self._scenes if frame_count == self._frames else (Scene(0, 0, 0, frame_count - 1),)


def run(
    original: Reel,
    anonymized: Reel | None,
    scenes: SceneConsumer,
    tools: Instruments,
    settings: FaceSettings,
    every: int = 1,
) -> Measured:
    """Measure every `every`-th frame of a file and its anonymized counterpart. The sound is not measured here.

    Raises what reading the files raises.

    Args:
        original: the original.
        anonymized: its counterpart, None where there is none.
        scenes: of the original.
        tools: the networks.
        settings: how faces are looked for.
        every: frames from one look to the next.

    Returns:
        Everything measured; its loudness is empty.
    """
    found, tracks = _look(original, scenes, tools, settings)
    others = Tracks((), 0, 1, 1)
    mapping = np.full(len(original.times), -1, np.int64)
    if anonymized is not None:
        _, others = _look(anonymized, Known(found, tracks.frame_count), tools, settings)
        mapping = same_time(original.times, anonymized.times)
    looker = Looker(tracks, others, _people(original, tracks, tools), mapping, tools, every)
    unrest = Flicker(every)
    rows: list[Row] = []
    ratios: list[tuple[float, float]] = []
    with original.open() as ours, anonymized.open() if anonymized else contextlib.nullcontext(iter(())) as theirs:
        stream = (both for both in together(ours, theirs, mapping) if both[0].index % every == 0)
        for some, ratio in ordered(looker.look, stream, settings.workers, 2 * settings.workers + 2):
            rows += map(unrest.close, some)
            ratios.append(ratio)
    same_size = anonymized is not None and anonymized.size == original.size
    return table(rows, ratios, original.times, same_size, tools, mapping, looker.extra, looker.unpaired)


def _look(
    reel: Reel, scenes: SceneConsumer, tools: Instruments, settings: FaceSettings
) -> tuple[tuple[Scene, ...], Tracks]:
    networks = faces.FaceNetworks(tools.detector, tools.confirming, tools.landmarker)
    return faces.run(reel.open, reel.size, scenes, networks, settings)


def _people(reel: Reel, tracks: Tracks, tools: Instruments) -> dict[int, int]:
    """Track -> person; a track that no embedder could embed is a person of its own."""
    found = identities.run(tracks, samples.run(reel.open, tracks, tools.landmarker), tools.people, tools.same)
    known = {track: identity.index for identity in found.identities for track in identity.tracks}
    alone = iter(range(len(found.identities), len(found.identities) + len(tracks.tracks)))
    return {track.index: known[track.index] if track.index in known else next(alone) for track in tracks.tracks}


def settings_for(threads: int, picture: bool) -> FaceSettings:
    """Choose how faces are looked for: as the pipeline does, a picture without frames around it.

    Args:
        threads: number of workers.
        picture: whether the file is a picture.

    Returns:
        The settings.
    """
    return FaceSettings(workers=threads, stretch=0) if picture else FaceSettings(workers=threads)


def frames_of(picture: Image) -> OpenFrames:
    """Turn a picture into a stream of one frame.

    Args:
        picture: (H, W, 3) uint8 BGR.

    Returns:
        Opens the stream.
    """

    @contextlib.contextmanager
    def opened() -> Iterator[Iterator[YuvFrame]]:
        yield iter([YuvFrame.from_bgr(picture)])

    return opened
