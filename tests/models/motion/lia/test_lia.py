"""LIA's generator reproduces the reference numbers, in batches, in half precision and with weights loaded anew."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor

from models.motion.lia.network import Lia, Sizes
from models.motion.lia.synthesis import Direction
from tests.reference import check, rule

MANIFEST = Path(__file__).resolve().parents[3] / "reference" / "lia" / "manifest.json"
ENTRIES = json.loads(MANIFEST.read_text(encoding="utf-8"))["lia"]
SMALL = Sizes(size=64, style=32, motion=5, widths=(8, 8, 8, 8, 8))
TINY = Sizes(size=16, style=16, motion=5, widths=(8, 8, 8))
NOISE = 3e-4
"""Between two orders of summation; the original is 8e-5 from its own float64, as flows amplify the last bits."""


@dataclass(frozen=True)
class Encoded:
    """The three reference pictures: source, driving, start."""

    images: Tensor
    latents: Tensor
    features: tuple[Tensor, ...]
    motions: Tensor

    def source(self) -> tuple[Tensor, ...]:
        return tuple(feature[:1] for feature in self.features)


@pytest.fixture(scope="module")
def network() -> Lia:
    made = Lia()
    made.load_state_dict({key: torch.from_numpy(values) for key, values in rule.state_dict("lia", ENTRIES).items()})
    return made


@pytest.fixture(scope="module")
def encoded(network: Lia) -> Encoded:
    names = ("lia_source", "lia_drive", "lia_start")
    images = torch.cat([torch.from_numpy(rule.image01(name) * 2 - 1) for name in names])
    with torch.inference_mode():
        latents, features = network.encode(images)
        return Encoded(images, latents, features, network.motion(latents))


@pytest.fixture(scope="module")
def relative(network: Lia, encoded: Encoded) -> Tensor:
    """(3, 512) latents of three motions, the first that of the driving picture."""
    source, drive, start = encoded.motions.split(1)
    drives = torch.cat([drive, start, torch.zeros_like(start)])
    return network.latent(encoded.latents[:1], drives, source, start)


@pytest.fixture(scope="module")
def pictures(network: Lia, encoded: Encoded, relative: Tensor) -> Tensor:
    with torch.inference_mode():
        return network.synthesise(relative, encoded.source())


def small(seed: int, sizes: Sizes = SMALL) -> Lia:
    """A small network of random weights, with flows that leave some of the source within the picture."""
    torch.manual_seed(seed)
    made = Lia(sizes)
    for head in made.dec.to_flows:
        head.conv.weight.mul_(0.15)
    return made


def noise(count: int, side: int = 64) -> Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(count)) * 2 - 1


def cosine(first: Tensor, second: Tensor) -> float:
    return torch.nn.functional.cosine_similarity(first.double().flatten(), second.double().flatten(), dim=0).item()


def test_entries_are_those_of_the_released_file(network: Lia) -> None:
    found = [[key, list(value.shape), str(value.dtype).removeprefix("torch.")] for key, value in
             network.state_dict().items()]  # fmt: skip
    assert found == ENTRIES


@torch.inference_mode()
def test_every_golden_tensor(network: Lia, encoded: Encoded, relative: Tensor, pictures: Tensor) -> None:
    golden = check.Golden("lia/golden")
    still = encoded.latents[:1]
    source, drive, start = encoded.motions.split(1)
    features = encoded.source()
    golden.compare("wa", still)
    golden.compare("alpha_source", source)
    golden.compare("alpha_drive", drive)
    golden.compare("alpha_start", start)
    for number, feature in enumerate(features):
        golden.compare(f"feat{number}", feature)
    golden.compare("Q", network.dec.direction.basis())
    golden.compare("dir_drive", network.dec.direction(drive))
    golden.compare("latent_relative", relative[:1])
    golden.compare("img_relative", pictures[:1])
    edited = network.latent(still, source, torch.full_like(source, 0.5), torch.zeros_like(source))
    others = torch.cat([network.latent(still, drive), still, edited])
    for name, image in zip(("absolute", "no_motion", "edit"), network.synthesise(others, features), strict=True):
        golden.compare(f"img_{name}", image[None])
    pair = network.latent(encoded.latents[:2], encoded.motions[1:])
    golden.compare("img_batch2", network.synthesise(pair, [feature[:2] for feature in encoded.features]))
    assert golden.report()
    assert {row[0] for row in golden.rows} == set(golden.arrays)


@torch.inference_mode()
def test_pictures_do_not_depend_on_their_batch(
    network: Lia, encoded: Encoded, relative: Tensor, pictures: Tensor
) -> None:
    alone = torch.cat([network.synthesise(latent[None], encoded.source()) for latent in relative[1:]])
    apart = alone - pictures[1:]
    print(f"alone against a batch of 3: max {apart.abs().max():.2g}, rms {apart.square().mean().sqrt():.2g}")
    assert apart.abs().max() < NOISE
    assert apart.square().mean().sqrt() < 1e-5
    assert (network.motion(encoded.images[:1]) - encoded.motions[:1]).abs().max() < 1e-5
    made = small(1)
    latents, features = made.encode(noise(3))
    alone = torch.cat([made.synthesise(latent[None], [part[:1] for part in features]) for latent in latents])
    assert (alone - made.synthesise(latents, [part[:1] for part in features])).abs().max() < 1e-4


@torch.inference_mode()
def test_bfloat16_keeps_the_picture(
    network: Lia, encoded: Encoded, pictures: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "compute", torch.bfloat16)
    latents, features = network.encode(encoded.images[:1])
    source = network.motion(latents)
    drive, start = network.motion(encoded.images[1:]).split(1)
    assert max((source - encoded.motions[0]).abs().max(), (drive - encoded.motions[1]).abs().max()) < 5e-3
    found = network.synthesise(network.latent(latents, drive, source, start), features)
    alike = cosine(found, pictures[:1])
    print(f"bfloat16 against float32: cosine {alike:.7f}")
    assert found.dtype == torch.float32
    assert alike >= 0.9999


@torch.inference_mode()
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_by_either_way(dtype: torch.dtype) -> None:
    made = small(1, TINY)
    source, driving = noise(1, 16), noise(2, 16)
    expected = made(source, driving)
    cast = copy.deepcopy(made).to(dtype)
    made.compute = dtype
    for network in (made, cast):
        found = network(source, driving)
        assert found.dtype == torch.float32
        assert found.shape == (2, 3, 16, 16)
        assert cosine(found, expected) > 0.999


def test_loads_strictly_at_any_size_and_forgets_the_weights_before() -> None:
    first, second = small(1), small(2)
    with torch.inference_mode():
        before = first(noise(1), noise(2))
        expected = second(noise(1), noise(2))
    assert before.shape == (2, 3, 64, 64)
    assert first.load_state_dict(second.state_dict(), strict=True) == ([], [])
    # Outside inference mode too, where tensors kept from inside it must not be in the way.
    assert torch.equal(first(noise(1), noise(2)), expected)
    assert not torch.allclose(before, expected, atol=1e-3)
    state = second.state_dict()
    with pytest.raises(RuntimeError, match=r"Missing key.*to_rgb1"):
        first.load_state_dict({key: value for key, value in state.items() if "to_rgb1" not in key})


def test_basis_has_householders_signs() -> None:
    weight = torch.randn(32, 5, generator=torch.Generator().manual_seed(3))
    direction = Direction(32, 5)
    direction.load_state_dict({"weight": weight})
    basis = direction.basis()
    assert torch.allclose(basis.T @ basis, torch.eye(5), atol=1e-6)
    column = weight[:, 0] / weight[:, 0].norm()
    assert torch.allclose(basis[:, 0], -column[0].sign() * column, atol=1e-6)
    # Were the diagonal of R made positive, the basis would turn with the weight.
    direction.load_state_dict({"weight": -weight})
    assert torch.allclose(direction.basis(), basis, atol=1e-5)


def test_basis_is_renewed_with_the_weights() -> None:
    direction = Direction(32, 5).requires_grad_(False)
    kept = direction.basis()
    assert direction.basis() is kept
    direction.load_state_dict(Direction(32, 5).state_dict())
    assert not torch.allclose(direction.basis(), kept, atol=1e-2)
    kept = direction.basis()
    direction.to(torch.bfloat16)
    assert direction.basis().dtype == torch.float32
    assert 0 < (direction.basis() - kept).abs().max() < 1e-2


def test_relative_motion_from_the_start_is_the_sources() -> None:
    made = small(1)
    latents, features = made.encode(noise(3))
    source, drive, _ = made.motion(latents).split(1)
    expected = made.latent(latents[:1], source)
    assert torch.allclose(made.latent(latents[:1], drive, source, drive), expected, atol=1e-6)
    with pytest.raises(ValueError, match="both"):
        made.latent(latents, drive, source=source)
    with pytest.raises(ValueError, match="features"):
        made.synthesise(latents[:2], features)
    with pytest.raises(ValueError, match="features"):
        made.synthesise(latents, features[1:])


def test_sizes_must_fit() -> None:
    with pytest.raises(ValueError, match="6 widths"):
        Sizes(size=256, widths=(8,) * 6)
