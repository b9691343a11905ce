"""What a reader of an outsider's or insider's figure must know."""

from __future__ import annotations

FEW = 5
"""People under which an interval over people is too narrow to be relied on."""
NO_RESULT = "No face of anybody who is named has a result that could be compared."


def few(people: int) -> str:
    """A warning where an interval rests on a few people; "" otherwise, and for one, who has no interval."""
    return f"{people} people only: the interval is too narrow." if 1 < people < FEW else ""


def joined(*notes: str) -> str:
    """Notes as one."""
    return " ".join(note for note in notes if note)
