"""The bench of the limits in place: what it counts, and at which threshold the old rule is compared."""

from __future__ import annotations

import numpy as np

from bench import in_place
from bench.in_place import HALF, NETWORKS, SHARES, TEXTURE, UNCOVERED, Counts
from models.interfaces.capabilities import FaceAttributes
from tasks.generation.limits import InPlace
from tests.tasks import support

FOUND = InPlace(np.full(9, 0.1, np.float32), np.full((8, 6), 0.9, np.float32))
KINDS = ("a stranger", *(f"{share:.0%} source" for share in SHARES), HALF, TEXTURE, UNCOVERED)


def counts(stranger: list[float], leak: list[float]) -> Counts:
    """The same distances for every network; single pairs are half as far, as a share of the general threshold."""
    made = Counts()
    for what in KINDS:
        for name in NETWORKS:
            for distance in stranger if what == "a stranger" else leak:
                row = np.full(6, distance, np.float32)
                made.add(what, name, FOUND, row, row / 0.6)
    made.bands = [("men", "dark skin"), ("women", "dark skin")] * (len(stranger) // 2)
    return made


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_strangers_and_leaks_are_counted_by_the_limit_and_by_the_old_rule() -> None:
    made = counts(stranger=[0.9, 0.695, 0.85, 0.4], leak=[0.3, 0.55])
    lines = in_place.table(made)
    found = {cells(line)[0]: cells(line)[1:] for line in lines[2:]}
    assert list(found) == list(KINDS)
    # One of four strangers is within 0.5, and one has a pair under the general threshold of 0.6.
    # One more is beyond every limit, but nearer than a general matcher asks; ArcFace has no part.
    assert found["a stranger"][:3] == ["4", "25.0%", "50.0%"] and found["a stranger"][-2] == "25.0%"
    # The second leak is an outlier among strangers although it is beyond the limit.
    assert found["50% source"] == ["2", *["100.0%"] * 6, "100.0%", found["50% source"][-1]]
    alarms = {cells(line)[0]: cells(line)[1:] for line in in_place.false_alarms(made)[2:]}
    assert alarms == {
        "dark skin": ["4", "25.0%", "50.0%", "25.0%"],
        "men": ["2", "0.0%", "0.0%", "0.0%"],
        "women": ["2", "50.0%", "100.0%", "50.0%"],
    }


def test_a_person_is_described_coarsely() -> None:
    own = support.samples(support.tracks(support.track()), (0, 2)).samples
    found = in_place.bands_of(FaceAttributes(30.5, 0.4, skin_ita=9), own)
    assert found[:4] == ("30 to 50 years", "men", "dark skin", "upright")


def test_a_face_is_within_its_limit_frame_by_frame() -> None:
    made = Counts()
    row = np.array([0.1, 0.45, 0.55, 0.9], np.float32)
    made.add("a stranger", "sface", FOUND, row, row)
    assert made.frames["a stranger", "sface"] == [True, True, False, False]
    assert made.smallest["a stranger", "sface"] == [np.float32(0.1)]
