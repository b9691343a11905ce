"""The prompt is a pure function of the attributes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.inpainting.controlnet import prompt
from models.interfaces.capabilities import FaceAttributes

HAPPY = {"happy": 0.8, "neutral": 0.2}


@pytest.mark.parametrize(
    ("appearance", "expected"),
    [
        (
            FaceAttributes(42, 0.9, {"neutral": 0.9, "happy": 0.1}, ethnicity={"asian": 0.8, "white": 0.2}),
            "A photorealistic portrait of a middle-aged adult Asian female, with a neutral expression",
        ),
        (
            FaceAttributes(30, 0.1, HAPPY, ethnicity={"black": 0.7}),
            "A photorealistic portrait of an adult Black male, with a mildly happy expression",
        ),
        (
            FaceAttributes(85, 0.2, {"sadness": 0.6}, ethnicity={"latino hispanic": 0.9}),
            "A photorealistic portrait of an elderly Latino Hispanic male, with a mildly sad expression",
        ),
        (
            FaceAttributes(3, 0.7, {"happy": 0.4, "sadness": 0.4}, ethnicity={"indian": 0.5}),
            "A photorealistic portrait of a toddler Indian female, with a neutral expression",
        ),
        (
            FaceAttributes(22, 0.5, {}, skin_ita=50.0),
            "A photorealistic portrait of a young adult light-skinned female, with a neutral expression",
        ),
        (
            FaceAttributes(60, 0.0, {"anger": 0.9}, skin_ita=-45.0, ethnicity={"white": 0.4, "black": 0.4}),
            "A photorealistic portrait of a mature adult dark-skinned male, with a mildly angry expression",
        ),
    ],
)
def test_prompts(appearance: FaceAttributes, expected: str) -> None:
    assert prompt.prompt(appearance) == expected


@pytest.mark.parametrize(
    ("age", "group"),
    [
        (0, "newborn baby"), (1, "newborn baby"), (1.1, "toddler"), (4, "toddler"), (10, "young child"),
        (14, "pre-teen"), (18, "teenager"), (18.5, "young adult"), (25, "young adult"), (35, "adult"),
        (50, "middle-aged adult"), (65, "mature adult"), (80, "senior"), (80.5, "elderly"), (120, "elderly"),
    ],
)  # fmt: skip
def test_age_groups(age: float, group: str) -> None:
    assert prompt.age_group(age) == group


def test_there_are_eleven_age_groups() -> None:
    assert len({words for _, words in prompt.AGE_GROUPS} | {prompt.ELDERLY}) == 11


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("anger", "mildly angry"), ("disgust", "mildly disgusted"), ("fear", "mildly fearful"),
        ("happy", "mildly happy"), ("sadness", "mildly sad"), ("surprised", "mildly surprised"), ("neutral", "neutral"),
    ],
)  # fmt: skip
def test_emotions_are_weakened(label: str, words: str) -> None:
    assert prompt.mood({label: 0.51, "other": 0.49}) == words
    assert prompt.mood({label: 0.49, "other": 0.51}) == "neutral"


def test_what_is_not_wanted() -> None:
    plain = prompt.negative(FaceAttributes(30, 0.5))
    assert all(word in plain for word in ("deformed", "cartoon", "render", "glasses"))
    assert "glasses" not in prompt.negative(FaceAttributes(30, 0.5, glasses=0.9))


def test_the_words_of_every_backend_are_known() -> None:
    pytest.importorskip("deepface", reason="needs: pip install 'anonflow[diffusion]'")
    from models.attributes.deepface_emotion import DeepFaceEmotion
    from models.attributes.deepface_race import DeepFaceRace
    from models.attributes.emotion import FacexEmotion

    for kind in (DeepFaceEmotion, FacexEmotion):
        words = {prompt.mood({label: 1.0}) for label in kind.labels}
        assert len(words) == 7 and "neutral" in words
    said = {prompt.kind(FaceAttributes(30, 0.5, ethnicity={label: 1.0})) for label in DeepFaceRace.labels}
    assert len(said) == 6 and not any("skinned" in word for word in said)


@given(
    st.floats(0, 120), st.floats(0, 1), st.dictionaries(st.sampled_from(["happy", "neutral", "?"]), st.floats(0, 1)),
    st.dictionaries(st.sampled_from(["asian", "white", "?"]), st.floats(0, 1)), st.floats(-90, 90),
)  # fmt: skip
def test_any_attributes_give_one_sentence(
    age: float, female: float, emotion: dict[str, float], ethnicity: dict[str, float], ita: float
) -> None:
    text = prompt.prompt(FaceAttributes(age, female, emotion, ita, ethnicity=ethnicity))
    assert text.startswith("A photorealistic portrait of a") and text.endswith(" expression")
    assert "  " not in text and "?" not in text and text.count("male") == 1
