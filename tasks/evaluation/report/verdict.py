"""From numbers to a verdict, for one file and for a dataset; the rules are all here.

A file fails when any face of it is so near to its source that only one stranger in a thousand is nearer, for any
embedder; it needs a look when one in a hundred is, and when something of it could not be compared. A dataset fails when
a file does, or when people are named clearly more often than guessing would; it needs a look when results match other
pictures of their person more often than pictures of strangers of the kind. What is not known never passes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tasks.evaluation.metrics import detection
from tasks.evaluation.metrics.clip import Clip
from tasks.evaluation.metrics.definition import Figure
from tasks.evaluation.metrics.identity import identification
from tasks.evaluation.metrics.privacy import Attack
from tasks.evaluation.report.content import Headline, Outcome, Page

CLEARLY, TIMES = 0.05, 3.0
"""A re-identification rate fails a dataset when the lower end of its interval is so far above guessing, or so many
times as high: of a thousand people, guessing names one, and thirty would be a scandal."""
LOST = 0.1
"""Share of the faces that may be none any more. Beyond, networks that are far from what is no face have proved little;
the audit of a run has the same limit."""
TRIED = 3
"""People under which a rate alone fails nothing: of two, guessing names both one time in four."""
FEW = 20
"""People under which a rate of re-identification proves little."""


@dataclass(frozen=True)
class Limits:
    """Cosine distances of one embedder.

    Raises ValueError where they cannot be: nothing is nearer than a distance that is not known.

    Attributes:
        far_1: under which 1 % of pairs of strangers lie.
        far_01: under which 0.1 % of pairs of strangers lie.
    """

    far_1: float
    far_01: float

    def __post_init__(self) -> None:
        if not 0 < self.far_01 <= self.far_1:
            raise ValueError("The distances of strangers are not known.")


def nearest(clip: Clip, limits: Mapping[str, Limits]) -> float:
    """Find the smallest distance to the source over all faces and embedders.

    Args:
        clip: what is kept of the file.
        limits: embedder -> distances of strangers.

    Returns:
        The distance as a share of `far_1`; NaN without any.
    """
    shares = [
        float(np.nanmin(distances)) / limits[name].far_1
        for name, distances in clip.nearest.items()
        if np.isfinite(distances).any()
    ]
    return min(shares, default=float("nan"))


def of_file(clip: Clip, limits: Mapping[str, Limits]) -> tuple[Outcome, str]:
    """Judge one file.

    Args:
        clip: what is kept of the file.
        limits: embedder -> distances of strangers.

    Returns:
        The outcome, in a word and in a sentence or two.
    """
    if not clip.shared:
        return Outcome.LOOK, "No frame of the anonymized file belongs to one of the original; nothing was compared."
    doubts = _doubts(clip)
    for outcome, rarity, name_of in ((Outcome.FAIL, 1000, "far_01"), (Outcome.LOOK, 100, "far_1")):
        found = {
            name: int((distances <= getattr(limits[name], name_of)).sum()) for name, distances in clip.nearest.items()
        }
        worst = {name: count for name, count in found.items() if count}
        if worst:
            said = ", ".join(f"{count} of {clip.faces} faces by {name}" for name, count in worst.items())
            near = f"Nearer to the source than {rarity - 1} of {rarity} strangers are: {said}."
            return outcome, " ".join([near, *doubts])
    if doubts:
        return Outcome.LOOK, " ".join(doubts)
    return Outcome.PASS, "No face is nearer to its source than 99 of 100 strangers are, whichever network is asked."


def _doubts(clip: Clip) -> list[str]:
    """What could not be compared, or was not there to be compared with."""
    extra, missed, hidden = clip.usefulness[detection.EXTRA, ""], int(clip.missed.sum()), int(clip.hidden.sum())
    there = int(np.logical_or.reduce([clip.missed, *(np.isfinite(one) for one in clip.nearest.values())]).sum())
    found = []
    if extra.value > 0 and not clip.faces:
        found.append("The original shows no face, the anonymized file does.")
    elif extra.value > 0:
        found.append("There are faces where the original has none; see that they are nobody's.")
    elif not clip.faces:
        found.append("No face was found in either file; see that nobody is in it.")
    elif not there:
        found.append("No face of the original stands on a frame that the anonymized file has; nothing was compared.")
    if hidden > LOST * there:
        found.append(
            f"Where {hidden} of {there} faces were no detector sees one; that networks are far from what is no face "
            "proves little."
        )
    if missed:
        found.append(f"{missed} of {clip.faces} faces could not be compared by every network.")
    if clip.unpaired:
        found.append(f"{clip.unpaired} frames of the anonymized file belong to none of the original; see who is shown.")
    return found


def of_dataset(
    pages: Sequence[Page],
    attacks: Sequence[Attack],
    unexamined: int = 0,
    outsiders: Sequence[str] = (),
    other_inputs: int = 0,
) -> tuple[Outcome, str]:
    """Judge a whole dataset.

    Args:
        pages: one for each anonymized file.
        attacks: one for each attacker.
        unexamined: anonymized files that belong to no original, and of which no manifest says whose they are.
        outsiders: embedders by which results match other pictures of their person more often than those of strangers.
        other_inputs: anonymized files of inputs that were not evaluated; they change nothing but the words.

    Returns:
        The outcome of all, in a word and in a few sentences.
    """
    failed = sum(page.outcome is Outcome.FAIL for page in pages)
    doubtful = sum(page.outcome is Outcome.LOOK for page in pages)
    rates = {one.embedder: one.numbers[identification.RATES[1], one.embedder] for one in attacks}
    unknown = [name for name, figure in rates.items() if not (figure.known and np.isfinite(figure.chance))]
    named = [name for name, figure in rates.items() if figure.people >= TRIED and _low(figure) > _allowed(figure)]
    # A few people who are always named leave the interval wide: the rate itself counts then.
    perhaps = [
        name
        for name, figure in rates.items()
        if name not in named and (_low(figure) > figure.chance or figure.value > _allowed(figure))
    ]
    _, compared = people(attacks)
    few = (
        f" With {compared} people whose results were compared, rates of re-identification prove little."
        if compared < FEW
        else ""
    )
    tail = few
    if other_inputs:
        files = "file was" if other_inputs == 1 else "files were"
        tail += f" {other_inputs} anonymized {files} not looked at: of other inputs of this destination."
    if not pages:
        return Outcome.LOOK, "There was no anonymized file to look at."
    if failed or named:
        parts = [f"{failed} of {len(pages)} files show a face that can be recognised"] if failed else []
        parts += [f"people are named more often than by guessing ({', '.join(named)})"] if named else []
        return Outcome.FAIL, f"Do not pass this dataset on: {' and '.join(parts)}.{tail}"
    if doubtful or perhaps or unknown or unexamined or outsiders:
        parts = [f"{unexamined} anonymized files belong to no original and were not looked at"] if unexamined else []
        parts += [f"{doubtful} of {len(pages)} files need a look"] if doubtful else []
        parts += [f"it is not known whether people can be named ({', '.join(unknown)})"] if unknown else []
        parts += [f"some people may be named more often than by guessing ({', '.join(perhaps)})"] if perhaps else []
        if outsiders:
            names = ", ".join(outsiders)
            parts.append(f"results match other pictures of their person more often than those of strangers ({names})")
        return Outcome.LOOK, f"Nobody is recognised for certain, but {' and '.join(parts)}.{tail}"
    if few:
        return Outcome.LOOK, f"Nobody was recognised in any of {len(pages)} files.{tail}"
    nobody = f"Nobody was recognised in any of {len(pages)} files, by none of {len(attacks)} attackers."
    return Outcome.PASS, nobody + tail


def people(attacks: Sequence[Attack]) -> tuple[int, int]:
    """Count people; of several attackers, the one who could embed fewest counts.

    Args:
        attacks: one for each attacker.

    Returns:
        (people with a face in the originals, people whose results were compared with them).
    """
    compared = [one.numbers[identification.RATES[1], one.embedder].people for one in attacks]
    return min((one.people for one in attacks), default=0), min(compared, default=0)


def headlines(pages: Sequence[Page], kept: Figure) -> tuple[Headline, ...]:
    """Choose the numbers that support the verdict.

    Args:
        pages: one for each anonymized file.
        kept: figure of usefulness.

    Returns:
        The headlines; what is not known is missing.
    """
    shares = [page.nearest for page in pages if np.isfinite(page.nearest)]
    lines = []
    if shares:
        words = "the distance at which one stranger in a hundred is taken for the source. Below 1, a look is needed."
        # Rounded down: what is below 1 must not read as 1.
        least = math.floor(min(shares) * 100 + 1e-9) / 100
        lines.append(Headline("Nearest frame of all", f"{least:.2f} ×", f"of {words}"))
    if kept.known:
        words = "is how closely the mouth moves as it did, over all files (correlation; 1 is the same movement)."
        lines.append(Headline("Speech kept", f"{kept.value:.2f}", words))
    return tuple(lines)


def _allowed(figure: Figure) -> float:
    """What a rate may be at most without being clearly above guessing."""
    return min(figure.chance + CLEARLY, TIMES * figure.chance)


def _low(figure: Figure) -> float:
    """The lower end of a rate's interval; the rate itself where there is none."""
    return figure.value if np.isnan(figure.low) else figure.low
