"""The network of the Fréchet distance out of a file in its published layout, and files that are refused."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from infra.errors import WeightsError
from models.quality import inception
from models.quality.inception import Inception
from tests.reference import inception_file


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / inception_file.NAME
    monkeypatch.setattr(inception.weight_files, "path", lambda name: path)
    return path


def test_the_network_gets_red_first_in_the_size_of_the_picture(file: Path) -> None:
    inception_file.write(file.parent)
    image = np.random.default_rng(1).integers(0, 256, (64, 80, 3), np.uint8)
    image[..., 0] //= 4
    found = Inception()
    (expected,) = found._network(torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)[None])
    assert np.allclose(found.describe([image])[0], expected[0].numpy(), atol=1e-5)
    assert not np.allclose(found.describe([image[..., ::-1]])[0], expected[0].numpy(), atol=1e-3)


class Code:
    """What a pickle runs when somebody trusts it."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.place),)  # type: ignore[attr-defined]


def test_a_file_that_would_run_code_is_refused(file: Path) -> None:
    code = Code()
    code.place = file.parent / "ran"  # type: ignore[attr-defined]
    torch.save({"fc.bias": code}, file)
    with pytest.raises(WeightsError, match="run code"):
        Inception()
    assert not (file.parent / "ran").exists()


def test_a_file_of_another_network_is_refused(file: Path) -> None:
    torch.save({key: value for key, value in inception_file.state().items() if key != "fc.bias"}, file)
    with pytest.raises(WeightsError, match="not the Inception network"):
        Inception()
