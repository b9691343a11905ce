"""What an audit found, and whether that may be published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats
from tasks.audit.recognisers import AuditRecogniser, Likeness
from tasks.generation import limits
from tasks.records import FaceEdits

_UNTRUE = 0.1
"""Share of a track's painted faces that may be lost or unlike the twin. Beyond, the data are of no use, and an embedder
that is far from what is no face has proved nothing."""


@dataclass(frozen=True)
class Score:
    """What one embedder found over all replaced faces: cosine distances to the sources' templates.

    Attributes:
        embedder: Its name.
        threshold: The limit in place at the worst frame, where `smallest` was found.
        smallest: Distance at the worst frame.
        mean: Over all replaced faces.
        worst_frame: The frame that is nearest to its limit, -1 when nothing was compared.
        recognised: Frames within the limit.
        to_twin: Mean distance from the twins that were to be shown (NaN when they are not known).
        matched: Frames that a general matcher (1 % false accepts, single pairs) takes for a source, surroundings
            included.
    """

    embedder: str
    threshold: float
    smallest: float
    mean: float
    worst_frame: int
    recognised: int
    to_twin: float = float("nan")
    matched: int = 0


@dataclass(frozen=True)
class ResidualFace:
    """A face in the result that was neither replaced nor redacted.

    Attributes:
        frame: Number of the frame.
        box: (4,) pixels.
        score: Of the detector.
    """

    frame: int
    box: Floats
    score: float


@dataclass(frozen=True)
class Report:
    """The audit of one file.

    Attributes:
        frames: Their number.
        faces: Number of replaced faces.
        scores: One per judge.
        lost: Replaced faces that the second detector did not find (they are still compared, where they were painted).
        strays: Faces that were left.
        recognised_tracks: Tracks with a recognised frame, or of a person whom a general matcher takes for a source by
            the score over all frames.
        twin_missing_tracks: Tracks on which too many of the replaced faces were lost, or are not the twin's.
    """

    frames: int
    faces: int
    scores: tuple[Score, ...]
    lost: int
    strays: tuple[ResidualFace, ...]
    recognised_tracks: tuple[int, ...]
    twin_missing_tracks: tuple[int, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether the file may be published.

        That is when no person was recognised, no face was left, and the twins are what is seen.
        """
        recognised = self.recognised_tracks or any(score.recognised for score in self.scores)
        return not self.strays and not self.twin_missing_tracks and not recognised


@dataclass(frozen=True)
class Compared:
    """One replaced face.

    Attributes:
        row: Its row in `FaceEdits`.
        likeness: What each judge says of it.
        seen: Whether a face is seen there.
    """

    row: int
    likeness: list[Likeness]
    seen: bool


def report(
    count: int,
    compared: list[Compared],
    painted: FaceEdits,
    judges: Sequence[AuditRecogniser],
    strays: list[ResidualFace],
    people: Mapping[int, int] | None = None,
) -> Report:
    """Put together what the audit of one file found.

    Args:
        count: Its frames.
        compared: Every replaced face.
        painted: What was done to the faces.
        judges: Compared them.
        strays: Faces that were left.
        people: Track -> number of its person; None takes every track for another person.

    Returns:
        The report.

    Raises:
        KeyError: For a replaced face whose person is missing.
    """
    scores = []
    recognised: set[int] = set()
    for number, judge in enumerate(judges):
        found = [one.likeness[number] for one in compared]
        where = np.array([one.row for one in compared], dtype=np.int64)
        bad = np.array([one.recognised for one in found], bool)
        recognised |= set(painted.track[where[bad]].tolist())
        if not judge.strict:
            recognised |= _taken(painted.track[where], found, people)
        room = np.nan_to_num(np.array([one.distance - one.limit for one in found]), nan=-np.inf)
        worst = int(np.argmin(room)) if found else -1
        scores.append(
            Score(
                judge.embedder.name,
                found[worst].limit if found else judge.threshold,
                found[worst].distance if found else float("nan"),
                float(np.mean([one.distance for one in found])) if found else float("nan"),
                int(painted.frame[where[worst]]) if found else -1,
                int(bad.sum()),
                float(np.mean([one.to_twin for one in found])) if found else float("nan"),
                sum(one.matched for one in found),
            )
        )
    lost = sum(not one.seen for one in compared)
    return Report(
        count,
        len(compared),
        tuple(scores),
        lost,
        tuple(strays),
        tuple(sorted(recognised)),
        _twin_missing(compared, painted),
    )


def _taken(track: NDArray[np.int64], found: Sequence[Likeness], people: Mapping[int, int] | None) -> set[int]:
    """The tracks of people who come nearer to a source than is asked of the score over all their frames."""
    who = np.array([one if people is None else people[one] for one in track.tolist()], np.int64)
    room = np.array([one.distance - one.asked for one in found], np.float32)
    # Not <: a score that is no number proves nothing.
    near = [who == one for one in np.unique(who) if not float(limits.score(room[who == one])) >= 0]
    return {int(one) for own in near for one in track[own]}


def _twin_missing(compared: Sequence[Compared], painted: FaceEdits) -> tuple[int, ...]:
    """The tracks of whose painted faces more than `_UNTRUE` are none, or are not the twin to some judge."""
    track = np.array([painted.track[one.row] for one in compared], dtype=np.int64)
    wrong = np.array([not one.seen or any(said.unlike for said in one.likeness) for one in compared], bool)
    return tuple(int(t) for t in np.unique(track) if wrong[track == t].mean() > _UNTRUE)
