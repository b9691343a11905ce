"""Quality: every backend keeps the contract of Quality."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.interfaces.capabilities import Image, Quality
from tests.contracts import support

STILLS = ("people/012_4", "people/009_C", "people/002_A", "synthetic/06")


@pytest.fixture(params=support.names("quality"))
def quality(request: pytest.FixtureRequest) -> Quality:
    """Each backend."""
    loaded: Quality = support.load("quality", request.param)
    return loaded


def cut(name: str, side: int = 288) -> Image:
    """A square around the middle of a still."""
    image = support.still(name)
    y, x = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    return image[y : y + side, x : x + side].copy()


def noisy(image: Image, deviation: float) -> Image:
    noise = np.random.default_rng(1).normal(0, deviation, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def blurred(image: Image, reach: float) -> Image:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), reach), np.uint8)


def pressed(image: Image, jpeg: int) -> Image:
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, jpeg])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def test_satisfies_the_protocol() -> None:
    for name in support.names("quality"):
        loaded = support.load("quality", name)
        assert isinstance(loaded, Quality) and loaded.name == name


@pytest.mark.parametrize("name", STILLS)
def test_damage_makes_it_worse_and_more_damage_worse_still(quality: Quality, name: str) -> None:
    image = cut(name)
    for damaged in ([blurred(image, 1.5), blurred(image, 3)], [noisy(image, 12), noisy(image, 25)]):
        some, more = quality.rate(damaged)
        assert quality.rate([image])[0] + 0.5 < some < more
    assert quality.rate([image])[0] < quality.rate([pressed(image, 10)])[0]


def test_keeps_the_order_of_a_batch_and_equals_one_by_one(quality: Quality) -> None:
    images = [cut(name) for name in STILLS] + [cut(STILLS[0], 200), noisy(cut(STILLS[0]), 20)]
    batch = quality.rate(images)
    assert batch.shape == (len(images),) and batch.dtype == np.float32 and np.isfinite(batch).all()
    assert np.array_equal(batch, np.concatenate([quality.rate([image]) for image in images]))
    assert len(set(batch.tolist())) == len(images)


def test_nothing_is_rated_without_images(quality: Quality) -> None:
    assert quality.rate([]).shape == (0,)


def test_is_deterministic_and_safe_on_two_threads(quality: Quality) -> None:
    images = [cut(name) for name in STILLS[:2]]
    expected = quality.rate(images)
    for result in support.on_two_threads(lambda: quality.rate(images)):
        assert np.array_equal(result, expected)


def test_leaves_the_images_alone(quality: Quality) -> None:
    image = cut(STILLS[1])
    before = image.copy()
    quality.rate([image])
    assert np.array_equal(image, before)


@pytest.mark.parametrize("shape", [(1, 1), (95, 400), (400, 95), (0, 0)])
def test_what_is_too_small_is_not_known(quality: Quality, shape: tuple[int, int]) -> None:
    assert np.isnan(quality.rate([np.full((*shape, 3), 90, np.uint8)])).all()
    assert np.isfinite(quality.rate([cut(STILLS[0], 96)])).all(), "one block is enough"


def test_flat_areas_say_nothing(quality: Quality) -> None:
    flat = np.full((192, 192, 3), 128, np.uint8)
    assert np.isnan(quality.rate([flat]))[0]
    beside = np.concatenate([cut(STILLS[0], 192), flat], axis=1)
    assert abs(quality.rate([beside])[0] - quality.rate([cut(STILLS[0], 192)])[0]) < 1.0


def test_views_and_sizes_beyond_whole_blocks_are_no_trouble(quality: Quality) -> None:
    image = cut(STILLS[3])
    assert quality.rate([image[:, ::-1]])[0] == pytest.approx(quality.rate([image[:, ::-1].copy()])[0])
    assert quality.rate([image[:215, :250]])[0] == quality.rate([image[:192, :192].copy()])[0]
