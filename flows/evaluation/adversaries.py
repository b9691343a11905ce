"""What an insider and an outsider find in an evaluation: who holds this very footage, and who holds other pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from flows.evaluation.pair_work import Looked
from flows.evaluation.pairs import Pairing
from tasks.evaluation.metrics.adversary import insider, outsider
from tasks.evaluation.metrics.definition import Numbers
from tasks.evaluation.report.verdict import Limits


def numbers(
    pairing: Pairing,
    looked: Sequence[Looked],
    others: Sequence[Looked],
    limits: Mapping[str, Limits],
    check_cancelled: Callable[[], None],
) -> Numbers:
    """Return the figures of both adversaries, by every embedder; each says so where it is not known.

    Args:
        pairing: Who is who, and what the manifest says.
        looked: What was found about each of its pairs.
        others: What was found about each of its other pictures.
        limits: Embedder -> the distances of strangers.
        check_cancelled: Called before each embedder; what it raises passes.

    Returns:
        The figures.
    """
    clips, more = [one.clip for one in looked], [one.clip for one in others]
    labelled = frozenset(pair.person for pair in (*pairing.pairs, *pairing.others) if pair.labelled)
    same = footage([*looked, *others])
    found: Numbers = {}
    for name, limit in limits.items():
        check_cancelled()
        found |= outsider.numbers(clips, more, labelled, name, limit.far_1, same)
        found |= insider.numbers(clips, name, limit.far_1)
    shown = [pair for pair, one in zip(pairing.pairs, looked, strict=True) if one.clip.shared]
    found |= insider.surroundings(
        [pair.surroundings for pair in shown], [pair.person for pair in shown], pairing.manifest
    )
    return found


def footage(looked: Sequence[Looked]) -> dict[int, int]:
    """Return which clips have the same original: a copy is no other picture.

    Args:
        looked: What was found about each pair.

    Returns:
        Index of a clip -> index of the first whose original has the same content.
    """
    first: dict[str, int] = {}
    return {one.clip.index: first.setdefault(one.content, one.clip.index) for one in looked if one.content}
