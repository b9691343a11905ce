"""The tables agree with each other: weight files, backends, profiles."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import tomllib
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from infra.errors import UsageError, WeightsError
from infra.settings import HardFrames, IdentityScope, MotionCrop, Settings
from models.selection import profiles
from models.weights import first_use_hashes
from models.weights.packages import Carrier
from models.weights.registry.table import WEIGHTS
from models.weights.weight import HubFile, WebFile

ROOT = Path(__file__).resolve().parents[3]
needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
LIVE, LIA = (("motion", "liveportrait"),), (("motion", "lia"),)


@pytest.mark.parametrize("name", WEIGHTS)
def test_every_weight_file_has_an_origin_and_its_licence_stated(name: str) -> None:
    weight, origin = WEIGHTS[name], WEIGHTS[name].origin
    assert weight.name == name
    pinned = re.fullmatch(r"[0-9a-f]{64}", weight.sha256) is not None and weight.size > 0
    assert pinned or (isinstance(origin, HubFile | WebFile) and (weight.sha256, weight.size) == ("", 0))
    if isinstance(origin, Carrier):
        assert re.fullmatch(r"[0-9a-f]{64}", origin.sha256) and origin.size > 0
        assert origin.archive.endswith((".whl", ".tar.gz") if origin.registry == "pypi" else ".tgz")
        assert bool(weight.member) == (weight.form != "archive")
        if weight.form == "archive":
            assert (weight.file, weight.sha256, weight.size) == (origin.archive, origin.sha256, origin.size)
    elif isinstance(origin, HubFile):
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", origin.repo) and re.fullmatch(r"([0-9a-f]{40})?", origin.revision)
        assert not origin.path.startswith("/") and origin.path.rpartition(".")[2] == weight.file.rpartition(".")[2]
        if origin.otherwise:
            assert origin.otherwise.endswith(".bin") and not weight.sha256 and weight.file.endswith(f"/{origin.path}")
            assert origin.otherwise.rpartition("/")[0] == origin.path.rpartition("/")[0]
    else:
        assert origin.url.startswith("https://")
    assert weight.licence and len(weight.note) > 20
    assert weight.commercial in ("yes", "no", "unclear")
    assert not weight.file.startswith((".", "-", "/")) and ".." not in weight.file.split("/")
    assert all(needed in WEIGHTS for needed in weight.needs)


def test_files_of_one_repository_are_pinned_to_one_commit() -> None:
    found: dict[str, set[str]] = {}
    for weight in WEIGHTS.values():
        if isinstance(weight.origin, HubFile):
            found.setdefault(weight.origin.repo, set()).add(weight.origin.revision)
    assert found and all(len(revisions) == 1 for revisions in found.values())


def test_no_two_entries_share_a_file() -> None:
    files = [choice.file for weight in WEIGHTS.values() for choice in weight.choices]
    assert len(set(files)) == len(files)


def test_a_pickle_may_serve_for_networks_that_nobody_states_a_hash_of() -> None:
    assert {name: weight.choices[1].file for name, weight in WEIGHTS.items() if len(weight.choices) > 1} == {
        "realistic-vision-text-encoder": "realistic-vision/text_encoder/pytorch_model.bin",
        "realistic-vision-unet": "realistic-vision/unet/diffusion_pytorch_model.bin",
        **{
            f"controlnet-{kind}-weights": f"controlnet-{kind}/diffusion_pytorch_model.bin"
            for kind in ("inpaint", "lineart", "openpose")
        },
    }


def test_pairs_of_openvino_files_have_the_same_stem() -> None:
    for weight in WEIGHTS.values():
        if weight.file.endswith(".xml"):
            assert [WEIGHTS[needed].file for needed in weight.needs] == [weight.file[:-4] + ".bin"]


def test_every_backend_names_weights_and_a_class_that_exist() -> None:
    for names in profiles.BACKENDS.values():
        for backend in names.values():
            assert all(weight in WEIGHTS for weight in backend.weights)
            module, _, attribute = backend.target.partition(":")
            source = (ROOT / Path(*module.split("."))).with_suffix(".py").read_text(encoding="utf-8")
            assert re.search(rf"^class {attribute}\b", source, re.MULTILINE), backend.target


@pytest.mark.parametrize("profile", profiles.PROFILES)
def test_every_role_names_backends_that_exist(profile: str) -> None:
    for role in profiles.profile(profile).values():
        assert role.backends
        assert all(name in profiles.BACKENDS[role.capability] for name in role.backends)
    assert set(profiles.weights_of(profile)) <= set(WEIGHTS)


@pytest.mark.parametrize("profile", [name for name, roles in profiles.PROFILES.items() if "inpainter" in roles])
def test_the_audit_shares_no_weights_with_what_makes_the_twin(profile: str) -> None:
    used: dict[bool, set[str]] = {True: set(), False: set()}
    strangers: set[str] = set()
    for name, role in profiles.profile(profile).items():
        if name == "strangers" and profile == "diffusion":
            # There they are never twins. What draws them tells their group by a network that audits what others made.
            strangers.update(*(profiles.backend(role.capability, one).weights for one in role.backends))
            continue
        for backend in role.backends:
            used[name.startswith("audit_")].update(profiles.backend(role.capability, backend).weights)
    assert used[True] and used[False]
    assert not used[True] & used[False]
    assert strangers & used[True] <= {"facenet"}


def test_one_attacker_had_no_part_in_any_result() -> None:
    assert profiles.independent_attackers() == ["arcface"]
    with pytest.raises(UsageError, match="no twins"):
        profiles.check(Settings(profile="evaluation"))


def test_the_second_reader_makes_no_results() -> None:
    making = [roles for roles in profiles.PROFILES.values() if "motion" in roles]
    readers = set(profiles.profile("evaluation")["second_reader"].backends)
    assert readers and all(not readers & set(role.backends) for roles in making for role in roles.values())
    with pytest.raises(UsageError, match="makes none"):
        profiles.roles(Settings(backends=(("age_gender", "faceres"),)))


def test_the_digest_of_a_backend_follows_its_weights_and_version(monkeypatch: pytest.MonkeyPatch) -> None:
    before = profiles.digest("embedder", "facenet")
    assert before != profiles.digest("embedder", "sface")
    entry = profiles.BACKENDS["embedder"]["facenet"]
    changed = profiles.Backend(entry.target, entry.weights, entry.version + 1)
    monkeypatch.setitem(profiles.BACKENDS["embedder"], "facenet", changed)
    assert profiles.digest("embedder", "facenet") != before


def test_importing_the_tables_imports_no_runtime() -> None:
    code = (
        "import sys; import models.selection.profiles, models.weights.registry.table, models.weights.weight_files; "
        "heavy = {'numpy', 'cv2', 'openvino', 'pandas', 'prefect', 'huggingface_hub'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)


class Slow:
    """A backend that takes a while to make."""

    made: list[dict[str, Any]] = []  # noqa: RUF012

    def __init__(self, **options: Any) -> None:
        threading.Event().wait(0.05)
        Slow.made.append(options)


def test_threads_share_one_instance_per_set_of_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(profiles.BACKENDS, "slow", {"one": profiles.Backend(f"{__name__}:Slow")})
    monkeypatch.setattr(profiles, "_instances", {})
    Slow.made.clear()
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(profiles.load("slow", "one"))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 6 and len({id(item) for item in found}) == 1 and Slow.made == [{}]
    assert profiles.load("slow", "one", size=3) is not found[0]
    assert profiles.load("slow", "one", size=3) is profiles.load("slow", "one", size=3)


def test_unknown_names_say_what_is_known() -> None:
    with pytest.raises(UsageError, match="detector"):
        profiles.load("teleporter", "x")
    with pytest.raises(UsageError, match="yunet"):
        profiles.load("detector", "x")
    with pytest.raises(UsageError, match="embedded"):
        profiles.profile("x")
    with pytest.raises(UsageError, match="audit_detector"):
        profiles.load_role(Settings(), "x")


def test_a_run_may_name_another_motion_model() -> None:
    assert profiles.roles(Settings())["motion"].backends == ("mesh",)
    chosen = profiles.roles(Settings(backends=LIA))
    assert chosen["motion"].backends == ("lia",)
    assert {name: role for name, role in chosen.items() if name != "motion"} == {
        name: role for name, role in profiles.profile("embedded").items() if name != "motion"
    }
    with pytest.raises(UsageError, match="known: lia, liveportrait, mesh"):
        profiles.roles(Settings(backends=(("motion", "x"),)))


def test_settings_that_a_backend_takes_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        profiles.BACKENDS["motion"], "lia", profiles.Backend(f"{__name__}:Slow", settings=("hard_frames",))
    )
    monkeypatch.setattr(profiles, "_instances", {})
    Slow.made.clear()
    settings = Settings(backends=LIA, hard_frames=HardFrames.REDACT)
    (one,) = profiles.load_role(settings, "motion")
    assert Slow.made == [{"hard_frames": HardFrames.REDACT}]
    assert profiles.load_role(replace(settings, seed=5), "motion") == [one]


@needs_torch
def test_missing_weights_are_found_before_anything_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ANONFLOW_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match="anonflow models pull"):
        profiles.check(Settings())
    monkeypatch.setattr(profiles, "PROFILES", {"embedded": {"motion": profiles.Role("motion", ("mesh",))}})
    profiles.check(Settings())
    with pytest.raises(WeightsError, match=r"liveportrait-appearance\.pth is missing .* pull liveportrait-appearance "):
        profiles.check(Settings(backends=LIVE))
    entry = profiles.BACKENDS["motion"]["liveportrait"]
    monkeypatch.setitem(profiles.BACKENDS["motion"], "liveportrait", replace(entry, weights=()))
    profiles.check(Settings(backends=LIVE))
    with pytest.raises(WeightsError, match=r"liveportrait-landmarks\.onnx is missing; run: .* liveportrait-landmarks$"):
        profiles.check(Settings(backends=LIVE, motion_crop=MotionCrop.LANDMARKS))


def test_without_torch_the_command_that_brings_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "_instances", {})
    real = profiles.importlib.import_module

    def missing(name: str) -> Any:
        if name == "models.motion.lia.backend":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
        return real(name)

    monkeypatch.setattr(profiles.importlib, "import_module", missing)
    with pytest.raises(UsageError, match=r"pip install 'anonflow\[torch\]'"):
        profiles.load("motion", "lia")


def test_settings_that_a_backend_takes_are_part_of_its_cache_key() -> None:
    def key(**changes: Any) -> dict[str, str]:
        return profiles.digests(Settings(**changes), ("motion", "embedder"))

    assert key() == key(hard_frames=HardFrames.REDACT, motion_crop=MotionCrop.LANDMARKS)
    keys = [key(backends=LIVE, hard_frames=hard, motion_crop=crop)["motion:liveportrait"]
            for hard in HardFrames for crop in MotionCrop]  # fmt: skip
    assert len(set(keys)) == len(keys)
    assert key(seed=3) == key() != key(backends=LIA)


@needs_torch
def test_a_crop_that_a_motion_model_does_not_know_and_a_missing_package_are_found_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(profiles.weight_files, "path", lambda name: Path(name))
    profiles.check(Settings())
    profiles.check(Settings(backends=LIVE, motion_crop=MotionCrop.LANDMARKS))
    for backends in ((), LIA):
        with pytest.raises(UsageError, match="--motion-crop"):
            profiles.check(Settings(backends=backends, motion_crop=MotionCrop.LANDMARKS))

    def missing(name: str) -> Any:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(profiles.importlib, "import_module", missing)
    with pytest.raises(UsageError, match="pip install"):
        profiles.check(Settings(backends=LIA))


def test_optional_weights_are_part_of_a_cache_key() -> None:
    settings = Settings(backends=LIVE, motion_crop=MotionCrop.LANDMARKS)
    before = profiles.digests(settings, ("motion",))
    assert WEIGHTS["liveportrait-landmarks"].sha256 in before["motion:liveportrait"]


def test_recorded_contents_are_part_of_a_cache_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ANONFLOW_WEIGHTS", str(tmp_path))
    for capability, name, weight in (
        ("embedder", "vgg-face", "vgg-face"),
        ("inpainter", "controlnet", "realistic-vision-unet"),
    ):
        keys = [profiles.digest(capability, name)]
        for number in "12":
            first_use_hashes.add(WEIGHTS[weight], tmp_path, number * 64, 1, "")
            keys.append(profiles.digest(capability, name))
        assert len(set(keys)) == 3


def test_the_plain_install_asks_for_no_large_framework() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = {re.split(r"[\s<>=!\[~]", line)[0].lower() for line in project["dependencies"]}
    large = {"torch", "torchvision", "tensorflow", "keras", "tf-keras", "diffusers", "transformers", "onnxruntime"}
    assert named and not named & large
    assert large & {re.split(r"[<>=]", line)[0] for line in project["optional-dependencies"]["diffusion"]}
    assert not any("tensorflow" in line for extra in project["optional-dependencies"].values() for line in extra)


def test_any_role_but_the_audits_can_be_named() -> None:
    chosen = profiles.roles(Settings(backends=(("detector", "retinaface-resnet50"), ("inpainter", "controlnet"))))
    assert chosen["detector"].backends == ("retinaface-resnet50",) and chosen["inpainter"].backends == ("controlnet",)
    assert chosen["audit_embedders"] == profiles.profile("embedded")["audit_embedders"]
    for role in ("audit_detector", "audit_embedders", "confirming_detector", "nobody"):
        with pytest.raises(UsageError, match="cannot be chosen"):
            profiles.roles(Settings(backends=((role, "yunet"),)))


def test_who_makes_twins_does_not_judge_them() -> None:
    assert profiles.roles(Settings(profile="diffusion"))["audit_embedders"].backends == (
        "dlib-resnet",
        "sface",
        "facenet",
    )
    mixed = profiles.roles(Settings(profile="diffusion", backends=(("embedder", "facenet"),)))
    assert mixed["audit_embedders"].backends == ("dlib-resnet", "sface")
    for role, name in (("embedder", "sface"), ("detector", "yunet"), ("detector", "centerface")):
        with pytest.raises(UsageError, match="cannot both make twins and check them"):
            profiles.roles(Settings(backends=((role, name),)))


def test_judges_frame_faces_by_the_detector_of_their_calibration() -> None:
    for name in ("embedded", "diffusion"):
        for backends in ((), (("detector", "retinaface-resnet50"),)):
            chosen = profiles.roles(Settings(profile=name, backends=backends))
            assert chosen["framing_detector"].backends == ("retinaface-mobilenet",)


def test_the_sampling_inpainter_is_refused_with_an_embedder_that_it_has_no_vectors_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(profiles.weight_files, "path", lambda name: Path(name))
    monkeypatch.setattr(profiles, "_class", lambda entry, name: None)
    sampling = ("inpainter", "mobilestylegan")
    for settings in (
        Settings(backends=(("embedder", "vgg-face"),)),
        Settings(profile="diffusion", backends=(sampling,)),
    ):
        with pytest.raises(UsageError, match="--embedder facenet"):
            profiles.check(settings)
    profiles.check(Settings(profile="diffusion", backends=(sampling, ("embedder", "facenet"))))


def test_a_twin_that_is_painted_anew_cannot_serve_a_whole_dataset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles.weight_files, "path", lambda name: Path(name))
    monkeypatch.setattr(profiles, "_class", lambda entry, name: None)
    profiles.check(Settings(profile="diffusion"))
    with pytest.raises(UsageError, match="--identity-scope"):
        profiles.check(Settings(profile="diffusion", identity_scope=IdentityScope.DATASET))


def test_one_command_is_named_for_all_that_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ANONFLOW_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match=r"\(and \d+ more\); run: anonflow models pull --profile diffusion$"):
        profiles.check(Settings(profile="diffusion"))
    with pytest.raises(
        WeightsError, match=r"run: anonflow models pull .*realistic-vision vae-ft-mse .*annotator-openpose"
    ):
        profiles.check(Settings(backends=(("inpainter", "controlnet"),)))
