"""Made catalogues and jobs for the tests of who is chosen from the catalogue."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from models.inpainting import choosing
from models.inpainting.catalogue import Catalogue
from models.interfaces.capabilities import FaceAttributes, Floats
from models.interfaces.twins import TwinJob

DIMENSION = 512
ADULT = FaceAttributes(age=35, female=0.9, skin_ita=30)


def made(count: int = 120, seed: int = 0) -> Catalogue:
    """People at random: ages 4 to 80, every third with glasses, some near the first axis and some far from it."""
    rng = np.random.default_rng(seed)
    vectors = (rng.normal(size=(count, DIMENSION)) / np.sqrt(DIMENSION)).astype(np.float32)
    vectors[:, 0] += rng.uniform(-1.5, 1.5, count)
    return Catalogue(
        latents=np.zeros((count, 512), np.float32),
        age=rng.uniform(4, 80, count).astype(np.float32),
        female=rng.choice([0.05, 0.95], count).astype(np.float32),
        ita=rng.uniform(-30, 70, count).astype(np.float32),
        beard=rng.uniform(0, 0.5, count).astype(np.float32),
        glasses=np.arange(count) % 3 == 0,
        meshes=np.zeros((count, 478, 3), np.float32),
        embeddings=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        embedder="facenet",
        group=np.zeros(count, np.int64),
    )


PEOPLE = made()


def job(appearance: FaceAttributes, **changes: object) -> TwinJob:
    source = np.eye(DIMENSION, dtype=np.float32)[:1]
    start = TwinJob(
        frame=np.zeros((8, 8, 3), np.uint8),
        mesh=np.zeros((478, 3), np.float32),
        appearance=appearance,
        source=source,
        others=np.zeros((0, DIMENSION), np.float32),
        embedder="facenet",
        taken=(),
        seed=11,
        attempt=1,
    )
    return replace(start, **changes)


appearances = st.builds(
    FaceAttributes,
    age=st.floats(3, 90),
    female=st.floats(0, 1),
    skin_ita=st.floats(-40, 75),
    beard=st.floats(0, 1),
    glasses=st.sampled_from([0.0, 1.0]),
)


def members(chosen: int, people: Catalogue = PEOPLE) -> list[int]:
    """The entry, or the two between which a blend lies."""
    return [member for member in choosing.parents(chosen, len(people)) if member >= 0]


def women(near: Floats, ages: tuple[float, float]) -> Catalogue:
    """People who differ from `ADULT` in age alone. near: (n,) how much of the source is in each embedding."""
    size = len(near)
    rest = np.random.default_rng(5).normal(size=(size, DIMENSION - 1))
    rest *= np.sqrt(1 - near[:, None] ** 2) / np.linalg.norm(rest, axis=1, keepdims=True)
    return replace(
        made(size),
        embeddings=np.concatenate([near[:, None], rest], axis=1).astype(np.float32),
        age=np.linspace(*ages, size, dtype=np.float32),
        female=np.full(size, ADULT.female, np.float32),
        ita=np.full(size, ADULT.skin_ita, np.float32),
        beard=np.full(size, ADULT.beard, np.float32),
        glasses=np.zeros(size, bool),
    )
