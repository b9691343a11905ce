"""What a person sees of a run in Prefect's pages: tables of verdicts and of times, and reports in words.

Everything here is keyed by public id and made of verdicts, reasons, counts and seconds; nothing tells of a person.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.events import emit_event

from flows.manifest.rows import VideoRow
from infra.reasons import Reason
from tasks.evaluation.report.content import Content
from tasks.records import Verdict

log = logging.getLogger("anonflow")

VERDICTS, TIMES, PROGRESS, REPORT = "anonflow-verdicts", "anonflow-times", "anonflow-progress", "anonflow-report"
EVALUATION, RECHECK = "anonflow-evaluation", "anonflow-recheck"
ALARM = "anonflow.dataset.withheld-above-share"
MOST_LINES = 1000
"""Lines of a table at most: a table of 50,000 would be loaded whole by the page that shows it. The manifest has all."""


def verdicts(rows: Sequence[VideoRow], suffix: str = "") -> None:
    """Show a table with a line per input, those that need a look first.

    Args:
        rows: Of the inputs.
        suffix: Tells the datasets' artifacts apart.
    """
    table, said = verdict_table(rows)
    create_table_artifact(key=VERDICTS + suffix, table=table, description=said)


def verdict_table(rows: Sequence[VideoRow]) -> tuple[list[dict[str, Any]], str]:
    """Make a table with a line per input, those that need a look first, and the whole in a line.

    Args:
        rows: Of the inputs.

    Returns:
        (lines, the whole in a line).
    """
    order = (Verdict.FAILED, Verdict.WITHHELD, Verdict.REDACTED, Verdict.PUBLISHED)
    shown = sorted(rows, key=lambda row: (order.index(row.verdict), row.place))[:MOST_LINES]
    count = Counter(row.verdict.value for row in rows)
    said = ", ".join(f"{count[verdict.value]} {verdict.value}" for verdict in reversed(order))
    more = f" The first {MOST_LINES} of {len(rows)}; the manifest has all." if len(rows) > MOST_LINES else ""
    return [_line(row) for row in shown], f"{said}.{more}"


def times(rows: Iterable[VideoRow], suffix: str = "") -> None:
    """Show a table of where the hours went: per stage its videos, hours, share, and seconds per second of video.

    Args:
        rows: Of the inputs.
        suffix: Tells the datasets' artifacts apart.
    """
    seconds: dict[str, float] = defaultdict(float)
    videos: Counter[str] = Counter()
    duration = 0.0
    for row in rows:
        duration += row.duration_s
        for stage, used in row.stage_seconds.items():
            seconds[stage] += used
            videos[stage] += 1
    whole = sum(seconds.values())
    table = [
        {
            "stage": stage,
            "videos": videos[stage],
            "hours": round(used / 3600, 3),
            "share": f"{used / whole:.1%}" if whole else "",
            "seconds per second of video": round(used / duration, 2) if duration else None,
        }
        for stage, used in sorted(seconds.items(), key=lambda item: -item[1])
    ]
    create_table_artifact(
        key=TIMES + suffix,
        table=table,
        description=f"{whole / 3600:.2f} hours of work for {duration / 3600:.2f} hours of video.",
    )


def report(name: str, rows: Sequence[VideoRow], suffix: str = "") -> None:
    """Show a page that says in words what became of a dataset.

    Args:
        name: Of the dataset.
        rows: Of the inputs.
        suffix: Tells the datasets' artifacts apart.
    """
    count = Counter(row.verdict for row in rows)
    reasons = Counter((row.verdict.value, row.reason) for row in rows if row.reason)
    lines = [
        f"# {name}",
        f"{len(rows)} inputs: {count[Verdict.PUBLISHED]} published, {count[Verdict.REDACTED]} redacted, "
        f"{count[Verdict.WITHHELD]} withheld, {count[Verdict.FAILED]} failed.",
        "",
        *(f"- {number} {verdict}: {reason}. {_meaning(reason)}" for (verdict, reason), number in reasons.most_common()),
        "",
        "`manifest.parquet` and `manifest.jsonl` lie beside the results; `anonflow explain` tells more of a public id.",
    ]
    create_markdown_artifact(key=REPORT + suffix, markdown="\n".join(lines))


def evaluation(content: Content, suffix: str = "") -> None:
    """Show what an evaluation found out about the whole, and the numbers that support it.

    Names of files are not in it.

    Args:
        content: Of the report.
        suffix: Tells the datasets' artifacts apart.
    """
    lines = [f"# {content.outcome.value}", content.verdict, ""]
    lines += [f"- **{line.title}: {line.number}** {line.words}" for line in content.headlines]
    lines += ["", *(f"- {count} {what}" for what, count in content.counts)]
    create_markdown_artifact(key=EVALUATION + suffix, markdown="\n".join(lines))


def recheck(lines: Sequence[tuple[str, str]], said: str, suffix: str = "") -> None:
    """Show a table of the files that failed a recheck.

    Args:
        lines: (public id, what became of it and why) of each.
        said: The whole in a line.
        suffix: Tells the datasets' artifacts apart.
    """
    more = f" The first {MOST_LINES}; `anonflow recheck` names all." if len(lines) > MOST_LINES else ""
    table = [{"public id": public_id, "found": found} for public_id, found in lines[:MOST_LINES]]
    create_table_artifact(key=RECHECK + suffix, table=table, description=f"{said}.{more}")


def alarm(name: str, rows: Sequence[VideoRow], most: float) -> bool:
    """Tell automations, by the event ALARM, that too much of a dataset was withheld or failed.

    Args:
        name: Of the dataset.
        rows: Of the inputs.
        most: Share of withheld and failed inputs above which the event is sent.

    Returns:
        Whether it was sent.
    """
    bad = sum(row.verdict in (Verdict.WITHHELD, Verdict.FAILED) for row in rows)
    if not rows or bad <= most * len(rows):
        return False
    emit_event(
        event=ALARM,
        resource={"prefect.resource.id": f"anonflow.dataset.{name}", "prefect.resource.name": name},
        payload={"inputs": len(rows), "withheld or failed": bad, "share": round(bad / len(rows), 4)},
    )
    return True


def attempt(show: Callable[[], object]) -> None:
    """Show something; what cannot be shown must not end the run, and the manifest has it all.

    Args:
        show: Shows it.
    """
    try:
        show()
    except Exception as error:
        log.warning("Prefect could not be shown how far the run is (%s).", type(error).__name__)


def _meaning(code: str) -> str:
    known = Reason.of(code)
    return f"{known.meaning} {known.remedy}" if known is not None else ""


def _line(row: VideoRow) -> dict[str, Any]:
    return {
        "public id": row.public_id,
        "verdict": row.verdict.value,
        "reason": row.reason,
        "frames": row.frames,
        "seconds": round(sum(row.stage_seconds.values()), 1),
    }
