"""Which tests `make test-quick` leaves out, and which `make test` runs in processes of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
SLOW = frozenset(
    {
        "bench/test_diffusion_bench.py",
        "bench/test_motion_bench.py",
        "contracts/test_features.py",
        "contracts/test_inpainter.py",
        "contracts/test_motion.py",
        "flows/test_bad_input.py",
        "flows/test_casting.py",
        "flows/test_dataset_run.py",
        "flows/test_diffusion.py",
        "flows/test_evaluate.py",
        "flows/test_given_up.py",
        "flows/test_motion_backends.py",
        "flows/test_s3_faults.py",
        "flows/test_schedules.py",
        "flows/test_stages.py",
        "flows/test_two_processes.py",
        "infra/test_media.py",
        "models/inpainting/test_catalogue_inpainter.py",
        "models/inpainting/test_controlnet.py",
        "models/motion/test_lia.py",
        "models/motion/test_liveportrait_landmarks.py",
        "models/motion/test_liveportrait_networks.py",
        "models/test_crown.py",
        "models/test_curate.py",
        "models/test_deepface.py",
        "models/test_inception.py",
        "models/test_retinaface_resnet50.py",
        "tasks/measure/test_pair.py",
        "tasks/report/test_browser.py",
        "tasks/test_twin.py",
        "tasks/test_two_faces.py",
    }
)
"""Files below tests/ whose tests load large networks, start servers, or convert real videos."""
SLOW_TESTS = frozenset(
    {
        "flows/test_orchestrate.py::test_flow_shows_verdicts_and_stages_and_no_names",
        "flows/test_recheck.py::test_what_the_networks_find",
        "tasks/test_gallery.py::test_processes_never_give_one_twin_to_two_people",
        "test_readme_commands.py::test_convert_and_image_write_what_the_readme_says",
    }
)
TORCH = frozenset(
    {
        "bench/test_diffusion_bench.py",
        "bench/test_motion_bench.py",
        "contracts/test_detector.py",
        "contracts/test_features.py",
        "contracts/test_inpainter.py",
        "contracts/test_motion.py",
        "flows/test_diffusion.py",
        "flows/test_evaluate.py",
        "flows/test_motion_backends.py",
        "models/inpainting/test_controlnet.py",
        "models/inpainting/test_framing.py",
        "models/inpainting/test_prompt.py",
        "models/inpainting/test_schedule.py",
        "models/motion/test_lia.py",
        "models/motion/test_liveportrait_algebra.py",
        "models/motion/test_liveportrait_crop.py",
        "models/motion/test_liveportrait_landmarks.py",
        "models/motion/test_liveportrait_networks.py",
        "models/motion/test_reenact.py",
        "models/test_deepface.py",
        "models/test_halving.py",
        "models/test_inception.py",
        "models/test_retinaface_resnet50.py",
        "tasks/metrics/test_frechet.py",
        "tasks/test_two_faces.py",
    }
)
"""Files whose tests run torch networks or load diffusers: half a gigabyte that a process keeps to its end, and that a
conversion by the embedded networks must not find in its process, or the two exceed what `tests.memory` allows."""
FIRST = (
    "flows/test_diffusion.py",
    "flows/test_motion_backends.py",
    "contracts/test_detector.py",
    "flows/test_evaluate.py",
    "contracts/test_inpainter.py",
    "tasks/test_two_faces.py",
    "flows/test_casting.py",
    "flows/test_turned.py",
    "flows/test_stages.py",
    "tasks/test_controls.py",
    "flows/test_given_up.py",
    "flows/test_dataset_run.py",
    "flows/test_recheck.py",
    "flows/test_convert.py",
    "flows/test_s3_faults.py",
    "test_readme_commands.py",
)
"""Files that take longest, and those whose tests convert videos, in the order in which they begin. One that began last
would run while the other process has nothing left to do, and a conversion finds most room in a process that is new."""
_SLOW_BACKENDS = ("retinaface-resnet50", "vgg-face", "deepface")
"""The contracts' tests of these; those of all other backends stay."""


def slow(item: pytest.Item) -> bool:
    """Whether a test belongs to the long lane alone."""
    file = item.path.relative_to(HERE).as_posix() if item.path.is_relative_to(HERE) else ""
    plain = f"{file}::{item.name.partition('[')[0]}"
    heavy = file.startswith("contracts/") and any(name in item.name for name in _SLOW_BACKENDS)
    return file in SLOW or plain in SLOW_TESTS or heavy


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The two parts of `make test` do not even import each other's files: torch comes with most of one part's."""
    lane = {"torch": True, "not torch": False}.get(config.option.markexpr)
    file = collection_path.relative_to(HERE).as_posix() if collection_path.is_relative_to(HERE) else ""
    if lane is None or not collection_path.name.startswith("test_") or collection_path.suffix != ".py":
        return None
    return True if (file in TORCH) != lane else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give them their markers, and put the longest first."""
    ranks = {HERE / file: rank for rank, file in enumerate(FIRST)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))
    for item in items:
        if slow(item):
            item.add_marker(pytest.mark.slow)
        if item.path.is_relative_to(HERE) and item.path.relative_to(HERE).as_posix() in TORCH:
            item.add_marker(pytest.mark.torch)
