"""The twin's skin in the source's hue, without dyeing what is grey."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.motion.mesh import hairline

SKIN = np.array([90, 120, 180], np.float32)
shades = st.lists(st.floats(40, 220), min_size=3, max_size=3).map(lambda v: np.array(sorted(v), np.float32))


def flat(colour: np.ndarray) -> np.ndarray:
    return np.full((8, 8, 3), colour, np.uint8)


@given(shades)
def test_grey_stays_grey_whatever_the_skins(wanted: np.ndarray) -> None:
    grey = flat(np.array([70, 70, 70]))
    assert np.array_equal(hairline.match_tone(grey, SKIN, wanted), grey)


def test_skin_takes_the_hue_and_keeps_its_brightness() -> None:
    wanted = np.array([60, 70, 90], np.float32)
    made = hairline.match_tone(flat(SKIN), SKIN, wanted)[0, 0].astype(float)
    ratio = made / wanted
    assert np.allclose(ratio / ratio.mean(), 1, atol=0.02)
    assert abs(np.exp(np.log(made).mean()) / np.exp(np.log(SKIN).mean()) - 1) < 0.02


def test_an_unknown_tone_changes_nothing() -> None:
    picture = flat(SKIN)
    assert hairline.match_tone(picture, SKIN, np.full(3, np.nan, np.float32)) is picture
