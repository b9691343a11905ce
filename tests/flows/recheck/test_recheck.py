"""What is published is audited again: what fails is named and pulled, what is good is not, and a stop loses nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.dataset import purge
from flows.dataset.store_layout import pulled_folder
from flows.manifest import face_records
from flows.manifest.manifest import Manifest
from flows.manifest.rows import VideoRow
from flows.recheck import recheck
from flows.recheck.pull import Puller
from infra.errors import MediaError, StoreUnavailable, UsageError
from infra.media.containers import hidden
from infra.media.pictures.still import write_picture
from infra.privacy import digest_file, key_path, load_key, public_id
from infra.settings import Settings
from infra.storage.store import Store
from tasks.audit.recheck import Looked
from tasks.records import Verdict
from tests.conftest import Make
from tests.contracts import support as contracts
from tests.flows.local_engine import define
from tests.flows.rechecks import found, recheck_all
from tests.flows.support import run as convert

ROOT = Path(__file__).resolve().parents[3]


def publish(out: Path, owner: str, made: Path, frames: int, **values: Any) -> VideoRow:
    """Put a file and its row into a destination, as versions without records of faces left them."""
    output = f"{'images' if made.suffix == '.png' else 'videos'}/{owner}{made.suffix}"
    place = out / output
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(made.read_bytes())
    row = VideoRow(
        public_id=owner,
        input_id=f"in-{owner}",
        ordinal=1,
        verdict=Verdict.PUBLISHED,
        output=output,
        output_sha256=digest_file(made),
        frames=frames,
        profile="embedded",
        **values,
    )
    return Manifest(Store(str(out), private=False)).record(row)


@pytest.fixture(scope="module")
def result(made: Make, ffmpeg: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Like `made`, with nothing in the file but what is shown, as in a result."""
    bare = ["-map_metadata", "-1", "-map_metadata:s", "-1", "-fflags", "+bitexact"]
    bare += ["-flags:v", "+bitexact", "-flags:a", "+bitexact"]
    folder = tmp_path_factory.mktemp("results")

    def make(name: str, **options: Any) -> Path:
        source = made(name, **options)
        path = folder / source.parent.name / name
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            ffmpeg("-i", source, "-map", "0", "-c", "copy", *bare, path)
        return path

    return make


def still(folder: Path, name: str, turned: bool = False) -> Path:
    """A synthetic face; turned: and a small second one beside it that lies on its side, which upright looks miss."""
    picture = contracts.still("synthetic/02")
    if turned:
        small = cv2.resize(np.rot90(contracts.still("synthetic/03")), (96, 96), interpolation=cv2.INTER_AREA)
        band = np.full((picture.shape[0], 140, 3), 128, np.uint8)
        band[200:296, 20:116] = small
        picture = np.concatenate([picture, band], axis=1)
    write_picture(folder / name, picture)
    return folder / name


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """No networks: every file is looked at without a finding. The list tells which were."""
    looked: list[Path] = []

    def look(frames: Callable[[], Any], *_: object, **__: object) -> Looked:
        with frames() as stream:
            count = sum(1 for _ in stream)
        looked.append(Path(str(count)))
        return Looked(count, (), {})

    monkeypatch.setattr(recheck.looking, "look", look)
    monkeypatch.setattr(recheck, "panel", lambda *_: None)
    monkeypatch.setattr(recheck.ProfileNetworks, "load_all", lambda *_, **__: [None])
    return looked


@pytest.fixture
def three(result: Make, home: Path, tmp_path: Path) -> Path:
    """A destination with three videos, published without records."""
    out = tmp_path / "out"
    for number, owner in enumerate("abc"):
        publish(out, owner, result(f"recheck{number}.mp4", frames=5 + number), 5 + number)
    return out


def test_what_the_networks_find(result: Make, home: Path, tmp_path: Path) -> None:
    """A twin passes; what only its source can tell is told with the source."""
    out, folder = tmp_path / "out", tmp_path / "in"
    folder.mkdir()
    source = still(folder, "Jane.png")
    owner = public_id(load_key(key_path(Settings().cache_url)), digest_file(source))
    publish(out, "faceless", result("noface.mp4"), 12)
    publish(out, "twin", still(tmp_path, "twin.png"), 1)
    # The source itself, called a result.
    publish(out, owner, source, 1)
    assert found(recheck_all(out)) == {}, "without its source nobody can tell who it is"
    done = recheck_all(out, source=str(folder))
    assert found(done) == {owner: ("audit_recognised",)}
    assert done.again == 1, "what has no source was looked at before"
    assert "2 without their source" in done.said and "Jane" not in done.said
    assert recheck_all(out, source=str(folder)).again == 0


