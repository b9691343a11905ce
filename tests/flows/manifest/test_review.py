"""A person's decisions become verdicts."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.manifest import review as reviews
from flows.manifest.manifest import Manifest
from flows.manifest.review import Applied, apply
from flows.manifest.rows import VideoRow
from flows.recipes.context import Context, StageResult
from infra.errors import StoreUnavailable, UsageError
from infra.media.video_info import VideoInfo
from infra.settings import Settings
from infra.storage.store import Store
from tasks.evaluation.report.review import Choice, Decision, Review
from tasks.records import Verdict
from tests.conftest import Make
from tests.flows.support import grey_chain, run


def decided(*decisions: Decision) -> Review:
    return Review("report", "2026-11-22T00:00:00Z", decisions, ())


def refuse(path: str) -> None:
    raise StoreUnavailable("No.")


@pytest.fixture
def converted(made: Make, home: Path, tmp_path: Path) -> tuple[Path, Path]:
    source = tmp_path / "in"
    source.mkdir()
    for number in range(3):
        source.joinpath(f"{number}.mp4").write_bytes(made(f"r{number}.mp4", frames=6 + number).read_bytes())
    run(source, tmp_path / "out")
    return source, tmp_path / "out"


def test_a_decision_about_a_result_holds_for_all_originals_with_its_content(home: Path, tmp_path: Path) -> None:
    store = Store(str(tmp_path / "out"), private=False)
    manifest = Manifest(store)
    for n in (1, 2):
        row = VideoRow(public_id="a", input_id=f"i{n}", ordinal=n, verdict=Verdict.PUBLISHED, output="videos/a.mp4")
        manifest.record(row)
    store.write_named("videos/a.mp4", b"result")
    assert apply(decided(Decision("videos/a.mp4", Choice.REJECT)), store) == Applied({Choice.REJECT: 1}, 0, 0)
    assert [(row.verdict, row.output) for row in Manifest(store).rows()] == [(Verdict.WITHHELD, "")] * 2


def test_each_choice_is_carried_out_and_twice_is_as_once(converted: tuple[Path, Path]) -> None:
    source, out = converted
    store = Store(str(out), private=False)
    names = [row.output for row in Manifest(store).rows()]
    review = decided(
        Decision(names[0], Choice.ACCEPT, "Mrs Miller looks fine"),
        Decision(names[1], Choice.REJECT, "Mr Smith"),
        Decision(names[2], Choice.REDO),
    )
    once = {Choice.ACCEPT: 1, Choice.REJECT: 1, Choice.REDO: 1}
    assert apply(review, store) == Applied(once, 0, 0)
    assert apply(review, store) == Applied(once, 2, 0)
    kept, rejected, again = Manifest(store).rows()
    assert (kept.verdict, kept.review, (out / names[0]).exists()) == (Verdict.PUBLISHED, "accept", True)
    assert (rejected.verdict, rejected.reason, rejected.output) == (Verdict.WITHHELD, "review", "")
    assert (again.verdict, again.reason, again.redone) == (Verdict.FAILED, "redo", 1)
    assert not (out / names[1]).exists() and not (out / names[2]).exists()
    said = b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
    assert b"Miller" not in said and b"Smith" not in said, "a note may tell who somebody is"

    seeds = []

    def chain(path: Path, info: VideoInfo, context: Context) -> StageResult:
        seeds.append(context.settings.seed)
        return grey_chain(path, info, context)

    run(source, out, chain, Settings(seed=4))
    assert sorted(seeds) == [4, 5], "other settings convert all again but the rejected, and one with another seed"
    assert not (out / names[1]).exists() and Manifest(store).rows()[1].reason == "review"
    run(source, out, chain, Settings(seed=4))
    assert len(seeds) == 2, "what was redone is done"
    run(source, out, chain, Settings(seed=4, overwrite=True))
    assert len(seeds) == 5 and (out / names[1]).exists(), "whoever asks for all anew takes the rejection back"
    assert sorted(seeds[2:]) == [4, 5, 5], "and never gets the rejected face again"
    run(source, out, chain, Settings(seed=4))
    assert len(seeds) == 5 and [row.redone for row in Manifest(store).rows()] == [0, 1, 1]


def test_the_next_run_makes_another_try_and_leaves_the_rejected_alone(converted: tuple[Path, Path]) -> None:
    source, out = converted
    store = Store(str(out), private=False)
    names = [row.output for row in Manifest(store).rows()]
    apply(decided(Decision(names[1], Choice.REJECT), Decision(names[2], Choice.REDO)), store)
    summary, _ = run(source, out)
    rows = [outcome.row for outcome in summary.outcomes]
    assert [row.verdict for row in rows] == [Verdict.PUBLISHED, Verdict.WITHHELD, Verdict.PUBLISHED]
    assert [outcome.reused for outcome in summary.outcomes] == [True, True, False]
    assert (rows[2].seed, rows[2].redone) == (1, 1)


def test_another_destination_is_refused(converted: tuple[Path, Path]) -> None:
    store = Store(str(converted[1]), private=False)
    with pytest.raises(UsageError, match="none of the files"):
        apply(decided(Decision("videos/nobody.mp4", Choice.REJECT)), store)
    name = Manifest(store).rows()[0].output
    some = apply(decided(Decision("videos/nobody.mp4", Choice.REJECT), Decision(name, Choice.ACCEPT)), store)
    assert some == Applied({Choice.ACCEPT: 1}, 0, 1)


def test_a_decision_that_was_interrupted_is_not_undone_by_the_next_run(
    converted: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = converted
    store = Store(str(out), private=False)
    name = Manifest(store).rows()[1].output
    review = decided(Decision(name, Choice.REJECT))
    with monkeypatch.context() as broken, pytest.raises(StoreUnavailable):
        broken.setattr(store, "remove", refuse)
        apply(review, store)
    assert (out / name).exists()
    run(source, out)
    assert Manifest(store).rows()[1].reason == "review" and not (out / name).exists(), "whoever comes by completes it"
    apply(review, store)
    assert not (out / name).exists()


def test_old_versions_of_what_was_rejected_go_also_after_an_interruption(
    converted: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(str(converted[1]), private=False)
    decisions = decided(Decision(Manifest(store).rows()[1].output, Choice.REJECT))
    with monkeypatch.context() as broken, pytest.raises(StoreUnavailable):
        broken.setattr(reviews, "remove_for_good", lambda *_: refuse(""))
        apply(decisions, store)
    removed: list[str] = []
    monkeypatch.setattr(reviews, "remove_for_good", lambda store, path: removed.append(path))
    apply(decisions, store)
    assert removed[0] == decisions.decisions[0].name
