"""The benches of the cells, on made-up people: what tells nothing is uniform, what leads back is not."""

from __future__ import annotations

import numpy as np
from scipy import stats

from bench import cell_sizes, cells
from models.people.cells import KIND
from tasks.evaluation.metrics.adversary import reversal

PARTS, SIZE = 4, 16


def people(seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    found = [rng.standard_normal((cells.MEMBERS, SIZE)) for _ in range(PARTS)]
    return [(one / np.linalg.norm(one, axis=1, keepdims=True)).astype(np.float32) for one in found]


def probability(twins: list[np.ndarray], sources: list[np.ndarray]) -> float:
    place = cells.places(twins, sources, np.random.default_rng(0))
    assert len(place) == sum(int(np.isfinite(one).all(axis=1).sum()) for one in twins)
    return float(stats.kstest(place, "uniform").pvalue)


def test_only_a_twin_that_tells_of_its_source_has_a_rank_that_is_not_uniform() -> None:
    sources, nobody = people(1), people(2)
    assert probability(nobody, sources) > cells.ENOUGH
    assert probability([a + 3 * b for a, b in zip(sources, nobody, strict=True)], sources) < cells.ENOUGH
    nobody[0][3] = np.nan
    assert probability(nobody, sources) > cells.ENOUGH


def test_a_turned_source_is_led_back_by_what_other_cells_taught() -> None:
    sources, nobody = people(1), people(2)
    turn = np.linalg.qr(np.random.default_rng(3).standard_normal((SIZE, SIZE)))[0].astype(np.float32)
    turned = [one @ turn for one in sources]
    for learner in (reversal.ridge, reversal.network):
        assert probability(cells.reversed_(turned, sources, learner), sources) < cells.ENOUGH
        assert probability(cells.reversed_(nobody, sources, learner), sources) > cells.ENOUGH


def test_planted_twins_keep_the_axes_of_their_sources() -> None:
    rng = np.random.default_rng(4)
    rows, latents = rng.standard_normal((600, 3)), rng.standard_normal((600, SIZE)).astype(np.float32)
    embeddings = (latents @ rng.standard_normal((SIZE, 64))).astype(np.float32)
    kept = cells.planted(latents, rows, embeddings, 5)
    assert np.corrcoef(kept.ravel(), latents.ravel())[0, 1] > 0.9


def test_larger_cells_tell_less_and_keep_less() -> None:
    rng = np.random.default_rng(6)
    kinds = rng.random((3600, len(KIND)))
    kinds[:, KIND.index("age")] *= 60
    small, large = cell_sizes.row(kinds, 25), cell_sizes.row(kinds, 200)
    assert small.cells > large.cells and small.told > large.told and small.named > large.named
    assert small.age < large.age and small.told <= np.log2(small.cells)
    assert cell_sizes.chart([small, large]).series[2].points[0] == (25.0, 100 * small.named)
