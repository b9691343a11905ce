"""The embedded inpainter: a person of the source's cell, drawn by a sampler of people.

Of the source only its cell, and whom the new person must not resemble, take part (see `models.people.cells`). A person
is refused who is too near to the source or to somebody else of the dataset: by the predicted embedding before the
picture is made, and by the measured one after.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from infra.errors import Withheld
from infra.reasons import Reason
from models.interfaces.capabilities import Floats
from models.interfaces.people import Person, Sampler
from models.interfaces.twins import AT_REST, Twin, TwinJob
from models.selection import profiles

SAMPLER = "linear-people"
NEAR = 0.05
"""Quantile of the pairs of people of the cell: nobody is tried who is nearer to the source's pictures than
that. Small, since every refusal tells something of the source; whether the rest will do is verified in place."""
FARTHER, FARTHEST = 0.05, 0.85
"""Cosine distance (FaceNet) that each further attempt asks more, and the most that is asked."""
APART, CROWDED = 0.45, 0.01
"""Cosine distance that a person keeps from all other people; and the quantile of the pairs of people of the cell
that is kept where nobody keeps it, as in a crowd of one kind: among hundreds somebody is as near to anybody."""
CHOICE = 2
"""Fit people in a crowd, of whom the one is taken who is farther from all others."""
PREDICTED = 0.15
"""How much nearer a predicted embedding may lie: it errs."""
MOST = 40
"""People who are measured for one twin."""
PATIENCE = 16
"""Of them, until somebody is taken who is of the kind though not fit; that picture is made once more."""
STRANGERS_MOST = 32
"""People who are made and measured for one identity's control strangers."""
NO_FACE = "a clear face"
_REMEMBERED = 1024
"""Unfit people of whom what was seen is remembered, 2 KB each."""


class _Seen(NamedTuple):
    """What was seen of a person: see `Person`; without its picture."""

    fault: str
    of_kind: bool
    moved: int
    embedding: Floats | None


