"""The decisions that a person made about the files of a report, as its page exports them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from infra.errors import UsageError
from tasks.evaluation.report import machine

SCHEMA = 1
FILE = "review.json"
_AGAIN = "Open the report's index.html and export the decisions again."


class Choice(StrEnum):
    """What is to become of a file: it may be passed on, it may not, or it is to be anonymized anew."""

    ACCEPT = "accept"
    REJECT = "reject"
    REDO = "redo"


@dataclass(frozen=True)
class Decision:
    """What a person decided about one file.

    Attributes:
        name: its path in the anonymized dataset.
        note: their reason, or "".
    """

    name: str
    choice: Choice
    note: str = ""


@dataclass(frozen=True)
class Review:
    """All decisions about a report.

    Attributes:
        report: its id.
        exported_at: by the clock of the machine that exported them.
        undecided: names of files about which nothing was decided; that is no consent.
    """

    report: str
    exported_at: str
    decisions: tuple[Decision, ...]
    undecided: tuple[str, ...]


def load(path: Path, report: Path) -> Review:
    """Read exported decisions. Who decided is not known: the file is not signed.

    Args:
        path: the exported file.
        report: the folder of the report that they must be about.

    Returns:
        The decisions.

    Raises:
        UsageError: the file or the report cannot be read, is damaged or of another version, or decisions are about
            another report, an unknown file, or twice about one.
    """
    data = _read(report / machine.SUMMARY, "The folder holds no report; name the folder that has its index.html in it.")
    value = _parsed(_read(path, f"The decisions cannot be read; name the {FILE} that the report's page exported."))
    if not isinstance(value, dict) or value.get("schema") != SCHEMA or type(value["schema"]) is not int:
        raise UsageError(f"These are no decisions of this version of anonflow. {_AGAIN}")
    if set(value) != {"schema", "report", "exported_at", "decisions"}:
        raise UsageError(f"The decisions are damaged: fields are missing or unknown. {_AGAIN}")
    if value["report"] != machine.report_id(data):
        raise UsageError(
            "The decisions are about another report. Decide in the report that is named here, or name the one that the "
            "decisions are about; a report that was written anew needs new decisions."
        )
    if not isinstance(value["exported_at"], str) or not isinstance(value["decisions"], list):
        raise UsageError(f"The decisions are damaged: a field is of the wrong kind. {_AGAIN}")
    names = _names(data)
    decisions = tuple(_decision(number, one, names) for number, one in enumerate(value["decisions"], 1))
    decided = {decision.name for decision in decisions}
    if len(decided) < len(decisions):
        raise UsageError(f"The decisions hold two about the same file. {_AGAIN}")
    undecided = tuple(name for name in names if name not in decided)
    return Review(value["report"], value["exported_at"], decisions, undecided)


def _read(path: Path, otherwise: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise UsageError(otherwise) from None


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise UsageError(f"The decisions are damaged: this is no JSON. {_AGAIN}") from None


def _names(summary: bytes) -> dict[str, None]:
    try:
        return dict.fromkeys(page["name"] for page in json.loads(summary)["files"])
    except (ValueError, KeyError, TypeError):
        raise UsageError("The report's summary is damaged; write the report again.") from None


def _decision(number: int, value: Any, names: dict[str, None]) -> Decision:
    """One decision, counted from 1. Messages quote no name: an unknown one could be anything."""
    if not isinstance(value, dict) or set(value) != {"name", "choice", "note"}:
        raise UsageError(f"Decision {number} is damaged: fields are missing or unknown. {_AGAIN}")
    if not all(isinstance(field, str) for field in value.values()):
        raise UsageError(f"Decision {number} is damaged: a field is no text. {_AGAIN}")
    if value["name"] not in names:
        raise UsageError(f"Decision {number} is about a file that is not in the report. {_AGAIN}")
    try:
        choice = Choice(value["choice"])
    except ValueError:
        raise UsageError(f"Decision {number} is none of accept, reject and redo. {_AGAIN}") from None
    return Decision(value["name"], choice, value["note"])
