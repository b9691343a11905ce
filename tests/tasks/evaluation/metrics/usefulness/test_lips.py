"""Whether the mouth keeps step with the sound, on made speech whose lag is known, and on a real clip."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import WeightsError
from infra.media.probe import probe_video
from infra.media.sound import SILENT, loudness
from models.weights import weight_files
from tasks.evaluation.measure.figures import OPENINGS
from tasks.evaluation.measure.records import Measured
from tasks.evaluation.metrics.definition import Figure
from tasks.evaluation.metrics.usefulness import lips
from tasks.evaluation.metrics.usefulness.lips import SYNC, lag, of
from tests.tasks.evaluation.metrics.support import measured

RATE = 25


def speech(frames: int = 150, rate: float = RATE, seed: int = 1) -> np.ndarray:
    """(frames,) from 0, shut, to 1: about four syllables a second, none like the other, with pauses."""
    random = np.random.default_rng(seed)
    result, time = np.zeros(frames + 200), np.arange(frames + 200) / rate
    at = 0.0
    while at < time[-1]:
        at += random.uniform(0.15, 0.4) + (random.uniform() < 0.15) * 0.5
        result = np.maximum(result, random.uniform(0.3, 1) * np.exp(-0.5 * ((time - at) / 0.06) ** 2))
    return result[100 : 100 + frames]


def moved(series: np.ndarray, frames: int, seed: int = 9) -> np.ndarray:
    """The same so many frames later; what comes in at the end is other speech."""
    long = np.concatenate([speech(30, seed=seed), series, speech(30, seed=seed + 1)])
    return long[30 - frames : 30 - frames + len(series)]


def mouths(before: np.ndarray, after: np.ndarray, noise: float = 0.02) -> np.ndarray:
    """(2, n) openings with the jitter of a mesh."""
    pair = 0.05 + 0.3 * np.stack([before, after])
    return (pair + np.random.default_rng(5).normal(0, noise, pair.shape)).astype(np.float32)


def decibels(series: np.ndarray) -> np.ndarray:
    return np.maximum(20 * np.log10(0.3 * series + 1e-4), SILENT).astype(np.float32)


TALK = speech()
ALL = np.arange(len(TALK))
UNCLEAR = "not clear"


def found(before: int = 0, after: int = 0) -> Figure:
    return lag(mouths(moved(TALK, before), moved(TALK, after)), decibels(TALK), ALL)


@settings(max_examples=15, deadline=None)
@given(st.integers(-9, 9), st.integers(-9, 9))
def test_the_lags_that_were_put_in_come_out(before: int, after: int) -> None:
    figure = found(before, after)
    assert (figure.original, figure.value) == (before, after), "positive: the mouth moves later"
    assert figure.samples == len(TALK)


def test_both_correlations_are_told() -> None:
    loose = lag(mouths(TALK, 0.5 * TALK + 0.5 * speech(seed=20)), decibels(TALK), ALL)
    note = loose.note.replace(",", "").rstrip(".").split()
    after, before = float(note[4]), float(note[8])
    assert loose.note.startswith("Correlation with the sound: ") and 0.2 < after < before - 0.1 < 1


@pytest.mark.parametrize("rate", [12, 30, 60])
def test_the_reach_is_in_seconds_whatever_the_rate(rate: int) -> None:
    frames = 6 * rate
    inside, outside = int(0.3 * rate), int(0.55 * rate)
    long = speech(frames + 2 * outside, rate)
    for by in (inside, -inside, outside, -outside):
        start = outside - by
        pair = mouths(long[outside : outside + frames], long[start : start + frames], noise=0.0)
        figure = lag(pair, decibels(long[outside : outside + frames]), np.arange(frames), rate)
        assert figure.value == by if abs(by) == inside else UNCLEAR in figure.note


@pytest.mark.parametrize("by", [11, -11, 13])
def test_what_is_just_out_of_reach_is_not_taken_for_the_end_of_it(by: int) -> None:
    assert "any more" in found(0, by).note and UNCLEAR in found(by, 0).note
    assert found(0, 10).value == 10


def test_breath_between_the_words_hardly_counts() -> None:
    breath = np.random.default_rng(8).uniform(-60, -32, len(TALK))
    figure = lag(mouths(TALK, TALK), np.maximum(decibels(TALK), breath).astype(np.float32), ALL)
    assert figure.value == 0 and float(figure.note.rstrip(".").split()[-1]) > 0.9


def test_a_connection_too_loose_is_none_however_sure() -> None:
    talk = speech(1500)
    for share, clear in ((0.35, True), (0.2, False)):
        loose = share * talk + (1 - share) * speech(1500, seed=60)
        figure = lag(mouths(loose, loose), decibels(talk), np.arange(1500))
        assert figure.known is clear and (clear or UNCLEAR in figure.note)


def test_gaps_and_unknown_mouths_keep_their_time() -> None:
    frame = np.delete(ALL, [40, 41, 90])
    pair = mouths(TALK, moved(TALK, 4))[:, frame]
    pair[1, 60:64], pair[0, 100] = np.nan, np.nan
    figure = lag(pair, decibels(TALK)[frame], frame + 1000)
    assert (figure.original, figure.value, figure.samples) == (0, 4, len(frame) - 5)


def test_without_a_sound_it_is_unknown() -> None:
    figure = lag(mouths(TALK, TALK), np.zeros(0, np.float32), ALL)
    assert not figure.known and figure.note == "The original has no sound."


@pytest.mark.parametrize("level", [SILENT, -12.0])
def test_silence_and_a_hum_are_no_speech(level: float) -> None:
    steady = np.random.default_rng(3).normal(level, 0.5, len(TALK)).astype(np.float32)
    figure = lag(mouths(TALK, TALK), steady, ALL)
    assert not figure.known and "nobody speaks" in figure.note


def test_somebody_else_speaking_is_told_from_speech_lost() -> None:
    other = lag(mouths(TALK, TALK), decibels(speech(seed=32)), ALL)
    assert not other.known and other.note.endswith("in the original.") and UNCLEAR in other.note
    for mute in (np.zeros(len(TALK)), speech(seed=31)):
        lost = lag(mouths(TALK, mute), decibels(TALK), ALL)
        assert not lost.known and "any more" in lost.note
    still = lag(mouths(np.zeros(len(TALK)), TALK, noise=0.005), decibels(TALK), ALL)
    assert not still.known and still.note == "The mouth hardly moves in the original."


def test_chance_seldom_passes_for_speech() -> None:
    passed = [lag(mouths(*[speech(seed=s)] * 2), decibels(speech(seed=s + 500)), ALL).known for s in range(40, 70)]
    assert sum(passed) <= 10, "a quarter is let through"


def test_a_smile_and_a_voice_that_grows_louder_do_not_count() -> None:
    drift = np.linspace(0, 3, len(TALK))
    pair = mouths(moved(TALK, 3), moved(TALK, -2)) + 0.3 * drift[::-1].astype(np.float32)
    figure = lag(pair, decibels(TALK * (0.4 + 0.2 * drift)), ALL)
    assert (figure.original, figure.value) == (3, -2)


@pytest.mark.parametrize("frame", [ALL[:62], ALL[::2], ALL[:1]])
def test_too_few_frames_or_not_every_frame(frame: np.ndarray) -> None:
    figure = lag(mouths(TALK, TALK)[:, frame], decibels(TALK)[frame], frame)
    assert not figure.known and "every frame" in figure.note
    assert lag(mouths(TALK, TALK)[:, :63], decibels(TALK)[:63], ALL[:63]).known
    assert "every frame" in lag(mouths(TALK, TALK)[:, :29], decibels(TALK)[:29], ALL[:29], rate=5).note


def test_frames_known_on_one_side_only_do_not_make_it_long_enough() -> None:
    pair = mouths(TALK, TALK)
    pair[0, 50:], pair[1, 100:] = np.nan, np.nan
    assert "every frame" in lag(pair, decibels(TALK), ALL).note


@pytest.mark.parametrize("rate", [0.5, 1, 5, 1000])
def test_any_rate_is_taken(rate: float) -> None:
    for frames in (30, 31, 150):
        figure = lag(mouths(TALK, TALK)[:, :frames], decibels(TALK)[:frames], ALL[:frames], rate)
        assert figure.known or figure.note


def file(pair: np.ndarray, sound: np.ndarray, person: list[int] | None = None, rate: float = RATE) -> Measured:
    columns = np.full((2, pair.shape[1], 5), 0.2, np.float32)
    columns[:, :, OPENINGS.index("mouth")] = pair
    return measured(pair.shape[1], person, openings=columns, loudness=sound, duration=pair.shape[1] / rate)


def test_of_a_file_whoever_is_seen_most_counts() -> None:
    pair = mouths(TALK, moved(TALK, 5))
    assert of(file(pair, decibels(TALK)))[SYNC, ""].value == 5
    pair[:, :20] = 0.9
    both = of(file(pair, decibels(TALK), [7] * 20 + [3] * 130))[SYNC, ""]
    assert both.value == 5 and both.samples == 130


def test_of_a_file_the_sound_is_that_of_its_frames() -> None:
    one = file(mouths(TALK, moved(TALK, 2)), decibels(speech(400, seed=1)))
    later = measured(150, openings=one.openings, frame=ALL + 7, frames=200, duration=200 / RATE,
                     loudness=np.concatenate([np.full(7, SILENT), decibels(TALK), np.full(43, SILENT)]))  # fmt: skip
    assert of(later)[SYNC, ""].value == 2 and of(later)[SYNC, ""].original == 0


def test_of_a_file_the_rate_is_its_own() -> None:
    talk = speech(300, rate=50)
    pair = mouths(talk, np.concatenate([speech(15, 50, seed=9), talk[:-15]]))
    assert of(file(pair, decibels(talk), rate=50))[SYNC, ""].value == 15
    assert "any more" in of(file(pair, decibels(talk), rate=25))[SYNC, ""].note


def test_what_is_unknown_of_a_file_is_no_error() -> None:
    for empty in (Measured.empty(), measured(0), measured(3), file(mouths(TALK, TALK), np.zeros(0, np.float32))):
        figure = of(empty)[SYNC, ""]
        assert not figure.known and figure.note


def test_a_real_clip_has_its_speech_at_its_time() -> None:
    """The demonstration clip against a mouth that follows its sound."""
    try:
        path = weight_files.path("demo-clip")
    except WeightsError as error:
        pytest.skip(str(error))
    info = probe_video(path)
    heard = loudness(path, info, np.array([info.seconds(n) for n in range(info.frame_count)]))
    assert heard.shape == (173,) and heard.std() > lips._QUIET
    opening = np.clip((heard + 50) / 50, 0, 1)
    figure = lag(mouths(opening, np.roll(opening, 3)), heard, np.arange(173), float(info.fps))
    assert (figure.original, figure.value) == (0, 3)
