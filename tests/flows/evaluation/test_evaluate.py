"""An evaluation from files to a report, with the real networks."""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas
import pytest

from flows.dataset.store_layout import evaluation_of
from flows.evaluation import measure
from flows.evaluation.evaluate import Request, evaluate
from flows.evaluation.pair_work import Work
from flows.evaluation.pairs import Pair
from flows.manifest.manifest import Manifest
from flows.manifest.rows import VideoRow
from flows.run.cancelled import Cancelled
from flows.run.sources import VIDEO_SUFFIXES, Job, find
from infra.errors import MediaError, SpaceError, StoreUnavailable, UsageError, WeightsError
from infra.privacy import key_path, load_key
from infra.settings import Settings
from infra.storage.store import Store
from models.selection import profiles
from models.weights import weight_files
from tasks.evaluation.metrics.picture import frechet
from tasks.evaluation.report.content import Content, Outcome
from tasks.records import Verdict
from tests.reference import inception_file
from tests.reference.clips import short_clip

FRAMES = 6


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory, ffmpeg: Callable[..., None]) -> Path:
    """Originals, and what three tools made of them: nothing at all, one grey field, and a file that is no video."""
    try:
        profiles.ready(Settings(profile="evaluation"))
    except WeightsError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("dataset")
    ours, theirs = folder / "originals-of-mrs-miller", folder / "anonymized"
    ours.mkdir()
    theirs.mkdir()
    for n in range(4):
        short_clip(ours / f"{n}.mp4", 6 * n, FRAMES)
    shutil.copy(ours / "0.mp4", theirs / "0.mp4")
    ffmpeg("-i", ours / "1.mp4", "-vf", "drawbox=t=fill:c=gray", "-an", theirs / "1.mp4")
    (theirs / "2.mp4").write_bytes(b"no video")
    return folder


def run(dataset: Path, out: Path, **changes: object) -> tuple[Content, dict[str, str]]:
    told: dict[str, str] = {}

    def tell(pair: Pair, trouble: str) -> None:
        told[pair.name] = trouble

    given = {"originals": str(dataset / "originals-of-mrs-miller"), "anonymized": str(dataset / "anonymized")}
    request = Request(**(given | {"out": out} | changes))  # type: ignore[arg-type]
    return evaluate(request, Settings(profile="evaluation", threads=1), tell), told


def test_who_was_left_alone_is_recognised_and_who_is_not_there_is_not(
    dataset: Path, home: Path, tmp_path: Path
) -> None:
    content, told = run(dataset, tmp_path / "report")
    pages = {page.name: page for page in content.pages}
    assert pages["0.mp4"].outcome is Outcome.FAIL and pages["0.mp4"].nearest == pytest.approx(0.0, abs=1e-3)
    assert pages["1.mp4"].outcome is not Outcome.FAIL and pages["1.mp4"].nearest > 0.8
    assert pages["2.mp4"].outcome is Outcome.LOOK, "what could not be measured may not pass"
    assert content.outcome is Outcome.FAIL
    assert told == {"0.mp4": "", "1.mp4": "", "2.mp4": "not_video", "(no result, input 4)": ""} or told["2.mp4"]
    assert dict(content.counts)["originals without a result"] == 1
    assert dict(content.counts)["files that could not be measured"] == 1

    found = {(line.definition.name, line.variant): line.figure for line in pages["0.mp4"].lines}
    assert found["psnr_outside", ""].value == 100 and found["face_detection", ""].value == 1
    assert found["pose_error", "yaw"].value == 0
    grey = {(line.definition.name, line.variant): line.figure for line in pages["1.mp4"].lines}
    assert grey["face_detection", ""].value == 0 and not grey["pose_error", "yaw"].known

    assert found["age_distance_second_reader", ""].value == 0 and found["gender_agreement_second_reader", ""].value == 1

    summary = json.loads((tmp_path / "report" / "summary.json").read_text())
    assert summary["outcome"] == "fail"
    for by in ("age", "gender", "skin tone"):
        rows = [row for row in summary["kinds"] if row["by"] == by]
        # All clips are of one man; the third could not be measured, and the fourth has no result.
        assert [sum(row[key] for row in rows) for key in ("originals", "published", "failed")] == [4, 3, 1]
        assert rows[-1]["kind"] == "not read" and rows[-1]["originals"] == 1
    named = {row["name"] for row in summary["privacy"]}
    assert {"attributes_at_1", "re_at_1_beyond_attributes", "reversal_ridge_at_1"} <= named
    table = pandas.read_parquet(tmp_path / "report" / "metrics.parquet")
    assert set(table["scope"]) == {"dataset", "0.mp4", "1.mp4"}
    told_everywhere = b"".join(path.read_bytes() for path in (tmp_path / "report").rglob("*") if path.is_file())
    assert b"miller" not in told_everywhere and str(dataset).encode() not in told_everywhere
    assert not Store(Settings().cache_url).list_tree("identifying"), "what was measured is forgotten"


