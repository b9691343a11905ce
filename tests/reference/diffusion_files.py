"""Small diffusion models with random weights, in folders laid out as the hubs' repositories are."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import torch

from models.device import choose
from models.inpainting.controlnet.backend import ControlNetInpainter
from models.inpainting.controlnet.pipeline import Folders

WIDTHS = (8, 16)
TEXT = 16
BLOCKS: dict[str, Any] = {
    "block_out_channels": WIDTHS,
    "layers_per_block": 1,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "cross_attention_dim": TEXT,
    "attention_head_dim": 2,
    "norm_num_groups": 4,
}


def write(folder: Path, seed: int = 0) -> Folders:
    """All that `anonflow models pull` brings for the inpainter: base, VAE, ControlNets and annotators."""
    torch.manual_seed(seed)
    places = folders(folder)
    _base(places.base)
    _vae(places.vae)
    for controlnet in places.controlnets:
        _controlnet(controlnet)
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


def _base(folder: Path) -> None:
    from diffusers import PNDMScheduler, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    unet = UNet2DConditionModel(
        sample_size=64, in_channels=4, out_channels=4, up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), **BLOCKS
    )
    unet.save_pretrained(folder / "unet")
    words = _tokenizer(folder / "tokenizer")
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=words, hidden_size=TEXT, intermediate_size=2 * TEXT, num_hidden_layers=2, num_attention_heads=4,
            max_position_embeddings=77, bos_token_id=words - 2, eos_token_id=words - 1, projection_dim=TEXT,
        )
    )  # fmt: skip
    text.save_pretrained(folder / "text_encoder")
    PNDMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True, steps_offset=1,
        set_alpha_to_one=False,
    ).save_pretrained(folder / "scheduler")  # fmt: skip
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


def _tokenizer(folder: Path) -> int:
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


def _vae(folder: Path) -> None:
    from diffusers import AutoencoderKL

    AutoencoderKL(
        block_out_channels=(4, 4, 8, 8), down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, latent_channels=4, norm_num_groups=4, layers_per_block=1,
    ).save_pretrained(folder)  # fmt: skip


def _controlnet(folder: Path) -> None:
    from diffusers import ControlNetModel

    network = ControlNetModel(in_channels=4, conditioning_embedding_out_channels=(4, 4, 8, 8), **BLOCKS)
    # Fresh ControlNets are silent: their last layers are zero.
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
