"""Stable Diffusion with three ControlNets as diffusers runs it, loaded from local folders only.

Realistic Vision V5.0 (repository without VAE) with the VAE ft-mse, ControlNets v1.1 for inpainting, line art and pose,
DPM-Solver++ multistep: AnonNET section 3.4 and the authors' published settings. Licences: see
models.weights.registry.table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
import transformers
from torch import Tensor

from infra.errors import WeightsError
from models.inpainting.controlnet.schedule import Parameters
from models.interfaces.capabilities import Image
from models.runtime.device import Device
from models.weights import weight_files

_CONTROLNETS = ("controlnet-inpaint", "controlnet-lineart", "controlnet-openpose")


@dataclass(frozen=True)
class Folders:
    """Where the models lie, each folder as its repository lays it out. controlnets: inpainting, line art, pose."""

    base: Path
    vae: Path
    controlnets: tuple[Path, Path, Path]

    @staticmethod
    def registered() -> Folders:
        """The folders of the registered files, all checked. Raises WeightsError."""
        first, second, third = (weight_files.path(name).parent for name in _CONTROLNETS)
        base, vae = (weight_files.path(name).parent for name in ("realistic-vision", "vae-ft-mse"))
        return Folders(base, vae, (first, second, third))


@dataclass(frozen=True)
class Request:
    """One picture to paint.

    Attributes:
        hollow: (3, s, s) float32 RGB in [0, 1] without the source's face.
        mask: (s, s) float32, 1 where it is painted.
        controls: (3, s, s) each, for inpainting, line art and pose.
        words: (tokens, width) of the prompt and of the negative prompt, see `words`; identifying, as the pictures are.
        seed: Seed of the noise.
        parameters: Settings of the attempt.
    """

    hollow: Tensor
    mask: Tensor
    controls: tuple[Tensor, Tensor, Tensor]
    words: tuple[Tensor, Tensor]
    seed: int
    parameters: Parameters

    @property
    def kind(self) -> tuple[int, Parameters, int]:
        """Requests of one kind can be painted together: longer words beside it would change what a request gets."""
        return int(self.mask.shape[-1]), self.parameters, len(self.words[0])


def load(folders: Folders, place: Device) -> Any:
    """Return the diffusers pipeline on its device.

    Args:
        folders: Where the models lie.
        place: Device and type of numbers.

    Returns:
        The pipeline.

    Raises:
        WeightsError: A folder does not hold what it should.
    """
    library: Any = diffusers
    for package in (library, transformers):
        # Both draw bars of their own, and count the words of every prompt that is longer than usual.
        package.utils.logging.disable_progress_bar()
        package.utils.logging.set_verbosity_error()
    # safetensors where there are any; diffusers reads pickles with weights_only. Loaded in float32 and all at once:
    # otherwise the library changes torch's default type and how modules are made, for every thread of the process.
    how = {"dtype": torch.float32, "low_cpu_mem_usage": False, "local_files_only": True}
    try:
        pipeline = library.StableDiffusionControlNetInpaintPipeline.from_pretrained(
            folders.base,
            vae=library.AutoencoderKL.from_pretrained(folders.vae, **how),
            controlnet=[library.ControlNetModel.from_pretrained(folder, **how) for folder in folders.controlnets],
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
            **how,
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise WeightsError(
            f"The diffusion models cannot be loaded ({type(error).__name__}); run: anonflow models verify"
        ) from error
    return prepared(pipeline, place)


def prepared(pipeline: Any, place: Device) -> Any:
    """Return a diffusers pipeline with AnonNET's scheduler, quiet, on its device in the layout that is fastest there.

    Args:
        pipeline: The pipeline; changed in place.
        place: Device and type of numbers.

    Returns:
        The same pipeline.
    """
    library: Any = diffusers
    pipeline.scheduler = library.DPMSolverMultistepScheduler.from_config(
        pipeline.scheduler.config, algorithm_type="dpmsolver++", solver_order=2
    )
    pipeline.set_progress_bar_config(disable=True)
    pipeline.to(place.device, place.dtype)
    if place.accelerated:
        for network in (pipeline.unet, pipeline.vae, *pipeline.controlnet.nets):
            network.to(memory_format=torch.channels_last)
    return pipeline


def paint(pipeline: Any, requests: Sequence[Request]) -> list[Image | None]:
    """Paint requests of one kind.

    Each request has its own noise, from its own seed; the other requests of the batch change it by rounding at most.

    Args:
        pipeline: The pipeline of `load`.
        requests: Requests of one kind, at least one.

    Returns:
        (s, s, 3) uint8 BGR pictures; None where a value was no number.

    Raises:
        torch.cuda.OutOfMemoryError: The batch does not fit.
    """
    side, parameters, _ = requests[0].kind
    prompts, negatives = (torch.stack([r.words[k] for r in requests]) for k in (0, 1))
    device = pipeline.unet.device
    with torch.inference_mode():
        painted = pipeline(
            image=torch.stack([r.hollow for r in requests]),
            mask_image=torch.stack([r.mask[None] for r in requests]),
            control_image=[torch.stack([r.controls[k] for r in requests]) for k in range(len(_CONTROLNETS))],
            height=side,
            width=side,
            strength=1.0,
            num_inference_steps=parameters.steps,
            guidance_scale=parameters.guidance,
            controlnet_conditioning_scale=list(parameters.conditioning),
            generator=[torch.Generator(device).manual_seed(r.seed) for r in requests],
            prompt_embeds=prompts,
            negative_prompt_embeds=negatives,
            output_type="pt",
        ).images
    good = torch.isfinite(painted).flatten(1).all(dim=1).tolist()
    pixels = painted.float().clamp(0, 1).mul(255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return [np.ascontiguousarray(p[..., ::-1]) if fine else None for p, fine in zip(pixels, good, strict=True)]
