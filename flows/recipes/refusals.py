"""What a row says, in words and distances, when no twin of a person may be shown."""

from __future__ import annotations

from infra.reasons import Reason
from tasks.records import AttemptRecord

NO_CANDIDATE_FITS = "No synthetic person fits and is far enough from the source."
BOUND = (
    "The twin that this person has in other videos of the dataset does not pass here; "
    "convert it with --identity-scope video for a twin of its own."
)
_ENDS: dict[str, str] = {
    Reason.SETTLED_OTHERWISE: "Other videos of the dataset took this twin first; convert the video again.",
    Reason.TWIN_NOT_SEEN: "Where the twin was painted the audit does not see its face; tries are used up.",
}
_USED_UP = "The audit recognises the source in the result; tries are used up."


def rejected(reason: str) -> str:
    """Say why a twin that was verified will not do, once tries are used up.

    Args:
        reason: For which a judge rejected it.

    Returns:
        One sentence.
    """
    return _ENDS.get(reason, _USED_UP)


def why(last: AttemptRecord) -> str:
    """Say why no attempt at a twin was accepted, in words and distances.

    Args:
        last: The last attempt.

    Returns:
        One or two sentences.
    """
    if (known := Reason.of(last.reason)) in (Reason.NO_CONTROLS, Reason.INDISTINCT):
        return known.meaning
    if last.reason == Reason.TOO_CLOSE:
        return (
            f"Every twin that was tried can be taken for the source: its distance is {last.distance:.2f} where more "
            f"than {last.threshold:.2f} is asked for; up to there a general matcher takes two people for one. "
            "Under --surroundings strict any two pictures decide, under accept the score over all, and no more is "
            "asked than half of the strangers in this footage reach, or two thirds of what a general matcher asks."
        )
    if last.reason != Reason.TOO_CLOSE_IN_PLACE:
        return last.missing or NO_CANDIDATE_FITS
    return (
        f"Every twin that was tried came too near to the source: at a distance of {last.distance:.2f} where more "
        f"than {last.threshold:.2f} is asked for. In this footage the source's own pictures lie within "
        f"{last.genuine:.2f} of one another, strangers of the same kind at {last.strangers:.2f}."
    )
