"""Skin tone and beard from pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.attributes import skin
from tests.contracts import support
from tests.models.motion.mesh.test_raster import placed

JAW = (172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 410, 0, 186)


def face_of(lab: tuple[float, float, float]) -> np.ndarray:
    colour = cv2.cvtColor(np.float32([[lab]]), cv2.COLOR_LAB2BGR)[0, 0]
    return np.tile(np.clip(colour * 255, 0, 255).astype(np.uint8), (240, 320, 1))


@pytest.mark.parametrize(("lab", "ita"), [((75, 8, 14), 60.75), ((65, 12, 18), 39.8), ((42, 14, 18), -23.96)])
def test_ita_is_the_angle_in_lab(lab: tuple[float, float, float], ita: float) -> None:
    found, beard = skin.measure(face_of(lab), placed(side=150))
    assert found == pytest.approx(ita, abs=3.0)
    assert beard < 0.05


def test_shadows_over_less_than_half_of_the_skin_do_not_darken_it() -> None:
    frame = face_of((70, 10, 16))
    even = skin.measure(frame, placed(side=150))[0]
    frame[:, :150] //= 2
    assert skin.measure(frame, placed(side=150))[0] == pytest.approx(even, abs=6.0)


def test_a_dark_jaw_is_a_beard() -> None:
    frame, mesh = face_of((70, 10, 16)), placed(side=150)
    cv2.fillConvexPoly(frame, cv2.convexHull(np.round(mesh[list(JAW), :2]).astype(np.int32)), (25, 30, 35))
    assert skin.measure(frame, mesh)[1] > 0.5


def test_bearded_and_shaven_faces_are_told_apart() -> None:
    landmarker = support.load("landmarker", "mesh")
    found = {}
    for name in ("people/002_A", "synthetic/05"):
        frame = support.still(name)
        found[name] = skin.measure(frame, landmarker.locate([frame], [support.face(name)])[0].points)
    assert all(np.isfinite(values).all() and -60 < values[0] < 90 and 0 <= values[1] <= 1 for values in found.values())


def test_a_face_outside_the_frame_has_no_tone() -> None:
    assert np.isnan(skin.measure(face_of((70, 10, 16)), placed(x=5000))).all()
    assert np.isnan(skin.one_sidedness(face_of((70, 10, 16)), placed(x=5000)))


def test_one_sided_light_has_a_sign() -> None:
    frame = face_of((60, 10, 16))
    assert abs(skin.one_sidedness(frame, placed(side=150))) < 0.01
    frame[:, 160:] = np.minimum(frame[:, 160:].astype(int) * 5 // 4, 255)
    assert skin.one_sidedness(frame, placed(side=150)) > 0.1
    assert skin.one_sidedness(np.ascontiguousarray(frame[:, ::-1]), placed(x=159, side=150)) < -0.1
