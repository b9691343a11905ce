"""What a stage's declaration gives, and what a recipe refuses."""

from __future__ import annotations

import gc
import hashlib
import json
import threading
import weakref
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flows.recipes import anonnet, catalogue
from flows.recipes.catalogue import named
from flows.recipes.clock import Clock
from flows.recipes.context import Context
from flows.recipes.recipe import Passed, stages_of
from flows.recipes.run import RecipeRun
from flows.recipes.runner import StageRunner
from flows.run.fingerprint import fingerprint
from infra.errors import DeclarationError, UsageError, Withheld
from infra.settings import Settings
from infra.storage.cache import Cache
from infra.storage.store import Store
from models.selection.identifiers import _EARLIER
from tasks.generation.gallery import Gallery
from tasks.output.reassemble import RenderPlan
from tasks.stage import Work, stage
from tests.flows.script import STRAY, Script, report
from tests.flows.support import Collector


@dataclass(frozen=True)
class Counted:
    """An output."""

    value: int
    table: np.ndarray


calls: list[int] = []


@stage("count up", "test-count", 3, "9.9", parameters=lambda settings: {"crf": settings.crf})
def count_up(work: Work, number: int) -> Counted:
    """The stage that the test adds."""
    calls.append(number)
    work.advance(1)
    return Counted(number + 1, np.arange(3))


@stage("sum up", "test-sum", 1)
def sum_up(work: Work, counted: Counted, labelled: Any = None) -> Counted:
    """Depends on the output of another stage."""
    calls.append(-1)
    return Counted(counted.value + int(counted.table.sum()), counted.table)


@dataclass(frozen=True)
class Pair:
    """An output of two parts."""

    first: Counted
    second: Counted


@stage("pair up", "test-pair", 1)
def pair_up(work: Work, number: int) -> Pair:
    """Has parts."""
    return Pair(Counted(number, np.zeros(2)), Counted(number, np.ones(2)))


@stage("use what is not declared", "test-undeclared", 1)
def undeclared(work: Work) -> Counted:
    """Loads a network that its key does not know."""
    return Counted(len(work.load_all("embedder")), np.zeros(1))


def plain(number: int) -> int:
    """Not declared as a stage."""
    return number


def runner(folder: Path, shown: list[tuple[str, Any]] | None = None, **settings: Any) -> tuple[StageRunner, Collector]:
    """A runner for an input; shown: takes what an orchestrator sees."""
    chosen = Settings(cache_url=f"file://{folder}/store", **settings)
    store, collector = Store(chosen.cache_url), Collector()

    def show(name: str, work: Any, kind: Any = "") -> Any:
        if shown is not None:
            shown.append((name, kind))
        return work()

    gallery = Gallery(store, chosen.identity_scope, "data")
    clock = Clock(1, "video", collector)
    context = Context("video", "digest", chosen, Cache(store), gallery, clock, folder, show)
    return StageRunner(context, 8), collector


def test_a_stage_is_run_once_for_equal_inputs_stored_shown_and_timed(tmp_path: Path) -> None:
    calls.clear()
    shown: list[tuple[str, Any]] = []
    run, collector = runner(tmp_path, shown)
    first = count_up(run, 4)
    assert (first.value, calls) == (5, [4]) and count_up(run, 4).value == 5 and calls == [4]
    assert sum_up(run, first).value == 8 and count_up(run, 5).value == 6 and calls == [4, -1, 5]
    assert shown == [("count up", count_up), ("count up", count_up), ("sum up", sum_up), ("count up", count_up)]
    assert [name for _, _, name in collector.stages] == ["test-count", "test-count", "test-sum", "test-count"]
    assert set(run.context.clock.timings.as_dict()) == {"test-count", "test-sum"}
    # Another process finds it in the store; other settings that it reads make it again.
    again, _ = runner(tmp_path)
    assert sum_up(again, count_up(again, 4)).value == 8 and calls == [4, -1, 5]
    other, _ = runner(tmp_path, crf=20)
    sum_up(other, count_up(other, 4))
    assert calls == [4, -1, 5, 4], "the same output found, so what depends on it is not made again"
    unread, _ = runner(tmp_path, seed=9)
    count_up(unread, 4)
    assert calls == [4, -1, 5, 4]


