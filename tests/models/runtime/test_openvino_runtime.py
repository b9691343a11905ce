"""The one runtime: threads, copies, inputs, and files that are not networks."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from infra.errors import WeightsError
from models.runtime import openvino_runtime
from tests.contracts import support


def _matrix(side: int = 64) -> tuple[ov.Model, Any]:
    """A network that multiplies by a fixed matrix and gives the sum as a second output."""
    values = np.random.default_rng(0).normal(size=(side, side)).astype(np.float32)
    source = ops.parameter([-1, side], np.float32, name="x")
    product = ops.matmul(source, values, False, False)
    product.output(0).set_names({"product", "also"})
    total = ops.reduce_sum(product, np.array([1], np.int64))
    total.output(0).set_names({"total"})
    return ov.Model([ops.result(product), ops.result(total)], [source], "matrix"), values


def test_runs_any_batch_and_names_its_outputs() -> None:
    model, values = _matrix()
    network = openvino_runtime.Network(model)
    for count in (1, 5, 2):
        batch = np.random.default_rng(count).normal(size=(count, 64)).astype(np.float32)
        product, total = network.run(batch)
        assert np.allclose(product, batch @ values, atol=1e-3)
        assert np.allclose(total, product.sum(axis=1), atol=1e-3)
    assert network.output("also") == network.output("product") == 0 and network.output("total") == 1
    with pytest.raises(KeyError, match="total"):
        network.output("nothing")


def test_results_belong_to_the_caller() -> None:
    network = openvino_runtime.Network(_matrix()[0])
    first = network.run(np.ones((1, 64), np.float32))[0]
    kept = first.copy()
    network.run(np.zeros((1, 64), np.float32))
    assert np.array_equal(first, kept)


def test_threads_get_their_own_results_and_no_more_copies_than_allowed() -> None:
    model, values = _matrix()
    network = openvino_runtime.Network(model, copies=2)
    wrong: list[int] = []
    barrier = threading.Barrier(4)

    def work(seed: int) -> None:
        barrier.wait(30)
        for step in range(50):
            batch = np.random.default_rng([seed, step]).normal(size=(3, 64)).astype(np.float32)
            if not np.allclose(network.run(batch)[0], batch @ values, atol=1e-3):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong
    assert 1 <= network.copies <= 2


def test_a_failed_call_gives_its_copy_back() -> None:
    network = openvino_runtime.Network(_matrix()[0], copies=1)
    for _ in range(3):
        with pytest.raises(RuntimeError):
            network.run(np.ones((1, 7), np.float32))
    assert network.run(np.ones((1, 64), np.float32))[0].shape == (1, 64)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("rgb", [True, False])
def test_image_input_swaps_scales_and_turns(layout: Any, rgb: bool) -> None:
    shape = [1, 3, 4, 6] if layout == "NCHW" else [1, 4, 6, 3]
    source = ops.parameter(shape, np.float32)
    model = ov.Model([ops.result(ops.add(source, np.float32(0)))], [source], "same")
    mean, scale = (10.0, 20.0, 30.0), (2.0, 4.0, 8.0)
    network = openvino_runtime.Network(
        openvino_runtime.image_input(model, layout=layout, size=(4, 6), rgb=rgb, mean=mean, scale=scale)
    )
    image = np.random.default_rng(1).integers(0, 256, (1, 4, 6, 3)).astype(np.uint8)
    expected = ((image[..., ::-1] if rgb else image).astype(np.float32) - mean) / scale
    if layout == "NCHW":
        expected = expected.transpose(0, 3, 1, 2)
    assert np.allclose(network.run(image)[0], expected, atol=1e-4)


def test_what_is_no_network_is_a_weights_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="does not exist"):
        openvino_runtime.read(tmp_path / "absent.onnx")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no network at all")
    with pytest.raises(WeightsError, match="not a readable network"):
        openvino_runtime.read(broken)
    with pytest.raises(WeightsError, match="broken"):
        openvino_runtime.read_bytes(b"no network at all", "broken")


def test_fresh_copies_of_a_quantised_network_agree() -> None:
    """Several streams in one compiled network once gave other numbers in most builds; see Network._compile."""
    picture = support.still("people/012_4")
    expected = support.load("detector", "yunet").detect([picture])
    from models.detection.yunet import YuNet

    for _ in range(3):
        assert support.same(YuNet().detect([picture]), expected)
