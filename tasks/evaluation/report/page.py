"""A report as pages that a browser shows without a server and without a network."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from infra.storage.disk import Disk
from tasks.evaluation.report import adversaries, charts, machine, words
from tasks.evaluation.report.content import Content, Line, Outcome, Page
from tasks.evaluation.report.folder import INDEX, VIDEOS, check_content, place
from tasks.evaluation.report.tables import by_kind

_WORST_FIRST = (Outcome.FAIL, Outcome.LOOK, Outcome.PASS)


def write(content: Content, folder: Path) -> None:
    """Write index.html, videos/<key>.html, summary.json and metrics.parquet; all of it appears, or nothing does.

    Files can be read by this user only. Every page holds its pictures, styles and script, may fetch nothing, and shows
    names and texts as they are, with any characters in them. An earlier report is replaced.

    Args:
        content: the report.
        folder: where it goes.

    Raises:
        UsageError: something else is in the folder, or names or keys cannot be used.
        ValueError: there are pictures of the source without `content.reviewer`.
        StoreUnavailable: the folder cannot be written.
    """
    check_content(content)
    place(folder, lambda new: _fill(content, new))


def worst_first(pages: Iterable[Page]) -> list[Page]:
    """Sort pages in the order in which they deserve a look.

    Args:
        pages: the pages; a nearest distance that is unknown counts as the worst.

    Returns:
        The pages in order.
    """

    def place_of(page: Page) -> tuple[int, float, str]:
        nearest = -math.inf if math.isnan(page.nearest) else page.nearest
        return _WORST_FIRST.index(page.outcome), nearest, page.name

    return sorted(pages, key=place_of)


def _fill(content: Content, folder: Path) -> None:
    machine.write_tables(content, folder)
    disk = Disk(folder, private=True)
    report = machine.report_id(machine.summary(content))
    disk.write(INDEX, index(content, report))
    pages = worst_first(content.pages)
    around = [None, *pages, None]
    for number, (before, page, after) in enumerate(zip(around, pages, around[2:], strict=False), 1):
        text = _page(
            "video.html.j2",
            content,
            report,
            {"report": report, "name": page.name},
            title=f"{page.name} · {content.title}",
            page=page,
            groups=grouped(page.lines),
            number=number,
            before=before,
            after=after,
        )
        disk.write(f"{VIDEOS}/{page.key}.html", text)


def index(content: Content, report: str) -> bytes:
    """Write the first page of a report.

    Args:
        content: the report.
        report: the report's id.

    Returns:
        The page as HTML.
    """
    groups = [
        ("Privacy", "Can the people in the originals still be recognised?", grouped(content.privacy)),
        ("Usefulness", "Is what the videos are needed for still there?", grouped(content.usefulness)),
    ]
    data = {"report": report, "files": [_entry(page) for page in worst_first(content.pages)]}
    return _page(
        "index.html.j2",
        content,
        report,
        data,
        title=content.title,
        groups=groups,
        adversaries=adversaries.table(content.adversaries),
        adversary_groups=grouped(content.adversaries),
        kinds=by_kind.grouped(content.kinds),
        kept_columns=by_kind.COLUMNS,
    )


def grouped(lines: Sequence[Line]) -> list[list[Line]]:
    """Group lines that follow each other and are about the same metric.

    Args:
        lines: the lines.

    Returns:
        The groups, in order.
    """
    return [list(group) for _, group in itertools.groupby(lines, key=lambda line: line.definition.name)]


def _page(template: str, content: Content, report: str, data: dict[str, Any], **values: Any) -> bytes:
    script = _assets(*(["decisions.js", "report.js"] if "files" in data else ["decisions.js"]))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    text = (
        _environment()
        .get_template(template)
        .render(
            content=content,
            report=report,
            policy=policy,
            style=Markup(_assets("style.css", "print.css")),
            script=Markup(script),
            data=embedded(data),
            **values,
        )
    )
    return text.encode()


def embedded(value: Any) -> Markup:
    """Write a value as JSON for a <script> element.

    Args:
        value: what JSON can hold.

    Returns:
        The text. Nothing in it ends the element, since it holds no angle bracket.
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)


def picture(jpeg: Path) -> str:
    """Write a JPEG file as an address that holds it.

    Args:
        jpeg: the file.

    Returns:
        A `data:` address.
    """
    return "data:image/jpeg;base64," + base64.b64encode(jpeg.read_bytes()).decode()


def _entry(page: Page) -> list[Any]:
    """A row of the list of files, in the order that report.js reads."""
    nearest = page.nearest if math.isfinite(page.nearest) else None
    return [
        _WORST_FIRST.index(page.outcome),
        page.name,
        page.key,
        nearest,
        words.nearest(page.nearest),
        page.seconds if math.isfinite(page.seconds) else None,
        words.clock(page.seconds),
        page.faces,
    ]


@cache
def _assets(*names: str) -> str:
    folder = files(__package__) / "templates"
    return "\n".join((folder / name).read_text("utf-8") for name in names)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "amount": words.amount,
        "interval": words.interval,
        "unit": words.unit,
        "clock": words.clock,
        "count": words.count,
        "nearest": words.nearest,
        "share_of": by_kind.share,
        "mean_of": by_kind.mean,
        "picture": picture,
        "chart": lambda chart, wide=False: Markup(charts.svg(chart, wide)),
    }
    environment.globals |= {"VERDICTS": words.VERDICTS, "WAYS": words.WAYS, "size": words.size}
    return environment
