"""The words that a diffusion model is given (AnonNET sections 3.3 and 3.4): a pure function of predicted attributes.

Identifying, as the attributes are: a prompt never leaves the run.
"""

from __future__ import annotations

from collections.abc import Mapping

from models.interfaces.capabilities import FaceAttributes

AGE_GROUPS = (
    (1, "newborn baby"),
    (4, "toddler"),
    (10, "young child"),
    (14, "pre-teen"),
    (18, "teenager"),
    (25, "young adult"),
    (35, "adult"),
    (50, "middle-aged adult"),
    (65, "mature adult"),
    (80, "senior"),
)
"""Upper bounds in years, inclusive, as the authors of AnonNET have them; older people are elderly."""
ELDERLY = "elderly"

SURE = 0.5
"""Probability from which on a label is believed: more than all others together."""

_MOODS = {
    "anger": "angry",
    "disgust": "disgusted",
    "fear": "fearful",
    "happy": "happy",
    "sadness": "sad",
    "surprised": "surprised",
}
_KINDS = {
    "asian": "Asian",
    "indian": "Indian",
    "black": "Black",
    "white": "White",
    "middle eastern": "Middle Eastern",
    "latino hispanic": "Latino Hispanic",
}
_TONES = ((-30.0, "dark-skinned"), (10.0, "brown-skinned"), (28.0, "tan-skinned"))
"""Upper bounds of the typology angle in degrees; where no ethnicity is estimated, the measured tone is used."""
_LIGHT = "light-skinned"

NEGATIVE = (
    "(deformed, disfigured, distorted face, asymmetric eyes, crossed eyes, bad teeth)1.4, "
    "(cartoon, anime, drawing, sketch, painting)1.3, (3d render, cgi, doll, plastic skin)1.3, "
    "makeup mask, text, watermark, blurry, low quality, overexposed, duplicate, two faces, hands"
)
"""Unwanted features, in the same notation as the prompt: a bracket's words weigh as much as the number behind it."""


def age_group(age: float) -> str:
    """Return the words for an age.

    Args:
        age: Years.

    Returns:
        One of AGE_GROUPS, or ELDERLY.
    """
    return next((words for bound, words in AGE_GROUPS if age <= bound), ELDERLY)


def mood(emotion: Mapping[str, float]) -> str:
    """Return the words for an emotion.

    Args:
        emotion: Label -> probability.

    Returns:
        The leading emotion, weakened; neutral when that leads or none is sure.
    """
    label = leading(emotion)
    return f"mildly {_MOODS[label]}" if label in _MOODS else "neutral"


def kind(appearance: FaceAttributes) -> str:
    """Return the words for an ethnicity, or for the tone of the skin where no ethnicity is sure.

    Args:
        appearance: Attributes of the source.

    Returns:
        The words.
    """
    label = leading(appearance.ethnicity)
    if label in _KINDS:
        return _KINDS[label]
    return next((words for bound, words in _TONES if appearance.skin_ita <= bound), _LIGHT)


def leading(shares: Mapping[str, float]) -> str:
    """Return the most probable label.

    Args:
        shares: Label -> probability.

    Returns:
        The label, "" when it is not sure or there is none.
    """
    label = max(shares, key=lambda name: shares[name], default="")
    return label if label and shares[label] >= SURE else ""


def prompt(appearance: FaceAttributes) -> str:
    """Return the whole prompt.

    Args:
        appearance: Attributes of the source.

    Returns:
        The prompt.
    """
    age = age_group(appearance.age)
    article = "an" if age[0] in "aeiou" else "a"
    gender = "female" if appearance.female >= 0.5 else "male"
    return (
        f"A photorealistic portrait of {article} {age} {kind(appearance)} {gender}, "
        f"with a {mood(appearance.emotion)} expression"
    )


def negative(appearance: FaceAttributes) -> str:
    """Return the negative prompt.

    Args:
        appearance: Attributes of the source.

    Returns:
        The words; glasses are wanted where the source wears some, since their temples stay in the frame.
    """
    return NEGATIVE if appearance.glasses >= 0.5 else f"{NEGATIVE}, glasses"
