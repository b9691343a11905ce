"""Weight files of the motion networks. LIA's is not at an address that a program can fetch: a person does.

Sizes and hashes are those that the authors' repository states for the published files.
"""

from __future__ import annotations

from models.weights.weight import HubFile, Page, Weight

_REPO = "KwaiVGI/LivePortrait"


def _liveportrait(name: str, path: str, sha256: str, size: int) -> Weight:
    return Weight(
        name=name,
        capability="motion",
        file=name + path[path.rindex(".") :],
        origin=HubFile(_REPO, f"liveportrait/{path}"),
        sha256=sha256,
        size=size,
        licence="MIT",
        commercial="unclear",
        note="LivePortrait by Kuaishou, code and weights MIT; trained on public and own videos of people, whose "
        "terms are not all published. Its authors' face detectors, which are non-commercial, are not used.",
    )


WEIGHTS: tuple[Weight, ...] = (
    _liveportrait(
        "liveportrait-appearance",
        "base_models/appearance_feature_extractor.pth",
        "5279bb8654293dbdf327030b397f107237dd9212fb11dd75b83dfb635211ceb5",
        3_387_959,
    ),
    _liveportrait(
        "liveportrait-motion",
        "base_models/motion_extractor.pth",
        "251e6a94ad667a1d0c69526d292677165110ef7f0cf0f6d199f0e414e8aa0ca5",
        112_545_506,
    ),
    _liveportrait(
        "liveportrait-warping",
        "base_models/warping_module.pth",
        "2f61a6f265fe344f14132364859a78bdbbc2068577170693da57fb96d636e282",
        182_180_086,
    ),
    _liveportrait(
        "liveportrait-decoder",
        "base_models/spade_generator.pth",
        "4780afc7909a9f84e24c01d73b31a555ef651521a1fe3b2429bd04534d992aee",
        221_813_590,
    ),
    _liveportrait(
        "liveportrait-retargeting",
        "retargeting_models/stitching_retargeting_module.pth",
        "3652d5a3f95099141a56986aaddec92fadf0a73c87a20fac9a2c07c32b28b611",
        2_393_098,
    ),
    _liveportrait(
        "liveportrait-landmarks",
        "landmark.onnx",
        "31d22a5041326c31f19b78886939a634a5aedcaa5ab8b9b951a1167595d147db",
        114_666_491,
    ),
    Weight(
        name="lia-vox",
        capability="motion",
        file="lia-vox.pt",
        origin=Page("https://github.com/wyhsirius/LIA"),
        sha256="bfbce63905ca5706ee9fb02e671351fac76c7670dd46a137499c23581087f8ca",
        size=829_608_996,
        licence="CC BY-NC 4.0",
        commercial="no",
        note="LIA (Wang et al. 2022), vox.pt, non-commercial by its authors' licence; trained on VoxCeleb. The hash is "
        "that of a copy in a third party's repository, since the authors state none.",
    ),
)
