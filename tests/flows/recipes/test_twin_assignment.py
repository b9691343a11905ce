"""One person in two videos: one twin with the scope `dataset`, two with the scope `video`; real networks.

What the networks see in the clips is found out once: only the search for a twin differs between these tests.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.analysed import analysed
from flows.manifest.rows import VideoRow
from flows.recipes.context import Context, StageResult, Stages
from flows.recipes.run import RecipeRun
from infra.errors import Withheld
from infra.media.video_info import VideoInfo
from infra.privacy import digest_file, load_key, public_id
from infra.settings import IdentityScope, OnFailure, Settings
from infra.storage.store import Store
from models.inpainting.sampled_inpainter import SampledInpainter
from models.interfaces.twins import Twin, TwinJob
from models.selection import profiles
from tasks.generation import gallery
from tasks.generation import inpaint as inpaint_task
from tasks.generation.controls import measure_controls
from tasks.generation.gallery import Gallery, GalleryEntry
from tasks.generation.inpaint import inpaint
from tasks.generation.twin import Candidate
from tasks.generation.verify import verify_anonymity
from tasks.records import Verdict
from tests.contracts import support as contracts
from tests.flows.support import real_chain, run
from tests.tasks import support

SAME_MAN = ("grid_pwij3p.mpg", "grid_id2_swwp2s.mpg")
Convert = Callable[..., list[VideoRow]]


@pytest.fixture(scope="module")
def two_clips(
    clip: Callable[[str], Path], ffmpeg: Callable[..., None], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The first frames of two clips of the same man."""
    place = tmp_path_factory.mktemp("clips")
    for name in SAME_MAN:
        film = (place / name).with_suffix(".mp4")
        ffmpeg("-i", clip(name), "-frames:v", "6", "-an", "-c:v", "libx264", "-crf", "10", film)
    return place


