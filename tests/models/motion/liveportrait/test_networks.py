"""LivePortrait's networks reproduce the reference numbers, from files in the released layout, as they run in production
(folded, in batches)."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from infra.errors import WeightsError
from models.motion import crop
from models.motion.liveportrait.driving import Options, drive
from models.motion.liveportrait.keypoints import transform, unpack
from models.motion.liveportrait.networks.appearance import AppearanceExtractor
from models.motion.liveportrait.networks.decoder import ResidualBlock, Spade, SpadeDecoder
from models.motion.liveportrait.networks.network import Files, LivePortrait
from models.motion.liveportrait.networks.warping import WarpingModule
from models.motion.liveportrait.raised import RaisedConv
from models.motion.liveportrait.sliced import SlicedConv
from models.runtime import checkpoint
from models.runtime.device import Device, choose
from tests.reference import check, released, rule

CPU = Device(torch.device("cpu"), torch.float32)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The real shapes."""
    return released.liveportrait(tmp_path_factory.mktemp("liveportrait"))


@pytest.fixture(scope="module")
def network(files: Files) -> LivePortrait:
    return LivePortrait(files, CPU)


@pytest.fixture(scope="module")
def small_files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return released.liveportrait(tmp_path_factory.mktemp("small"), released.SMALL)


def tensor(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values)


def points(tag: str) -> torch.Tensor:
    return tensor(rule.uniform(tag, (1, 21, 3), -0.6, 0.6))


@torch.inference_mode()
def test_every_golden_tensor_of_the_networks(network: LivePortrait) -> None:
    golden = check.Golden("liveportrait/modules")
    images = {"source": tensor(rule.image01("lp_source")), "drive": tensor(rule.image01("lp_drive"))}
    volumes = {tag: network.appearance(image) for tag, image in images.items()}
    for tag, image in images.items():
        golden.compare(f"F_{tag}", volumes[tag])
        for head, values in network.motion(image).items():
            golden.compare(f"M_{tag}_{head}", values)
    still, driven = points("lp_kp_source"), points("lp_kp_driving")
    volume = tensor(rule.uniform("lp_feature3d", (1, 32, 16, 64, 64), -2, 2))
    second = tensor(rule.uniform("lp_feature3d_second", (1, 32, 16, 64, 64), -2, 2))
    both = network.warping(
        torch.cat([volume, second]),
        torch.cat([driven, points("lp_kp_driving_second")]),
        torch.cat([still, points("lp_kp_source_second")]),
    )
    golden.compare("W_b2_out", both.features)
    for name, values in zip(("out", "occlusion_map", "deformation", "mask"), both, strict=True):
        golden.compare(f"W_{name}", values[:1])
    golden.compare("G_out", network.decoder(tensor(rule.uniform("lp_gen_feature", (1, 256, 64, 64), -2, 2))))
    chained = network.warping(volumes["source"], driven, still).features
    golden.compare("chain_W_out", chained)
    golden.compare("chain_G_out", network.decoder(chained))
    heads = network.retargeting
    for name, width in (("stitching", 126), ("eye", 66), ("lip", 65)):
        tag = f"lp_{'stitch' if name == 'stitching' else name}_in"
        golden.compare(f"S_{name}", heads._stacks[name](tensor(rule.uniform(tag, (2, width), -0.6, 0.6))))
    assert golden.report()
    assert {row[0] for row in golden.rows} == set(golden.meta), "a golden tensor was not compared"


