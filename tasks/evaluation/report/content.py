"""What a report says, apart from how it looks.

Nothing in here may identify a person of the originals: names are those of anonymized files, pictures are of the
anonymized side. `Page.source_sheet` is the one exception, and empty unless a reviewer asked for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tasks.evaluation.metrics.definition import Definition, Figure


class Outcome(StrEnum):
    """What a report concludes, for the dataset and for each file."""

    PASS = "pass"
    LOOK = "look"
    FAIL = "fail"


@dataclass(frozen=True)
class Line:
    """One number of a table.

    Attributes:
        variant: which embedder, axis or side it is about, "" when there is only one.
    """

    definition: Definition
    figure: Figure
    variant: str = ""


@dataclass(frozen=True)
class Series:
    """One line of a chart.

    Attributes:
        points: (x, y), y may be NaN where nothing is known.
        muted: shown for comparison only.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    muted: bool = False


@dataclass(frozen=True)
class Chart:
    """A line chart.

    Attributes:
        caption: how to read it, in one sentence.
        marks: horizontal lines, (name, y).
        log_x: logarithmic, for x > 0.
        y_from, y_to: range of y, None from the data.
    """

    title: str
    caption: str
    x_title: str
    y_title: str
    series: tuple[Series, ...]
    marks: tuple[tuple[str, float], ...] = ()
    log_x: bool = False
    y_from: float | None = None
    y_to: float | None = None


@dataclass(frozen=True)
class Frame:
    """A frame that deserves a look.

    Attributes:
        number: counted from 0.
        distance: cosine, of the face nearest to its source.
    """

    number: int
    seconds: float
    distance: float
    embedder: str


@dataclass(frozen=True)
class Page:
    """One anonymized file.

    Attributes:
        key: a safe file name for its page.
        name: its path in the anonymized dataset.
        said: its outcome in words.
        nearest: the smallest share of an embedder's threshold that any frame reached: below 1 it was recognised.
        lines: its numbers.
        worst: the frames nearest to the source.
        sheet: JPEG file of the anonymized side, worst frames first. Like `source_sheet` it is read when the page is
            written, since those of all pages together would fill the memory.
        source_sheet: the same frames of the source, for reviewers only.
    """

    key: str
    name: str
    outcome: Outcome
    said: str
    seconds: float
    frames: int
    faces: int
    nearest: float
    charts: tuple[Chart, ...] = ()
    lines: tuple[Line, ...] = ()
    worst: tuple[Frame, ...] = ()
    sheet: Path | None = None
    source_sheet: Path | None = None


@dataclass(frozen=True)
class Headline:
    """One of the two or three numbers that carry the verdict.

    Attributes:
        words: what it means, in a sentence.
    """

    title: str
    number: str
    words: str


@dataclass(frozen=True)
class KindRow:
    """What became of the files and people of one kind, see `tasks.evaluation.report.tables.by_kind`.

    Attributes:
        by: what the kind is of: age, gender, skin tone or labelled group.
        kind: the band, or the label.
        originals: files.
        published: of these, how many have a result.
        failed: of these, in how many a face is so near to its source that the file fails.
        people: people of the kind whose results were compared.
        named: of these, whom the independent attacker names on most faces of their results.
        kept: what the results are good for, means over the files.
    """

    by: str
    kind: str
    originals: int
    published: int
    failed: int
    people: int
    named: int
    kept: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Content:
    """A whole report.

    Attributes:
        counts: what was compared, (what, how many).
        method, limits: paragraphs.
        settings: (what, value) needed to do it again.
        reviewer: whether source pictures are in it, so that it says so on every page.
        adversaries: what an outsider and an insider find, see `tasks.evaluation.report.adversaries`.
        excess: how much more often people are named than their kind and guessing explain; None where nobody attacked.
        kinds: what became of each kind of people, so that none is served worse unseen.
    """

    title: str
    made_at: str
    software: str
    outcome: Outcome
    verdict: str
    headlines: tuple[Headline, ...]
    counts: tuple[tuple[str, int], ...]
    privacy: tuple[Line, ...]
    usefulness: tuple[Line, ...]
    charts: tuple[Chart, ...]
    pages: tuple[Page, ...]
    method: tuple[str, ...]
    limits: tuple[str, ...]
    settings: tuple[tuple[str, str], ...] = ()
    reviewer: bool = False
    adversaries: tuple[Line, ...] = ()
    excess: Line | None = None
    kinds: tuple[KindRow, ...] = ()