@pytest.fixture(scope="module")
def same_pose(two_clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of the clips twice, as two inputs: whoever passes in the first one passes in the second."""
    place, film = tmp_path_factory.mktemp("pose"), min(two_clips.iterdir())
    (place / "a.mp4").write_bytes(film.read_bytes())
    (place / "b.mp4").write_bytes(film.read_bytes() + b"\0" * 8)
    return place


@pytest.fixture(scope="module")
def known(two_clips: Path, same_pose: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with what is known of these clips before a twin is looked for, control strangers included."""
    contracts.load("embedder", "facenet")
    folder, inputs = tmp_path_factory.mktemp("known"), tmp_path_factory.mktemp("inputs")
    # The first of `same_pose` is one of the two.
    for number, film in enumerate((*two_clips.iterdir(), same_pose / "b.mp4")):
        (inputs / f"{number}.mp4").write_bytes(film.read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        use_key(folder, patch)
        settings = Settings(cache_url=f"file://{folder}/store", keep_intermediates=True)
        summary, _ = run(inputs, folder / "out", look, settings)
    assert [outcome.row.reason for outcome in summary.outcomes] == ["seen"] * 3
    return folder / "store" / "identifying"


@pytest.fixture
def convert(known: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Convert:
    """Convert into a destination of that name, with `known` in the store, and return the rows."""
    use_key(tmp_path, monkeypatch)

    def go(source: Path, name: str, chain: Stages, settings: Settings | None = None) -> list[VideoRow]:
        # Each time, since a run forgets it.
        for film in source.iterdir() if source.is_dir() else [source]:
            owner = public_id(load_key(tmp_path / "key"), digest_file(film))
            shutil.copytree(known / owner, home / "anonflow" / "store" / "identifying" / owner, dirs_exist_ok=True)
        summary, _ = run(source, tmp_path / name, chain, settings)
        return [outcome.row for outcome in summary.outcomes]

    return go


def use_key(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """A fixed key: which twin is drawn, and so whether it passes in both videos, depends on it."""
    path = folder / "key"
    path.write_text("5f" * 32)
    path.chmod(0o600)
    patch.setenv("ANONFLOW_KEY_FILE", str(path))


def look(source: Path, info: VideoInfo, context: Context) -> StageResult:
    """The chain before the twins, control strangers included."""
    run = RecipeRun(context, info.frame_count)
    faces, (site,) = analysed(run, source, info)
    assert site is not None
    measure_controls(run, faces, site, faces.people[0])
    raise Withheld("seen", "")


def cast(source: Path, info: VideoInfo, context: Context) -> Twin:
    """The chain up to the twin."""
    run = RecipeRun(context, info.frame_count)
    faces, fronts = analysed(run, source, info)
    for attempt in run.attempts(faces, fronts):
        assert attempt.person is not None
        controls = measure_controls(run, faces, attempt.site, attempt.person)
        assert not attempt.rejects(controls)
        twin = inpaint(run, faces, attempt.site, attempt.person, controls, attempt.request)
        if not attempt.rejects(verify_anonymity(run, attempt.site, controls, twin, attempt.request), twin):
            assert twin.twin is not None
            return twin.twin
    raise AssertionError("unreachable")


def only_cast(source: Path, info: VideoInfo, context: Context) -> StageResult:
    """Withholds with the candidate as the reason, or for the reason of the last attempt."""
    raise Withheld(str(cast(source, info, context).candidate), "")


def test_the_same_man_gets_the_same_twin_over_the_dataset(two_clips: Path, convert: Convert) -> None:
    settings = Settings(identity_scope=IdentityScope.DATASET, keep_intermediates=True, on_failure=OnFailure.REDACT)
    rows = convert(two_clips, "out", real_chain, settings)
    assert all(row.verdict in (Verdict.PUBLISHED, Verdict.REDACTED) and row.identities == 1 for row in rows)
    assert [attempt["candidate"] for row in rows for attempt in row.attempts if attempt["accepted"]] == [0, 0], (
        "ordinals"
    )
    kept = Store(settings.cache_url).list_tree("identifying")
    assert [len([path for path in kept if f"/{what}/" in path]) for what in ("people", "taken", "settled")] == [1, 1, 1]

    # Over single videos he is a stranger to himself, and no two strangers of a dataset share a twin. The other
    # destination is another dataset, which knows nobody although the first one's people were kept.
    alone = replace(settings, identity_scope=IdentityScope.VIDEO, keep_intermediates=False)
    assert len({row.reason for row in convert(two_clips, "other", only_cast, alone)}) == 2
    kept = Store(settings.cache_url).list_tree("identifying")
    assert {path.split("/")[2].partition("-")[0] for path in kept} == {"gallery"}


def test_the_same_man_met_in_two_videos_at_once_gets_one_twin(
    two_clips: Path, convert: Convert, monkeypatch: pytest.MonkeyPatch
) -> None:
    met, searches, both = set(), [], threading.Barrier(2)
    turn, search = Gallery.turn, inpaint_task.run

    def together(people: Gallery) -> AbstractContextManager[None]:
        if threading.get_ident() not in met:
            met.add(threading.get_ident())
            both.wait(120)
        return turn(people)

    def counted(job: TwinJob, *rest: Any) -> Candidate:
        searches.append(job)
        return search(job, *rest)

    monkeypatch.setattr(Gallery, "turn", together)
    monkeypatch.setattr(inpaint_task, "run", counted)
    settings = Settings(identity_scope=IdentityScope.DATASET, workers=2)
    rows = convert(two_clips, "out", only_cast, settings)
    assert len({row.reason for row in rows}) == 1
    blind, informed = searches[:2], searches[2:]
    assert [job.prefer for job in blind] == [-1, -1], "neither knew of the other"
    assert [str(job.prefer) for job in informed] == [rows[0].reason]


@pytest.mark.parametrize("what", ["somebody who resembles the twin", "a reservation that nobody holds"])
def test_what_others_do_during_the_search_is_heeded(
    two_clips: Path, convert: Convert, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    found, search = [], inpaint_task.run

    def meanwhile(job: TwinJob, *rest: Any) -> Candidate:
        result = search(job, *rest)
        assert result.twin is not None
        found.append(result.twin.candidate)
        if len(found) == 1 and what.startswith("somebody"):
            stranger = replace(support.twin(9999), embedding=-result.twin.embedding)
            assert people[0].keep(GalleryEntry("somebody:0", -1), result.twin.embedding, stranger)
        elif len(found) == 1:
            people[0]._store.write_named(people[0]._taken(result.twin.candidate), b"whoever:0")
        return result

    def noted(source: Path, info: VideoInfo, context: Context) -> StageResult:
        people.append(context.people)
        return only_cast(source, info, context)

    people: list[Gallery] = []
    monkeypatch.setattr(inpaint_task, "run", meanwhile)
    (row,) = convert(min(two_clips.iterdir()), "out", noted)
    assert len(found) == 2 and found[0] != found[1]
    assert row.reason == str(found[1])


def test_who_cannot_have_their_own_twin_has_none(two_clips: Path, convert: Convert) -> None:
    """As after damage to the store: the twin that a person keeps over the dataset is reserved for somebody else."""

    def damaged(source: Path, info: VideoInfo, context: Context) -> StageResult:
        people = context.people
        chosen = cast(source, info, context)
        entry = GalleryEntry(f"{context.public_id}:0", chosen.candidate)
        assert people.bind([(entry, chosen.embedding, chosen)]) == []
        people._store.write_named(people._taken(chosen.candidate), b"whoever:0")
        return only_cast(source, info, context)

    (row,) = convert(min(two_clips.iterdir()), "out", damaged, Settings(identity_scope=IdentityScope.DATASET))
    assert row.reason == "taken"
    assert (row.attempts[-1]["accepted"], row.attempts[-1]["reason"]) == (False, "taken")


def test_where_nobody_else_is_left_no_two_people_share_a_twin_and_the_reason_says_what_was_missing(
    same_pose: Path, convert: Convert, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = convert(same_pose, "out", only_cast)
    fits = [int(row.reason) for row in rows]
    assert len(set(fits)) == 2
    only = profiles.load("sampler", "linear-people").person(fits[0])
    assert only is not None

    def one_is_left(inpainter: SampledInpainter, job: TwinJob, *_: Any) -> Iterator[tuple[int, None]]:
        # Only who serves as a twin: strangers to measure by are still there.
        yield from ((candidate, None) for candidate in fits[:1] if candidate not in job.taken)

    monkeypatch.setattr(SampledInpainter, "_candidates", one_is_left)
    kept = Settings(identity_scope=IdentityScope.DATASET)
    monkeypatch.setattr(gallery, "SAME", -1.0)
    for name, settings in (("few", Settings()), ("kept", kept)):
        rows = convert(same_pose, name, only_cast, settings)
        assert [row.reason for row in rows] == [str(fits[0]), "no_candidate"]
        assert "nobody is left" in rows[1].attempts[-1]["missing"]

    def beside_a_lookalike(source: Path, info: VideoInfo, context: Context) -> StageResult:
        somebody = replace(support.twin(99), embedding=-only.embedding)
        assert context.people.keep(GalleryEntry("somebody:0", -1), only.embedding, somebody)
        return only_cast(source, info, context)

    (row,) = convert(min(same_pose.iterdir()), "alike", beside_a_lookalike)
    assert row.reason == "no_candidate", "a twin is never like a real person of the dataset"
    assert "distance from other people (1)" in row.attempts[-1]["missing"]