def test_a_clip_that_lies_there_twice_is_measured_once(dataset: Path, home: Path, tmp_path: Path) -> None:
    ours, out = tmp_path / "originals-of-mrs-miller", tmp_path / "out"
    ours.mkdir()
    for name, number in (("0.mp4", 0), ("1.mp4", 1), ("copy-of-miller.mp4", 0)):
        shutil.copy(dataset / f"originals-of-mrs-miller/{number}.mp4", ours / name)
    store, key = Store(str(out), private=False), load_key(key_path(Settings().cache_url))
    manifest = Manifest(store)
    results = {"0.mp4": "videos/a.mp4", "copy-of-miller.mp4": "videos/a.mp4", "1.mp4": "videos/b.mp4", "gone.mp4": ""}
    jobs = [*find(str(ours), VIDEO_SUFFIXES), Job(9, "/gone.mp4", "gone.mp4")]
    for job in jobs:
        output = results[job.name] or "videos/c.mp4"
        manifest.record(
            VideoRow(public_id=output[7], input_id=job.input_id(key), ordinal=job.ordinal, verdict=Verdict.PUBLISHED,
                     output=output)
        )  # fmt: skip
        store.write_named(output, (dataset / "anonymized/1.mp4").read_bytes())
    manifest.flush()
    content, told = run(dataset, tmp_path / "report", originals=str(ours), anonymized=str(out), every=3)
    assert told == {"videos/a.mp4": "", "videos/b.mp4": ""}
    said = {page.name: page.said for page in content.pages}
    assert said["videos/a.mp4"].endswith(" The same content as 1 other original.")
    assert "same content" not in said["videos/b.mp4"]
    counts = dict(content.counts)
    assert counts["originals"] == 3 and counts["originals that are copies of another one"] == 1
    assert counts["anonymized files of these originals"] == 2 and counts["originals without a result"] == 0
    assert counts["originals of different content, each counted as another person"] == 2
    assert counts["people with a face in the originals, each file's bystanders too"] == 2
    assert counts["anonymized files that no row of the manifest knows"] == 0
    assert counts["anonymized files of other inputs of this destination"] == 1
    assert "belong to no original" not in content.verdict and "1 anonymized file was not looked at" in content.verdict
    written = b"".join(path.read_bytes() for path in (tmp_path / "report").rglob("*") if path.is_file())
    assert b"miller" not in written


def test_what_would_end_it_is_known_before_anything_is_measured(
    dataset: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Work, "all", lambda *_: pytest.fail("It was measured."))
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="something else"):
        run(dataset, tmp_path / "report")
    with pytest.raises(UsageError, match="another place"):
        run(dataset, tmp_path / "report" / "mine.txt" / "report")
    with pytest.raises(UsageError, match="title"):
        run(dataset, tmp_path / "new", title="a\udcff")
    for folder in ("ours", "theirs"):
        (tmp_path / folder).mkdir()
        shutil.copy(dataset / "anonymized/0.mp4", os.fsencode(tmp_path / folder) + b"/caf\xe9.mp4")
        shutil.copy(dataset / "anonymized/0.mp4", tmp_path / folder / "1.mp4")
    with pytest.raises(UsageError, match="no Unicode text"):
        run(dataset, tmp_path / "new", originals=str(tmp_path / "ours"), anonymized=str(tmp_path / "theirs"))


def test_source_pictures_are_for_reviewers_only(dataset: Path, home: Path, tmp_path: Path) -> None:
    one = {"originals": str(dataset / "originals-of-mrs-miller/0.mp4"), "anonymized": str(dataset / "anonymized/0.mp4")}
    content, _ = run(dataset, tmp_path / "open", every=3, **one)
    assert content.pages[0].sheet and not content.pages[0].source_sheet
    shown, _ = run(dataset, tmp_path / "closed", every=3, reviewer=True, **one)
    assert shown.reviewer and shown.pages[0].source_sheet


