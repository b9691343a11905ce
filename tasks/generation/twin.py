"""One try at a twin: which person is wanted, and what came of it (AnonNET sections 3.4 and 3.5)."""

from __future__ import annotations

from dataclasses import dataclass

from models.interfaces.capabilities import Floats
from models.interfaces.twins import Strength, Twin
from tasks.records import AttemptRecord


@dataclass(frozen=True)
class TwinRequest:
    """Which twin is wanted. Identifying.

    Attributes:
        identity: Number of the person in the video.
        number: Of the attempt, from 1.
        key: What makes the identity the same in every run: public id of the video and its number, or the pseudonym in
            the dataset.
        prefer: Candidate that is tried, or -1 for any.
        others: (m, D) embeddings that the twin must not resemble.
        taken: Candidates already in use or already rejected.
        seed: Of the run.
        strict: Whether a general matcher must not take the twin for the source by any pair of a painted and a source
            sample; else by the score over the painted ones, where it tells strangers apart (`limits.InPlace.asked`).
    """

    identity: int
    number: int
    key: str
    prefer: int
    others: Floats
    taken: tuple[int, ...]
    seed: int
    strict: bool

    @property
    def label(self) -> str:
        """What tells one attempt from another."""
        return f"{self.identity + 1} attempt {self.number}"


@dataclass(frozen=True)
class Candidate:
    """What the inpainter made of a request. Identifying.

    Attributes:
        twin: The new person, fitted to the place where it is painted; None when there is none.
        strength: How strongly it departs from the source.
        reason: Why there is none, empty when there is one.
        made_with: Parameters of the inpainter, if it has any.
        last: Whether no further attempt could give one.
        missing: What nobody had, in words, where no candidate was found.
    """

    twin: Twin | None
    strength: Strength
    reason: str = ""
    made_with: dict[str, float] | None = None
    last: bool = False
    missing: str = ""


@dataclass(frozen=True)
class Verification:
    """Whether a candidate may serve.

    Attributes:
        attempt: The record of the try.
        last: No further attempt could do better.
    """

    attempt: AttemptRecord
    last: bool = False


@dataclass(frozen=True)
class TwinResult:
    """What is shown of one identity: twin is None when every attempt failed or nothing could be tried."""

    identity: int
    twin: Twin | None
    strength: Strength
    attempts: tuple[AttemptRecord, ...]
