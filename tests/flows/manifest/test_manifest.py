"""The manifest: rows of runs that share a destination, and what its tables hold."""

from __future__ import annotations

import json
import math
import threading
from dataclasses import replace
from pathlib import Path

import pandas
import pytest

from flows.manifest import manifest
from flows.manifest.manifest import Manifest
from flows.manifest.rows import Evidence, VideoRow
from infra.storage.store import Store
from tasks.records import Verdict
from tests.reference.racers import race

WRITER = """
import sys
from flows.manifest.manifest import Manifest
from infra.storage.store import Store
from tests.flows.manifest.test_manifest import row
manifest = Manifest(Store(sys.argv[1], private=False))
manifest.flush()
print("ready", flush=True)
sys.stdin.readline()
for number in range(40):
    manifest.record(row(f"{sys.argv[2]}{number}", number))
manifest.flush()
"""


def row(public_id: str, ordinal: int = 1, **values: object) -> VideoRow:
    given = {"verdict": Verdict.WITHHELD, "reason": "why", "input_id": f"{public_id}-{ordinal}"} | values
    return VideoRow(public_id=public_id, ordinal=ordinal, **given)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "out"), private=False)


def listed(out: Path) -> list[str]:
    """Public ids in both tables, which must agree."""
    ids = [json.loads(line)["public_id"] for line in (out / manifest.JSONL).read_text().splitlines()]
    assert pandas.read_parquet(out / manifest.PARQUET)["public_id"].tolist() == ids
    return ids


def test_a_later_run_keeps_the_rows_of_an_earlier_one(store: Store, tmp_path: Path) -> None:
    for name in ("a", "b"):
        manifest = Manifest(store)
        manifest.flush()
        manifest.record(row(name))
        manifest.flush()
    assert listed(tmp_path / "out") == ["a", "b"]
    assert Manifest(store).finished("a", "", "videos/a.mp4") == row("a")


def test_a_run_does_not_write_over_rows_that_came_after_its_start(store: Store, tmp_path: Path) -> None:
    slow, quick = Manifest(store), Manifest(store)
    slow.flush()
    quick.record(row("a"))
    quick.flush()
    assert slow.finished("a", "", "videos/a.mp4") == row("a")
    slow.record(row("b"))
    assert listed(tmp_path / "out") == ["a", "b"], "also when this run is killed now"
    slow.flush()
    assert listed(tmp_path / "out") == ["a", "b"]