def test_an_input_with_a_label_numbers_the_stage(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Labelled:
        number: int

        @property
        def label(self) -> str:
            return f"attempt {self.number}"

    shown: list[tuple[str, Any]] = []
    run, _ = runner(tmp_path, shown)
    sum_up(run, Counted(1, np.zeros(1)), Labelled(2))
    assert shown[0][0] == "sum up attempt 2"


def test_what_was_made_is_let_go_when_no_stage_uses_it_any_more(tmp_path: Path) -> None:
    run, _ = runner(tmp_path)
    made = count_up(run, 4)
    still = weakref.ref(made)
    assert run.digest(made) == run.digest(made)
    del made
    gc.collect()
    assert still() is None and not run._digests


def test_a_part_of_an_output_is_known_by_it(tmp_path: Path) -> None:
    run, _ = runner(tmp_path)
    whole = pair_up(run, 4)
    assert run.digest(whole.first) == f"{run.digest(whole)}.first" != run.digest(whole.second)


def test_what_cannot_be_part_of_a_key_is_refused(tmp_path: Path) -> None:
    run, _ = runner(tmp_path)
    with pytest.raises(DeclarationError, match="lock cannot be part of a cache key; give it a method"):
        sum_up(run, Counted(1, np.zeros(1)), threading.Lock())
    with pytest.raises(DeclarationError, match="uses 'embedder'; add it to the roles"):
        undeclared(run)


def test_equal_data_has_one_digest_and_other_data_another(tmp_path: Path) -> None:
    run, _ = runner(tmp_path)
    base = Counted(1, np.arange(3))
    assert run.digest(base) == run.digest(replace(base, table=np.arange(3)))
    others = [replace(base, value=2), replace(base, table=np.arange(3.0)), replace(base, table=np.arange(4))]
    assert len({run.digest(one) for one in (base, *others)}) == 4
    assert run.digest([1, "a"]) == run.digest((1, "a")) != run.digest((1, "b"))
    assert len({run.digest(one) for one in (1, "1", 1.0, True, None, "None", "True")}) == 7


def test_the_recipe_of_the_paper_fits_on_a_page() -> None:
    text = Path(anonnet.__file__).read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 90
    order = [one.recorded for one in named("", "video").stages]
    assert order == [
        "faces", "samples", "references", "identities", "attributes", "motion", "frontal", "controls", "twin", "verify",
        "rehearse", "reassemble", "sound", "audit",
    ]  # fmt: skip
    for one in named("", "video").stages:
        if one.section:
            assert one.section.split()[0] in text, f"{one.name} stands under no section"


def test_a_stage_in_a_recipe_changes_the_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(Settings())
    real = named("", "video")
    monkeypatch.setitem(catalogue.RECIPES, "anonnet", replace(real, stages=(*real.stages, count_up)))
    monkeypatch.setattr(catalogue, "DEFAULT", catalogue.RECIPES["anonnet"])
    with_stage = fingerprint(Settings())
    assert with_stage != before
    monkeypatch.setitem(
        catalogue.RECIPES, "anonnet", replace(real, stages=(*real.stages, replace(count_up, version=4)))
    )
    assert fingerprint(Settings()) not in (before, with_stage)


def test_a_new_recipe_has_a_fingerprint_of_its_own_and_pictures_have_that_of_videos() -> None:
    assert fingerprint(Settings(recipe="picture")) == fingerprint(Settings(recipe="anonnet")) == fingerprint(Settings())
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(catalogue.RECIPES, "another", replace(named("", "video"), name="another"))
        assert fingerprint(Settings(recipe="another")) != fingerprint(Settings())


def test_what_a_recipe_calls_must_be_a_stage() -> None:
    def calls_plain(run: Any, video: Any) -> Passed:
        counted = count_up(run, plain(3))
        return Passed(sum_up(run, counted), None, "")  # type: ignore[arg-type]

    with pytest.raises(DeclarationError, match="calls plain, which is not declared as a stage; put the decorator"):
        stages_of(calls_plain)

    def calls_module(run: Any, video: Any) -> Passed:
        return json.loads(count_up(run, 3))  # type: ignore[no-any-return, arg-type]

    with pytest.raises(DeclarationError, match=r"calls json\.loads, which is not declared"):
        stages_of(calls_module)

    def calls_stages(run: Any, video: Any) -> Passed:
        late = run.beside(sum_up, count_up(run, 3))
        return Passed(late.result(), None, "")  # type: ignore[arg-type]

    assert stages_of(calls_stages) == (sum_up, count_up)


def test_a_stage_without_types_or_with_a_taken_name_is_refused() -> None:
    with pytest.raises(DeclarationError, match="without types"):

        @stage("untyped", "test-untyped", 1)
        def untyped(work, number):  # type: ignore[no-untyped-def]
            return number

    with pytest.raises(DeclarationError, match="without an output"):

        @stage("no output", "test-no-output", 1)
        def no_output(work: Work):  # type: ignore[no-untyped-def]
            return None

    with pytest.raises(DeclarationError, match="recorded as 'faces'"):

        @stage("another", "faces", 1)
        def another(work: Work) -> Counted:
            return Counted(0, np.zeros(1))


def test_an_unknown_recipe_says_which_there_are() -> None:
    with pytest.raises(UsageError, match="--recipe cubism: no video recipe has this name; known: anonnet"):
        named("cubism", "video")
    with pytest.raises(UsageError, match="no picture recipe"):
        named("anonnet", "picture")
    assert named("", "picture").name == "picture" and named("anonnet", "video").name == "anonnet"


def test_recorded_identifiers_of_backends_never_change() -> None:
    """Results of earlier versions were recorded under these."""
    stood = "".join(f"{key}={value};" for key, value in sorted(_EARLIER.items()))
    assert hashlib.sha256(stood.encode()).hexdigest()[:16] == "36afaf9e5e687644"
    assert json.dumps(sorted(named("", "video").versions())) == json.dumps(sorted([
        "attributes", "audit", "controls", "faces", "frontal", "identities", "motion", "reassemble", "rehearse",
        "samples", "scenes", "twin", "verify",
    ]))  # fmt: skip


def test_no_recipe_gets_a_result_past_the_gate_that_was_not_audited(tmp_path: Path) -> None:
    script = Script(tmp_path, [report()])
    run = RecipeRun(script.context, 8)
    file = tmp_path / "finished.mp4"
    file.write_bytes(b"audited")
    result = replace(script.render(RenderPlan(1, (), ())), file=file)
    with pytest.raises(Withheld) as never:
        run.require_audited(result)
    assert never.value.reason == "not_audited"
    attempts = run.attempts(script.faces, (None,))
    assert not next(attempts).rejects(report(), result)
    # What is published must have the bytes that were audited, whatever the file holds by then.
    file.write_bytes(b"another")
    assert run.require_audited(result) == (result, hashlib.sha256(b"audited").hexdigest())
    with pytest.raises(Withheld):
        run.require_audited(replace(result))
    # A result that is rejected takes the leave of an earlier one away, also where the policy gives up.
    assert next(attempts).rejects(report(strays=(STRAY,)), result)
    with pytest.raises(Withheld):
        run.require_audited(result)
    assert not next(attempts).rejects(report(), result)
    with pytest.raises(Withheld):
        next(attempts).rejects(report(0), result)
    with pytest.raises(Withheld):
        run.require_audited(result)
