"""The linear maps and the predictor that ship."""

from __future__ import annotations

import numpy as np
import pytest

from models.people import maps
from models.people.cells import KIND
from models.people.maps import REST, seen_as
from models.people.meter import STATES, VALUES

PEOPLE = maps.load()


def drawn(cell: int, count: int = 24) -> np.ndarray:
    deviates = np.random.default_rng(3).standard_normal((count, PEOPLE.maps.spread.shape[1])).astype(np.float32)
    kinds = np.tile(PEOPLE.cells.centres[cell], (count, 1)).astype(np.float32)
    return PEOPLE.maps.draw(kinds, deviates, PEOPLE.predictor, np.zeros(len(KIND), np.float32))


@pytest.mark.parametrize("cell", range(0, len(PEOPLE.cells), 9))
def test_people_are_predicted_near_their_kind_and_at_rest(cell: int) -> None:
    seen = seen_as(*PEOPLE.predictor.predict(drawn(cell)))
    off = np.abs(np.median(seen, axis=0) - [*PEOPLE.cells.centres[cell], *(REST[name] for name in STATES)])
    names = (*KIND, *STATES)
    for name, most in (("age", 4), ("female", 0.25), ("ita", 10), ("glasses", 0.35), ("shade", 0.25), ("yaw", 3),
                       ("smile", 0.2), ("East Asian", 0.3), ("African", 0.3)):  # fmt: skip
        assert off[names.index(name)] < most, name


def test_people_of_one_kind_are_not_one_person() -> None:
    """Predicted embeddings lie nearer to one another than measured ones, see test_sampler.py."""
    near = []
    for cell in range(0, len(PEOPLE.cells), 9):
        _, vectors = PEOPLE.predictor.predict(drawn(cell))
        near.append(np.median((vectors @ vectors.T)[np.triu_indices(len(vectors), 1)]))
    # Children look more alike.
    assert np.median(near) < 0.85 and max(near) < 0.95


def test_who_is_as_near_to_the_kind_as_is_allowed_stays_and_who_is_not_moves_no_farther() -> None:
    latents = drawn(0)
    values, vectors = PEOPLE.predictor.predict(latents)
    kind = seen_as(values, vectors).astype(np.float32)[:, : len(KIND)]
    values = values.copy()
    values[:, [VALUES.index(name) for name in STATES]] = [REST[name] for name in STATES]
    age = KIND.index("age")
    kind[:, age] += 5

    def moved(allowed: float) -> np.ndarray:
        most = np.zeros(len(KIND), np.float32)
        most[age] = allowed
        return PEOPLE.maps.towards(kind, latents, values, vectors, most) - latents

    assert np.abs(moved(5.1)).max() < 1e-5
    assert np.allclose(moved(3), moved(0) * 2 / 5, atol=1e-4) and np.abs(moved(0)).max() > 1e-3


def test_a_person_moves_without_becoming_another() -> None:
    """Predicted: twenty degrees of yaw, and the same age and gender."""
    latents = drawn(0)
    moved = latents + 20 * PEOPLE.maps.moves[STATES.index("yaw")]
    (before, one), (after, other) = (
        PEOPLE.predictor.predict(latents),
        PEOPLE.predictor.predict(moved.astype(np.float32)),
    )
    change = np.median(after - before, axis=0)
    assert 10 < change[VALUES.index("yaw")] < 30
    assert abs(change[VALUES.index("age")]) < 5 and abs(change[VALUES.index("female")]) < 0.25
    same = (one * other).sum(axis=1)
    strangers = np.median((one @ one.T)[np.triu_indices(len(one), 1)])
    assert np.median(same) > strangers


def test_the_tone_that_an_embedding_suggests_follows_the_group() -> None:
    from tools.people import groups

    embeddings, ita, _ = groups.sorted_people()
    found = np.array([PEOPLE.maps.tone_of(vector[None]) for vector in embeddings])
    # Measured tones hold the light, too.
    assert np.corrcoef(found, ita)[0, 1] > 0.5


def test_what_was_fitted_to_other_axes_is_refused() -> None:
    from tools.people.fit import packed

    stored = packed(PEOPLE)
    assert len(maps.unpacked(stored).cells) == len(PEOPLE.cells)
    with pytest.raises(ValueError, match="other axes"):
        maps.unpacked({**stored, "kind": np.array(KIND[::-1])})
