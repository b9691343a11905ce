"""Covered regions grow where the audit still finds a face, and end with the whole picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from flows.recipes import retry
from flows.recipes.redaction_regions import WHOLE, RedactionRegions
from infra.errors import Withheld
from infra.settings import OnFailure
from tasks.audit.report import ResidualFace
from tasks.records import Scene, Verdict
from tests.flows.script import STRAY, Script, report
from tests.tasks import support

SCENES = (Scene(0, 0, 0, 99), Scene(1, 1, 100, 299))


def test_a_face_is_covered_for_the_frames_between_two_thorough_looks() -> None:
    covers = RedactionRegions((320, 240), 300, SCENES)
    assert covers.add([ResidualFace(120, support.box(100, 100, 40), 0.9)])
    (region,) = covers.regions
    assert (region.first, region.last) == (108, 132)
    assert np.array_equal(region.box, support.box(100, 100, 40))


def test_where_it_is_found_again_the_region_grows_until_it_is_the_whole_scene() -> None:
    covers, stray = RedactionRegions((320, 240), 300, SCENES), ResidualFace(150, support.box(100, 100, 20), 0.9)
    sizes, spans = [], []
    while covers.add([stray]):
        region = covers.regions[-1]
        sizes.append(float(region.box[2] - region.box[0]))
        spans.append((region.first, region.last))
    assert sizes == pytest.approx([20, 32, 51.2, 81.92, 320])
    assert spans == [(138, 162), (126, 174), (102, 198), (54, 246), (100, 299)]
    assert np.array_equal(covers.regions[-1].box, np.float32([0, 0, 320, 240]))
    assert len(sizes) == WHOLE + 1


def test_a_face_elsewhere_or_at_another_time_begins_small() -> None:
    covers = RedactionRegions((320, 240), 300, SCENES)
    covers.add([ResidualFace(50, support.box(100, 100, 20), 0.9)])
    covers.add([ResidualFace(50, support.box(200, 100, 20), 0.9), ResidualFace(90, support.box(100, 100, 20), 0.9)])
    assert [float(region.box[2] - region.box[0]) for region in covers.regions] == [20, 20, 20]


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., Script]:
    return lambda *arguments, **options: Script(tmp_path, *arguments, **options)


def test_a_face_that_stays_is_covered_with_the_scene_under_the_policy(script: Callable[..., Script]) -> None:
    stays = [report(strays=(STRAY,))] * (retry.STRAY_ROUNDS + 1)
    made = script([*stays, report()], on_failure=OnFailure.REDACT)
    verdict, reason = made.run()
    assert (verdict, reason) == (Verdict.REDACTED, "stray_face")
    regions = made.renders[-1].regions
    assert np.array_equal(regions[-1].box, np.float32([0, 0, 320, 240]))
    assert (regions[-1].first, regions[-1].last) == (0, 7)
    assert len(made.asked) == 1


def test_an_audit_that_finds_faces_on_a_covered_picture_ends_in_withholding(script: Callable[..., Script]) -> None:
    made = script([report(strays=(STRAY,))], on_failure=OnFailure.REDACT)
    with pytest.raises(Withheld) as raised:
        made.run()
    assert raised.value.reason == "stray_face" and len(made.renders) == retry.STRAY_ROUNDS + 2
