"""The parrot attack: learn what known people look like anonymized, then name them in other anonymized clips."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tasks.evaluation.metrics import bootstrap
from tasks.evaluation.metrics.definition import Better, Definition, Figure
from tasks.evaluation.metrics.faces import Faces
from tasks.evaluation.metrics.identity.deidentification import appearances

FOLDS = 5
PER_CLIP = 40
_FACES = 20_000
"""Most faces a classifier learns from, unless that leaves none of a clip: time grows with both faces and people."""
_ROUNDS = 300
_STOPPED = f"A classifier was stopped after {_ROUNDS} rounds, before it was at its best."
PARROT = Definition(
    "parrot_accuracy",
    "Named by a classifier trained on anonymized clips",
    "share",
    Better.LOWER,
    "Share of anonymized clips that a multinomial logistic regression on the embeddings gives to the true person, "
    "having learnt from other anonymized clips of the same people; every person with two clips or more counts the "
    "same, and guessing gives one over their number. A person who keeps one twin in all videos is meant to be found: "
    "what is learnt then is the twin, and names nobody without a clip that is known to be theirs.",
    "McPherson et al. 2016 (AnonNET, reference 22)",
)


def parrot(original: Faces, anonymized: Faces, folds: int = FOLDS, per_clip: int = PER_CLIP, seed: int = 0) -> Figure:
    """Work out the mean over people of the share of their anonymized clips that are named.

    Clips are dealt into at most `folds` folds, each person's as evenly as can be, and a fold's clips are named by what
    was learnt from the clips outside: no face of a clip is ever both, not even another person's. All faces of a clip
    are named; it goes to the person of the highest mean log-probability. A clip of a person who is in no clip outside
    the fold is left out (this takes clips of several people). The interval is over people, the classifiers held as they
    are.

    Args:
        original: original faces.
        anonymized: anonymized faces.
        folds: folds at most.
        per_clip: most faces learnt from of a person in a clip, evenly spread over it, fewer where there are very many
            clips.
        seed: of the deal and the classifiers.

    Returns:
        The share; `original`: of the same clips before, by a classifier that learnt from originals. Not known where
        fewer than two people have two clips.
    """
    found = appearances(anonymized)
    names, counts = np.unique(_first(anonymized.person, found), return_counts=True)
    taking = names[counts >= 2]
    if len(taking) < 2:
        return Figure.unknown(f"People with two anonymized clips or more: {len(taking)}; at least two are needed.")
    found = [rows for rows in found if anonymized.person[rows[0]] in taking]
    wanted = set(zip(_first(anonymized.clip, found).tolist(), _first(anonymized.person, found).tolist(), strict=True))
    before = [rows for rows in appearances(original) if (original.clip[rows[0]], original.person[rows[0]]) in wanted]
    person, named, stopped = _attack(anonymized, found, folds, per_clip, seed)
    people, shares = _by_person(person, named)
    figure = bootstrap.mean(shares, people)
    _, baseline = _by_person(*_attack(original, before, folds, per_clip, seed)[:2])
    return replace(
        figure,
        samples=int(np.isfinite(named).sum()),
        original=float(baseline.mean()) if len(baseline) else float("nan"),
        chance=1 / len(taking),
        note=f"{figure.note} {_STOPPED if stopped else ''}".strip(),
    )


def _attack(
    faces: Faces, found: list[NDArray[np.int64]], folds: int, per_clip: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.float64], bool]:
    """(the person of each appearance; 1 where it was named, 0 where not, NaN where nothing was learnt of its person;
    whether a classifier was stopped)."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    person, fold = _first(faces.person, found), _dealt(faces, found, folds, seed)
    named, stopped, most = np.full(len(found), np.nan), False, max(1, _FACES // max(1, len(found)))
    for number in np.unique(fold):
        learnt = [
            _spread(rows, min(per_clip, most)) for rows, held in zip(found, fold == number, strict=True) if not held
        ]
        if len(np.unique(_first(faces.person, learnt))) < 2:
            continue
        # Weighing people equally: a person with more clips is not to be guessed more often.
        model = LogisticRegression(max_iter=_ROUNDS, class_weight="balanced", random_state=seed)
        attacker = make_pipeline(StandardScaler(), model)
        taught = np.concatenate(learnt)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            attacker.fit(faces.vectors[taught], faces.person[taught])
        stopped |= bool(np.max(model.n_iter_) >= _ROUNDS)
        for at in np.flatnonzero((fold == number) & np.isin(person, model.classes_)):
            guess = attacker.predict_log_proba(faces.vectors[found[at]]).mean(axis=0)
            named[at] = model.classes_[int(np.argmax(guess))] == person[at]
    return person, named, stopped


def _dealt(faces: Faces, found: list[NDArray[np.int64]], folds: int, seed: int) -> NDArray[np.int64]:
    """The fold of each appearance, the same for all of a clip: in random order, each clip goes where its people have
    the fewest clips so far."""
    clip, (names, who) = _first(faces.clip, found), np.unique(_first(faces.person, found), return_inverse=True)
    taken, fold = np.zeros((len(names), max(2, folds)), np.int64), np.zeros(len(found), np.int64)
    for one in np.random.default_rng(seed).permutation(np.unique(clip)):
        at = np.flatnonzero(clip == one)
        fold[at] = np.argmin(taken[who[at]].sum(axis=0))
        taken[who[at], fold[at]] += 1
    return fold


def _spread(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    return rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(np.int64)]


def _first(column: NDArray[np.int64], found: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return column[np.array([rows[0] for rows in found], np.int64)]


def _by_person(person: NDArray[np.int64], named: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(people of whom a clip was tried, the share of those that were named)."""
    known = np.isfinite(named)
    people, which, counts = np.unique(person[known], return_inverse=True, return_counts=True)
    return people, np.bincount(which, named[known], len(people)) / counts
