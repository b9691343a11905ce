"""An attacker who has learnt from other people how results depend on their sources, and reverses it.

Whoever can convert pictures has as many pairs of a source and its result as they like. From pairs of other people a map
from the result's embedding back to the source's is learnt; a person whose result it leads to the source of is found,
however far apart the two look.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.embedding.vectors import unit
from models.interfaces.capabilities import Floats
from tasks.evaluation.metrics import bootstrap
from tasks.evaluation.metrics.adversary.notes import joined, unvaried
from tasks.evaluation.metrics.definition import Better, Definition, Figure, Numbers
from tasks.evaluation.metrics.faces import Faces
from tasks.evaluation.metrics.identity import identification
from tasks.evaluation.metrics.identity.deidentification import appearances

LEAST, FOLDS = 40, 4
"""People with a source and a result below which nothing is learnt, and parts into which they are dealt: a part has ten
people at least, and as many as the other parts have together are learnt from."""
AT = (1, 5)
_PENALTIES = tuple(10.0**power for power in range(-4, 4))
_HIDDEN, _ROUNDS = 128, 200
_MOST = 2000
"""Most pairs that a map is learnt from; time grows with them."""
_SOURCE = "Own, after the reversal attacks on template protection"
Learner = Callable[[Floats, Floats, NDArray[np.int64], int], Callable[[Floats], Floats]]


def _definition(name: str, title: str, how: str, k: int) -> Definition:
    return Definition(
        f"reversal_{name}_at_{k}",
        title if k == 1 else f"True person among {k}: {title[0].lower()}{title[1:]}",
        "share",
        Better.LOWER,
        f"{how} People are dealt into {FOLDS} parts; those of one part, and people without a result, are who there is "
        f"to choose from, and only the other parts were learnt from. How often the true person is among the first {k}, "
        "by the mean embedding of a file; every person counts the same. Without labels, a person in several originals "
        "may be learnt from, too, and the share is too high.",
        _SOURCE,
    )


_LEARNT = "From pairs of a source and its result of other people a map back to the source's embedding is learnt: "
NAIVE = {
    k: _definition("naive", "Compared as it is", "The baseline of the reversals: the result as it is.", k) for k in AT
}
RIDGE = {k: _definition("ridge", "Reversed by a linear map", f"{_LEARNT}a ridge regression.", k) for k in AT}
NETWORK = {
    k: _definition("network", "Reversed by a small network", f"{_LEARNT}a network of one hidden layer.", k) for k in AT
}
DEFINITIONS = (NAIVE, RIDGE, NETWORK)


@dataclass(frozen=True)
class _Pairs:
    """Files of people with both sides, and people without a result. Identifying.

    Attributes:
        source, result: mean embeddings, one row for each person in each file.
        others: originals of people who have no result.
    """

    source: Faces
    result: Faces
    others: Faces


def numbers(original: Faces, anonymized: Faces, embedder: str, seed: int = 0) -> Numbers:
    """Work out how often people are found by reversing their results, beside comparing these as they are.

    The gallery never holds a person who was learnt from: a map that has seen a person's source leads to it. Where
    labels are missing, a person of one part may be in another under another number; then the shares are too high.

    Args:
        original: faces of all originals.
        anonymized: faces of the results.
        embedder: name of the network, the variant.
        seed: of the deal and the network.

    Returns:
        `NAIVE`, `RIDGE` and `NETWORK`; not known of fewer than `LEAST` people.
    """
    pairs = _paired(original, anonymized)
    people = np.unique(pairs.result.person)
    if len(people) < LEAST:
        why = f"{len(people)} people have a source and a result to learn from and to find; {LEAST} are needed."
        return {(table[k], embedder): Figure.unknown(why) for table in DEFINITIONS for k in AT}
    fold = np.empty(len(people), np.int64)
    fold[np.random.default_rng(seed).permutation(len(people))] = np.arange(len(people)) % FOLDS
    which = fold[np.searchsorted(people, pairs.result.person)]
    found: Numbers = {}
    for table, learner in ((NAIVE, None), (RIDGE, ridge), (NETWORK, network)):
        ranks, choice = _ranks(pairs, which, learner, seed)
        for k in AT:
            found[table[k], embedder] = _figure(ranks, choice, pairs.result.person, k)
    return found


def _paired(original: Faces, anonymized: Faces) -> _Pairs:
    before, after = _means(original), _means(anonymized)
    place = {key: row for row, key in enumerate(zip(before.clip.tolist(), before.person.tolist(), strict=True))}
    keys = list(zip(after.clip.tolist(), after.person.tolist(), strict=True))
    there = np.array([key in place for key in keys], np.bool_)
    rows = np.array([place[key] for key in keys if key in place], np.int64)
    return _Pairs(before.take(rows), after.take(there), before.take(~np.isin(before.person, after.person[there])))


def _means(faces: Faces) -> Faces:
    """One row for each person in each file."""
    rows = appearances(faces)
    first = faces.take(np.array([one[0] for one in rows], np.int64))
    means = np.array([faces.vectors[one].mean(axis=0) for one in rows], np.float32)
    return replace(first, vectors=unit(means.reshape(len(rows), faces.vectors.shape[1])))


def _ranks(
    pairs: _Pairs, fold: NDArray[np.int64], learner: Learner | None, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(n,) ranks of the results' people, and (n,) how many people there were to choose from."""
    ranks, choice = np.zeros(len(fold), np.int64), np.zeros(len(fold))
    for number in range(FOLDS):
        held = fold == number
        probes = pairs.result.take(held)
        if learner is not None:
            taught = np.flatnonzero(~held)
            taught = taught[np.linspace(0, len(taught) - 1, min(_MOST, len(taught))).round().astype(np.int64)]
            learnt = learner(
                pairs.result.vectors[taught], pairs.source.vectors[taught], pairs.result.person[taught], seed
            )
            probes = replace(probes, vectors=unit(learnt(probes.vectors)))
        gallery = _together(pairs.source.take(held), pairs.others)
        ranks[held] = identification.ranks(gallery, probes)
        choice[held] = len(np.unique(gallery.person))
    return ranks, choice


