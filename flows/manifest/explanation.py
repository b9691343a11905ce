"""What the manifest knows about one video, in words: its verdict, why, what was tried, and what to do.

Says nothing that the manifest does not hold, and of that neither which synthetic person was tried nor by which
parameters it was made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flows.manifest.rows import PULLED, REJECT, VideoRow
from infra.errors import UsageError
from infra.reasons import Reason
from tasks.records import Verdict

_VERDICTS = {
    Verdict.PUBLISHED: "every face is replaced, and every frame passed the audit.",
    Verdict.REDACTED: "every frame passed the audit; some faces are covered instead of replaced.",
    Verdict.WITHHELD: "nothing is published of it.",
    Verdict.FAILED: "it could not be processed.",
}
_HELD = {
    REJECT: "a person rejected the result, which was removed.",
    PULLED: "a recheck took the result out of the destination.",
}
_AFTER_PULL = "Convert the source again with `--overwrite`, which asks for other twins and the present audit."


def explain(public_id: str, rows: Iterable[VideoRow]) -> list[str]:
    """Explain what became of one video.

    Args:
        public_id: Of the video.
        rows: Of a manifest, those of other videos too.

    Returns:
        Lines of text. Inputs of equal content that fared alike are explained once.

    Raises:
        UsageError: The manifest has no row, or none of this video.
    """
    known = list(rows)
    if not known:
        raise UsageError("DESTINATION has no manifest; name a folder that results were converted into.")
    own = [row for row in known if row.public_id == public_id]
    if not own:
        raise UsageError(
            f"PUBLIC_ID {public_id} is not in the manifest of DESTINATION; manifest.jsonl there lists all of them."
        )
    told: dict[tuple[str, ...], list[int]] = {}
    for row in own:
        told.setdefault(tuple(of_row(row)), []).append(row.ordinal)
    lines: list[str] = []
    for text, ordinals in told.items():
        what = "input" if len(ordinals) == 1 else "inputs of equal content"
        lines += ["", f"{public_id} ({what}: {', '.join(map(str, ordinals))})", *text]
    return lines[1:]


def of_row(row: VideoRow) -> list[str]:
    """Explain one row.

    Args:
        row: Of a manifest.

    Returns:
        Lines of text.
    """
    lines = [f"{row.verdict.value}: {_HELD.get(row.review) or _VERDICTS[row.verdict]}", *_why(row)]
    lines += _tries(row.attempts)
    if row.audit:
        lines += ["The audit of the finished file:", *(f"  {_score(score)}" for score in row.audit)]
    lines += _faces(row)
    if row.redone:
        lines.append(f"A person asked {_times(row.redone)} for another try.")
    return [*lines, f"What to do: {_remedy(row)}"]


def _why(row: VideoRow) -> list[str]:
    if not row.reason:
        return [row.message] if row.message else []
    reason = Reason.of(row.reason)
    lines = [f"Reason: {row.reason}. {reason.meaning if reason else 'This version of anonflow has no such reason.'}"]
    if row.message and (reason is None or row.message != reason.meaning):
        lines.append(row.message)
    return lines


def _remedy(row: VideoRow) -> str:
    if row.review == PULLED:
        return _AFTER_PULL
    if not row.reason:
        return "Nothing." if row.verdict is Verdict.PUBLISHED else "The manifest gives no reason, so look at the log."
    reason = Reason.of(row.reason)
    if reason is None:
        return f"Look the reason up in docs/reasons.md of the version that wrote it ({row.software or 'not known'})."
    return reason.remedy


_AFTERWARDS = frozenset(
    {Reason.REHEARSAL_TOO_CLOSE, Reason.AUDIT_RECOGNISED, Reason.TWIN_NOT_SEEN, Reason.SETTLED_OTHERWISE, Reason.TAKEN}
)
"""Reasons of a try whose verification had passed."""


def _tries(attempts: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line for each try. Those of a person are numbered upwards, so a lower number is the next person's."""
    lines: list[str] = []
    person, before = 0, 0
    for attempt in attempts:
        number = int(attempt.get("number") or 0)
        if person == 0 or number <= before:
            person += 1
            lines.append(f"Tries at a twin for person {person}:")
        before = number
        lines.append(f"  {number}. {_attempt(attempt)}")
    return lines


