"""Milliseconds per frame of the motion networks, as ratios within one run.

Usage: python bench/motion.py [liveportrait|lia] [--batches 1 8 32] [--precisions float16 bfloat16] [--compiled]
                              [--channels-last] [--seconds S] [--small] [--json FILE]

Timed is what every driving frame costs: reading its motion, warping and drawing, on pixels that lie on the device;
decoding, cropping, pasting and encoding are not. The source's features are made once and not timed. Weights are random
(the time does not depend on them). The base of all ratios is batch 1, eager, in the authors' way: float16 on a card,
float32 on a CPU. "rate" is the share of the matrix rate measured in the same run on the same device and precision.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import torch  # noqa: E402

from models.motion.lia.backend import LiaNetwork  # noqa: E402
from models.motion.liveportrait.keypoints import unpack  # noqa: E402
from models.motion.liveportrait.networks.network import LivePortrait  # noqa: E402
from models.runtime.device import Device, choose  # noqa: E402
from tests.reference import released, rule  # noqa: E402

GFLOP = {"motion": 11.64, "warping": 342.07, "decoder": 891.57, "encoder": 31.20, "synthesis": 30.12}
"""Of one frame, two per multiply-add."""
Part = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """One measurement. ms: per frame, of each part. rate: share of the matrix rate; ratio: speed over the base's."""

    precision: str
    mode: str
    batch: int
    ms: dict[str, float]
    total_ms: float
    rate: float
    ratio: float = 0.0


def parts(name: str, place: Device, batch: int, small: bool, folder: Path, mode: Sequence[str]) -> dict[str, Part]:
    """What a batch of frames costs, part by part."""
    if name == "lia":
        return _lia(place, batch, small, folder, mode)
    sizes = released.SMALL if small else None
    network = LivePortrait(released.liveportrait(folder, sizes), place, sizes=sizes, batch=batch)
    crops = [rule.image_u8(f"crop {i}", 512, 512) for i in range(batch)]
    source, rows = network.take_in(crops[0]), network.read(crops)
    points = torch.from_numpy(unpack(rows).keypoints).to(place.device)
    moved = points + 0.02 * torch.randn(points.shape, device=place.device)
    pixels = network.tensor(crops).to(next(network.motion.parameters()).dtype)
    motion, warping, decoder = (_tuned(n, mode) for n in (network.motion, network.warping, network.decoder))
    with torch.inference_mode():
        features = network.warping(source.volume, moved, points[:1], source.squeezed).features.to(place.dtype)
    return {
        "motion": lambda: motion(pixels),
        "warping": lambda: warping(source.volume, moved, points[:1], source.squeezed),
        "decoder": lambda: decoder(features),
    }


def _lia(place: Device, batch: int, small: bool, folder: Path, mode: Sequence[str]) -> dict[str, Part]:
    sizes = released.LITTLE if small else None
    network = LiaNetwork(released.lia(folder, sizes), place, sizes, batch)
    side = network.framing.side
    crops = [rule.image_u8(f"crop {i}", side, side) for i in range(batch)]
    source, pixels = network.take_in(crops[0]), network._tensor(crops)
    generator = network.generator
    with torch.inference_mode():
        latent = generator.latent(source.latent, generator.motion(pixels))
        # Prepares the weights, so that compiled code finds them ready.
        generator.synthesise(latent, source.features)
    encode, draw = (_compiled(f, mode) for f in (generator.motion, generator.synthesise))
    return {"encoder": lambda: encode(pixels), "synthesis": lambda: draw(latent, source.features)}


def _tuned(network: torch.nn.Module, mode: Sequence[str]) -> Callable[..., object]:
    if "channels-last" in mode and not any(isinstance(m, torch.nn.Conv3d) for m in network.modules()):
        network = network.to(memory_format=torch.channels_last)
    return _compiled(network, mode)


def _compiled(call: Callable[..., object], mode: Sequence[str]) -> Callable[..., object]:
    if "compiled" not in mode:
        return call
    # Layers of one class differ in widths, and each width is compiled once.
    torch._dynamo.config.recompile_limit = 256
    return torch.compile(call)


def timed(call: Part, place: Device, seconds: float) -> float:
    """Seconds of one call: the median of those that fit into `seconds`, at least two, after two that do not count."""
    with torch.inference_mode():
        call()
        call()
        _wait(place)
        taken: list[float] = []
        while len(taken) < 2 or sum(taken) < seconds:
            begun = time.perf_counter()
            call()
            _wait(place)
            taken.append(time.perf_counter() - begun)
    return float(np.median(taken))


def _wait(place: Device) -> None:
    if place.accelerated:
        torch.cuda.synchronize()


def matrix_rate(place: Device, seconds: float) -> float:
    """GFLOP per second of a large matrix product."""
    side = 8192 if place.accelerated else 2048
    a, b = (torch.randn(side, side, device=place.device, dtype=place.dtype) for _ in range(2))
    return 2 * side**3 / 1e9 / timed(lambda: a @ b, place, seconds)


def main() -> None:
    """Measure, print, and write the JSON file when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", default="liveportrait", choices=["liveportrait", "lia"])
    accelerated = torch.cuda.is_available()
    own = ["float16", "bfloat16"] if accelerated else ["float32", "bfloat16"]
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 8, 32] if accelerated else [1, 4])
    parser.add_argument("--precisions", nargs="+", default=own)
    parser.add_argument("--compiled", action="store_true", help="also compiled")
    parser.add_argument("--channels-last", action="store_true", help="also with channels last, where it is 2-D")
    parser.add_argument("--seconds", type=float, default=2.0, help="per part and configuration")
    parser.add_argument("--small", action="store_true", help="small networks, to try the script")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    modes = [["eager"]] + [["compiled"]] * options.compiled + [["channels-last"]] * options.channels_last
    modes += [["compiled", "channels-last"]] * (options.compiled and options.channels_last)
    base, rows = 1, []
    for precision in dict.fromkeys([own[0], *options.precisions]):
        place = choose(None, precision)
        peak = matrix_rate(place, options.seconds)
        print(f"{place.device} {precision}: matrix products at {peak:,.0f} GFLOP/s")
        for mode in modes:
            for batch in sorted({base, *options.batches}):
                row = measure(options, place, precision, mode, batch, peak)
                rows.append(row)
                told = ", ".join(f"{part} {value:.2f}" for part, value in row.ms.items())
                speed = rows[0].total_ms / row.total_ms
                share = "not known" if options.small else f"{row.rate:.0%}"
                print(f"  {'+'.join(mode)} batch {batch}: {row.total_ms:.2f} ms a frame ({told}); ratio {speed:.2f}, "
                      f"rate {share}", flush=True)  # fmt: skip
    rows = [Row(**{**asdict(row), "ratio": rows[0].total_ms / row.total_ms}) for row in rows]
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")


def measure(
    options: argparse.Namespace, place: Device, precision: str, mode: Sequence[str], batch: int, peak: float
) -> Row:
    """One configuration."""
    with tempfile.TemporaryDirectory() as folder:
        calls = parts(options.name, place, batch, options.small, Path(folder), mode)
        ms = {part: 1000 * timed(call, place, options.seconds) / batch for part, call in calls.items()}
    total = sum(ms.values())
    rate = sum(GFLOP[part] for part in ms) / (total / 1000) / peak
    return Row(precision, "+".join(mode), batch, ms, total, rate)


if __name__ == "__main__":
    main()
