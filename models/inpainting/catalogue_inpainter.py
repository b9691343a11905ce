"""The embedded inpainter: a person from the catalogue, or between two of it, generated anew."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from infra.errors import Withheld
from infra.reasons import Reason
from models.inpainting import by_kind, catalogue, choosing
from models.inpainting.catalogue import Catalogue
from models.inpainting.choosing import parents
from models.inpainting.mobilestylegan import MobileStyleGAN
from models.interfaces.capabilities import Image
from models.interfaces.twins import AT_REST, Twin, TwinJob
from models.motion.mesh.backend import face_of
from models.selection import profiles

_KEPT = 8
"""Pictures that are kept, 3 MB each: those of one person's control strangers."""


class CatalogueInpainter:
    """Inpainter over MobileStyleGAN and the catalogue; safe for several threads."""

    name = "mobilestylegan"

    def __init__(self) -> None:
        self._generator = MobileStyleGAN()
        # The twin is most often one of the control strangers, whose pictures were made before.
        self._entry = lru_cache(maxsize=_KEPT)(self._picture)

    def inpaint(self, job: TwinJob) -> Twin:
        """Return a neutral, frontal twin.

        Args:
            job: The source, and the other people of the run.

        Returns:
            The new person.

        Raises:
            Withheld: `no_candidate`: no person of the catalogue fits.
        """
        people = catalogue.load()
        kindred = by_kind.kindred(people, job)
        for candidate in kindred or choosing.candidates(people, job):
            twin = self._make(people, candidate)
            if twin is None:
                continue
            if candidate in (job.prefer, *kindred) or choosing.acceptable(twin.embedding[None], people, job).all():
                return twin
        raise Withheld(Reason.NO_CANDIDATE, "Every blended synthetic person is too close to a face of the dataset.")

    def strangers(self, job: TwinJob, count: int) -> list[Twin]:
        """Return people of the source's kind, also those whom other identities have or who are near the source.

        Args:
            job: The source.
            count: Number of people wanted.

        Returns:
            Up to `count` people.
        """
        people = catalogue.load()
        made = (self._make(people, candidate) for candidate in by_kind.strangers(people, job, count))
        return [twin for twin in made if twin is not None]

    def _make(self, people: Catalogue, candidate: int) -> Twin | None:
        """The twin of this number; None for a blend without a clear face."""
        first, second = parents(candidate, len(people))
        if second < 0:
            return Twin(self._entry(first), people.meshes[first], candidate, AT_REST, people.embeddings[first])
        picture = self._generator.picture((people.latents[first] + people.latents[second]) / 2)
        # Only a blend has to be measured, so the networks for that are not loaded earlier.
        faces = profiles.load("detector", "retinaface-mobilenet").detect([picture])[0]
        if not faces:
            return None
        mesh = profiles.load("landmarker", "mesh").locate([picture], faces[:1])[0]
        embedder = profiles.load("embedder", people.embedder)
        embedding = np.asarray(embedder.embed([picture], [face_of(mesh.points)])[0], np.float32)
        return Twin(picture, mesh.points, candidate, AT_REST, embedding)

    def _picture(self, entry: int) -> Image:
        picture = self._generator.picture(catalogue.load().latents[entry])
        picture.setflags(write=False)
        return picture