def _together(one: Faces, other: Faces) -> Faces:
    columns = ((faces.vectors, faces.person, faces.clip, faces.frame) for faces in (one, other))
    return Faces(*(np.concatenate(parts) for parts in zip(*columns, strict=True)))


def ridge(results: Floats, sources: Floats, people: NDArray[np.int64], seed: int) -> Callable[[Floats], Floats]:
    """Learn a linear map, with the penalty that leads nearest to the sources of people who were held out.

    Args:
        results: (n, D) embeddings of results.
        sources: (n, D) of their sources.
        people: (n,) who they are.
        seed: Not needed.

    Returns:
        From embeddings of results to embeddings of sources, not of length one.
    """
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GroupKFold

    parts = list(GroupKFold(3).split(results, groups=people))

    def near(penalty: float) -> float:
        models = [(Ridge(alpha=penalty).fit(results[taught], sources[taught]), held) for taught, held in parts]
        return float(sum((unit(one.predict(results[held])) * sources[held]).sum() for one, held in models))

    best = max(_PENALTIES, key=near)
    return Ridge(alpha=best).fit(results, sources).predict


def network(results: Floats, sources: Floats, people: NDArray[np.int64], seed: int) -> Callable[[Floats], Floats]:
    """Learn a network of one hidden layer.

    Args:
        results: (n, D) embeddings of results.
        sources: (n, D) of their sources.
        people: Not needed.
        seed: Of its first weights.

    Returns:
        From embeddings of results to embeddings of sources, not of length one.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    # Of about one each, which is what its starting weights are made for; unit vectors have far smaller components.
    scale = float(np.sqrt(results.shape[1]))
    model = MLPRegressor(
        hidden_layer_sizes=(_HIDDEN,), alpha=1.0, learning_rate_init=3e-3, max_iter=_ROUNDS, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(results * scale, sources * scale)
    return lambda vectors: np.asarray(model.predict(vectors * scale), np.float32)


def _figure(ranks: NDArray[np.int64], choice: NDArray[np.float64], person: NDArray[np.int64], k: int) -> Figure:
    people, which = np.unique(person, return_inverse=True)
    hits = np.bincount(which, (ranks > 0) & (ranks <= k)) / np.bincount(which)
    figure = bootstrap.mean(hits, people)
    note = f"Among {choice.mean():.0f} people at a time."
    return replace(
        figure, samples=len(ranks), chance=float((k / choice).mean()), note=joined(figure.note, note, unvaried(hits))
    )
