"""Transparency in results: kept where it is plain, and never with anything of what it hid."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from infra.media.pictures.transparency import colour_is_constant, is_simple, over_white, with_transparency

RANDOM = np.random.default_rng(3)


def disc(size: int = 200, radius: int = 70, soft: float = 0.0) -> np.ndarray:
    """(size, size) uint8: an opaque disc with an edge that is `soft` pixels wide."""
    rows, columns = np.mgrid[:size, :size]
    distance = np.hypot(rows - size / 2, columns - size / 2)
    return (np.clip((radius - distance) / max(soft, 1e-3) + 0.5, 0, 1) * 255).astype(np.uint8)


def noise(size: int = 200) -> np.ndarray:
    return RANDOM.integers(0, 256, (size, size, 3), dtype=np.uint8)


def test_over_white_is_the_usual_composition() -> None:
    colours, alpha = noise(), RANDOM.integers(0, 256, (200, 200), dtype=np.uint8)
    part = alpha[..., None] / 255
    assert np.abs(over_white(colours, alpha) - (colours * part + 255 * (1 - part))).max() <= 0.51
    assert over_white(colours, None) is colours


@pytest.mark.parametrize("soft", [0.0, 2.0])
def test_a_plain_shape_is_kept_and_shows_the_result_over_white(soft: float) -> None:
    hidden, alpha = noise(), disc(soft=soft)
    seen = over_white(hidden, alpha)
    made = with_transparency(seen, seen, alpha)
    assert made.shape == (200, 200, 4) and np.array_equal(made[..., 3], alpha)
    assert np.abs(over_white(made[..., :3], made[..., 3]).astype(int) - seen).max() <= 1
    assert colour_is_constant(made[..., :3], made[..., 3])
    assert not colour_is_constant(hidden, alpha)


def test_nothing_of_the_hidden_colours_is_in_the_result() -> None:
    alpha = disc(soft=2.0)
    one, two = noise(), noise()
    two[alpha > 0] = one[alpha > 0]
    made = [with_transparency(over_white(c, alpha), over_white(c, alpha), alpha) for c in (one, two)]
    assert not np.array_equal(one, two) and np.array_equal(*made)


def test_where_the_pipeline_painted_the_result_is_opaque() -> None:
    alpha = disc()
    before = over_white(noise(), alpha)
    after = before.copy()
    after[60:140, 5:60] = 7
    made = with_transparency(before, after, alpha)
    assert made.shape[2] == 4
    assert (made[60:140, 5:60, 3] == 255).all() and (made[60:140, 5:60, :3] == 7).all()
    assert made[5, 5, 3] == 0


def test_a_face_that_only_a_dark_page_shows_is_not_kept() -> None:
    """White on white: the picture over white is blank, and alpha alone draws."""
    face = np.zeros((200, 200), np.uint8)
    cv2.ellipse(face, (100, 100), (60, 80), 0, 0, 360, 255, -1)
    for place in ((75, 80), (125, 80)):
        cv2.circle(face, place, 10, 0, -1)
    cv2.ellipse(face, (100, 140), (25, 8), 0, 0, 360, 0, -1)
    shades = cv2.GaussianBlur(face, (0, 0), 6)
    dots = np.where(shades > RANDOM.integers(0, 255, (200, 200)), 255, 0).astype(np.uint8)
    strokes = np.zeros((200, 200), np.uint8)
    cv2.ellipse(strokes, (100, 100), (60, 80), 0, 0, 330, 255, 2)
    faint = np.where(disc() > 0, np.maximum(shades, 128), 0).astype(np.uint8)
    islands = np.zeros((200, 200), np.uint8)
    islands[50:80, 50:80] = islands[50:80, 120:150] = islands[120:150, 60:140] = 255
    blank = np.full((200, 200, 3), 255, np.uint8)
    for alpha in (face, shades, dots, strokes, faint, islands):
        assert not is_simple(alpha)
        made = with_transparency(blank, blank, alpha)
        assert made.shape == (200, 200, 3) and (made == 255).all()


def test_plain_shapes_are_simple() -> None:
    corners = np.zeros((300, 400), np.uint8)
    cv2.rectangle(corners, (20, 0), (379, 299), 255, -1)
    cv2.rectangle(corners, (0, 20), (399, 279), 255, -1)
    for x, y in ((20, 20), (379, 20), (20, 279), (379, 279)):
        cv2.circle(corners, (x, y), 20, 255, -1)
    person = disc(400, 90, 1.5)
    person[260:] = np.maximum(person[260:], 255 * (np.abs(np.arange(400) - 200) < 150))
    for alpha in (np.full((9, 9), 255, np.uint8), np.zeros((9, 9), np.uint8), disc(soft=2.0), corners, person):
        assert is_simple(alpha)


def test_a_picture_without_transparency_stays_without() -> None:
    picture = noise()
    assert with_transparency(picture, picture, None) is picture
    assert with_transparency(picture, picture, np.full((200, 200), 255, np.uint8)) is picture