@pytest.fixture(scope="module")
def stills(dataset: Path, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people with two pictures each; of the first ones the one was left alone, the other is one grey field."""
    folder = tmp_path_factory.mktemp("stills")
    wanted = {"ours/A/1": "001_A", "ours/B/1": "007_B", "others-of-mrs-miller/A/2": "002_A",
              "others-of-mrs-miller/B/2": "008_B", "theirs/A/1": "001_A"}  # fmt: skip
    for place, name in wanted.items():
        source = shared / "stills" / "people" / f"{name}.jpg"
        if not source.is_file():
            pytest.skip(f"{source.name} is missing from the test material")
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        picture = cv2.imread(str(source))
        side = max(picture.shape[:2])
        cv2.imwrite(str(folder / f"{place}.png"), cv2.resize(picture, None, fx=480 / side, fy=480 / side))
    (folder / "theirs/B").mkdir()
    cv2.imwrite(str(folder / "theirs/B/1.png"), np.full_like(cv2.imread(str(folder / "ours/B/1.png")), 128))
    (folder / "others-of-mrs-miller/nobody.png").write_bytes(b"This is not read.")
    return folder


def test_an_outsider_holds_other_pictures_only(stills: Path, home: Path, tmp_path: Path) -> None:
    told: list[str] = []
    request = Request(
        str(stills / "ours"), str(stills / "theirs"), tmp_path / "report", r"^([^/]+)/",
        others=str(stills / "others-of-mrs-miller"),
    )  # fmt: skip
    content = evaluate(request, Settings(profile="evaluation", threads=1), lambda pair, _: told.append(pair.name))
    counts = dict(content.counts)
    assert counts["originals"] == 2 == counts["people by the labels given"] and len(content.pages) == 2
    assert counts["other pictures of people who are named"] == 2
    assert counts["other pictures of nobody who is named"] == 1
    found = {(line.definition.name, line.variant): line.figure for line in content.adversaries}
    networks = {line.variant for line in content.adversaries} - {""}
    assert len(networks) == 4
    for name in networks:
        matched = found["outsider_matched", name]
        assert matched.value == 0.5 and matched.original == 1 and matched.people == 2
        assert found["outsider_rank_1", name].value >= 0.5 and found["insider_matched", name].value == 0.5
    assert not found["insider_surroundings", ""].known
    (rate,) = [line.figure for line in content.privacy if (line.definition.name, line.variant) == ("re_at_1", "sface")]
    assert rate.chance == 0.5, "other pictures are not in the gallery of today's figures"
    assert content.headlines[0].title == "Outsiders"
    table = pandas.read_parquet(tmp_path / "report" / "metrics.parquet")
    assert {"outsider_excess", "insider_matched"} <= set(table["name"])
    written = b"".join(path.read_bytes() for path in (tmp_path / "report").rglob("*") if path.is_file())
    assert b"miller" not in written and b"Outsider and insider" in written
    assert not any("miller" in name for name in told)
    assert not Store(Settings().cache_url).list_tree("identifying"), "what was measured is forgotten"


def test_a_report_does_not_lie_among_the_other_pictures(stills: Path, home: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="apart"):
        run(stills, stills / "others-of-mrs-miller" / "report", originals=str(stills / "ours"),
            anonymized=str(stills / "theirs"), others=str(stills / "others-of-mrs-miller"))  # fmt: skip


@pytest.mark.parametrize("place", ["originals-of-mrs-miller/report", "anonymized", "anonymized/report"])
def test_a_report_never_lies_within_the_data(dataset: Path, home: Path, place: str) -> None:
    with pytest.raises(UsageError, match="apart"):
        run(dataset, dataset / place)
    assert not (dataset / "anonymized" / "report").exists()


def test_a_folder_has_one_name_only(dataset: Path, home: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(dataset / "anonymized")
    with pytest.raises(UsageError, match="apart"):
        run(dataset, tmp_path / "link" / "report")
    with pytest.raises(UsageError, match="apart"):
        run(dataset, dataset / "anonymized" / "report", anonymized=str(tmp_path / "link"))
    with pytest.raises(UsageError, match="apart"):
        run(dataset, tmp_path / "report", anonymized="/")
    (tmp_path / "round").symlink_to(tmp_path / "round")
    with pytest.raises(UsageError, match="circles"):
        run(dataset, tmp_path / "round" / "report")
    assert not (dataset / "anonymized" / "report").exists()


def test_a_source_is_not_shown_beside_a_single_file(dataset: Path, home: Path, tmp_path: Path) -> None:
    one = {"originals": str(dataset / "originals-of-mrs-miller/0.mp4"), "anonymized": str(dataset / "anonymized/0.mp4")}
    with pytest.raises(UsageError, match="apart"):
        run(dataset, dataset / "anonymized" / "report", reviewer=True, **one)
    (tmp_path / "0.mp4").symlink_to(one["anonymized"])
    for place in (tmp_path, dataset / "anonymized"):
        with pytest.raises(UsageError, match="apart"):
            run(dataset, place / "report", reviewer=True, **(one | {"anonymized": str(tmp_path / "0.mp4")}))


def test_a_stopped_evaluation_ends_at_its_next_step_and_goes_on_where_it_was(
    dataset: Path, home: Path, tmp_path: Path
) -> None:
    stop, told = threading.Event(), []

    def tell(pair: Pair, trouble: str) -> None:
        told.append(pair.name)
        stop.set()

    folders = (str(dataset / "originals-of-mrs-miller"), str(dataset / "anonymized"))
    request = Request(*folders, tmp_path / "report", dataset="films")
    settings = Settings(profile="evaluation", threads=1)

    def check_cancelled() -> None:
        if stop.is_set():
            raise Cancelled

    with pytest.raises(Cancelled):
        evaluate(request, settings, tell, check_cancelled=check_cancelled)
    assert told == ["0.mp4"] and not (tmp_path / "report").exists()
    store = Store(Settings().cache_url)
    assert {path.split("/")[1] for path in store.list_tree("identifying")} == {evaluation_of("films")}

    def refuse() -> None:
        assert (tmp_path / "report" / "index.html").exists()
        raise StoreUnavailable("No.")

    with pytest.raises(StoreUnavailable):
        evaluate(request, settings, lambda *_: None, done=refuse)
    assert store.list_tree("identifying"), "what was measured is there until the report is safe"
    assert evaluate(request, settings, lambda *_: None).outcome is Outcome.FAIL
    assert not store.list_tree("identifying")


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), MediaError("no_space", "full")])
def test_a_full_disk_ends_it_and_blames_no_file(
    dataset: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*_: object) -> None:
        raise error

    monkeypatch.setattr(measure.Measurer, "measure", full)
    with pytest.raises(SpaceError):
        run(dataset, tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_the_distribution_of_the_faces_is_measured_when_asked_for(
    dataset: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, real = inception_file.write(tmp_path), weight_files.path
    monkeypatch.setattr(weight_files, "path", lambda name: file if name == "inception" else real(name))
    monkeypatch.setattr(frechet, "LEAST", FRAMES)
    request = Request(str(dataset / "originals-of-mrs-miller"), str(dataset / "anonymized"), tmp_path / "report")
    content = evaluate(request, Settings(profile="evaluation-fid", threads=1), lambda *_: None)
    (found,) = [line.figure for line in content.usefulness if line.definition.name == "frechet_inception"]
    # One file is a copy, and on the grey one no face is seen any more, so that nobody looks closely.
    assert found.known and found.samples == FRAMES and found.value == pytest.approx(0.0, abs=0.05)


def test_without_its_network_the_distribution_is_not_measured(
    dataset: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = weight_files.path

    def missing(name: str) -> Path:
        if name == "inception":
            raise WeightsError("inception is missing; run: anonflow models pull")
        return real(name)

    monkeypatch.setattr(weight_files, "path", missing)
    request = Request(str(dataset / "originals-of-mrs-miller"), str(dataset / "anonymized"), tmp_path / "report")
    with pytest.raises(WeightsError, match="models pull"):
        evaluate(request, Settings(profile="evaluation-fid"), lambda *_: None)


def test_other_profiles_do_not_evaluate(dataset: Path, home: Path, tmp_path: Path) -> None:
    request = Request(str(dataset), str(dataset), tmp_path / "report")
    with pytest.raises(UsageError, match="profile evaluation"):
        evaluate(request, Settings(), lambda *_: None)