def test_a_face_lying_on_its_side_that_was_left_is_found(home: Path, tmp_path: Path) -> None:
    publish(tmp_path / "out", "good", still(tmp_path, "good.png"), 1)
    publish(tmp_path / "out", "turned", still(tmp_path, "turned.png", turned=True), 1)
    assert found(recheck_all(tmp_path / "out")) == {"turned": ("stray_face",)}


def test_a_record_says_that_a_face_was_left(home: Path, tmp_path: Path) -> None:
    """The same face is a twin by the earlier look, and none by a record in which nothing was replaced."""
    out = tmp_path / "out"
    row = publish(out, "known", still(tmp_path, "known.png"), 1)
    assert found(recheck_all(out)) == {}
    store = Store(str(out), private=False)
    nothing = np.zeros(0, np.int64)
    empty = face_records.FaceEdits(
        nothing, nothing, nothing.astype(bool), np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32)
    )
    face_records.save(store, "known", empty, row.output_sha256)
    store.remove_tree(f"{recheck.FOLDER}/known")
    done = recheck_all(out)
    assert found(done) == {"known": ("stray_face",)} and done.failing[0].frames == (0,)


def test_a_source_with_transparent_parts_fails_its_result(
    home: Path, tmp_path: Path, seen: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    pixels = np.full((64, 64, 4), 255, np.uint8)
    pixels[8, 8, 3] = 0
    assert cv2.imwrite(str(folder / "Jane.png"), pixels)
    owner = public_id(load_key(key_path(Settings().cache_url)), digest_file(folder / "Jane.png"))
    write_picture(tmp_path / "result.png", pixels[..., :3])
    publish(tmp_path / "out", owner, tmp_path / "result.png", 1)
    done = recheck_all(tmp_path / "out", source=str(folder))
    assert found(done) == {owner: ("shown_transparent",)}


def test_files_that_are_gone_changed_damaged_or_incomplete_are_named(
    three: Path, result: Make, seen: list[Path]
) -> None:
    (three / "videos" / "a.mp4").unlink()
    (three / "videos" / "b.mp4").write_bytes(result("other.mp4", frames=3).read_bytes())
    publish(three, "d", result("recheck0.mp4", frames=5), 9)
    broken = three / "broken.mp4"
    broken.write_bytes(b"no video")
    publish(three, "e", broken, 4)
    assert found(recheck_all(three)) == {
        "a": ("output_missing",),
        "b": ("output_changed",),
        "d": ("audit_incomplete",),
        "e": ("output_unreadable",),
    }
    assert len(seen) == 2, "what is not the result that was published needs no look"


def test_hidden_content_is_named_with_its_kind(
    three: Path, home: Path, tmp_path: Path, seen: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(three, "picture", still(tmp_path, "some.png"), 1)
    monkeypatch.setattr(hidden, "hidden_in_video", lambda path: ("trailing", "sound") if path.stem == "b" else ())
    monkeypatch.setattr(hidden, "hidden_in_picture", lambda path: ("metadata",))
    assert found(recheck_all(three)) == {"b": ("hidden_trailing", "hidden_sound"), "picture": ("hidden_metadata",)}


def test_a_file_that_cannot_be_searched_for_hidden_content_fails(
    three: Path, seen: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> tuple[str, ...]:
        raise MediaError("truncated", "No.")

    monkeypatch.setattr(hidden, "hidden_in_video", refuse)
    assert set(found(recheck_all(three)).values()) == {("output_unreadable",)}


def test_what_nobody_foresaw_is_named_but_stays(
    three: Path, seen: list[Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(path: Path) -> tuple[str, ...]:
        raise ValueError("Jane")

    with monkeypatch.context() as broken:
        broken.setattr(hidden, "hidden_in_video", fail)
        done = recheck_all(three, pull=True)
    assert set(found(done).values()) == {("unexpected",)} and "Jane" not in caplog.text
    assert len(list((three / "videos").iterdir())) == 3
    assert found(recheck_all(three)) == {}, "it is tried again"


def test_a_second_recheck_looks_only_at_what_is_new_or_audited_otherwise(
    three: Path, result: Make, seen: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert recheck_all(three).again == 3
    assert recheck_all(three).again == 0
    publish(three, "a", result("fresh.mp4", frames=4), 4)
    assert recheck_all(three).again == 1
    monkeypatch.setattr(recheck, "audit_of", lambda settings: "f" * 64)
    assert recheck_all(three).again == 3 and len(seen) == 7
    assert len(Store(str(three), private=False).list_tree(recheck.FOLDER)) == 3, "older notes go"
    assert len(Manifest(Store(str(three), private=False)).rows()) == 3, "a note is no row"


KILLED = """
import os, signal, sys
from flows.recheck import recheck
from flows.recheck.recheck import Request
from infra.settings import Settings
from tasks.audit.recheck import Looked
looked = []
def look(frames, *_, **__):
    if len(looked) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    with frames() as stream:
        looked.append(sum(1 for _ in stream))
    return Looked(looked[-1], (), {})
recheck.looking.look = look
recheck.panel = lambda *_: None
recheck.ProfileNetworks.load_all = lambda *_, **__: [None]
recheck.recheck(Request(sys.argv[1]), Settings(), lambda outcome, fresh: None)
"""


def test_killed_in_the_middle_it_goes_on_where_it_was(three: Path, seen: list[Path]) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(three)], cwd=ROOT, timeout=120)
    assert done.returncode == -signal.SIGKILL
    after = recheck_all(three)
    assert after.again == 1 and len(seen) == 1 and len(after.outcomes) == 3


def fail(*owners: str) -> Callable[[Path], tuple[str, ...]]:
    return lambda path: ("trailing",) if path.stem in owners else ()


def test_what_fails_is_pulled_and_not_lost(three: Path, seen: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hidden, "hidden_in_video", fail("b"))
    content = (three / "videos" / "b.mp4").read_bytes()
    face_records.save(Store(str(three), private=False), "b", _painted(), "x")
    assert found(recheck_all(three)) == {"b": ("hidden_trailing",)} and (three / "videos" / "b.mp4").exists()
    done = recheck_all(three, pull=True)
    assert [outcome.public_id for outcome in done.outcomes if outcome.pulled] == ["b"] and "1 pulled" in done.said
    assert {path.name for path in (three / "videos").iterdir()} == {"a.mp4", "c.mp4"}
    assert Store(str(three), private=False).list_tree(face_records.FOLDER) == []
    store = Store(Settings().cache_url)
    (kept,) = store.list_tree(pulled_folder("b"))
    assert store.read_named(kept) == content
    rows = {row.public_id: row for row in Manifest(Store(str(three), private=False)).rows()}
    assert (rows["b"].verdict, rows["b"].reason, rows["b"].output) == (Verdict.WITHHELD, "hidden_trailing", "")
    assert b'"pulled"' in (three / "manifest.jsonl").read_bytes(), "the tables follow"
    after = recheck_all(three, pull=True)
    assert found(after) == {} and "1 pulled before" in after.said


def _painted() -> face_records.FaceEdits:
    one = np.zeros(1, np.int64)
    return face_records.FaceEdits(
        one, one, one.astype(bool), np.zeros((1, 4), np.float32), np.zeros((1, 5, 2), np.float32)
    )


def test_what_is_pulled_is_sealed_where_the_store_is(
    three: Path, seen: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANONFLOW_SEAL_KEY", "5e" * 32)
    monkeypatch.setattr(hidden, "hidden_in_video", fail("b"))
    content = (three / "videos" / "b.mp4").read_bytes()
    recheck_all(three, pull=True)
    store = Store(Settings().cache_url)
    (kept,) = store.list_tree(pulled_folder("b"))
    raw = (Path(Settings().cache_url.removeprefix("file://")) / kept).read_bytes()
    assert store.read_named(kept) == content and content[4:40] not in raw


@pytest.mark.parametrize(("place", "step"), [(Store, "put_named"), (Manifest, "record"), (Puller, "_remove")])
def test_a_pull_that_was_interrupted_is_completed(
    three: Path, seen: list[Path], monkeypatch: pytest.MonkeyPatch, place: type, step: str
) -> None:
    """After each step: the result is somewhere, and no row calls published what was taken out."""
    monkeypatch.setattr(hidden, "hidden_in_video", fail("b"))

    def refuse(*_: object, **__: object) -> None:
        raise StoreUnavailable("No.")

    with monkeypatch.context() as broken, pytest.raises(StoreUnavailable):
        broken.setattr(place, step, refuse)
        recheck_all(three, pull=True)
    row = next(row for row in Manifest(Store(str(three), private=False)).rows() if row.public_id == "b")
    assert (three / "videos" / "b.mp4").exists()
    assert (row.verdict is Verdict.WITHHELD) == (step == "_remove")
    recheck_all(three, pull=True)
    assert not (three / "videos" / "b.mp4").exists()
    (row,) = [row for row in Manifest(Store(str(three), private=False)).rows() if row.public_id == "b"]
    assert row.reason == "hidden_trailing" and Store(Settings().cache_url).list_tree(pulled_folder("b"))


def test_what_somebody_converts_at_that_moment_is_left(
    three: Path, seen: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from infra.storage.lease import Leases

    monkeypatch.setattr(hidden, "hidden_in_video", fail("b"))
    with Leases(Store(Settings().cache_url)) as leases, leases.holding("b") as claim:
        assert claim is not None
        done = recheck_all(three, pull=True)
    assert found(done) and not any(outcome.pulled for outcome in done.outcomes)
    assert (three / "videos" / "b.mp4").exists()


def test_no_later_run_publishes_it_again_unless_it_is_asked_to(
    made: Make, home: Path, tmp_path: Path, seen: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = made("pulled.mp4"), tmp_path / "out"
    convert(source, out)
    monkeypatch.setattr(hidden, "hidden_in_video", lambda path: ("trailing",))
    recheck_all(out, pull=True)
    for settings in (Settings(), Settings(seed=9), Settings(seed=9)):
        (outcome,) = convert(source, out, settings=settings)[0].outcomes
        assert (outcome.row.verdict, outcome.row.reason) == (Verdict.WITHHELD, "hidden_trailing")
        assert list((out / "videos").iterdir()) == []
    assert outcome.reused, "nothing had to be done"
    (outcome,) = convert(source, out, settings=Settings(seed=9, overwrite=True))[0].outcomes
    assert (outcome.row.verdict, outcome.row.redone) == (Verdict.PUBLISHED, 1), "another try, with other twins"


def test_purging_a_dataset_removes_what_was_pulled(
    three: Path, seen: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    define(tmp_path / "Jane", three)
    monkeypatch.setattr(hidden, "hidden_in_video", fail("b"))
    recheck_all(three, pull=True)
    key = load_key(key_path(Settings().cache_url))
    assert pulled_folder("b") in purge.prefixes_of(Store(Settings().cache_url), "films", key)


def test_the_command_names_public_ids_and_fails_when_something_does(
    three: Path, seen: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    well = CliRunner().invoke(app, ["recheck", str(three)])
    assert well.exit_code == 0 and "a passed" in well.output and "0 of 3 files fail" in well.output
    assert "passed before" in CliRunner().invoke(app, ["recheck", str(three)]).output
    (three / "videos" / "c.mp4").unlink()
    ill = CliRunner().invoke(app, ["recheck", str(three), "--pull"])
    assert ill.exit_code == 1 and "c output_missing (pulled)" in ill.output, ill.output
    assert CliRunner().invoke(app, ["recheck", str(three)]).exit_code == 0, "what is withheld is not published"


def test_a_source_that_is_not_there_is_said_at_once(three: Path, seen: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        recheck_all(three, source=str(tmp_path / "nowhere"))
    assert not seen


def test_a_destination_that_is_none_is_refused(home: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no manifest"):
        recheck_all(tmp_path / "mistyped")


def test_an_older_row_of_equal_content_makes_no_alarm(
    three: Path, seen: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = Manifest(Store(str(three), private=False))
    row = next(row for row in manifest.rows() if row.public_id == "b")
    manifest.record(replace(row, input_id="older", ordinal=0, output_sha256="0" * 64))
    assert found(recheck_all(three)) == {}
    monkeypatch.setattr(hidden, "hidden_in_video", fail("b"))
    Store(str(three), private=False).remove_tree(f"{recheck.FOLDER}/b")
    assert [outcome.pulled for outcome in recheck_all(three, pull=True).failing] == [True]


def test_what_was_converted_anew_since_is_not_pulled(
    three: Path, result: Make, seen: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_and_replace(path: Path) -> tuple[str, ...]:
        if path.stem == "b":
            publish(three, "b", result("better.mp4", frames=3), 3)
        return fail("b")(path)

    monkeypatch.setattr(hidden, "hidden_in_video", fail_and_replace)
    done = recheck_all(three, pull=True)
    assert set(found(done)) == {"b"} and not done.failing[0].pulled
    assert digest_file(three / "videos" / "b.mp4") == digest_file(result("better.mp4", frames=3))


def test_two_inputs_of_one_content_are_one_file(three: Path, seen: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = Manifest(Store(str(three), private=False))
    twice = next(row for row in manifest.rows() if row.public_id == "b")
    manifest.record(replace(twice, input_id="again", ordinal=7))
    monkeypatch.setattr(hidden, "hidden_in_video", fail("b"))
    assert len(recheck_all(three, pull=True).outcomes) == 3
    rows = [row for row in Manifest(Store(str(three), private=False)).rows() if row.public_id == "b"]
    assert len(rows) == 2 and {row.verdict for row in rows} == {Verdict.WITHHELD}
