"""Small diffusion models with random weights, in folders laid out as the hubs' repositories are."""

from __future__ import annotations

import json
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from models.inpainting.controlnet.backend import ControlNetInpainter
from models.inpainting.controlnet.pipeline import Folders
from models.runtime.device import Device, choose


@dataclass(frozen=True)
class Sizes:
    """What tells a small diffusion model from the real one; names as in the configurations of diffusers."""

    blocks: dict[str, Any]
    up: tuple[str, ...]
    hint: tuple[int, ...]
    vae: dict[str, Any]
    text: dict[str, Any]


SMALL = Sizes(
    blocks={
        "block_out_channels": (8, 16),
        "layers_per_block": 1,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "cross_attention_dim": 16,
        "attention_head_dim": 2,
        "norm_num_groups": 4,
    },
    up=("CrossAttnUpBlock2D", "UpBlock2D"),
    hint=(4, 4, 8, 8),
    vae={"block_out_channels": (4, 4, 8, 8), "norm_num_groups": 4, "layers_per_block": 1},
    text={"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4},
)
REAL = Sizes(
    blocks={
        "block_out_channels": (320, 640, 1280, 1280),
        "layers_per_block": 2,
        "down_block_types": (*("CrossAttnDownBlock2D",) * 3, "DownBlock2D"),
        "cross_attention_dim": 768,
        "attention_head_dim": 8,
        "norm_num_groups": 32,
    },
    up=("UpBlock2D", *("CrossAttnUpBlock2D",) * 3),
    hint=(16, 32, 96, 256),
    vae={"block_out_channels": (128, 256, 512, 512), "norm_num_groups": 32, "layers_per_block": 2},
    text={"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12},
)
"""Stable Diffusion 1.5, ControlNet 1.1 for it, its VAE, and the text encoder CLIP ViT-L/14."""
TEXT = int(SMALL.text["hidden_size"])


def write(folder: Path, seed: int = 0) -> Folders:
    """All that `anonflow models pull` brings for the inpainter: base, VAE, ControlNets and annotators."""
    torch.manual_seed(seed)
    places = folders(folder)
    _base(places.base)
    vae(SMALL).save_pretrained(places.vae)
    for place in places.controlnets:
        _controlnet(place)
    annotators(folder / "annotators")
    return places


def folders(folder: Path) -> Folders:
    """Where `write` puts the models."""
    first, second, third = (folder / f"controlnet-{name}" for name in ("inpaint", "lineart", "openpose"))
    return Folders(folder / "realistic-vision", folder / "vae-ft-mse", (first, second, third))


def inpainter(folder: Path, **options: Any) -> ControlNetInpainter:
    """The diffusion inpainter on what `write` wrote, on the CPU."""
    files = folder / "annotators"
    lineart, openpose = files / "sk_model.pth", files / "body_pose_model.pth"
    return ControlNetInpainter(folders(folder), lineart, openpose, choose("cpu"), **{"wait": 0, **options})


def annotators(folder: Path) -> tuple[Path, Path]:
    """(sk_model.pth, body_pose_model.pth), the packages' own networks with random weights."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from controlnet_aux.lineart import Generator
        from controlnet_aux.open_pose.model import bodypose_model
    folder.mkdir(parents=True, exist_ok=True)
    lineart, openpose = folder / "sk_model.pth", folder / "body_pose_model.pth"
    torch.save(Generator(3, 1, 3).state_dict(), lineart)
    # The released file leaves the names of the network's two halves out.
    body = {key.split(".", 1)[1]: value for key, value in bodypose_model().state_dict().items()}
    torch.save(body, openpose)
    return lineart, openpose


def unet(sizes: Sizes) -> Any:
    """The denoising network."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(sample_size=64, in_channels=4, out_channels=4, up_block_types=sizes.up, **sizes.blocks)


def controlnet(sizes: Sizes) -> Any:
    """A ControlNet for it; a fresh one is silent, because its last layers are zero."""
    from diffusers import ControlNetModel

    return ControlNetModel(in_channels=4, conditioning_embedding_out_channels=sizes.hint, **sizes.blocks)


def vae(sizes: Sizes) -> Any:
    """Between pixels and latents."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4, latent_channels=4,
        **sizes.vae,
    )  # fmt: skip


def text_encoder(sizes: Sizes, words: int) -> Any:
    """For a tokenizer that knows so many words, the last two of them start and end."""
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=words, max_position_embeddings=77, bos_token_id=words - 2, eos_token_id=words - 1,
            projection_dim=sizes.text["hidden_size"], **sizes.text,
        )
    )  # fmt: skip


def scheduler() -> Any:
    """The one that such repositories name; it is replaced after loading."""
    from diffusers import PNDMScheduler

    return PNDMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True, steps_offset=1,
        set_alpha_to_one=False,
    )  # fmt: skip


def assembled(place: Device, sizes: Sizes, folder: Path) -> Any:
    """A diffusers pipeline of random networks, built in memory. folder: for the tokenizer."""
    from diffusers import MultiControlNetModel, StableDiffusionControlNetInpaintPipeline
    from transformers import CLIPTokenizer

    words = tokenizer(folder)
    networks = []
    for make in (lambda: vae(sizes), lambda: text_encoder(sizes, words), lambda: unet(sizes), *[
        lambda: controlnet(sizes)] * 3):  # fmt: skip
        with torch.device("meta"):
            network = make()
        # By the general method: that of diffusers warns of what it would keep in float32, which is nothing here.
        torch.nn.Module.to(network, place.dtype)
        network = network.to_empty(device=place.device).eval().requires_grad_(False)
        for value in network.state_dict(keep_vars=True).values():
            if value.is_floating_point():
                value.data.normal_(std=0.02)
        networks.append(network)
    # Positions are numbers, not weights.
    for name, numbers in networks[1].named_buffers():
        if name.endswith("position_ids"):
            numbers.copy_(torch.arange(numbers.shape[-1], device=place.device).expand_as(numbers))
    return StableDiffusionControlNetInpaintPipeline(
        vae=networks[0], text_encoder=networks[1], tokenizer=CLIPTokenizer.from_pretrained(folder), unet=networks[2],
        controlnet=MultiControlNetModel(networks[3:]), scheduler=scheduler(), safety_checker=None,
        feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip


def _base(folder: Path) -> None:
    unet(SMALL).save_pretrained(folder / "unet")
    words = tokenizer(folder / "tokenizer")
    text_encoder(SMALL, words).save_pretrained(folder / "text_encoder")
    scheduler().save_pretrained(folder / "scheduler")
    index = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.18.0",
        "feature_extractor": [None, None],
        "requires_safety_checker": None,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", "PNDMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    (folder / "model_index.json").write_text(json.dumps(index), encoding="utf-8")


def tokenizer(folder: Path) -> int:
    """A CLIP tokenizer that knows bytes only; returns the number of its words."""
    folder.mkdir(parents=True, exist_ok=True)
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(code) for code in printable] + [chr(256 + n) for n in range(256 - len(printable))]
    words = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: n for n, word in enumerate(words)}), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    special = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>",
               "pad_token": "<|endoftext|>"}  # fmt: skip
    settings = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "do_lower_case": True, **special}
    (folder / "special_tokens_map.json").write_text(json.dumps(special), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return len(words)


def _controlnet(folder: Path) -> None:
    network = controlnet(SMALL)
    for parameter in network.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    network.save_pretrained(folder)


def as_pickles(folder: Path) -> None:
    """Turn every safetensors file below a folder into the pickle that older repositories hold instead."""
    from safetensors.torch import load_file

    for file in folder.rglob("*.safetensors"):
        name = "pytorch_model.bin" if file.stem == "model" else f"{file.stem}.bin"
        torch.save(load_file(file), file.with_name(name))
        file.unlink()


def copied(source: Path, target: Path) -> Path:
    """A copy of a folder, to be changed."""
    shutil.copytree(source, target)
    return target
