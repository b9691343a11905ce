"""One way to run a network: OpenVINO on the CPU.

Every embedded backend goes through `Network`, so that threads, precision and thread safety are decided once. The
formats it reads directly are ONNX, TFLite, frozen TensorFlow graphs and OpenVINO IR; a backend may also hand over a
graph it built itself.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino.preprocess import ColorFormat, PrePostProcessor

from infra.errors import WeightsError

Precision = Literal["f32", "bf16"]
Shape = Sequence[int]

_KEPT_SHAPES = 300
"""Layers prepared for the shape of an input that a network keeps. Pictures have many sizes, and with OpenVINO's own
number a process that looked at 40 of them kept half as much again."""

MOST_COPIES = max(os.cpu_count() or 1, 1)
"""Calls of one network that run at the same time, where its owner does not say."""

_core: ov.Core | None = None
_core_lock = threading.Lock()
_compile_lock = threading.Lock()


def core() -> ov.Core:
    """Return the process-wide OpenVINO core; creating one costs tens of milliseconds and loads the plugins."""
    global _core
    with _core_lock:
        if _core is None:
            _core = ov.Core()
        return _core


def quick() -> bool:
    """Whether this processor gains time by "bf16"; elsewhere a network asked for it runs in f32."""
    return "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def read(path: str | os.PathLike[str]) -> ov.Model:
    """Read a network file.

    Args:
        path: A file of the kind .onnx, .tflite, .pb, or .xml with its .bin beside it.

    Returns:
        The model.

    Raises:
        WeightsError: The file is missing or not readable as a network.
    """
    file = Path(path)
    if not file.is_file():
        raise WeightsError(f"Weight file {file.name} does not exist; run: anonflow models pull")
    try:
        return core().read_model(str(file))
    except RuntimeError as error:
        raise WeightsError(f"Weight file {file.name} is not a readable network; run: anonflow models verify") from error


def read_bytes(content: bytes, name: str) -> ov.Model:
    """Read an ONNX network from memory.

    Args:
        content: The encoded network.
        name: Name of the weights, for the message.

    Returns:
        The model.

    Raises:
        WeightsError: It is not readable as a network.
    """
    try:
        return core().read_model(content, b"")
    except RuntimeError as error:
        raise WeightsError(f"The weights of {name} are not a readable network; run: anonflow models verify") from error


def image_input(
    model: ov.Model,
    *,
    layout: Literal["NCHW", "NHWC"],
    size: tuple[int, int] | None,
    rgb: bool,
    mean: Sequence[float] = (0.0, 0.0, 0.0),
    scale: float | Sequence[float] = 1.0,
    batch: int = 1,
) -> ov.Model:
    """Give a one-input image network a (N, H, W, 3) uint8 BGR input; conversion and scaling move into the graph.

    Args:
        model: The network; changed in place.
        layout: How the network itself takes images.
        size: (height, width) in pixels, or None for any.
        rgb: The network wants RGB.
        mean: Subtracted per channel, in the channel order of the network.
        scale: Divides the difference, one number or one per channel.
        batch: Images per call, -1 for any; one at a time costs nothing on one core and makes the result of a picture
            independent of its neighbours.

    Returns:
        The model to use from now on.
    """
    height, width = size if size is not None else (-1, -1)
    shape = [batch, 3, height, width] if layout == "NCHW" else [batch, height, width, 3]
    model.reshape({model.input(0): ov.PartialShape(shape)})
    steps = PrePostProcessor(model)
    entry = steps.input(0)
    entry.tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC")).set_color_format(ColorFormat.BGR)
    entry.model().set_layout(ov.Layout(layout))
    entry.preprocess().convert_element_type(ov.Type.f32)
    if rgb:
        entry.preprocess().convert_color(ColorFormat.RGB)
    if any(mean):
        entry.preprocess().mean(list(mean))
    if scale != 1.0:
        entry.preprocess().scale(list(scale) if isinstance(scale, Sequence) else scale)
    return steps.build()


class Network:
    """A network that several Python threads may run at the same time.

    source: a file or an `ov.Model`. precision: "f32" gives the same numbers everywhere; "bf16" halves the time on
    processors that support it, at about three decimal digits. copies: how many calls may run truly in parallel, each
    on one core; more callers than copies wait. shapes: input name or index -> shape, -1 for dynamic.

    A call never uses more than one core: the caller decides the parallelism. A second copy is compiled only when two
    threads first meet, so memory grows with the parallelism that is used. Not guaranteed: bitwise equal results on
    different processors, or between batch sizes.
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | ov.Model,
        *,
        precision: Precision = "f32",
        copies: int | None = None,
        shapes: Mapping[str | int, Shape] | None = None,
    ) -> None:
        self._model = source if isinstance(source, ov.Model) else read(source)
        if shapes:
            self._model.reshape({self._model.input(key): ov.PartialShape(list(shape)) for key, shape in shapes.items()})
        self._precision = precision
        self._limit = copies if copies is not None else MOST_COPIES
        self._free: queue.LifoQueue[ov.InferRequest] = queue.LifoQueue()
        self._made = 0
        self._lock = threading.Lock()
        first = self._compile()
        compiled = first.get_compiled_model()
        self.inputs: tuple[str, ...] = tuple(_name(port) for port in compiled.inputs)
        self.outputs: tuple[str, ...] = tuple(_name(port) for port in compiled.outputs)
        self._names: tuple[frozenset[str], ...] = tuple(frozenset(port.get_names()) for port in compiled.outputs)
        self._free.put(first)

    def run(self, *batch: NDArray[Any]) -> list[NDArray[Any]]:
        """Run the network once.

        Args:
            *batch: Inputs in the order of `inputs`, of the element types of the network's inputs.

        Returns:
            Outputs in the order of `outputs`; the arrays belong to the caller.
        """
        request = self._take()
        try:
            tensors = {index: np.ascontiguousarray(array) for index, array in enumerate(batch)}
            request.infer(tensors, share_inputs=True)
            return [np.array(request.get_output_tensor(index).data) for index in range(len(self.outputs))]
        finally:
            self._free.put(request)

    def _take(self) -> ov.InferRequest:
        try:
            return self._free.get_nowait()
        except queue.Empty:
            with self._lock:
                grow = self._made < self._limit
                if grow:
                    return self._compile()
            return self._free.get()

    def _compile(self) -> ov.InferRequest:
        # One stream per compiled copy: with several, OpenVINO 2026.4 builds the streams' graphs at the same time, and
        # for block-quantised weights most such builds computed wrong numbers (measured: 22 of 25), silently.
        config: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": 1,
            "INFERENCE_PRECISION_HINT": self._precision,
            "ENABLE_CPU_PINNING": False,
            "CPU_RUNTIME_CACHE_CAPACITY": _KEPT_SHAPES,
        }
        with _compile_lock:
            compiled = core().compile_model(self._model, "CPU", config)
            self._made += 1
            return compiled.create_infer_request()

    @property
    def copies(self) -> int:
        """How many copies have been compiled so far."""
        return self._made

    def output(self, name: str) -> int:
        """Return the position of an output.

        Args:
            name: A name of its tensor, which may have several.

        Returns:
            Index into the result of `run`.

        Raises:
            KeyError: No output has this name.
        """
        for index, names in enumerate(self._names):
            if name in names:
                return index
        raise KeyError(f"the network has no output called {name!r}; it has {', '.join(self.outputs)}")


def _name(port: Any) -> str:
    names = sorted(port.get_names())
    return names[0] if names else str(port.get_node().get_friendly_name())