def _attempt(attempt: Mapping[str, Any]) -> str:
    code, accepted = str(attempt.get("reason") or ""), bool(attempt.get("accepted"))
    reason = Reason.of(code)
    said = "Accepted." if accepted else f"Rejected ({code})."
    if reason is not None and not accepted:
        said += f" {reason.meaning}"
    if missing := str(attempt.get("missing") or ""):
        said += f" {missing}"
    distance, threshold = _number(attempt, "distance"), _number(attempt, "threshold")
    if distance is None or threshold is None:
        return f"{said} There is no distance: nothing could be compared."
    if accepted:
        said += f" Its distance from the source is {distance:.2f}, where more than {threshold:.2f} is asked for."
    elif distance > threshold and reason in _AFTERWARDS:
        said += f" Before that its distance of {distance:.2f} was enough: more than {threshold:.2f} is asked for."
    else:
        said += f" Its distance from the source is {distance:.2f}; more than {threshold:.2f} is asked for."
    genuine, strangers = _number(attempt, "genuine"), _number(attempt, "strangers")
    if genuine is not None and strangers is not None:
        said += (
            f" In this footage the source's own pictures lie within {genuine:.2f} of one another, strangers of the "
            f"same kind at {strangers:.2f}."
        )
    strength = _number(attempt, "strength")
    return said if strength is None else f"{said} Strength {strength:.2f}."


def _score(score: Mapping[str, Any]) -> str:
    name, smallest, threshold = score.get("embedder", "?"), _number(score, "smallest"), _number(score, "threshold")
    if smallest is None or threshold is None:
        return f"{name} compared no face."
    seen = int(score.get("recognised") or 0)
    parts = [f"{name} recognises the source in {_count(seen, 'frame') if seen else 'no frame'}"]
    parts.append(
        f"the smallest distance is {smallest:.2f} (frame {score.get('worst_frame')}), where more than {threshold:.2f} "
        "is asked for"
    )
    if (mean := _number(score, "mean")) is not None:
        parts.append(f"the mean is {mean:.2f}")
    if (own := _number(score, "to_twin")) is not None:
        parts.append(f"the twin it should show is {own:.2f} away")
    if matched := int(score.get("matched") or 0):
        parts.append(f"a general matcher takes {_count(matched, 'frame')} for the source, surroundings included")
    return "; ".join(parts) + "."


def _faces(row: VideoRow) -> list[str]:
    lines = []
    if row.faces_replaced or row.faces_redacted or row.verdict in (Verdict.PUBLISHED, Verdict.REDACTED):
        covered = f"{row.faces_redacted} covered"
        if row.redacted_tracks:
            covered += f" (on {_count(row.redacted_tracks, 'track')})"
        lost = f", {row.faces_lost} of the replaced ones not seen by the audit's detector" if row.faces_lost else ""
        lines.append(f"Faces over all frames: {row.faces_replaced} replaced, {covered}{lost}.")
    if row.surroundings is not None:
        lines.append(
            "Hair, ears, head and light alone: a general matcher takes painted strangers for the source in "
            f"{row.surroundings:.0%} of pairs."
        )
    if row.twins_shared:
        lines.append(f"{_count(row.twins_shared, 'twin')} may be in another video too, since no other was left.")
    return lines


def _number(values: Mapping[str, Any], name: str) -> float | None:
    """A number out of JSON values; None where there is none, for which the manifest has null."""
    value = values.get(name)
    return float(value) if isinstance(value, int | float) and value == value else None


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def in_a_line(row: VideoRow) -> str:
    """Say in a line what became of an input, why, and what to do.

    Args:
        row: Of the input.

    Returns:
        The line; it names the input by its public id alone.
    """
    known = Reason.of(row.reason)
    why = f" ({row.reason})" if row.reason else ""
    return f"{row.public_id} {row.verdict.value}{why}" + (f": {known.meaning} {known.remedy}" if known else "")
