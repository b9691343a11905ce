"""What the bench on outsiders counts: vectors at known distances."""

from __future__ import annotations

import numpy as np

from bench import outsider


def away(distance: float, axis: int, other: int) -> list[float]:
    """A unit vector in so much cosine distance of one axis, turned towards another."""
    vector = np.zeros(6)
    vector[axis], vector[other] = 1 - distance, np.sqrt(1 - (1 - distance) ** 2)
    return vector.tolist()


def test_matches_and_ranks_are_counted_against_the_persons_own_picture_and_strangers_of_the_kind() -> None:
    theirs = np.eye(6, dtype=np.float32)[:4]
    # The first matches its person, the second somebody of its kind, the third nobody, the fourth has no result.
    results = np.array([away(0.1, 0, 4), away(0.05, 0, 1), away(0.9, 2, 4), [np.nan] * 6], np.float32)
    alike = np.zeros((4, 4), bool)
    alike[:2, :2] = ~np.eye(2, dtype=bool)
    line = outsider._line("results", {"facenet": results}, 1, "facenet", theirs, alike)
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[:3] == ["results", "facenet", "3"]
    assert [cell.partition(" ")[0] for cell in cells[3:6]] == ["33.3%", "50.0%", "66.7%"]
    assert cells[6] == "1 of 4"


def test_of_several_pictures_for_each_person_every_one_counts() -> None:
    theirs = np.eye(6, dtype=np.float32)[:2]
    pictures = np.array([away(0.1, 0, 4), away(0.9, 0, 4), away(0.9, 1, 4), away(0.9, 1, 4)], np.float32)
    line = outsider._line("strangers", {"facenet": pictures}, 2, "facenet", theirs, np.zeros((2, 2), bool))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert [cell.partition(" ")[0] for cell in cells[3:6]] == ["25.0%", "none", "100.0%"]
