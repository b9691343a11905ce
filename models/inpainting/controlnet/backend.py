"""The diffusion inpainter: a new face in the frontal frame, by Stable Diffusion under three ControlNets (AnonNET 3.4).

The twin is painted where the source's face is, in its pose and light; so it wears the frontal frame's expression, and
its picture shows the source's surroundings.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from infra.errors import AttemptFailed, ToolError
from infra.reasons import Reason
from models.embedding.calibration import calibration
from models.inpainting.controlnet import conditions, framing, pipeline, prompt
from models.inpainting.controlnet.pipeline import Folders, Request
from models.inpainting.controlnet.schedule import parameters_of, seed_of
from models.inpainting.controlnet.words import Words
from models.interfaces.capabilities import Embedder, Image, Landmarker
from models.interfaces.twins import Twin, TwinJob
from models.motion.mesh.backend import face_of
from models.runtime.batching import Gathering
from models.runtime.device import Device, choose
from models.runtime.oom_backoff import Most, in_batches, no_memory
from models.selection import profiles
from models.weights import weight_files

MOST = 32
"""Twins painted at a time where memory allows."""
WAIT = 0.05
"""Seconds that a first request waits for those of other videos; a batch takes many times as long."""
LEAST_PRESENCE = 0.5
"""Confidence of the mesh below which the painting does not count as a face."""


class ControlNetInpainter:
    """Inpainter; safe for several threads, whose requests are painted together.

    folders, lineart, openpose: where the models lie; None takes the registered files. place: device and precision.
    Not guaranteed: the same person in another frame from the same seed; so one twin serves one video.
    """

    name = "controlnet"

    def __init__(
        self,
        folders: Folders | None = None,
        lineart: Path | None = None,
        openpose: Path | None = None,
        place: Device | None = None,
        most: int = MOST,
        wait: float = WAIT,
    ) -> None:
        where = place or choose()
        self._pipeline = pipeline.load(folders or Folders.registered(), where)
        self._words = Words(self._pipeline.tokenizer, self._pipeline.text_encoder)
        self._annotators = conditions.Annotators(
            lineart or weight_files.path("annotator-lineart"),
            openpose or weight_files.path("annotator-openpose"),
            where.device,
        )
        self._parser = profiles.load("parser", "bisenet")
        self._landmarker: Landmarker = profiles.load("landmarker", "mesh")
        self._most = Most(most)
        self._paint: Gathering[Request, Image | None] = Gathering(self._together, lambda r: r.kind, most, wait)

    def inpaint(self, job: TwinJob) -> Twin:
        """Return a twin in the pose and with the expression of the frontal frame.

        Args:
            job: The source, and the other people of the run.

        Returns:
            The new person.

        Raises:
            AttemptFailed: `no_face_painted` when the painting shows no face, `like_another` when it resembles another
                person of the dataset, `taken` when another person has the seed; another attempt has another seed.
        """
        parameters, seed = parameters_of(job.attempt), seed_of(job.seed, job.attempt)
        made_with = parameters.record()
        if seed in job.taken:
            raise AttemptFailed(Reason.TAKEN, "Another person of the dataset has the same seed.", made_with)
        square = framing.cut(job.frame, job.mesh, self._parser)
        painted = self._paint(
            Request(
                hollow=conditions.tensor(square.hollow()),
                mask=torch.from_numpy((square.mask > 0).astype(np.float32)),
                controls=conditions.control_images(square, self._annotators),
                words=self._words.encode(prompt.prompt(job.appearance), prompt.negative(job.appearance)),
                seed=seed,
                parameters=parameters,
            )
        )
        if painted is None:
            raise AttemptFailed(Reason.NO_FACE_PAINTED, "The diffusion model gave numbers that are none.", made_with)
        picture = square.with_face(painted)
        (mesh,) = self._landmarker.locate([picture], [face_of(square.mesh)])
        if mesh.presence < LEAST_PRESENCE or not np.isfinite(mesh.points).all():
            raise AttemptFailed(Reason.NO_FACE_PAINTED, "What the diffusion model painted is no clear face.", made_with)
        embedder: Embedder = profiles.load("embedder", job.embedder)
        embedding = embedder.embed([picture], [face_of(mesh.points)])[0]
        if not np.isfinite(embedding).all():
            raise AttemptFailed(
                Reason.NO_FACE_PAINTED, "The painted face cannot be compared with any person.", made_with
            )
        # Not <=: a distance that is no number proves nothing.
        if (
            len(job.others)
            and not float((1.0 - job.others @ embedding).min()) > calibration(job.embedder).nearest_stranger
        ):
            raise AttemptFailed(
                Reason.LIKE_ANOTHER, "The painted face resembles another person of the dataset.", made_with
            )
        return Twin(picture, mesh.points, seed, mesh.blendshapes, embedding, made_with=made_with)

    def _together(self, requests: list[Request]) -> list[Image | None]:
        try:
            return in_batches(requests, lambda some: pipeline.paint(self._pipeline, some), self._most)
        except RuntimeError as error:
            if not no_memory(error):
                raise
            raise ToolError(
                "The graphics card has no memory for a single twin; free some, or take a larger card."
            ) from error
