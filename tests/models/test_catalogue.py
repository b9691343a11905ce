"""The catalogue of synthetic people, and who is chosen from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import Withheld
from models.capabilities import Appearance
from models.inpainting import catalogue
from models.inpainting import catalogue_inpainter as inpainter
from models.inpainting.catalogue import Catalogue
from models.landmarks import pose
from models.twins import TwinJob

DIMENSION = 512


def made(count: int = 120, seed: int = 0) -> Catalogue:
    """People at random: ages 4 to 80, every third with glasses, some near the first axis and some far from it."""
    rng = np.random.default_rng(seed)
    vectors = (rng.normal(size=(count, DIMENSION)) / np.sqrt(DIMENSION)).astype(np.float32)
    vectors[:, 0] += rng.uniform(-1.5, 1.5, count)
    return Catalogue(
        latents=np.zeros((count, 512), np.float32),
        age=rng.uniform(4, 80, count).astype(np.float32),
        female=rng.choice([0.05, 0.95], count).astype(np.float32),
        ita=rng.uniform(-30, 70, count).astype(np.float32),
        beard=rng.uniform(0, 0.5, count).astype(np.float32),
        glasses=np.arange(count) % 3 == 0,
        meshes=np.zeros((count, 478, 3), np.float32),
        embeddings=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        embedder="facenet",
    )


PEOPLE = made()


def job(appearance: Appearance, **changes: object) -> TwinJob:
    source = np.eye(DIMENSION, dtype=np.float32)[:1]
    start = TwinJob(
        frame=np.zeros((8, 8, 3), np.uint8),
        mesh=np.zeros((478, 3), np.float32),
        appearance=appearance,
        source=source,
        others=np.zeros((0, DIMENSION), np.float32),
        embedder="facenet",
        taken=(),
        seed=11,
        attempt=1,
    )
    return replace(start, **changes)


appearances = st.builds(
    Appearance,
    age=st.floats(3, 90),
    female=st.floats(0, 1),
    skin_ita=st.floats(-40, 75),
    beard=st.floats(0, 1),
    glasses=st.sampled_from([0.0, 1.0]),
)


def _members(chosen: int) -> list[int]:
    return [member for member in inpainter.parents(chosen, len(PEOPLE)) if member >= 0]


@settings(max_examples=80, deadline=None)
@given(appearances, st.integers(0, 2**62), st.integers(1, 5))
def test_age_group_glasses_and_gender_always_fit(wanted: Appearance, seed: int, attempt: int) -> None:
    try:
        chosen = inpainter.choose(PEOPLE, job(wanted, seed=seed, attempt=attempt))
    except Withheld as error:
        assert error.reason == "no_candidate"
        return
    for member in _members(chosen):
        assert (PEOPLE.age[member] < catalogue.AGE_BOUNDS[0]) == (wanted.age < catalogue.AGE_BOUNDS[0])
        assert bool(PEOPLE.glasses[member]) == (wanted.glasses >= 0.5)
        if abs(wanted.female - 0.5) > 0.15:
            assert (PEOPLE.female[member] >= 0.5) == (wanted.female >= 0.5)


ADULT = Appearance(age=35, female=0.9, skin_ita=30)


def test_the_choice_is_determined_by_seed_and_attempt_and_varies_with_both() -> None:
    same = {inpainter.choose(PEOPLE, job(ADULT)) for _ in range(5)}
    assert len(same) == 1
    assert len({inpainter.choose(PEOPLE, job(ADULT, seed=seed)) for seed in range(40)}) > 4
    assert len({inpainter.choose(PEOPLE, job(ADULT, attempt=attempt)) for attempt in range(1, 12)}) > 2


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**62), st.integers(1, 60))
def test_nobody_who_is_taken_is_chosen_again(seed: int, rounds: int) -> None:
    taken: tuple[int, ...] = ()
    for _ in range(min(rounds, 30)):
        try:
            chosen = inpainter.choose(PEOPLE, job(ADULT, seed=seed, taken=taken))
        except Withheld:
            return
        assert chosen not in taken
        taken = (*taken, chosen)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**62), st.integers(1, 5))
def test_everybody_chosen_is_far_from_source_and_others(seed: int, attempt: int) -> None:
    others = PEOPLE.embeddings[[1, 4, 7]]
    wanted = job(ADULT, seed=seed, attempt=attempt, others=others)
    vectors = PEOPLE.embeddings[_members(inpainter.choose(PEOPLE, wanted))].sum(axis=0)
    vector = vectors / np.linalg.norm(vectors)
    assert 1 - float(vector @ wanted.source[0]) >= inpainter.FAR + 0.02 * (attempt - 1) - 1e-5
    assert float((1 - others @ vector).min()) >= inpainter.APART - 1e-5


def test_nobody_is_left_when_everybody_is_the_source() -> None:
    with pytest.raises(Withheld) as raised:
        inpainter.choose(PEOPLE, job(ADULT, source=PEOPLE.embeddings))
    assert raised.value.reason == "no_candidate"


def test_a_preferred_candidate_is_kept() -> None:
    assert inpainter.choose(PEOPLE, job(ADULT, prefer=77)) == 77


@given(st.integers(1, 500), st.data())
def test_the_number_of_a_blend_names_its_parents(count: int, data: st.DataObject) -> None:
    a, b = data.draw(st.integers(0, count - 1)), data.draw(st.integers(0, count - 1))
    assert inpainter.parents(count + a * count + b, count) == (a, b)
    assert inpainter.parents(a, count) == (a, -1)


def test_mismatch_grows_with_distance_in_age_tone_and_beard() -> None:
    wanted = Appearance(age=40, female=0.0, skin_ita=30, beard=0.2)
    base = replace(
        PEOPLE,
        age=np.float32([40, 55, 40, 40, 12]),
        female=np.float32([0.1, 0.1, 0.1, 0.1, 0.1]),
        ita=np.float32([30, 30, 60, 30, 30]),
        beard=np.float32([0.2, 0.2, 0.2, 0.5, 0.2]),
        glasses=np.array([False] * 5),
    )
    cost = catalogue.mismatch(base, wanted)
    assert cost[0] == 0 and (cost[1:4] > 0.7).all() and np.isinf(cost[4])


def test_the_shipped_catalogue_is_whole() -> None:
    people = catalogue.load()
    assert people.latents.shape == (len(people), 512) and people.meshes.shape == (len(people), 478, 3)
    assert np.allclose(np.linalg.norm(people.embeddings, axis=1), 1, atol=1e-5)
    for values in (people.latents, people.age, people.female, people.ita, people.beard, people.meshes):
        assert np.isfinite(values).all()
    assert (people.meshes[..., :2] > 0).all() and (people.meshes[..., :2] < 1024).all()
    alike = people.embeddings @ people.embeddings.T - np.eye(len(people))
    assert alike.max() < 0.8


def test_the_shipped_catalogue_serves_the_promised_number_of_adults() -> None:
    people = catalogue.load()
    adults = people.age >= catalogue.AGE_BOUNDS[0]
    women = people.female >= 0.5
    bare = adults & ~people.glasses
    assert int(bare.sum()) >= 400 and int((bare & women).sum()) >= 180
    assert int((adults & people.glasses).sum()) >= 60 and int((adults & women & people.glasses).sum()) >= 12
    assert int((~adults).sum()) >= 8


def test_no_cell_of_adults_without_glasses_is_empty_and_few_are_thin() -> None:
    people = catalogue.load()
    count = np.zeros((5, 2, 5), int)
    for age, female, ita, wears in zip(people.age, people.female, people.ita, people.glasses, strict=True):
        count[catalogue.cell_of(age, female, ita)] += not wears
    assert count[1:].min() >= 2 and int((count[1:] >= 8).sum()) >= 30


def test_the_shipped_people_are_frontal_and_of_decided_gender() -> None:
    people = catalogue.load()
    assert (np.abs(people.female - 0.5) > 0.3).all()
    assert max(abs(float(v)) for mesh in people.meshes for v in pose.angles(mesh, 1024, 1024)[1:]) < 6


def test_the_tone_wanted_follows_the_measurement_only_as_far_as_the_embedding_bears() -> None:
    people = catalogue.load()
    source = people.embeddings[:1]
    likely = catalogue.tone_of(source)
    for measured, wanted in ((likely + 5, likely + 5), (likely - 70, likely - 20), (likely + 70, likely + 20)):
        look = Appearance(30, 0.9, skin_ita=measured)
        assert catalogue.tone_wanted(look, source) == pytest.approx(wanted, abs=1e-3)
        assert catalogue.tone_wanted(look, None) == measured
        assert catalogue.tone_wanted(look, source[:0]) == measured


def test_embeddings_tell_light_skin_from_dark() -> None:
    people = catalogue.load()
    guessed = np.array([catalogue.tone_of(vector[None]) for vector in people.embeddings])
    assert guessed[people.ita > 50].mean() - guessed[people.ita < 0].mean() > 30


@pytest.mark.parametrize("count", [0, inpainter.POOL - 1])
def test_where_few_are_likely_the_farther_of_the_fitting_serve(count: int) -> None:
    """Not the best fitting, who look most like the source."""
    size = 200
    near = np.linspace(0.42, 0.3, size, dtype=np.float32)
    near[100 : 100 + count] = 0.05
    rest = np.random.default_rng(5).normal(size=(size, DIMENSION - 1))
    rest *= np.sqrt(1 - near[:, None] ** 2) / np.linalg.norm(rest, axis=1, keepdims=True)
    people = replace(
        made(size),
        embeddings=np.concatenate([near[:, None], rest], axis=1).astype(np.float32),
        age=np.linspace(40, 48, size, dtype=np.float32),
        female=np.full(size, ADULT.female, np.float32),
        ita=np.full(size, ADULT.skin_ita, np.float32),
        beard=np.full(size, ADULT.beard, np.float32),
        glasses=np.zeros(size, bool),
    )
    source, wanted = np.eye(1, DIMENSION, dtype=np.float32), replace(ADULT, age=40.0)
    chosen = {inpainter.choose(people, job(wanted, source=source, seed=seed)) for seed in range(80)}
    away = 1.0 - people.embeddings[:, 0]
    best = np.argsort(catalogue.mismatch(people, wanted, source, 1), kind="stable")[: inpainter.FEW_LIKELY]
    assert len(chosen) == inpainter.POOL
    assert set(chosen) <= set(best.tolist())
    assert away[sorted(chosen)].min() >= np.sort(away[best])[-inpainter.POOL] - 1e-6
