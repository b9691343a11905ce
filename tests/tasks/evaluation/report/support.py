"""Reports as tests need them: made numbers that look like real ones, of as many files as a test asks for."""

from __future__ import annotations

import math
import tempfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from tasks.evaluation.metrics.adversary import insider, outsider
from tasks.evaluation.metrics.definition import Better, Definition, Figure
from tasks.evaluation.report.content import Chart, Content, Frame, Headline, KindRow, Line, Outcome, Page, Series
from tasks.evaluation.report.pages import lines
from tasks.evaluation.report.tables import by_kind

HOSTILE = (
    "<img src=x onerror=alert(1)>.mp4",
    "</script><script>alert(2)</script>.mp4",
    "\"quotes' & `ticks` ${x} {{ 7*7 }}.mp4",
    "видео/名前 🎥 ‮gpj.mp4",
    "__proto__",
)
_PICTURES = tempfile.TemporaryDirectory(prefix="pictures-")
THRESHOLDS = (("FaceNet", 0.40), ("SFace", 0.64))

RETRIEVED = Definition(
    "reidentified",
    "People found again among all others",
    "share",
    Better.LOWER,
    "For every anonymized clip the most similar original is looked up; counted is how often it is the same person.",
    "Now You See Me, Now You Don't, section 4.2",
)
MARGIN = Definition(
    "margin",
    "Distance to the source",
    "cosine distance",
    Better.HIGHER,
    "The mean cosine distance of every face to the nearest face of its source.",
)
INVERTED = Definition(
    "inverted", "Faces rebuilt by inversion", "share", Better.LOWER, "Not part of this run.", "Section 5"
)
POSE = Definition(
    "pose", "Head pose is kept", "degrees", Better.LOWER, "The mean angle between the head before and after."
)
BLINKS = Definition("blinks", "Blinks", "per minute", Better.LIKE_ORIGINAL, "Eyes that close and open again.")
EMOTION = Definition("emotion", "Expression is kept", "share", Better.HIGHER, "Frames with the same expression.")


def content(files: int = 8, reviewer: bool = False, seed: int = 1, hostile: bool = True) -> Content:
    """A report of a dataset with a file that fails, one that needs a look, unknown numbers and, if `hostile`, names
    that a careless page would run."""
    random = np.random.default_rng(seed)
    names = [*HOSTILE[: files if hostile else 0]]
    names += [f"videos/{number:04d}{'abcdefghijkl'}.mp4" for number in range(len(names), files)]
    pages = tuple(page(name, number, random, reviewer, small=files > 50) for number, name in enumerate(names))
    return Content(
        title="Talks 2026, first delivery",
        made_at="2026-11-03T09:12:44+00:00",
        software="anonflow 0.1.0",
        outcome=Outcome.LOOK,
        verdict="One file shows a face that was recognised and must not be passed on; one more needs a look.",
        headlines=(
            Headline("Found again", "3.1 %", "of the people, where guessing would find 2.2 %."),
            Headline("Nearest frame", "91.3 %", "of the threshold; below 100 % somebody was recognised."),
            Headline("Expression kept", "88.7 %", "of the frames show the same expression as the original."),
        ),
        counts=(("Files", files), ("People", 45), ("Frames", 148_213), ("Faces compared", 151_902)),
        privacy=(
            Line(RETRIEVED, Figure(0.031, 0.012, 0.058, 1204, 45, 0.994, 1 / 45), "FaceNet"),
            Line(RETRIEVED, Figure(0.027, 0.009, 0.049, 1204, 45, 0.971, 1 / 45), "SFace"),
            Line(MARGIN, Figure(0.812, 0.795, 0.829, 151_902, 45, 0.113), "FaceNet"),
            Line(MARGIN, Figure(0.774, samples=151_902, people=1, note="One person only: no interval."), "SFace"),
            Line(INVERTED, Figure.unknown("No network for inversion is installed.")),
        ),
        usefulness=(
            Line(POSE, Figure(3.42, 3.1, 3.77, 148_213, 45)),
            Line(BLINKS, Figure(14.2, 11.9, 16.4, 320, 45, original=15.1)),
            Line(EMOTION, Figure(0.887, 0.861, 0.909, 148_213, 45, original=1.0, chance=0.143)),
        ),
        charts=(_roc(random), _share(random)),
        pages=pages,
        method=(
            "Every face of the anonymized videos was compared with every face of its source by two recognisers that "
            "had no part in making it. The nearest of all comparisons counts.",
            "People were drawn with replacement a thousand times for the intervals.",
        ),
        limits=("Voices and what is said.", "Bodies, clothes, rooms and text in the picture."),
        settings=(("Recognisers", "FaceNet, SFace"), ("Seed", "0"), ("Source digest", "9f2c" * 16)),
        reviewer=reviewer,
        adversaries=adversaries(),
        kinds=kinds(),
    )


def kinds() -> tuple[KindRow, ...]:
    """Two genders, one of them few people, and a label that a careless page would run."""
    values = (0.96, 4.2, 0.97, 7.5)
    figures = [Figure(value, samples=31, people=30) for value in values]
    kept = tuple(Line(key[0], figure, key[1]) for key, figure in zip(by_kind.KEPT, figures, strict=True))
    unknown = tuple(Line(one, Figure.unknown("Nothing to measure."), variant) for one, variant in by_kind.KEPT)
    return (
        KindRow("gender", "men", 40, 31, 1, 30, 2, kept),
        KindRow("gender", "women", 4, 3, 0, 3, 0, kept),
        KindRow("group", "<script>alert(3)</script>", 2, 0, 0, 0, 0, unknown),
    )


