"""Which tests `make check` leaves out, and which `make test` runs in processes of their own."""

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
        "flows/dataset/test_coordinator.py",
        "flows/evaluation/test_evaluate.py",
        "flows/manifest/test_review.py",
        "flows/prefect/server/test_schedules.py",
        "flows/prefect/test_automations.py",
        "flows/prefect/test_tasks.py",
        "flows/recipes/test_diffusion.py",
        "flows/recipes/test_motion_backends.py",
        "flows/recipes/test_search.py",
        "flows/recipes/test_stages.py",
        "flows/recipes/test_turned.py",
        "flows/recipes/test_twin_assignment.py",
        "flows/run/test_bad_input.py",
        "flows/run/test_given_up.py",
        "flows/run/test_s3_faults.py",
        "flows/run/test_two_processes.py",
        "infra/media/containers/test_presented.py",
        "infra/media/test_media.py",
        "models/attributes/test_deepface.py",
        "models/detection/test_retinaface_resnet50.py",
        "models/inpainting/controlnet/test_pipeline.py",
        "models/people/test_sampler.py",
        "models/motion/lia/test_lia.py",
        "models/motion/liveportrait/test_landmarks.py",
        "models/motion/liveportrait/test_networks.py",
        "models/motion/mesh/test_hairline.py",
        "models/quality/test_inception.py",
        "tasks/evaluation/measure/test_pair.py",
        "tasks/evaluation/report/test_browser.py",
        "tasks/generation/test_two_faces.py",
        "tools/people/test_survey.py",
    }
)
"""Files below tests/ whose tests load large networks, start servers, or convert real videos."""
SLOW_TESTS = frozenset(
    {
        "bench/test_face_recall.py::test_a_detector_sees_real_faces_there_once_the_frame_is_turned_back",
        "flows/recheck/test_recheck.py::test_a_face_lying_on_its_side_that_was_left_is_found",
        "flows/recheck/test_recheck.py::test_a_record_says_that_a_face_was_left",
        "flows/recheck/test_recheck.py::test_a_second_recheck_looks_only_at_what_is_new_or_audited_otherwise",
        "flows/recheck/test_recheck.py::test_files_that_are_gone_changed_damaged_or_incomplete_are_named",
        "flows/recheck/test_recheck.py::test_killed_in_the_middle_it_goes_on_where_it_was",
        "flows/recheck/test_recheck.py::test_no_later_run_publishes_it_again_unless_it_is_asked_to",
        "flows/recheck/test_recheck.py::test_what_the_networks_find",
        "flows/run/test_convert.py::test_killed_run_leaves_nothing_visible_and_resumes",
        "flows/run/test_convert.py::test_parquet_and_lines_agree",
        "flows/run/test_convert.py::test_remote_destination_and_cache",
        "flows/run/test_convert.py::test_results_below_the_source_are_not_inputs",
        "flows/run/test_convert.py::test_tables",
        "flows/run/test_convert.py::test_what_no_longer_holds_is_done_again",
        "infra/media/containers/test_hidden.py::test_results_of_real_clips_hold_nothing",
        "infra/media/containers/test_hidden.py::test_sound_that_an_edit_list_hides",
        "models/detection/test_turned.py::test_a_face_that_fills_the_picture_is_one_face",
        "tasks/audit/test_residual.py::test_every_face_of_a_turned_group_is_found",
        "tasks/audit/test_residual.py::test_textures_plants_an_animal_and_things_are_no_faces",
        "tasks/generation/test_gallery.py::test_processes_never_give_one_twin_to_two_people",
        "test_memory.py::test_a_process_over_the_limit_fails_a_suite_that_passed",
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
        "flows/recipes/test_diffusion.py",
        "flows/evaluation/test_evaluate.py",
        "flows/recipes/test_motion_backends.py",
        "models/inpainting/controlnet/test_pipeline.py",
        "models/inpainting/controlnet/test_framing.py",
        "models/inpainting/controlnet/test_prompt.py",
        "models/inpainting/controlnet/test_schedule.py",
        "models/motion/lia/test_lia.py",
        "models/motion/liveportrait/test_algebra.py",
        "models/motion/liveportrait/test_crop.py",
        "models/motion/liveportrait/test_landmarks.py",
        "models/motion/liveportrait/test_networks.py",
        "models/motion/mesh/test_reenact.py",
        "models/attributes/test_deepface.py",
        "models/runtime/test_oom_backoff.py",
        "models/quality/test_inception.py",
        "models/detection/test_retinaface_resnet50.py",
        "tasks/evaluation/metrics/picture/test_frechet.py",
        "tasks/generation/test_two_faces.py",
        "tools/people/test_fit.py",
    }
)
"""Files whose tests run torch networks or load diffusers: half a gigabyte that a process keeps to its end, and that a
conversion by the embedded networks must not find in its process, or the two exceed what `tests.memory` allows."""
FIRST = (
    "flows/recipes/test_diffusion.py",
    "flows/recipes/test_motion_backends.py",
    "contracts/test_detector.py",
    "flows/evaluation/test_evaluate.py",
    "contracts/test_inpainter.py",
    "tasks/generation/test_two_faces.py",
    "flows/recipes/test_twin_assignment.py",
    "flows/recipes/test_turned.py",
    "flows/recipes/test_search.py",
    "flows/recipes/test_stages.py",
    "tasks/generation/test_controls.py",
    "flows/run/test_given_up.py",
    "flows/dataset/test_coordinator.py",
    "flows/recheck/test_recheck.py",
    "flows/run/test_convert.py",
    "flows/run/test_s3_faults.py",
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
    lane = {"torch": True, "not torch": False, "not slow and not torch": False}.get(config.option.markexpr)
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
