"""Agreement outside the faces, against scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from tasks.evaluation.measure.outside import HEAD, mask, psnr, ssim

ALL = np.ones((48, 64), bool)


def planes(seed: int, noise: float = 12.0) -> tuple[np.ndarray, np.ndarray]:
    """A soft picture, and the same with noise."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:48, :64]
    one = 120 + 60 * np.sin(x / 7 + seed) * np.cos(y / 5) + random.normal(0, 4, (48, 64))
    other = one + random.normal(0, noise, (48, 64))
    return one.clip(0, 255).astype(np.uint8), other.clip(0, 255).astype(np.uint8)


def test_half_a_picture_off_by_ten() -> None:
    one = np.full((4, 4), 100, np.uint8)
    other = one.copy()
    other[:, :2] = 110
    # The mean square is 100 on the left, 50 over all: 10 log10(65025 / 100) = 28.1308.
    left = np.zeros((4, 4), bool)
    left[:, :2] = True
    assert psnr(one, other, left) == pytest.approx(28.1308, abs=1e-4)
    assert psnr(other, one, ALL[:4, :4]) == pytest.approx(31.1411, abs=1e-4), "brightness may fall, too"
    assert psnr(one, other, ~left) == 100.0


def test_black_against_white_is_nothing_and_nothing_is_not_known() -> None:
    black, white = np.zeros((20, 20), np.uint8), np.full((20, 20), 255, np.uint8)
    everywhere, nowhere = np.ones((20, 20), bool), np.zeros((20, 20), bool)
    assert psnr(black, white, everywhere) == 0.0
    assert ssim(black, white, everywhere) == pytest.approx((0.01 * 255) ** 2 / (255**2 + (0.01 * 255) ** 2), rel=1e-9)
    assert np.isnan(psnr(black, black, nowhere)) and np.isnan(ssim(black, black, nowhere))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("noise", [1.0, 12.0, 60.0])
def test_both_are_what_scikit_image_says(seed: int, noise: float) -> None:
    one, other = planes(seed, noise)
    where = mask((48, 64), [np.array([20, 15, 36, 33], np.float32)], 0.2)
    expected = structural_similarity(
        one, other, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True, data_range=255
    )[1]
    assert ssim(one, other, where) == pytest.approx(float(expected[where].mean()), abs=1e-9)
    assert ssim(one, other, ALL) == pytest.approx(float(expected.mean()), abs=1e-9)
    assert psnr(one, other, ALL) == pytest.approx(peak_signal_noise_ratio(one, other, data_range=255), abs=1e-9)


@given(st.integers(0, 50))
def test_a_picture_agrees_with_itself_and_both_ways_alike(seed: int) -> None:
    one, other = planes(seed)
    assert psnr(one, one, ALL) == 100.0 and ssim(one, one, ALL) == pytest.approx(1.0, abs=1e-12)
    assert psnr(one, other, ALL) == psnr(other, one, ALL) < 100.0
    assert ssim(one, other, ALL) == pytest.approx(ssim(other, one, ALL), abs=1e-12)


def test_what_is_masked_does_not_count() -> None:
    one, other = planes(3)
    box = np.array([20, 15, 36, 33], np.float32)
    where = mask(one.shape, [box], 0.5)
    changed = other.copy()
    changed[~where] = 0
    assert psnr(one, changed, where) == psnr(one, other, where)
    assert psnr(one, changed, ALL) < psnr(one, other, ALL)


def test_the_mask_leaves_the_grown_boxes_out() -> None:
    found = mask((10, 12), [np.array([4, 3, 6, 7], np.float32)], 0.5)
    # Grown by 1 to the sides and 2 up and down: columns 3 to 6, rows 1 to 8.
    assert found.sum() == 120 - 4 * 8 and not found[1:9, 3:7].any()
    assert mask((10, 12), []).all()
    wide = mask((10, 12), [np.array([4, 3, 6, 7], np.float32)])
    assert wide.sum() == 120 - 10 * 6 and HEAD == 0.9, "2 by 4 pixels become columns 2 to 7 and all rows"


def test_boxes_may_reach_out_of_the_picture() -> None:
    found = mask((10, 12), [np.array([-6, -6, 2, 2], np.float32), np.array([11, 8, 30, 30], np.float32)], 0.0)
    assert not found[:2, :2].any() and not found[8:, 11:].any() and found.sum() == 120 - 4 - 2
    assert mask((10, 12), [np.array([-50, -50, -40, -40], np.float32)], 0.1).all()
    assert not mask((10, 12), [np.array([-5, -5, 40, 40], np.float32)]).any(), "a head may fill the picture"
