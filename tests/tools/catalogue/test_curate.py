"""The rules of the catalogue's curation, the breeding, and that the shipped catalogue keeps them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.inpainting import catalogue
from models.masks.bisenet import LABELS
from tools.catalogue import breed, curate, meter, rules
from tools.catalogue.breed import Goal
from tools.catalogue.meter import CHECKS, FEATURES, Measures

REST = dict.fromkeys(FEATURES + CHECKS, 0.0) | {
    "pitch": -4.0,
    "eyes": 0.23,
    "age": 40.0,
    "female": 0.95,
    "ita": 30.0,
    "forehead": 0.4,
}
GOOD = Measures(REST, np.zeros((478, 3), np.float32), np.zeros(512, np.float32))


def test_a_bare_frontal_face_at_rest_is_clean() -> None:
    assert rules.clean(GOOD)
    assert rules.clean(replace(GOOD, values=REST | {"glasses": 0.2}))
    assert not rules.clean(None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("yaw", -9.0),
        ("pitch", 12.0),
        ("mouth", 0.1),
        ("smile", 0.5),
        ("eyes", 0.1),
        ("light", 0.3),
        ("female", 0.6),
        ("ita", float("nan")),
        ("glasses", 0.02),
        ("covered", 0.05),
        ("hat", 0.03),
        ("forehead", 0.1),
        ("frown", 0.9),
        ("raised", 0.7),
        ("aside", 0.7),
    ],
)
def test_every_flaw_alone_is_enough(name: str, value: float) -> None:
    assert not rules.clean(replace(GOOD, values=REST | {name: value}))


def face() -> np.ndarray:
    """(478, 3) an ellipse of a face, 100 wide and 140 high, around (100, 120); brows at 90."""
    points = np.tile(np.float32([100, 120, 0]), (478, 1))
    turns = np.linspace(0, 2 * np.pi, len(meter.OVAL), endpoint=False)
    points[list(meter.OVAL), 0] = 100 + 50 * np.sin(turns)
    points[list(meter.OVAL), 1] = 120 - 70 * np.cos(turns)
    points[[127, 356], :2] = [[50, 110], [150, 110]]
    points[list(meter.LEFT_BROW + meter.RIGHT_BROW), 1] = 90
    return points


def test_shares_see_hats_glasses_fringes_and_bald_heads() -> None:
    labels = np.full((200, 200), LABELS.index("skin"), np.uint8)
    bald = meter.shares(labels, LABELS, face())
    assert bald["hat"] == bald["glasses"] == bald["covered"] == 0 and bald["forehead"] == pytest.approx(0.91)
    labels[:61] = LABELS.index("hair")
    assert meter.shares(labels, LABELS, face())["forehead"] == pytest.approx(0.30)
    labels[61:86] = LABELS.index("hair")
    fringe = meter.shares(labels, LABELS, face())
    assert fringe["forehead"] == pytest.approx(0.05) and fringe["covered"] > 0.1
    labels[:50] = LABELS.index("hat")
    labels[95:120] = LABELS.index("glasses")
    dressed = meter.shares(labels, LABELS, face())
    assert dressed["hat"] == 0.25 and 0.15 < dressed["glasses"] < 0.3


def test_the_embedding_tells_whose_gender_was_mistaken() -> None:
    rng = np.random.default_rng(3)
    truth = rng.random(300) < 0.4
    vectors = rng.normal(size=(300, 64)).astype(np.float32)
    vectors[:, 0] += np.where(truth, 4.0, -4.0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    mistaken = rng.random(300) < 0.06
    female = np.where(truth ^ mistaken, 0.95, 0.05).astype(np.float32)
    rows = [
        replace(GOOD, values=REST | {"female": float(f)}, embedding=v) for f, v in zip(female, vectors, strict=True)
    ]
    doubted = ~rules.believable(rows)
    assert doubted[mistaken].mean() > 0.9 and doubted[~mistaken].mean() < 0.03


def test_a_digest_follows_the_stored_latent() -> None:
    latent = np.random.default_rng(1).normal(size=512).astype(np.float32)
    name = rules.digest(latent)
    assert name == rules.digest(latent.astype(np.float16)) and len(name) == 16
    assert name != rules.digest(latent + 0.01)


def world(count: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """People whose latents are linear in their features, plus noise; a third has glasses."""
    rng = np.random.default_rng(5)
    table = rng.normal(size=(count, len(FEATURES))).astype(np.float32) * 0.05
    table[:, FEATURES.index("age")] = rng.uniform(18, 75, count)
    table[:, FEATURES.index("ita")] = rng.uniform(-30, 65, count)
    table[:, FEATURES.index("female")] = rng.choice([0.05, 0.95], count)
    ways = rng.normal(size=(len(FEATURES), 512)) * np.array([1 / max(float(v.std()), 0.01) for v in table.T])[:, None]
    glasses = np.arange(count) % 3 == 0
    latents = table @ ways + rng.normal(size=(count, 512)) * 0.3
    return latents.astype(np.float32), table, glasses


def test_the_bred_come_out_as_wanted_and_the_same_again() -> None:
    latents, table, glasses = world()
    wanted = [Goal(62, True, -5, False), Goal(45, True, 20, True), Goal(30, False, 50, False)] * 4
    bred = breed.breed(latents, table, glasses, wanted, 9)
    assert np.array_equal(bred, breed.breed(latents, table, glasses, wanted, 9))
    assert len(np.unique(bred.round(3), axis=0)) == len(wanted)
    back, *_ = np.linalg.lstsq(np.c_[latents, np.ones(len(latents))], table, rcond=None)
    read = np.c_[bred, np.ones(len(bred))] @ back
    for values, goal in zip(read, wanted, strict=True):
        assert abs(values[FEATURES.index("age")] - goal.age) < 4
        assert abs(values[FEATURES.index("ita")] - goal.ita) < 8
        assert (values[FEATURES.index("female")] > 0.5) == goal.female
        assert abs(values[FEATURES.index("yaw")]) < 0.06


def test_goals_are_adults_of_the_cells_that_lack_them() -> None:
    cells = [(age, female, tone) for age in range(5) for female in (0, 1) for tone in range(5)]
    have = Counter(dict.fromkeys(cells, breed.ENOUGH)) | Counter({(2, 0, 2): 90})
    have[(4, 1, 0)], have[(1, 0, 3)], have[(0, 1, 1)] = 0, breed.ENOUGH // 2, 0
    wanted = breed.goals(300, have, np.random.default_rng(2))
    drawn = Counter(catalogue.cell_of(goal.age, float(goal.female), goal.ita) for goal in wanted)
    assert set(drawn) == {(4, 1, 0), (1, 0, 3)} and 1.5 < drawn[(4, 1, 0)] / drawn[(1, 0, 3)] < 2.7
    assert all(20 <= goal.age < 72 and not goal.glasses for goal in wanted)


def test_goals_are_of_all_adult_cells_when_none_lacks_anybody() -> None:
    cells = [(age, female, tone) for age in range(5) for female in (0, 1) for tone in range(5)]
    have = Counter(dict.fromkeys(cells, breed.ENOUGH + 3))
    wanted = breed.goals(400, have, np.random.default_rng(2))
    drawn = Counter(catalogue.cell_of(goal.age, float(goal.female), goal.ita) for goal in wanted)
    assert set(drawn) == {cell for cell in cells if cell[0]}


def test_a_written_catalogue_is_whole_and_leaves_nothing_else(tmp_path: Path) -> None:
    latents = np.random.default_rng(4).normal(size=(3, 512)).astype(np.float32)
    rows = [replace(GOOD, values=REST | {"age": float(age)}) for age in (20, 40, 60)]
    (tmp_path / "people.npz").write_bytes(b"of before")
    curate.write(latents, rows, tmp_path / "people.npz")
    assert [file.name for file in tmp_path.iterdir()] == ["people.npz"]
    with np.load(tmp_path / "people.npz", allow_pickle=False) as stored:
        assert np.array_equal(stored["latent"], latents.astype(np.float16))
        assert stored["values"][:, FEATURES.index("age")].tolist() == [20, 40, 60]


class Pictures:
    """A generator whose pictures carry the number of the latent."""

    def picture(self, latent: np.ndarray) -> np.ndarray:
        return np.full((2, 2, 3), int(latent[0]), np.uint8)


class Counting:
    """A meter that sees no face in odd pictures and counts how often it looks."""

    looked = 0

    def measure(self, picture: np.ndarray, parse: bool) -> Measures | None:
        self.looked += 1
        number = int(picture[0, 0, 0])
        return None if number % 2 else replace(GOOD, values=REST | {"age": float(number)})


def test_a_survey_is_resumed_from_its_file(tmp_path: Path) -> None:
    latents = np.arange(6, dtype=np.float32)[:, None] * np.ones((1, 512), np.float32)
    counting = Counting()
    first = meter.survey(latents, Pictures(), counting, tmp_path / "s.npz", parse=True)  # type: ignore[arg-type]
    again = meter.survey(latents, Pictures(), counting, tmp_path / "s.npz", parse=True)  # type: ignore[arg-type]
    assert counting.looked == 6
    assert [m is None for m in again] == [m is None for m in first] == [False, True] * 3
    assert [m.values["age"] for m in again if m] == [0, 2, 4]
    assert again[0] is not None and again[0].values == pytest.approx(REST | {"age": 0.0})
    other = meter.survey(latents + 4, Pictures(), counting, tmp_path / "s.npz", parse=True)  # type: ignore[arg-type]
    assert counting.looked == 12 and [m.values["age"] for m in other if m] == [4, 6, 8]


def test_nobody_left_out_by_eye_is_in_the_shipped_catalogue() -> None:
    people = catalogue.load()
    assert not {rules.digest(latent) for latent in people.latents} & set(rules.excluded())


def test_the_shipped_genders_agree_with_the_embeddings() -> None:
    people = catalogue.load()
    adults = people.age >= catalogue.AGE_BOUNDS[0]
    chance = rules.gender_by_embedding(people.embeddings[adults], people.female[adults])
    women = people.female[adults] >= 0.5
    assert ((chance >= 0.5) == women).mean() > 0.95


@pytest.fixture(scope="module")
def tools() -> tuple[curate.MobileStyleGAN, curate.Meter]:
    """The generator, and what measures its pictures."""
    return curate.MobileStyleGAN(), curate.Meter()


@pytest.mark.parametrize("share", [0.0, 0.37, 0.99])
def test_the_shipped_measures_are_those_of_the_pictures(
    share: float, tools: tuple[curate.MobileStyleGAN, curate.Meter]
) -> None:
    people = catalogue.load()
    index = int(share * len(people))
    generator, meter = tools
    seen = meter.measure(generator.picture(people.latents[index]), parse=True)
    assert seen is not None and rules.clean(seen)
    assert seen.values["age"] == pytest.approx(float(people.age[index]), abs=1.5)
    assert seen.values["ita"] == pytest.approx(float(people.ita[index]), abs=1.5)
    assert rules.wears_glasses(seen) == bool(people.glasses[index])
    assert float(seen.embedding @ people.embeddings[index]) > 0.99