def adversaries() -> tuple[Line, ...]:
    """Of two recognisers; by the second nothing is known of strangers."""
    share = Figure(0.043, 0.012, 0.081, 904, 45, 0.982)
    found = {(one, name): share for name in ("FaceNet", "SFace") for one in (*outsider.DEFINITIONS, insider.MATCHED)}
    for rank in (outsider.RANK, outsider.STRANGERS_RANK):
        found |= {(rank, name): Figure(21.5, 17, 26, 904, 45, 1, 23) for name in ("FaceNet", "SFace")}
    for one in (outsider.STRANGERS, outsider.EXCESS, outsider.STRANGERS_FIRST, outsider.STRANGERS_RANK):
        found[one, "SFace"] = Figure.unknown(outsider.NO_STRANGERS)
    found[insider.SURROUNDINGS, ""] = Figure(0.21, 0.11, 0.34, 8, 45, note="3 files are left out.")
    return tuple(lines(found))


def page(name: str, number: int, random: np.random.Generator, reviewer: bool = False, small: bool = False) -> Page:
    """One file. The first fails, the second needs a look, the fourth has no face in it. small: without charts."""
    outcome = (Outcome.FAIL, Outcome.LOOK)[number] if number < 2 else Outcome.PASS
    seconds = float(random.uniform(20, 240))
    share = float(random.uniform(1.05, 1.9)) if number else 0.913
    found = Page(
        key=f"v{number:05d}",
        name=name,
        outcome=outcome,
        said="One frame was recognised." if outcome is Outcome.FAIL else "No frame was recognised.",
        seconds=seconds,
        frames=int(seconds * 25),
        faces=0 if number == 3 else int(seconds * 25),
        nearest=math.nan if number == 3 else share,
    )
    if small:
        return found
    return replace(
        found,
        charts=(_timeline(seconds, share, random),),
        lines=(Line(POSE, Figure(float(random.uniform(2, 5)), samples=found.frames, people=1)),),
        worst=tuple(Frame(int(k * 25 * seconds / 6), k * seconds / 6, 0.37 + k / 20, "FaceNet") for k in range(5)),
        sheet=picture(90, random),
        source_sheet=picture(30, random) if reviewer else None,
    )


def picture(hue: int, random: np.random.Generator) -> Path:
    """A JPEG of six plain tiles with a circle in each, which lasts as long as the process."""
    image = np.full((240, 480, 3), 235, np.uint8)
    for number in range(6):
        x, y = 80 + 160 * (number % 3), 60 + 120 * (number // 3)
        cv2.rectangle(image, (x - 74, y - 54), (x + 74, y + 54), (hue, 110, int(random.integers(90, 160))), -1)
        cv2.circle(image, (x, y), 36, (200, 190, 180), -1)
    handle, name = tempfile.mkstemp(".jpg", dir=_PICTURES.name)
    with open(handle, "wb") as file:
        file.write(cv2.imencode(".jpg", image)[1].tobytes())
    return Path(name)


def _timeline(seconds: float, share: float, random: np.random.Generator) -> Chart:
    count = int(seconds * 25)
    time = np.arange(count) / 25
    series = []
    for name, threshold in THRESHOLDS:
        slow = np.convolve(random.normal(0, 1, count + 50), np.ones(51) / 51, "valid")
        values = np.maximum(threshold * (share + 0.5 + slow) + random.normal(0, 0.015, count), threshold * share)
        values[count // 3] = threshold * share
        values[count // 2 : count // 2 + count // 20] = np.nan
        series.append(Series(name, tuple(zip(time.tolist(), values.tolist(), strict=True))))
    return Chart(
        "Distance to the source",
        "Each line is the distance of the nearest face to its source; below its threshold it would be recognised.",
        "Seconds",
        "Cosine distance",
        tuple(series),
        tuple((f"{name} recognises", value) for name, value in THRESHOLDS),
        y_from=0.0,
    )


def _roc(random: np.random.Generator) -> Chart:
    rates = np.logspace(-4, 0, 200)
    curves = {"FaceNet": rates**0.85, "SFace": rates**0.8, "FaceNet, originals": rates**0.004}
    series = tuple(
        Series(name, tuple(zip(rates.tolist(), np.clip(y, 0, 1).tolist(), strict=True)), "originals" in name)
        for name, y in curves.items()
    )
    return Chart(
        "Recognised at a given rate of false alarms",
        "The lower the line, the fewer people are recognised; the grey one is for the originals.",
        "False alarms, share of pairs",
        "Recognised, share",
        series,
        log_x=True,
        y_from=0.0,
        y_to=1.0,
    )


def _share(random: np.random.Generator) -> Chart:
    x = np.linspace(0.6, 2.4, 60)
    names = ("Anonymized", "Strangers", "Same person")
    series = tuple(
        Series(name, tuple(zip(x.tolist(), np.exp(-((x - at) ** 2) / 0.06).tolist(), strict=True)), name != names[0])
        for name, at in zip(names, (1.6, 1.75, 0.75), strict=True)
    )
    return Chart(
        "Distances beside those of strangers",
        "Anonymized faces should be as far from their source as strangers are.",
        "Distance, share of the threshold",
        "Share of faces",
        series,
    )
