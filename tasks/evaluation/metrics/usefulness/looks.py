"""Age, gender and skin tone preserved, as networks see them.

Twins of the embedded profile are chosen by the first reader of age and gender, so that it finds both kept; the second
reader took no part in any result.
"""

from __future__ import annotations

import numpy as np

from models.interfaces.capabilities import Floats
from tasks.evaluation.measure.records import Measured
from tasks.evaluation.metrics.definition import Better, Definition, Figure
from tasks.evaluation.metrics.series import both_known

AGE = Definition(
    "age_error",
    "Age error",
    "years",
    Better.NEITHER,
    "Apparent age after minus before, per person and file; the mean shows a bias, 0 is best. Apparent ages err by "
    "several years themselves.",
    "AnonNET table 5",
)
AGE_SIZE = Definition(
    "age_distance",
    "Age difference",
    "years",
    Better.LOWER,
    "Size of the difference of apparent age, per person and file.",
)
GENDER = Definition(
    "gender_agreement",
    "Same apparent gender",
    "share",
    Better.HIGHER,
    "Share of persons whom the gender network calls the same before and after: what it makes of a face, no fact about "
    "anybody.",
    "AnonNET table 5",
)
_SECOND = (
    " By a second network, FaceRes, which takes no part in making results; the first one chooses the twins of "
    "anonflow's profile embedded."
)
AGE_SECOND = Definition(
    "age_error_second_reader", "Age error, second reader", "years", Better.NEITHER, AGE.meaning + _SECOND, AGE.source
)
AGE_SIZE_SECOND = Definition(
    "age_distance_second_reader", "Age difference, second reader", "years", Better.LOWER, AGE_SIZE.meaning + _SECOND
)
GENDER_SECOND = Definition(
    "gender_agreement_second_reader",
    "Same apparent gender, second reader",
    "share",
    Better.HIGHER,
    GENDER.meaning + _SECOND,
    GENDER.source,
)
SKIN = Definition(
    "skin_difference",
    "Skin tone difference",
    "degrees of ITA",
    Better.LOWER,
    "Size of the difference of the skin's individual typology angle, per person and file; 10 to 20 degrees are one "
    "class of skin tone. Tone is no ethnicity, which is not measured; light shifts it.",
)


def of(measured: Measured) -> dict[tuple[Definition, str], Figure]:
    """Work out the numbers of one file; every person counts once.

    Args:
        measured: what was measured of it.

    Returns:
        The numbers by definition and variant, which is empty.
    """
    found: dict[tuple[Definition, str], Figure] = {}
    for ages, females, (error, size, agreement) in (
        (measured.age, measured.female, (AGE, AGE_SIZE, GENDER)),
        (measured.age_second, measured.female_second, (AGE_SECOND, AGE_SIZE_SECOND, GENDER_SECOND)),
    ):
        age, female = _medians(measured, ages), _medians(measured, females)
        difference = age[1] - age[0]
        same = (female[0] >= 0.5) == (female[1] >= 0.5)
        found[error, ""] = _mean(difference, difference)
        found[size, ""] = _mean(np.abs(difference), difference)
        found[agreement, ""] = _mean(same.astype(np.float64), female.sum(axis=0))
    skin = _medians(measured, measured.skin)
    found[SKIN, ""] = _mean(np.abs(skin[1] - skin[0]), skin.sum(axis=0))
    return found


def _medians(measured: Measured, pair: Floats) -> np.ndarray:
    """(2, people) medians over each person's rows; NaN where nothing is known on both sides."""
    known = both_known(pair)
    result = np.full((2, len(measured.people)), np.nan)
    for k, person in enumerate(measured.people):
        rows = known & (measured.person == person)
        if rows.any():
            result[:, k] = np.median(pair[:, rows], axis=1)
    return result


def _mean(values: np.ndarray, known_by: np.ndarray) -> Figure:
    known = np.isfinite(known_by)
    if not known.any():
        return Figure.unknown("No face on both sides that the network could look at.")
    return Figure(float(values[known].mean()), samples=int(known.sum()))
