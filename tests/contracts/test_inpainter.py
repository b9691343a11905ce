"""Every inpainter keeps the contract of models.interfaces.twins.Inpainter."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra.errors import AttemptFailed, Withheld
from infra.settings import IdentityScope
from models.interfaces.capabilities import FaceAttributes
from models.interfaces.twins import Inpainter, Twin, TwinJob
from models.motion.mesh import geometry
from models.selection import profiles
from tests.contracts import support
from tools.people import groups

SOURCE = "people/009_C"


@pytest.fixture(params=support.names("inpainter"))
def inpainter(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The shared instance; for the diffusion inpainter one with small random networks, whose paintings, which are no
    faces, a stand-in replaces by synthetic people: everything before and after is real."""
    support.load("detector", "retinaface-mobilenet")
    if request.param != "controlnet":
        return support.load("inpainter", request.param)
    folder = request.getfixturevalue("hub")
    from models.inpainting.controlnet import conditions, pipeline
    from tests.reference import painter

    monkeypatch.setattr(pipeline, "paint", painter.paint)
    monkeypatch.setattr(conditions, "control_images", painter.no_controls)
    return _diffusion(folder)


@cache
def _diffusion(folder: Path) -> Any:
    from tests.reference import diffusion_files

    return diffusion_files.inpainter(folder)


def job(**changes: Any) -> TwinJob:
    frame, face = support.still(SOURCE), support.face(SOURCE)
    vector = support.load("embedder", "facenet").embed([frame], [face])
    start = TwinJob(
        frame=frame,
        mesh=support.load("landmarker", "mesh").locate([frame], [face])[0].points,
        appearance=FaceAttributes(age=38, female=0.05, skin_ita=40, beard=0.2),
        source=vector,
        others=np.zeros((0, vector.shape[1]), np.float32),
        embedder="facenet",
        taken=(),
        seed=5,
        attempt=1,
    )
    return replace(start, **changes)


def one_face(twin: Twin) -> Any:
    faces = [f for f in support.load("detector", "retinaface-mobilenet").detect([twin.picture])[0] if f.score > 0.9]
    assert len(faces) == 1
    return faces[0]


def test_makes_one_clear_face_with_its_mesh(inpainter: Any) -> None:
    assert isinstance(inpainter, Inpainter)
    twin = inpainter.inpaint(job())
    assert twin.picture.dtype == np.uint8 and twin.picture.ndim == 3 and twin.picture.shape[2] == 3
    assert twin.mesh.shape == (478, 3) and twin.mesh.dtype == np.float32
    face = one_face(twin)
    assert np.abs(twin.mesh[[468, 473, 1, 61, 291], :2] - face.points).max() < 0.12 * face.size
    if not len(twin.blendshapes):
        assert geometry.mouth_gap(twin.mesh) < 0.12
    assert np.linalg.norm(twin.embedding) == pytest.approx(1.0, abs=1e-4)


def test_the_stated_embedding_is_the_pictures(inpainter: Any) -> None:
    twin = inpainter.inpaint(job())
    (seen,) = support.load("embedder", "facenet").embed([twin.picture], [one_face(twin)])
    assert 1 - float(seen @ twin.embedding) < 0.15


def test_is_determined_by_the_job(inpainter: Any) -> None:
    one, again = inpainter.inpaint(job()), inpainter.inpaint(job())
    assert one.candidate == again.candidate and np.array_equal(one.picture, again.picture)
    assert len({inpainter.inpaint(job(seed=seed)).candidate for seed in range(6)}) > 1


def test_a_twin_is_nobody_it_was_told_to_avoid(inpainter: Any) -> None:
    first = inpainter.inpaint(job())
    second = inpainter.inpaint(job(taken=(first.candidate,), attempt=2))
    assert second.candidate != first.candidate
    assert 1 - float(second.embedding @ job().source[0]) > 0.6


def test_a_preferred_twin_is_the_same_person_again(inpainter: Any) -> None:
    if IdentityScope.DATASET not in profiles.backend("inpainter", inpainter.name).scopes:
        pytest.skip("makes a person anew for every video, and says so in its entry")
    first = inpainter.inpaint(job())
    again = inpainter.inpaint(job(prefer=first.candidate, seed=99, attempt=1))
    assert again.candidate == first.candidate and np.array_equal(again.picture, first.picture)


def test_a_twin_stays_away_from_everybody_else(inpainter: Any) -> None:
    near = np.stack([inpainter.inpaint(job(seed=seed)).embedding for seed in range(3)])
    for seed in range(3):
        try:
            twin = inpainter.inpaint(job(seed=seed, others=near))
        except AttemptFailed as failed:
            assert failed.reason == "like_another"
        else:
            assert float((1 - near @ twin.embedding).min()) > 0.3


def test_withholds_when_nobody_is_far_enough(inpainter: Any) -> None:
    if inpainter.name == "controlnet":
        pytest.skip("invents people: nobody runs out; whether a twin is far enough is verified when it is painted")
    # A source that resembles everybody leaves nobody to become.
    with pytest.raises(Withheld) as raised:
        inpainter.inpaint(job(source=groups.sorted_people()[0], attempt=9))
    assert raised.value.reason == "no_candidate"
