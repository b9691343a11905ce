"""What an evaluation compared, in numbers that say what they count.

Originals are copies of another, have an anonymized file, or have no result: these three make up their number.
"""

from __future__ import annotations

from collections.abc import Sequence

from flows.evaluation.pair_work import Looked
from flows.evaluation.pairs import Pairing
from tasks.evaluation.metrics.privacy import Attack
from tasks.evaluation.report import verdict


def of(
    pairing: Pairing, looked: Sequence[Looked], others: Sequence[Looked], attacks: Sequence[Attack]
) -> tuple[tuple[str, int], ...]:
    """Count originals, results and people.

    Args:
        pairing: Who is who.
        looked: What was found about each of its pairs.
        others: What was found about each of its other pictures.
        attacks: One for each attacker.

    Returns:
        (what, how many) each.
    """
    results = sum(pair.anonymized is not None for pair in pairing.pairs)
    among, compared = verdict.people(attacks)
    strangers = "that no row of the manifest knows" if pairing.manifest else "that belong to no original"
    found = [
        ("originals", len(pairing.pairs) + pairing.copies),
        ("originals that are copies of another one", pairing.copies),
        ("anonymized files of these originals", results),
        ("originals without a result", len(pairing.pairs) - results),
        ("files that could not be measured", sum(bool(one.reason) for one in looked)),
        (f"anonymized files {strangers}", pairing.strangers),
        *([("anonymized files of other inputs of this destination", pairing.other_inputs)] if pairing.manifest else []),
        *_people(pairing),
        ("people with a face in the originals, each file's bystanders too", among),
        ("people whose results were compared", compared),
        ("faces compared", sum(one.clip.faces for one in looked if one.clip.shared)),
    ]
    if others:
        found += [
            ("other pictures of people who are named", len(others)),
            ("other pictures of nobody who is named", pairing.unnamed),
            ("other pictures that could not be measured", sum(bool(one.reason) for one in others)),
        ]
    return tuple(found)


def _people(pairing: Pairing) -> list[tuple[str, int]]:
    named = pairing.people - pairing.unlabelled
    if not named:
        return [("originals of different content, each counted as another person", pairing.unlabelled)]
    without = [("originals without one label, each counted as another person", pairing.unlabelled)]
    return [("people by the labels given", named), *(without if pairing.unlabelled else [])]
