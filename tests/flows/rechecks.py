"""Rechecks of a destination without a console."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flows.recheck import recheck
from flows.recheck.recheck import Outcome, Rechecked, Request
from infra.settings import Settings


def recheck_all(out: Path, told: list[Outcome] | None = None, **request: Any) -> Rechecked:
    """Recheck everything. told: gets each outcome as it is reported."""
    heard = [] if told is None else told
    return recheck.recheck(Request(str(out), **request), Settings(), lambda outcome, _: heard.append(outcome))


def found(done: Rechecked) -> dict[str, tuple[str, ...]]:
    """Public id -> reasons of what fails."""
    return {outcome.public_id: outcome.reasons for outcome in done.failing}
