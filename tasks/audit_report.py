"""What an audit found, and whether that may be published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.capabilities import Floats
from tasks.judges import Judge
from tasks.reassemble import Painted

_UNTRUE = 0.1
"""Share of a track's painted faces that may be lost or unlike the twin (farther from it than strangers are). Beyond,
the data are of no use, and an embedder that is far from what is no face has proved nothing. On four published clips the
distances to the twin were .70 of the thresholds at most."""


@dataclass(frozen=True)
class Score:
    """What one embedder found over all replaced faces: cosine distances to the nearest source reference, and the mean
    distance to the twins that were to be shown (NaN when they are not known)."""

    embedder: str
    threshold: float
    smallest: float
    mean: float
    worst_frame: int
    recognised: int
    to_twin: float = float("nan")


@dataclass(frozen=True)
class Stray:
    """A face in the result that was neither replaced nor redacted: frame, box (4,) pixels, detector score."""

    frame: int
    box: Floats
    score: float


@dataclass(frozen=True)
class Report:
    """The audit of one file. clean: it may be published. lost: replaced faces that the second detector did not find
    (they are still compared, where they were painted). recognised_tracks: tracks with a recognised frame.
    untrue_tracks: tracks on which too many of the replaced faces were lost, or are not the twin's."""

    frames: int
    faces: int
    scores: tuple[Score, ...]
    lost: int
    strays: tuple[Stray, ...]
    recognised_tracks: tuple[int, ...]
    untrue_tracks: tuple[int, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether nobody was recognised, no face was left, and the twins are what is seen."""
        return not self.strays and not self.untrue_tracks and not any(score.recognised for score in self.scores)


@dataclass(frozen=True)
class Compared:
    """One replaced face: its row in `Painted`, each judge's distance to the sources and to the twin, and whether the
    audit's own detector sees a face."""

    row: int
    distances: list[float]
    to_twin: list[float]
    seen: bool


def report(
    count: int, compared: list[Compared], painted: Painted, judges: Sequence[Judge], strays: list[Stray]
) -> Report:
    """Put together what the audit of one file found. count: its frames. painted: what was done to the faces."""
    scores = []
    recognised: set[int] = set()
    for number, judge in enumerate(judges):
        values = np.array([one.distances[number] for one in compared])
        where = np.array([one.row for one in compared], dtype=np.int64)
        # A distance that is no number proves nothing, so it counts as recognised.
        bad = ~(values > judge.threshold)
        recognised |= set(painted.track[where[bad]].tolist())
        worst = int(painted.frame[where[int(np.argmin(values))]]) if len(values) else -1
        scores.append(
            Score(
                judge.embedder.name,
                judge.threshold,
                float(values.min()) if len(values) else float("nan"),
                float(values.mean()) if len(values) else float("nan"),
                worst,
                int(bad.sum()),
                float(np.mean([one.to_twin[number] for one in compared])) if compared else float("nan"),
            )
        )
    lost = sum(not one.seen for one in compared)
    untrue = _untrue(compared, painted, judges)
    return Report(count, len(compared), tuple(scores), lost, tuple(strays), tuple(sorted(recognised)), untrue)


def _untrue(compared: Sequence[Compared], painted: Painted, judges: Sequence[Judge]) -> tuple[int, ...]:
    """The tracks of whose painted faces more than `_UNTRUE` are none, or are not the twin to some judge."""
    limits = [judge.threshold for judge in judges]
    track = np.array([painted.track[one.row] for one in compared], dtype=np.int64)
    wrong = np.array(
        [not one.seen or any(d > limit for d, limit in zip(one.to_twin, limits, strict=True)) for one in compared], bool
    )
    return tuple(int(t) for t in np.unique(track) if wrong[track == t].mean() > _UNTRUE)
