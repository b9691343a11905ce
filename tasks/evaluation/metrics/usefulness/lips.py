"""Speech preserved for a person who watches and listens: whether the mouth keeps step with the sound."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats
from tasks.evaluation.measure.figures import OPENINGS
from tasks.evaluation.measure.records import Measured
from tasks.evaluation.metrics.definition import Better, Definition, Figure
from tasks.evaluation.metrics.series import both_known, correlation

SYNC = Definition(
    "lip_sync_lag",
    "Mouth behind the sound",
    "frames",
    Better.LIKE_ORIGINAL,
    "By how many frames the mouth moves later (earlier when negative) than the sound, which is the original's: where "
    "the changes of its opening correlate best with those of the loudness, within 0.4 seconds. On a few seconds of "
    "speech a frame more or less says nothing.",
)
REACH_S = 0.4
"""Seconds to both sides; further away lies the next syllable."""
_SPREAD_S = 0.04
"""Seconds, the spread of the bell over which changes are taken: within a syllable, and above the jitter of the mesh."""
_LEAST_S, _LEAST = 2.5, 30
"""Seconds and frames of a face under which there are too few syllables."""
_QUIET = 3.0
"""Standard deviation of loudness, in decibels, under which there is silence, a hum or a steady noise, no speech."""
_STILL = 0.01
"""Standard deviation of an opening, in widths between the outer eye corners, under which only noise moves."""
_AKIN = 0.2
"""Correlation under which a mouth does not follow the sound: no person speaks, or one who is not seen."""
_DISPLACED, _RARE = 40, 0.25
"""So many times the sound is put out of place; in more than this share it must not fit as well as in its own. Lenient,
as both sides are compared with one another: what is chance in the original is the same chance afterwards."""


def of(measured: Measured) -> dict[tuple[Definition, str], Figure]:
    """Work out the lag of the person with the most faces.

    Args:
        measured: what was measured of the file.

    Returns:
        The number by definition and variant, which is empty.
    """
    if not measured.people:
        return {(SYNC, ""): Figure.unknown("No face.")}
    rows = measured.person == measured.people[0]
    frame, mouth = measured.frame[rows], measured.openings[:, rows, OPENINGS.index("mouth")]
    loudness = measured.loudness[frame] if len(measured.loudness) else measured.loudness
    rate = measured.frames / measured.duration if measured.duration > 0 else 0.0
    return {(SYNC, ""): lag(mouth, loudness, frame, rate)}


def lag(mouth: Floats, loudness: Floats, frame: NDArray[np.int64], rate: float = 25.0) -> Figure:
    """Work out by how many frames the mouth comes after the sound on the anonymized side.

    Frames on which only one of the mouths is known count on neither side.

    Args:
        mouth: (2, n) openings, NaN where unknown.
        loudness: (n,) decibels, empty where there is no sound.
        frame: (n,) increasing numbers of the frames, of which every one must have been looked at.
        rate: frames a second.

    Returns:
        The lag in frames; `original` is that of the original. Unknown, too, where the same sound at other times would
        fit as well: then it is chance.
    """
    if not len(loudness):
        return Figure.unknown("The original has no sound.")
    known = both_known(mouth)
    step = int(np.min(np.diff(frame))) if len(frame) > 1 else 0
    if step != 1 or known.sum() < max(_LEAST_S * rate, _LEAST):
        return Figure.unknown(f"Needs both mouths on every frame of at least {_LEAST_S:g} seconds.")
    if float(loudness[known].std()) < _QUIET:
        return Figure.unknown("The loudness of the sound hardly varies: nobody speaks.")
    if float(mouth[0, known].std()) < _STILL:
        return Figure.unknown("The mouth hardly moves in the original.")
    place = frame - frame[0]
    series = np.full((3, int(place[-1]) + 1), np.nan)
    # As loud as it is heard (Stevens): in decibels a breath counts nearly as much as a vowel.
    series[0, place] = 2.0 ** (loudness / 10.0)
    series[1:, place[known]] = mouth[:, known]
    # Changes: that a mouth is open in a smile, or a voice loud for a while, is no speech.
    sound, *sides = (_changes(one, rate) for one in series)
    (before, akin), (after, still_akin) = (_best(sound, side, max(1, round(REACH_S * rate))) for side in sides)
    if not akin >= _AKIN:
        return Figure.unknown("It is not clear that the mouth follows the sound in the original.")
    if not still_akin >= _AKIN:
        return Figure.unknown("It is not clear any more that the mouth follows the sound; in the original it does.")
    note = f"Correlation with the sound: {still_akin:.2f}, in the original {akin:.2f}."
    return Figure(float(after), samples=int(known.sum()), original=float(before), note=note)


def _changes(series: NDArray[np.float64], rate: float) -> Floats:
    """(n,) slope of a series, smoothed by a bell; NaN where something within its reach is not known."""
    spread = max(_SPREAD_S * rate, 0.5)
    away = np.arange(-max(1, round(2.5 * spread)), max(1, round(2.5 * spread)) + 1)
    # Convolution turns it around: what comes later counts positive.
    bell = -away * np.exp(-0.5 * (away / spread) ** 2)
    reach = len(away) // 2
    result = np.full(len(series), np.nan, np.float32)
    result[reach:-reach] = np.convolve(series, bell, "valid")
    return result


def _best(sound: Floats, mouth: Floats, reach: int) -> tuple[int, float]:
    """(lag, correlation) up to `reach` frames away where the mouth follows the sound best. NaN where it would follow
    still better further away, and where the sound at other times fits as well."""
    found = {lag: _shifted(sound, mouth, lag) for lag in range(-reach - 1, reach + 2)}
    best = max(found, key=lambda lag: found[lag])
    half = _DISPLACED // 2
    away = np.linspace(2 * reach, len(sound) - 2 * reach, half).round().astype(int)
    anywhere = np.linspace(0, len(sound), half, endpoint=False).round().astype(int)
    # Backwards a slope falls where it rose.
    others = [np.roll(sound, by) for by in away] + [np.roll(-sound[::-1], by) for by in anywhere]
    chance = [max(_shifted(other, mouth, lag) for lag in range(-reach, reach + 1)) for other in others]
    good = abs(best) <= reach and float(np.mean(np.array(chance) >= found[best])) <= _RARE
    return best, found[best] if good else float("nan")


def _shifted(sound: Floats, mouth: Floats, lag: int) -> float:
    """Correlation of the sound with the mouth `lag` frames later; -1 where too little is known, or nothing moves."""
    count = len(sound) - abs(lag)
    ahead, behind = max(-lag, 0), max(lag, 0)
    pair = np.stack([sound[ahead : ahead + count], mouth[behind : behind + count]])
    value = correlation(pair, np.zeros(count, np.int64))
    return value if np.isfinite(value) else -1.0
