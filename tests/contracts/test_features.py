"""Features: every backend keeps the contract of Features."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models.interfaces.capabilities import Features
from models.selection import profiles
from models.weights import weight_files
from tests.contracts import support
from tests.reference import inception_file

FILES: dict[str, Callable[[Path], Path]] = {"inception": inception_file.write}
"""Backends whose weights no package carries, with what writes such a file of random content."""
STILLS = ("people/012_4", "people/009_C", "synthetic/06")


@pytest.fixture(scope="module", params=support.names("features"))
def features(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Features:
    """Each backend, with its own weights or with random ones."""
    file = FILES[request.param](tmp_path_factory.mktemp("features"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weight_files, "path", lambda _: file)
        loaded: Features = profiles._class(profiles.backend("features", request.param), request.param)()
    return loaded


def test_satisfies_the_protocol(features: Features) -> None:
    assert isinstance(features, Features) and features.name in support.names("features")


def test_keeps_the_order_of_a_batch_and_equals_one_by_one(features: Features) -> None:
    images = [support.still(name)[:200, :180] for name in STILLS] + [support.still(STILLS[0])[50:90, 40:300]]
    before = [image.copy() for image in images]
    batch = features.describe(images)
    assert batch.shape == (4, features.dimension) and batch.dtype == np.float32 and np.isfinite(batch).all()
    assert np.array_equal(batch, np.concatenate([features.describe([image]) for image in images]))
    assert len({row.tobytes() for row in batch}) == 4
    assert all(np.array_equal(image, other) for image, other in zip(images, before, strict=True))


def test_nothing_is_described_without_images(features: Features) -> None:
    assert features.describe([]).shape == (0, features.dimension)
    with pytest.raises(ValueError, match="pixels"):
        features.describe([np.zeros((0, 20, 3), np.uint8)])


def test_is_deterministic_and_safe_on_two_threads(features: Features) -> None:
    images = [support.still(name)[:120, :120] for name in STILLS[:2]]
    expected = features.describe(images)
    for result in support.on_two_threads(lambda: features.describe(images)):
        assert np.allclose(result, expected, atol=1e-4)