def end_to_end_inputs() -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """(source picture, its 106 points, driving frames 0 and 3), RGB."""
    first, last = (rule.image_u8(tag, 256, 256).astype(np.int64) for tag in ("lp_drv_A", "lp_drv_B"))
    frames = [(((8 - i) * first + i * last) // 8).astype(np.uint8) for i in (0, 3)]
    return rule.image_u8("lp_src_img", 300, 340), rule.landmarks("lp_lmk106_src", 106, 165, 150, 60, 0.1), frames


def test_one_frame_from_end_to_end(network: LivePortrait) -> None:
    golden = np.load(released.HERE / "liveportrait" / "end_to_end.npz")
    picture, landmarks, frames = end_to_end_inputs()
    # The golden crop itself: OpenCV's interpolation moves with the last bits of the matrix.
    to_crop = golden["M_o2c"]
    ours, _ = crop.matrices(crop.square(landmarks, crop.SOURCE), crop.SOURCE)
    assert np.abs(ours - to_crop).max() < 2e-4
    cut = crop.crop_image(picture, to_crop, 512)
    assert np.array_equal(crop.shrink(cut), golden["img_crop_256"])
    source = network.take_in(cut[..., ::-1].copy())
    rows = network.read([frame[..., ::-1].copy() for frame in frames])
    x_s, x_d = drive(source.motion, unpack(rows[1:]), unpack(rows[:1]), Options(), network.retargeting)
    drawn = network.render(source, x_s, x_d)
    error = float(np.abs(drawn[0, :, ::4, ::4].numpy() - golden["out_float"]).max())
    shown = network.pictures(drawn)[0][..., ::-1]
    levels = int(np.abs(shown[::4, ::4].astype(int) - golden["out_u8"]).max())
    print(f"end to end: float {error:.2g}, drawing {levels} grey levels")
    # One thread against two moved the originals' own picture by one grey level.
    assert error < 1e-3 and levels <= 1
    assert np.array_equal(network.draw(source, rows[0], rows[1:])[0], network.pictures(drawn)[0])


def likeness(one: torch.Tensor, other: torch.Tensor) -> float:
    """Cosine of two pictures."""
    return float(functional.cosine_similarity(one.flatten().double(), other.flatten().double(), dim=0))


def rounded(value: Any, dtype: torch.dtype) -> Any:
    return value.to(dtype).float() if isinstance(value, torch.Tensor) and value.is_floating_point() else value


def round_as_a_card(part: torch.nn.Module, dtype: torch.dtype) -> torch.nn.Module:
    """Let a network round its weights, and what goes into and comes out of every layer, and sum in float32.

    Processors without instructions for a half-precision format compute a convolution in it two hundred times slower.
    """
    for parameter in part.parameters():
        parameter.data = rounded(parameter.data, dtype)
    for module in part.modules():
        if not list(module.children()) or isinstance(module, ResidualBlock | Spade):
            module.register_forward_pre_hook(lambda _, given: tuple(rounded(one, dtype) for one in given))
            # In place: copies of every layer's result took most of the memory.
            module.register_forward_hook(lambda _, given, result: result.copy_(result.to(dtype)))
    return part


@pytest.mark.parametrize(("dtype", "parts"), [(torch.float16, ("warping", "decoder")), (torch.bfloat16, ("decoder",))])
def test_one_frame_in_half_precision_as_a_card_computes_it(
    network: LivePortrait, dtype: torch.dtype, parts: tuple[str, ...]
) -> None:
    """parts: the networks that `LivePortrait` holds in this format."""
    picture, landmarks, _ = end_to_end_inputs()
    to_crop, _ = crop.matrices(crop.square(landmarks, crop.SOURCE), crop.SOURCE)
    cut = crop.crop_image(picture, to_crop, 512)[..., ::-1].copy()
    source = network.take_in(cut)
    still = transform(source.motion)
    moved = still + rule.uniform("half moved", (1, 21, 3), -0.05, 0.05)
    exact = network.render(source, still, moved)
    # The other networks are not changed, and a second set of all of them takes a gigabyte.
    halved = copy.copy(network)
    for part in parts:
        setattr(halved, part, round_as_a_card(copy.deepcopy(getattr(network, part)), dtype))
    cosine = likeness(halved.render(halved.take_in(cut), still, moved), exact)
    print(f"end to end in {dtype}, emulated: cosine {cosine:.6f}")
    assert 0.9999 <= cosine < 1.0


def test_a_small_network_runs_in_bfloat16(small_files: Files) -> None:
    """The real format, through every change of it between the networks; how good it is, the test above measures."""
    exact, coarse = (
        small(small_files),
        LivePortrait(small_files, Device(CPU.device, torch.bfloat16), sizes=released.SMALL),
    )
    assert {parameter.dtype for parameter in coarse.decoder.parameters()} == {torch.bfloat16}
    assert {parameter.dtype for parameter in coarse.warping.parameters()} == {torch.float32}
    (cut,) = crops(1)
    source = exact.take_in(cut)
    still = transform(source.motion)
    expected = exact.render(source, still, still)
    found = coarse.render(coarse.take_in(cut), still, still)
    assert found.dtype is torch.bfloat16
    assert likeness(found.float(), expected) > 0.999


def small(files: Files, **options: Any) -> LivePortrait:
    return LivePortrait(files, CPU, sizes=released.SMALL, **options)


def crops(count: int) -> list[np.ndarray]:
    return [rule.image_u8(f"crop {i}", 512, 512) for i in range(count)]


def test_any_batch_gives_what_one_by_one_gives(small_files: Files) -> None:
    network = small(small_files)
    some = crops(5)
    rows = network.read(some)
    assert np.abs(rows - np.concatenate([network.read([one]) for one in some]))[:, :-3].max() < 1e-5
    source = network.take_in(some[0])
    together = network.draw(source, rows[0], rows)
    alone = [network.draw(source, rows[0], rows[i : i + 1])[0] for i in range(5)]
    # Rounding to whole grey levels may differ where the float value lies on the edge.
    assert all(np.abs(a.astype(int) - b).max() <= 1 for a, b in zip(together, alone, strict=True))
    assert any(np.abs(together[0].astype(int) - other).max() > 8 for other in together[1:])


def test_folding_changes_nothing_but_rounding() -> None:
    torch.manual_seed(5)
    inputs: dict[str, tuple[Any, tuple[torch.Tensor, ...]]] = {
        "appearance_feature_extractor": (AppearanceExtractor, (torch.rand(1, 3, 64, 64),)),
        "warping_module": (
            WarpingModule,
            (torch.randn(1, 4, 4, 32, 32), torch.rand(1, 21, 3) - 0.5, torch.rand(1, 21, 3) - 0.5),
        ),
        "spade_generator": (SpadeDecoder, (torch.randn(1, 16, 16, 16),)),
    }
    for module, (kind, arguments) in inputs.items():
        network = checkpoint.build(
            lambda kind=kind: kind(released.SMALL),
            released.state(module, released.entries_of(lambda kind=kind: kind(released.SMALL))),
            module,
        )
        with torch.inference_mode():
            before = network(*arguments)
            network.fold()
            network.fold()
            after = network(*arguments)
        pairs = zip(before, after, strict=True) if isinstance(before, tuple) else [(before, after)]
        assert all((a - b).abs().max() < 1e-4 * max(1.0, float(a.abs().max())) for a, b in pairs), module


def test_the_manifest_is_loaded_whole_and_a_file_that_does_not_fit_says_why(small_files: Files, tmp_path: Path) -> None:
    for entry, kind in (("appearance_feature_extractor", AppearanceExtractor), ("warping_module", WarpingModule)):
        wanted = {key for key, *_ in released.manifest("liveportrait/manifest_modules.json")[entry]}
        assert {key for key, _ in released.entries_of(kind)} == wanted
    good = torch.load(small_files.warping, weights_only=True)
    bad = {key: value for key, value in good.items() if key != "fourth.bias"}
    bad |= {"fourth.extra": torch.zeros(1), "third.conv.bias": torch.zeros(7)}
    path = tmp_path / "warping_module.pth"
    torch.save(bad, path)
    with pytest.raises(WeightsError) as caught:
        small(replace(small_files, warping=path))
    text = str(caught.value)
    assert "warping_module.pth" in text and "1 missing keys: fourth.bias" in text
    assert (
        "1 unexpected keys: fourth.extra" in text and "third.conv.bias ((7,) float32, expected (16,) float32)" in text
    )


def test_a_damaged_a_missing_and_a_foreign_file_are_refused(small_files: Files, tmp_path: Path) -> None:
    path = tmp_path / "decoder.pth"
    with pytest.raises(WeightsError, match="does not exist"):
        small(replace(small_files, decoder=path))
    path.write_bytes(small_files.decoder.read_bytes()[:5000])
    with pytest.raises(WeightsError, match="not a readable checkpoint"):
        small(replace(small_files, decoder=path))
    torch.save([1, 2], path)
    with pytest.raises(WeightsError, match="expected a dictionary"):
        small(replace(small_files, decoder=path))
    with pytest.raises(WeightsError, match="no group 'retarget_shoulder'"):
        small(replace(small_files, retargeting=small_files.warping))


def test_a_file_cannot_run_code(small_files: Files, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "sprung",)

    torch.save({"first.conv.weight": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(WeightsError, match="would run code"):
        small(replace(small_files, appearance=tmp_path / "trap.pth"))
    assert not (tmp_path / "sprung").exists()


def test_without_a_card_the_networks_run_on_the_cpu_in_float32() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a graphics card")
    assert choose() == CPU and not CPU.accelerated
    assert choose(precision="bfloat16").dtype is torch.bfloat16


@pytest.mark.parametrize(("depth", "taps"), [(1, 7), (3, 7), (16, 7), (5, 3)])
def test_a_sliced_convolution_is_the_cubic_one(depth: int, taps: int) -> None:
    torch.manual_seed(3)
    conv = torch.nn.Conv3d(5, 4, taps, padding=taps // 2)
    x = torch.randn(2, 5, depth, 9, 8)
    with torch.inference_mode():
        assert (SlicedConv(conv)(x) - conv(x)).abs().max() < 1e-5


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_convolution_before_the_enlarging_is_the_one_after_it(scale: int) -> None:
    torch.manual_seed(4)
    conv = torch.nn.Conv2d(6, 5, 3, padding=1)
    x = torch.randn(2, 6, 7, 4)
    with torch.inference_mode():
        plain = functional.relu(conv(functional.interpolate(x, scale_factor=scale, mode="nearest")))
        assert (RaisedConv(conv, scale)(x) - plain).abs().max() < 1e-5
