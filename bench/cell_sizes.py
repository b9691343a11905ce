"""Likeness and privacy by the size of the cells: what a twin keeps of its source, and what its cell tells of it.

Usage: python bench/cell_sizes.py [CHART.svg]

Nine tenths of the survey's people are parted into cells of at least K, for several K; the others fall into them. No
picture is made: what a cell's centre is off is what a twin is off at least. An attacker who learns from a twin whatever
can be learnt, its cell, guesses among the people of that cell: `named among 300` is how often the guess is right where
300 people of the survey are known.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from models.people import groups, maps  # noqa: E402
from models.people.cells import KIND  # noqa: E402
from tasks.evaluation.report.charts import svg  # noqa: E402
from tasks.evaluation.report.content import Chart, Series  # noqa: E402
from tools.people import partition, survey  # noqa: E402
from tools.people.fit import believed  # noqa: E402

SIZES = (25, 50, 100, 200, 400)
OUT = 0.1
KNOWN, DRAWS = 300, 200
YEARS = 8.0
WORN = 0.4


@dataclass(frozen=True)
class Row:
    """Of one K; shares from 0 to 1. told: bits, the entropy of the cell of a person."""

    least: int
    cells: int
    age: float
    aged: float
    tone: float
    group: float
    glasses: float
    told: float
    named: float


def people() -> NDArray[np.float64]:
    """(n, len(KIND)) of the survey's people whose looks can be believed, as the cells are fitted."""
    seen = survey.read(None)
    kept = believed(seen["values"])
    return maps.seen_as(seen["values"][kept], seen["embedding"][kept])[:, : len(KIND)]


def row(kinds: NDArray[np.float64], least: int) -> Row:
    """Part and measure."""
    rng = np.random.default_rng(3)
    out = rng.random(len(kinds)) < OUT
    cells = partition.part(kinds[~out], least)
    held = kinds[out]
    cell = cells.of_each(held)
    centre = cells.centres[cell].astype(np.float64)

    def off(name: str) -> NDArray[np.float64]:
        return np.abs(held[:, KIND.index(name)] - centre[:, KIND.index(name)])

    worn = held[:, KIND.index("glasses")] >= WORN, centre[:, KIND.index("glasses")] >= WORN
    share = cells.sizes / cells.sizes.sum()
    # Whoever is alone in its cell is named; of n people there, each once in n.
    named = [len(set(rng.choice(cell, KNOWN, replace=False).tolist())) / KNOWN for _ in range(DRAWS)]
    return Row(
        least,
        len(cells),
        float(off("age").mean()),
        float((off("age") > YEARS).mean()),
        float(off("ita").mean()),
        float((_group(held) == _group(centre)).mean()),
        float((worn[0] == worn[1]).mean()),
        float(-(share * np.log2(share)).sum()),
        float(np.mean(named)),
    )


def _group(kinds: NDArray[np.float64]) -> NDArray[np.int64]:
    return groups.complete(kinds[:, [KIND.index(name) for name in groups.GROUPS[:-1]]]).argmax(axis=1)


def chart(rows: list[Row]) -> Chart:
    """Everything in per cent."""

    def line(name: str, values: list[float]) -> Series:
        return Series(name, tuple((float(one.least), 100 * v) for one, v in zip(rows, values, strict=True)))

    return Chart(
        "The size of the cells",
        "What a twin loses of its source, and how often the cell alone names a person.",
        "least people of a cell (K)",
        "per cent",
        (
            line("another apparent group", [1 - one.group for one in rows]),
            line(f"more than {YEARS:g} years off", [one.aged for one in rows]),
            line(f"named among {KNOWN} by the cell", [one.named for one in rows]),
        ),
        y_from=0.0,
        log_x=True,
    )


def main() -> None:
    """Measure, print, draw."""
    kinds = people()
    rows = [row(kinds, least) for least in SIZES]
    print(
        f"| K | cells | age off (years) | over {YEARS:g} years | tone off (ITA) | same group | glasses kept | "
        f"bits told | named among {KNOWN} |\n|---|---|---|---|---|---|---|---|---|"
    )
    for one in rows:
        print(
            f"| {one.least} | {one.cells} | {one.age:.1f} | {one.aged:.0%} | {one.tone:.1f} | {one.group:.0%} | "
            f"{one.glasses:.0%} | {one.told:.1f} | {one.named:.0%} |"
        )
    if len(sys.argv) > 1:
        opened = '<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" '
        drawn = svg(chart(rows)).replace("<svg ", opened, 1)
        Path(sys.argv[1]).write_text(drawn.replace(">", '><rect width="100%" height="100%" fill="#fff"/>', 1), "utf-8")


if __name__ == "__main__":
    main()
