"""What each attempt changes (AnonNET section 3.5)."""

from __future__ import annotations

import itertools

import pytest

from models.inpainting.controlnet.schedule import Parameters, parameters_of, seed_of


@pytest.mark.parametrize(
    ("attempt", "guidance", "steps", "conditioning"),
    [
        (1, 8.0, 35, (0.9, 0.4, 0.3)),
        (2, 9.0, 40, (0.81, 0.36, 0.27)),
        (3, 10.0, 45, (0.72, 0.32, 0.24)),
        (7, 14.0, 65, (0.36, 0.16, 0.12)),
        (8, 15.0, 70, (0.36, 0.16, 0.12)),
        (13, 20.0, 70, (0.36, 0.16, 0.12)),
        (40, 20.0, 70, (0.36, 0.16, 0.12)),
    ],
)
def test_the_schedule(attempt: int, guidance: float, steps: int, conditioning: tuple[float, float, float]) -> None:
    assert parameters_of(attempt) == Parameters(guidance, steps, pytest.approx(conditioning))  # type: ignore[arg-type]


def test_structure_only_ever_gets_looser() -> None:
    rows = [parameters_of(k) for k in range(1, 30)]
    for before, after in itertools.pairwise(rows):
        assert before.guidance <= after.guidance and before.steps <= after.steps
        assert all(a >= b > 0 for a, b in zip(before.conditioning, after.conditioning, strict=True))


def test_attempts_count_from_one() -> None:
    with pytest.raises(ValueError, match="from 1"):
        parameters_of(0)


def test_seeds_differ_between_attempts_and_people_and_stay_between_runs() -> None:
    seeds = {seed_of(person, attempt) for person in range(20) for attempt in range(1, 20)}
    assert len(seeds) == 380 and all(0 <= seed < 2**53 for seed in seeds)
    assert seed_of(5, 2) == seed_of(5, 2)


def test_the_record_tells_all_parameters() -> None:
    assert parameters_of(2).record() == {
        "guidance": 9.0, "steps": 40.0, "inpaint": 0.81, "lineart": 0.36, "openpose": 0.27
    }  # fmt: skip