def test_a_row_that_appears_while_the_tables_are_written_is_not_lost(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, quick = Manifest(store), Manifest(store)
    Manifest(store, tables=False).record(row("a"))
    real, late = slow._assemble, [row("b"), row("a", 1, message="again")]

    def interrupted(rows: dict[str, tuple[str, VideoRow]]) -> bool:
        # The other run writes its row and its tables after these rows were read, and before they are written.
        if late:
            quick.record(late.pop())
            quick.flush()
        return real(rows)

    monkeypatch.setattr(slow, "_assemble", interrupted)
    slow.flush()
    assert listed(tmp_path / "out") == ["a", "b"]
    assert slow.rows()[0].message == "again"


def test_two_processes_at_the_same_time_lose_no_row(store: Store, tmp_path: Path) -> None:
    out = tmp_path / "out"
    race(WRITER, (str(out), "a"), (str(out), "b"))
    assert sorted(listed(out)) == sorted(f"{name}{number}" for name in "ab" for number in range(40))


def test_threads_of_one_run_lose_no_row(store: Store, tmp_path: Path) -> None:
    manifest = Manifest(store)
    threads = [threading.Thread(target=manifest.record, args=(row(f"v{n % 10}", n),)) for n in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    manifest.flush()
    assert len(listed(tmp_path / "out")) == 30
    assert len({(r.public_id, r.input_id) for r in manifest.rows()}) == 30


def test_a_damaged_row_counts_as_absent(store: Store, tmp_path: Path) -> None:
    rows = Manifest(store)
    rows.record(row("a"))
    for damage in (b"{", b'{"verdict": "shrug"}', b"[]"):
        store.write_named(manifest.path_of("b", "b-1"), damage)
        assert rows.finished("b", "", "videos/b.mp4") is None
        rows.flush()
        assert listed(tmp_path / "out") == ["a"]


def test_what_is_no_number_is_null_in_the_lines(store: Store, tmp_path: Path) -> None:
    attempts = [{"number": 1, "distance": math.nan, "accepted": False}]
    Manifest(store).record(row("a", attempts=attempts, audit=[{"mean": math.inf}], worst_distance=math.nan))

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    (line,) = (tmp_path / "out" / manifest.JSONL).read_text().splitlines()
    value = json.loads(line, parse_constant=refuse)
    assert value["attempts"][0]["distance"] is None and value["worst_distance"] is None
    assert value["verdict"] == "withheld"


def test_the_table_begins_with_the_verdict_and_ends_with_the_evidence(store: Store, tmp_path: Path) -> None:
    Manifest(store).record(row("a"))
    columns = list(pandas.read_parquet(tmp_path / "out" / manifest.PARQUET).columns)
    assert columns[:4] == ["public_id", "input_id", "ordinal", "verdict"]
    assert columns[-len(Evidence.__dataclass_fields__) :] == list(Evidence.__dataclass_fields__)


def test_unchanged_rows_are_not_read_again(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Manifest(store)
    for number in range(20):
        first.record(row(f"v{number}", number))
    first.flush()
    read: list[str] = []
    real = Manifest._read
    monkeypatch.setattr(Manifest, "_read", lambda manifest, name: read.append(name) or real(manifest, name))  # type: ignore[func-returns-value]
    again, before = Manifest(store), (tmp_path / "out" / manifest.JSONL).stat().st_mtime_ns
    again.flush()
    assert len(again.rows()) == 20 and read == []
    assert (tmp_path / "out" / manifest.JSONL).stat().st_mtime_ns == before, "unchanged tables are not written"
    Manifest(store, tables=False).record(row("v7", 7, message="again"))
    again.flush()
    assert read == [manifest.path_of("v7", "v7-7")]
    assert [r.message for r in again.rows() if r.public_id == "v7"] == ["again"]


def test_tables_that_do_not_belong_together_are_not_believed(store: Store, tmp_path: Path) -> None:
    first = Manifest(store)
    first.record(row("a"))
    first.flush()
    table = tmp_path / "out" / manifest.JSONL
    table.write_text(table.read_text().replace("why", "lie"))
    again = Manifest(store)
    again.flush()
    assert [r.reason for r in again.rows()] == ["why"]
    assert "lie" not in table.read_text()


def test_settled_asks_for_final_rows_whose_result_lies_there_untouched(store: Store, tmp_path: Path) -> None:
    manifest = Manifest(store)
    for name in ("good", "gone", "touched"):
        store.write_named(f"videos/{name}.mp4", b"film")
        stamp = store.stamp(f"videos/{name}.mp4")
        out = {"verdict": Verdict.PUBLISHED, "output": f"videos/{name}.mp4", "output_stamp": stamp}
        manifest.record(row(name, fingerprint="f", source_stamp="s", **out))
    manifest.record(row("withheld", fingerprint="f", source_stamp="s"))
    manifest.record(row("failed", fingerprint="f", source_stamp="s", verdict=Verdict.FAILED))
    manifest.record(row("other", fingerprint="g", source_stamp="s"))
    manifest.record(row("unknown", fingerprint="f"))
    store.remove("videos/gone.mp4")
    store.write_named("videos/touched.mp4", b"filn")
    assert {found.public_id for found in manifest.current_results("f").values()} == {"good", "withheld"}
    assert set(manifest.current_results("f")) == {("good-1", "s"), ("withheld-1", "s")}


@pytest.mark.parametrize(
    ("reason", "stands"),
    [
        *((reason, True) for reason in ("empty", "not_media", "truncated", "unsupported_hdr", "crashed", "hung")),
        *((reason, True) for reason in ("time_limit", "bad_timestamps", "no_video")),
        *((reason, False) for reason in ("missing", "source_unavailable", "source_changed", "no_space", "tool")),
        *((reason, False) for reason in ("store", "store_unavailable", "out_of_memory", "weights", "unexpected")),
        *((reason, False) for reason in ("usage", "redo", "of another version")),
    ],
)
def test_a_failure_stands_where_it_lies_in_the_input(reason: str, stands: bool, store: Store) -> None:
    manifest = Manifest(store)
    failed = row("a", fingerprint="f", source_stamp="s", verdict=Verdict.FAILED, reason=reason)
    manifest.record(failed)
    assert manifest.current_results("f") == ({("a-1", "s"): failed} if stands else {})
    assert manifest.current_results("g") == {}, "other settings, or another version, may convert it"
    assert manifest.finished("a", "f", "videos/a.mp4") is None, "who asks for it again gets another try"
    manifest.record(replace(failed, source_stamp=""))
    assert manifest.current_results("f") == {}, "it cannot be told whether it is the same file"


def test_what_was_rejected_is_not_done_while_it_lies_there(store: Store) -> None:
    """Removing it was interrupted: whoever looks next must not pass it by."""
    manifest = Manifest(store)
    manifest.record(row("a", fingerprint="f", source_stamp="s").rejected())
    assert manifest.finished("a", "f", "videos/a.mp4") is not None and manifest.current_results("f")
    store.write_named("videos/a.mp4", b"the rejected one")
    assert manifest.finished("a", "f", "videos/a.mp4") is None and not manifest.current_results("f")
    held, tries = manifest.decided("a")
    assert held is not None and tries == 0


def test_the_last_try_counts_whatever_was_decided_about_an_earlier_one(store: Store) -> None:
    """Such as for a name that the input had before: that row stays as it was."""
    manifest = Manifest(store)
    old = row("a", fingerprint="f", source_stamp="s")
    manifest.record(replace(old, input_id="old name").rejected())
    held, tries = manifest.decided("a")
    assert held is not None and tries == 0
    manifest.record(replace(old, input_id="new name", redone=1, verdict=Verdict.WITHHELD, output=""))
    assert manifest.decided("a") == (None, 1)
    found = manifest.finished("a", "f", "videos/a.mp4")
    assert found is not None and found.input_id == "new name"
    assert {input_id for input_id, _ in manifest.current_results("f")} == {"new name"}