class SampledInpainter:
    """Inpainter and strangers over a sampler; safe for several threads."""

    name = "mobilestylegan"

    def __init__(self) -> None:
        self._sampler: Sampler = profiles.load("sampler", SAMPLER)
        self._unfit: OrderedDict[int, _Seen] = OrderedDict()
        self._lock = threading.Lock()

    def inpaint(self, job: TwinJob) -> Twin:
        """Return a neutral, frontal twin.

        First `job.kindred`, who were seen in the source's own footage, then others of the cell. Where none of
        PATIENCE people is fit and far enough, the first who is of the kind and far enough will do: some kinds the
        generator seldom paints well. In a crowd of one kind, where all lie near somebody, it is the farther of two.

        Args:
            job: The source, and the other people of the run.

        Returns:
            The new person.

        Raises:
            Withheld: `no_candidate`: nobody who was drawn may serve; the message says what was missing most.
        """
        if job.prefer >= 0:
            kept = self._sampler.person(job.prefer)
            if kept is None:
                raise Withheld(Reason.NO_CANDIDATE, "The person's twin of other videos cannot be made again.")
            return _twin(kept)
        faults: Counter[str] = Counter()
        known: dict[int, _Seen] = {}
        crowded: list[tuple[float, int]] = []
        fallback: list[int] = []
        cell = self._sampler.cell(job.appearance, self._comparable(job))
        for candidate, predicted in self._candidates(job, cell, known):
            fault = "" if predicted is None else self._too_near(predicted, job, cell, PREDICTED)
            if not fault:
                if len(known) >= (PATIENCE if crowded or fallback else MOST) or len(crowded) >= CHOICE:
                    break
                person, seen = self._made(candidate)
                known[candidate] = seen
                fault = seen.fault
                if seen.of_kind and seen.embedding is not None:
                    # A control stranger was seen in place, where its distance from the source was judged.
                    near = self._too_near(seen.embedding, job, cell, 0.0, candidate in job.kindred)
                    away = self._away(seen.embedding, job)
                    if not near and not fault and person is not None:
                        if away >= APART:
                            return _twin(person)
                        crowded.append((-away, candidate))
                    elif not near:
                        fallback.append(candidate)
                    fault = near or fault
            faults[fault] += 1
        for candidate in (*(candidate for _, candidate in sorted(crowded)), *fallback):
            person = self._sampler.person(candidate)
            if person is not None:
                return _twin(person)
        missing = ", ".join(f"{name} ({count})" for name, count in faults.most_common(3)) or "nobody is left"
        raise Withheld(
            Reason.NO_CANDIDATE, f"Of the synthetic people of this kind none may serve, for want of: {missing}."
        )

    def strangers(self, job: TwinJob, count: int) -> list[Twin]:
        """Return people of the source's cell, also those whom other identities have or who are near the source.

        Args:
            job: The source.
            count: Number of people wanted.

        Returns:
            Up to `count` people; where too few are of the kind, the others are as near to it as they were drawn. Not
            all of them may serve as twins.
        """
        cell = self._sampler.cell(job.appearance, self._comparable(job))
        found: list[Twin] = []
        others: list[Twin] = []
        for tried, (candidate, _) in enumerate(self._sampler.propose(cell, job.seed)):
            if len(found) >= count or tried >= STRANGERS_MOST:
                break
            person = self._sampler.person(candidate)
            if person is not None:
                (found if person.of_kind else others).append(_twin(person))
            self._seen_of(candidate, person)
        return [*found, *others][:count]

    def _candidates(self, job: TwinJob, cell: int, known: dict[int, _Seen]) -> Iterator[tuple[int, Floats | None]]:
        """(candidate, predicted embedding) in the order in which they are tried; None of control strangers.

        Whoever turns out not to be fit, as the caller writes into `known`, is followed by the same person moved nearer
        to the cell.
        """
        out = {*job.taken, *job.unfit}

        def then(candidate: int, predicted: Floats | None) -> Iterator[tuple[int, Floats | None]]:
            moved = known[candidate].moved if candidate in known else -1
            if moved >= 0 and moved not in out:
                yield moved, predicted

        kindred = [candidate for candidate in job.kindred if candidate not in out]
        for candidate in kindred:
            yield candidate, None
        for candidate in kindred:
            yield from then(candidate, None)
        crowded: list[tuple[float, int, Floats]] = []
        for candidate, predicted in self._sampler.propose(cell, job.seed):
            if candidate in job.kindred or candidate in out:
                continue
            away = self._away(predicted, job)
            if away >= APART - PREDICTED:
                yield candidate, predicted
                yield from then(candidate, predicted)
            else:
                crowded.append((-away, candidate, predicted))
        for _, candidate, predicted in sorted(crowded, key=lambda one: one[:2]):
            yield candidate, predicted
            yield from then(candidate, predicted)

    def _made(self, candidate: int) -> tuple[Person | None, _Seen]:
        """A person and what was seen of it; no person where it is known already that it is not fit."""
        with self._lock:
            unfit = self._unfit.get(candidate)
        if unfit is not None:
            return None, unfit
        person = self._sampler.person(candidate)
        return person, self._seen_of(candidate, person)

    def _seen_of(self, candidate: int, person: Person | None) -> _Seen:
        """What was seen; of the unfit it is remembered, so that the picture is not made again, which costs a second."""
        if person is None:
            seen = _Seen(NO_FACE, False, -1, None)
        else:
            seen = _Seen(person.fault, person.of_kind, person.moved, person.embedding)
        if seen.fault:
            with self._lock:
                self._unfit[candidate] = seen
                while len(self._unfit) > _REMEMBERED:
                    self._unfit.popitem(last=False)
        return seen

    def _too_near(self, vector: Floats, job: TwinJob, cell: int, slack: float, only_others: bool = False) -> str:
        """Whom a person is too near to, empty for nobody."""
        # Not <: a distance that is no number proves nothing.
        if not self._away(vector, job) >= min(APART, self._sampler.pair_distance(cell, CROWDED)) - slack:
            return "distance from other people"
        if only_others or self._comparable(job) is None:
            return ""
        least = min(self._sampler.pair_distance(cell, NEAR) + FARTHER * (job.attempt - 1), FARTHEST)
        if not float((1.0 - job.source @ vector).min()) >= least - slack:
            return "distance from the source"
        return ""

    def _away(self, vector: Floats, job: TwinJob) -> float:
        """Cosine distance from the nearest of the other people; infinite where there are none to compare with."""
        if job.embedder != self._sampler.embedder or not len(job.others):
            return float("inf")
        return float((1.0 - job.others @ vector).min())

    def _comparable(self, job: TwinJob) -> Floats | None:
        """The source's embeddings where the sampler's can be compared with them."""
        return job.source if job.embedder == self._sampler.embedder and len(job.source) else None


def _twin(person: Person) -> Twin:
    return Twin(person.picture, person.mesh, person.candidate, AT_REST, np.asarray(person.embedding, np.float32))
