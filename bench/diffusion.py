"""Seconds per twin of the diffusion inpainter, as ratios within one run.

Usage: python bench/diffusion.py [--batches 1 4 16 32] [--precisions float16 bfloat16] [--compiled] [--side 512]
                                 [--steps N] [--small] [--json FILE]

Timed is what the diffusion models do for a twin: text, the encodings, all steps with three ControlNets and guidance,
the decoding. Networks have their real sizes and random weights (the time does not depend on them). The base of all
ratios is the plain way of the paper's authors: one picture at a time, eager, float16 with the models waiting in the
processor's memory (on a CPU: float32). With fewer --steps than 35 the rest is extrapolated from the time of a step, and
that is said. TFLOP/s are by the counted work of 512 x 512 pixels (2 per multiply-add), so for other sides they are not
given.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

from models.inpainting.controlnet import pipeline as diffusion  # noqa: E402
from models.inpainting.controlnet.pipeline import Request  # noqa: E402
from models.inpainting.controlnet.schedule import CONDITIONING, GUIDANCE, STEPS, Parameters  # noqa: E402
from models.inpainting.controlnet.words import Words  # noqa: E402
from models.runtime.device import Device, choose  # noqa: E402
from tests.reference import diffusion_files  # noqa: E402

STEP_GFLOP, REST_GFLOP = 3306.5, 4774.4
"""Of one picture of 512 x 512: a step with guidance and three ControlNets; text, two encodings and the decoding."""


@dataclass(frozen=True)
class Row:
    """One measurement. seconds: per twin. step, rest: of one step and of everything else, per twin. memory: peak GiB on
    the card, 0 on a CPU. tflops: 0 where the work was not counted. ratio: speed over the base's."""

    precision: str
    mode: str
    batch: int
    seconds: float
    step: float
    rest: float
    memory: float
    tflops: float
    ratio: float = 0.0


def requests(loaded: Any, side: int, batch: int, steps: int) -> list[Request]:
    """A picture of noise with a masked square, painted from so many seeds."""
    parameters = Parameters(GUIDANCE, steps, CONDITIONING)
    mask = torch.zeros(side, side)
    mask[side // 4 : -side // 4, side // 4 : -side // 4] = 1
    pictures = torch.rand(4, 3, side, side)
    hollow, controls = pictures[0], (pictures[1], pictures[2], pictures[3])
    text = "A photorealistic portrait of an adult White male, with a neutral expression"
    words = Words(loaded.tokenizer, loaded.text_encoder)
    return [Request(hollow, mask, controls, words.encode(text, "(deformed)1.4"), k, parameters) for k in range(batch)]


def measure(loaded: Any, mode: str, place: Device, options: argparse.Namespace, batch: int) -> Row:
    """One configuration, warmed up by one call."""
    precision = str(place.dtype).removeprefix("torch.")
    whole = options.steps >= STEPS

    def seconds(steps: int) -> float:
        if place.accelerated:
            torch.cuda.synchronize()
        begun = time.perf_counter()
        diffusion.paint(loaded, requests(loaded, options.side, batch, steps))
        if place.accelerated:
            torch.cuda.synchronize()
        return (time.perf_counter() - begun) / batch

    seconds(1)
    if place.accelerated:
        torch.cuda.reset_peak_memory_stats()
    one, many = seconds(1), seconds(options.steps)
    step = (many - one) / (options.steps - 1)
    total = many if whole else one - step + STEPS * step
    memory = torch.cuda.max_memory_allocated() / 2**30 if place.accelerated else 0.0
    counted = options.side == 512 and not options.small
    tflops = (STEPS * STEP_GFLOP + REST_GFLOP) / 1000 / total if counted else 0.0
    return Row(precision, mode, batch, total, step, one - step, memory, tflops)


def loaded_as(mode: str, place: Device, small: bool) -> Any:
    """The pipeline as a mode wants it: "plain" as the authors run it, "eager", or "compiled"."""
    start = Device(torch.device("cpu"), place.dtype) if mode == "plain" else place
    with tempfile.TemporaryDirectory() as folder:
        made = diffusion_files.assembled(start, diffusion_files.SMALL if small else diffusion_files.REAL, Path(folder))
    prepared = diffusion.prepared(made, start)
    if mode == "plain" and place.accelerated:
        prepared.enable_model_cpu_offload()
    if mode == "compiled":
        prepared.unet.compile(dynamic=False)
        for network in prepared.controlnet.nets:
            network.compile(dynamic=False)
        prepared.vae.decoder.compile(dynamic=False)
    return prepared


def told(row: Row, options: argparse.Namespace) -> str:
    """A line for a person."""
    extrapolated = "" if options.steps >= STEPS else f", extrapolated from {options.steps} of {STEPS} steps"
    work = f", {row.tflops:.2f} TFLOP/s" if row.tflops else ""
    memory = f", {row.memory:.1f} GiB" if row.memory else ""
    return (
        f"{row.precision} {row.mode} batch {row.batch}: {row.seconds:.3f} s a twin (step {row.step:.4f}, rest "
        f"{row.rest:.3f}{extrapolated}){work}{memory}; ratio {row.ratio:.2f}"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the JSON file when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    accelerated = torch.cuda.is_available()
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 4, 16, 32] if accelerated else [1])
    parser.add_argument("--precisions", nargs="+", default=["float16"] if accelerated else ["float32", "bfloat16"])
    parser.add_argument("--compiled", action="store_true", help="also compiled")
    parser.add_argument("--side", type=int, default=512, help="pixels, a multiple of 8")
    parser.add_argument("--steps", type=int, default=STEPS if accelerated else 2, help="at least 2")
    parser.add_argument("--small", action="store_true", help="small networks, to try the script")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    modes = ["eager", *["compiled"] * options.compiled]
    chosen = [(options.precisions[0], "plain"), *((p, mode) for p in options.precisions for mode in modes)]
    rows: list[Row] = []
    for precision, mode in chosen:
        place = choose(None, precision)
        loaded = loaded_as(mode, place, options.small)
        for batch in [1] if mode == "plain" else options.batches:
            row = measure(loaded, mode, place, options, batch)
            rows.append(replace(row, ratio=rows[0].seconds / row.seconds if rows else 1.0))
            print(told(rows[-1], options), flush=True)
        # Before the next one is made: both need not fit.
        del loaded
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
