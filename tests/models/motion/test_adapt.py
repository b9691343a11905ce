"""Fine detail of the twin is brought to what the footage shows."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from models.interfaces.twins import AT_REST, Twin
from models.motion import adapt
from tests.models.motion.mesh.test_raster import HEIGHT, WIDTH, placed
from tests.models.motion.mesh.test_render import soft_noise


def twin_of(picture: np.ndarray) -> Twin:
    return Twin(picture, placed(), 3, AT_REST, np.zeros(4, np.float32))


def fine(picture: np.ndarray) -> float:
    return float(np.abs(adapt.bands(picture, (0.0, 1.6))[0]).mean())


def test_bands_add_up_to_the_picture() -> None:
    picture = soft_noise(1)
    assert np.allclose(np.sum(adapt.bands(picture, (0.0, 0.8, 1.6, 3.2)), axis=0), picture, atol=1e-3)


def test_contrast_is_relative_to_brightness() -> None:
    everywhere = np.ones((HEIGHT, WIDTH), bool)
    bright, dark = soft_noise(1, 160, 20), soft_noise(1, 80, 10)
    assert adapt.contrasts(bright, everywhere) == pytest.approx(adapt.contrasts(dark, everywhere), rel=0.1)


def test_a_sharp_twin_becomes_as_soft_as_the_footage() -> None:
    sharp = soft_noise(1, spread=20, sigma=1.0)
    soft = cv2.GaussianBlur(soft_noise(2, spread=20, sigma=1.0), (0, 0), 2.5)
    adapted = adapt.match_detail(twin_of(sharp), [soft], [placed()])
    assert fine(adapted.picture) < 0.5 * fine(sharp)
    assert adapted.candidate == 3 and np.array_equal(adapted.mesh, placed())
    assert abs(float(adapted.picture.mean()) - float(sharp.mean())) < 1.0


def test_a_twin_like_the_footage_stays_and_detail_is_hardly_added() -> None:
    twin = twin_of(soft_noise(1, spread=15))
    alike = adapt.match_detail(twin, [soft_noise(2, spread=15)], [placed()])
    assert np.abs(alike.picture.astype(int) - twin.picture).mean() < 2.5
    rough = adapt.match_detail(twin, [soft_noise(2, spread=60, sigma=0.7)], [placed()])
    assert fine(rough.picture) < 1.2 * fine(twin.picture)


def test_no_content_of_the_footage_enters_the_twin() -> None:
    twin = twin_of(soft_noise(1, spread=20))
    softer = [cv2.GaussianBlur(soft_noise(seed, spread=20), (0, 0), 1.5) for seed in (2, 3)]
    one, other = (adapt.match_detail(twin, [crop], [placed()]).picture.astype(int) for crop in softer)
    assert np.abs(one - other).mean() < 1.0


def test_unchanged_where_no_crop_shows_the_face() -> None:
    twin = twin_of(soft_noise(1))
    assert adapt.match_detail(twin, [], []) is twin
    assert adapt.match_detail(twin, [soft_noise(2)], [placed(x=5000)]) is twin
    assert adapt.match_detail(replace(twin, candidate=4), [soft_noise(2)], [placed(side=4)]).candidate == 4
