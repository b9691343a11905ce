"""The diffusion inpainter with small random models, read from folders laid out as the hubs' are."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from infra.errors import AttemptFailed, ToolError, WeightsError
from models.inpainting.controlnet import conditions, framing, pipeline
from models.inpainting.controlnet.backend import ControlNetInpainter
from models.inpainting.controlnet.pipeline import Request
from models.inpainting.controlnet.schedule import Parameters, parameters_of, seed_of
from models.inpainting.controlnet.words import Words
from models.interfaces.capabilities import FaceAttributes, Floats, Image
from models.interfaces.twins import TwinJob
from models.landmarks import pose
from models.runtime.device import choose
from models.runtime.oom_backoff import Most
from tests.contracts import support
from tests.reference import diffusion_files, painter

QUICK = Parameters(8.0, 2, (0.9, 0.4, 0.3))


@pytest.fixture(scope="module")
def loaded(hub: Path) -> Any:
    return pipeline.load(diffusion_files.folders(hub), choose("cpu"))


@pytest.fixture(scope="module")
def annotators(hub: Path) -> conditions.Annotators:
    return conditions.Annotators(
        hub / "annotators" / "sk_model.pth", hub / "annotators" / "body_pose_model.pth", torch.device("cpu")
    )


@pytest.fixture(scope="module")
def square() -> framing.Square:
    rng = np.random.default_rng(1)
    frame = cv2.GaussianBlur(rng.integers(0, 255, (360, 480, 3)).astype(np.uint8), (0, 0), 9)
    mesh = (pose.mean_face() * 100 + np.array([240, 180, 0])).astype(np.float32)
    return framing.cut(frame, mesh, None)


@pytest.fixture(scope="module")
def controls(square: framing.Square, annotators: conditions.Annotators) -> Any:
    return conditions.control_images(square, annotators)


TEXT = "A photorealistic portrait of an adult White male, with a neutral expression"


def request(square: framing.Square, controls: Any, loaded: Any, seed: int = 1, text: str = TEXT) -> Request:
    return Request(
        conditions.tensor(square.hollow()),
        torch.from_numpy((square.mask > 0).astype(np.float32)),
        controls,
        Words(loaded.tokenizer, loaded.text_encoder).encode(text, "(deformed)1.4, cartoon"),
        seed,
        QUICK,
    )


def test_the_controls_show_a_hole_lines_and_a_pose(square: framing.Square, annotators: conditions.Annotators) -> None:
    holed, lines, body = conditions.control_images(square, annotators)
    masked = torch.from_numpy(square.mask > 0)
    assert (holed[:, masked] == -1).all() and holed[:, ~masked].min() >= 0 and holed.max() <= 1
    rgb = torch.from_numpy(square.picture[..., ::-1].copy()).permute(2, 0, 1) / 255
    assert torch.allclose(holed[:, ~masked], rgb[:, ~masked])
    for drawn in (lines, body):
        assert drawn.shape == (3, square.side, square.side) and drawn.min() >= 0 and drawn.max() <= 1
    assert lines.std() > 0


def test_sizes_that_the_annotators_round_come_back_as_they_were(annotators: conditions.Annotators) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (568, 568, 3)).astype(np.uint8)
    assert annotators.lineart(picture).shape == annotators.openpose(picture).shape == picture.shape


def test_the_scheduler_is_dpm_solver_plus_plus_on_the_models_own_noise(loaded: Any) -> None:
    config = loaded.scheduler.config
    assert type(loaded.scheduler).__name__ == "DPMSolverMultistepScheduler"
    assert (config.algorithm_type, config.solver_order) == ("dpmsolver++", 2)
    assert (config.beta_start, config.beta_end, config.beta_schedule) == (0.00085, 0.012, "scaled_linear")
    assert loaded.safety_checker is None and len(loaded.controlnet.nets) == 3


def test_a_batch_paints_what_each_request_gets_alone(loaded: Any, square: framing.Square, controls: Any) -> None:
    some = [request(square, controls, loaded, seed, text) for seed, text in ((1, TEXT), (2, TEXT), (1, "An old woman"))]
    assert len({one.kind for one in some}) == 1
    together = [picture for picture in pipeline.paint(loaded, some) if picture is not None]
    assert len(together) == 3 and all(picture.shape == square.picture.shape for picture in together)
    for one, painted in zip(some, together, strict=True):
        (alone,) = pipeline.paint(loaded, [one])
        assert alone is not None and np.abs(painted.astype(int) - alone).max() <= 1
    assert np.abs(together[0].astype(int) - together[1]).mean() > 1
    assert not np.array_equal(together[0], together[2])
    # Longer words beside it would change what a request gets, so they never share a batch.
    assert request(square, controls, loaded, 1, "An elderly woman " * 30).kind != some[0].kind


def test_the_source_does_not_reach_the_encoder(
    loaded: Any, square: framing.Square, controls: Any, annotators: conditions.Annotators
) -> None:
    first = request(square, controls, loaded)
    changed = square.picture.copy()
    changed[square.mask > 0] = 255 - changed[square.mask > 0]
    other = replace(square, picture=changed)
    again = replace(first, hollow=conditions.tensor(other.hollow()))
    assert torch.equal(conditions.control_images(other, annotators)[0], first.controls[0])
    one, two = (pipeline.paint(loaded, [r])[0] for r in (first, again))
    assert one is not None and two is not None and np.abs(one.astype(int) - two).max() <= 2


def test_numbers_that_are_none_give_no_picture(
    loaded: Any, square: framing.Square, controls: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = loaded.vae.decode

    def broken(latents: Any, **options: Any) -> Any:
        (drawn,) = decode(latents, **options)
        drawn[1] = float("nan")
        return (drawn,)

    monkeypatch.setattr(loaded.vae, "decode", broken)
    good, bad = pipeline.paint(loaded, [request(square, controls, loaded, seed) for seed in (1, 2)])
    assert good is not None and bad is None


def test_words_count_by_their_weight_and_beyond_the_usual_length(loaded: Any) -> None:
    words = Words(loaded.tokenizer, loaded.text_encoder)

    def encoded(text: str) -> torch.Tensor:
        return words.encode(text, "")[0]

    assert not torch.allclose(encoded("a (cartoon)1.4 face"), encoded("a cartoon face"))
    long = "a face, " * 40
    tail, other = encoded(long + "old"), encoded(long + "mad")
    assert tail.shape == other.shape and len(tail) > 77 and not torch.allclose(tail, other)
    some, negative = words.encode("a", long)
    assert some.shape == negative.shape == (len(tail), diffusion_files.TEXT)


def test_older_pickles_load_and_other_folders_do_not(hub: Path, tmp_path: Path) -> None:
    copy = diffusion_files.copied(hub, tmp_path / "copy")
    diffusion_files.as_pickles(copy)
    one, two = (pipeline.load(diffusion_files.folders(f), choose("cpu")).unet.state_dict() for f in (hub, copy))
    assert all(torch.equal(value, two[key]) for key, value in one.items())
    (copy / "realistic-vision" / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"no network")
    with pytest.raises(WeightsError, match="anonflow models verify"):
        pipeline.load(diffusion_files.folders(copy), choose("cpu"))
    with pytest.raises(WeightsError, match="anonflow models verify"):
        pipeline.load(diffusion_files.folders(tmp_path / "nothing"), choose("cpu"))


@pytest.fixture(scope="module")
def one_inpainter(hub: Path) -> ControlNetInpainter:
    support.load("detector", "retinaface-mobilenet")
    return diffusion_files.inpainter(hub)


@pytest.fixture
def inpainter(one_inpainter: ControlNetInpainter, monkeypatch: pytest.MonkeyPatch) -> ControlNetInpainter:
    monkeypatch.setattr(one_inpainter, "_most", Most(32))
    return one_inpainter


def job(attempt: int = 1, others: Floats | None = None) -> TwinJob:
    frame, face = support.still("people/009_C"), support.face("people/009_C")
    mesh = support.load("landmarker", "mesh").locate([frame], [face])[0].points
    nobody = np.zeros((0, 512), np.float32)
    return TwinJob(
        frame, mesh, FaceAttributes(38, 0.05), nobody, nobody if others is None else others, "facenet", (), 5, attempt
    )


def test_the_parameters_of_each_attempt_reach_the_pipeline(
    inpainter: ControlNetInpainter, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[dict[str, Any]] = []
    real = type(inpainter._pipeline).__call__

    def spy(self: Any, **options: Any) -> Any:
        calls.append(options)
        # Two steps of the real denoising are enough here.
        return real(self, **{**options, "num_inference_steps": 2})

    monkeypatch.setattr(type(inpainter._pipeline), "__call__", spy)
    monkeypatch.setattr(conditions, "control_images", painter.no_controls)
    for attempt in (1, 2, 5):
        with pytest.raises(AttemptFailed) as raised:
            inpainter.inpaint(job(attempt))
        assert raised.value.reason == "no_face_painted"
        assert raised.value.made_with == parameters_of(attempt).record()
    assert [call["guidance_scale"] for call in calls] == [8.0, 9.0, 12.0]
    assert [call["num_inference_steps"] for call in calls] == [35, 40, 55]
    assert [call["controlnet_conditioning_scale"] for call in calls] == [
        [0.9, 0.4, 0.3], [0.81, 0.36, 0.27], [0.54, 0.24, 0.18]
    ]  # fmt: skip
    seeds = [call["generator"][0].initial_seed() for call in calls]
    assert seeds == [seed_of(5, attempt) for attempt in (1, 2, 5)] and len(set(seeds)) == 3
    assert all(call["strength"] == 1.0 for call in calls)


def test_somebody_of_the_dataset_is_not_painted_again(
    inpainter: ControlNetInpainter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "paint", painter.paint)
    monkeypatch.setattr(conditions, "control_images", painter.no_controls)
    twin = inpainter.inpaint(job())
    assert twin.candidate == seed_of(5, 1) and twin.made_with == parameters_of(1).record()
    with pytest.raises(AttemptFailed) as raised:
        inpainter.inpaint(job(others=twin.embedding[None]))
    assert raised.value.reason == "like_another"


def crowded(limit: int, sizes: list[int]) -> Callable[[Any, Sequence[Request]], list[Image | None]]:
    def paint(loaded: Any, requests: Sequence[Request]) -> list[Image | None]:
        sizes.append(len(requests))
        if len(requests) > limit:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return [np.full((8, 8, 3), request.seed, np.uint8) for request in requests]

    return paint


def test_out_of_memory_at_32_goes_on_with_half(
    inpainter: ControlNetInpainter, square: framing.Square, controls: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    sizes: list[int] = []
    monkeypatch.setattr(pipeline, "paint", crowded(8, sizes))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(inpainter._paint, "_wait", 0.5)
    one, together = request(square, controls, inpainter._pipeline), threading.Barrier(32)

    def call(seed: int) -> Image | None:
        together.wait(30)
        return inpainter._paint(replace(one, seed=seed))

    with ThreadPoolExecutor(32) as pool:
        pictures = list(pool.map(call, range(32)))
    assert [int(picture[0, 0, 0]) for picture in pictures if picture is not None] == list(range(32))
    assert sizes[0] == 32 and sizes[1] == 16 and set(sizes[2:]) == {8} and len(sizes) == 6
    # The size that fits is remembered.
    sizes.clear()
    inpainter._together([replace(one, seed=seed) for seed in range(16)])
    assert sizes == [8, 8]


def test_a_card_without_room_for_one_twin_says_so(
    inpainter: ControlNetInpainter, square: framing.Square, controls: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(pipeline, "paint", crowded(0, []))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    with pytest.raises(ToolError, match="no memory for a single twin"):
        inpainter._paint(request(square, controls, inpainter._pipeline))


def test_nothing_of_a_prompt_is_printed_or_logged(
    loaded: Any, square: framing.Square, controls: Any, capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    with caplog.at_level("DEBUG"):
        pipeline.paint(loaded, [request(square, controls, loaded, text="elderly " * 80)])
    out = capfd.readouterr()
    assert "elderly" not in out.out + out.err + caplog.text and "cartoon" not in out.out + out.err + caplog.text


def test_loading_and_painting_connect_to_nobody(
    hub: Path, square: framing.Square, controls: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Any] = []

    def refused(*address: Any) -> None:
        # Libraries swallow errors, so it is noted as well.
        tried.append(address)
        raise OSError("there is no network here")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    loaded = pipeline.load(diffusion_files.folders(hub), choose("cpu"))
    (picture,) = pipeline.paint(loaded, [request(square, controls, loaded)])
    assert picture is not None and picture.shape == square.picture.shape
    assert tried == []


def test_who_has_the_same_seed_or_cannot_be_compared_gets_another_attempt(
    inpainter: ControlNetInpainter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "paint", painter.paint)
    monkeypatch.setattr(conditions, "control_images", painter.no_controls)
    with pytest.raises(AttemptFailed) as raised:
        inpainter.inpaint(replace(job(), taken=(seed_of(5, 1),)))
    assert raised.value.reason == "taken"
    # Before the embedder breaks: it is the one that measures the painter's people.
    assert inpainter.inpaint(job()).candidate == seed_of(5, 1)
    monkeypatch.setattr(
        type(support.load("embedder", "facenet")), "embed", lambda *_: np.full((1, 512), np.nan, np.float32)
    )
    with pytest.raises(AttemptFailed) as raised:
        inpainter.inpaint(job())
    assert raised.value.reason == "no_face_painted"


def test_an_annotator_that_does_not_fit_says_so(hub: Path, tmp_path: Path) -> None:
    files = hub / "annotators"
    for content in (b"", b"no network", (files / "sk_model.pth").read_bytes()):
        wrong = tmp_path / "body_pose_model.pth"
        wrong.write_bytes(content)
        with pytest.raises(WeightsError, match=r"body_pose_model\.pth does not fit"):
            conditions.Annotators(files / "sk_model.pth", wrong, torch.device("cpu"))
