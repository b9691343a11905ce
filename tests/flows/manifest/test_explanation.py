"""What is said of a row: why, what was tried, what to do; and nothing that tells who is who."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from flows.manifest.explanation import explain, of_row
from flows.manifest.rows import VideoRow
from infra.errors import UsageError
from infra.reasons import Reason
from tasks.records import Verdict


def attempt(number: int, reason: str, distance: float | None, threshold: float = 0.5, **more: Any) -> dict[str, Any]:
    """As `tasks.records` writes a try, which a manifest then holds as JSON values."""
    return {
        "number": number,
        "candidate": 4711,
        "strength": 1.4,
        "distance": distance,
        "threshold": threshold,
        "accepted": reason == "accepted",
        "reason": reason,
        "made_with": {"guidance": 8.25},
        "genuine": None if distance is None else 0.12,
        "strangers": None if distance is None else 0.66,
    } | more


def score(embedder: str, smallest: float | None, recognised: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "embedder": embedder,
        "threshold": 0.2,
        "smallest": smallest,
        "mean": 0.4,
        "worst_frame": 14,
        "recognised": recognised,
        "to_twin": 0.05,
        "matched": 0,
    } | more


def row(verdict: Verdict, reason: str = "", **values: Any) -> VideoRow:
    made = VideoRow(public_id="abc", input_id="secret", ordinal=3, verdict=verdict, reason=reason, **values)
    # As it is read back from a manifest.
    return VideoRow.from_json(json.loads(json.dumps(made.as_json())))


PUBLISHED = row(
    Verdict.PUBLISHED,
    attempts=[attempt(1, "accepted", 0.71)],
    audit=[score("dlib", 0.31, matched=1), score("sface", None)],
    output="videos/abc.mp4",
    faces_replaced=132,
    faces_lost=2,
    surroundings=0.034,
)


def test_published() -> None:
    assert of_row(PUBLISHED) == [
        "published: every face is replaced, and every frame passed the audit.",
        "Tries at a twin for person 1:",
        "  1. Accepted. Its distance from the source is 0.71, where more than 0.50 is asked for. In this footage the "
        "source's own pictures lie within 0.12 of one another, strangers of the same kind at 0.66. Strength 1.40.",
        "The audit of the finished file:",
        "  dlib recognises the source in no frame; the smallest distance is 0.31 (frame 14), where more than 0.20 is "
        "asked for; the mean is 0.40; the twin it should show is 0.05 away; a general matcher takes 1 frame for the "
        "source, surroundings included.",
        "  sface compared no face.",
        "Faces over all frames: 132 replaced, 0 covered, 2 of the replaced ones not seen by the audit's detector.",
        "Hair, ears, head and light alone: a general matcher takes painted strangers for the source in 3% of pairs.",
        "What to do: Nothing.",
    ]


def test_withheld_after_tries_for_two_people() -> None:
    said = of_row(
        row(
            Verdict.WITHHELD,
            "too_close_in_place",
            message="Every twin that was tried came too near to the source.",
            attempts=[
                attempt(1, "audit_recognised", 0.71),
                attempt(2, "accepted", 0.8),
                attempt(1, "no_candidate", None, missing="None may serve: skin tone (31), age (9)."),
                attempt(2, "too_close_in_place", 0.3, 0.52),
            ],
        )
    )
    assert said[:3] == [
        "withheld: nothing is published of it.",
        f"Reason: too_close_in_place. {Reason.TOO_CLOSE_IN_PLACE.meaning}",
        "Every twin that was tried came too near to the source.",
    ]
    tries = said[3:-1]
    assert [line[:30] for line in tries] == [
        "Tries at a twin for person 1:",
        "  1. Rejected (audit_recognise",
        "  2. Accepted. Its distance fr",
        "Tries at a twin for person 2:",
        "  1. Rejected (no_candidate). ",
        "  2. Rejected (too_close_in_pl",
    ]
    assert Reason.AUDIT_RECOGNISED.meaning in tries[1] and "0.71 was enough: more than 0.50" in tries[1]
    assert tries[4].endswith("skin tone (31), age (9). There is no distance: nothing could be compared.")
    assert "distance from the source is 0.30; more than 0.52 is asked for" in tries[5]
    assert said[-1] == f"What to do: {Reason.TOO_CLOSE_IN_PLACE.remedy}" and "--on-failure redact" in said[-1]


def test_redacted() -> None:
    said = of_row(row(Verdict.REDACTED, "no_safe_twin", faces_replaced=10, faces_redacted=5, redacted_tracks=1))
    assert said == [
        "redacted: every frame passed the audit; some faces are covered instead of replaced.",
        f"Reason: no_safe_twin. {Reason.NO_SAFE_TWIN.meaning}",
        "Faces over all frames: 10 replaced, 5 covered (on 1 track).",
        f"What to do: {Reason.NO_SAFE_TWIN.remedy}",
    ]


def test_failed_and_a_message_that_only_repeats_the_meaning() -> None:
    said = of_row(row(Verdict.FAILED, "not_media", message="The file is no video in a supported container."))
    assert said == [
        "failed: it could not be processed.",
        f"Reason: not_media. {Reason.NOT_MEDIA.meaning}",
        "The file is no video in a supported container.",
        f"What to do: {Reason.NOT_MEDIA.remedy}",
    ]
    assert len(of_row(row(Verdict.FAILED, "empty", message=Reason.EMPTY.meaning))) == 3


def test_rejected_in_a_review_and_redone() -> None:
    said = of_row(PUBLISHED.rejected())
    assert said[0] == "withheld: a person rejected the result, which was removed."
    assert said[1] == f"Reason: review. {Reason.REVIEW.meaning}" and said[-1] == f"What to do: {Reason.REVIEW.remedy}"
    again = of_row(replace(PUBLISHED.rejected(), verdict=Verdict.FAILED, reason="redo", review="redo", redone=2))
    assert again[0] == "failed: it could not be processed."
    assert again[-2:] == ["A person asked 2 times for another try.", f"What to do: {Reason.REDO.remedy}"]


def test_pulled_by_a_recheck() -> None:
    said = of_row(PUBLISHED.pulled("hidden_bytes"))
    assert said[0] == "withheld: a recheck took the result out of the destination."
    assert said[1] == f"Reason: hidden_bytes. {Reason.HIDDEN_BYTES.meaning}"
    assert "--overwrite" in said[-1] and "--pull" not in said[-1]


def test_a_reason_of_another_version() -> None:
    said = of_row(row(Verdict.WITHHELD, "moonlight", message="The moon was out.", software="9.9"))
    assert said[1:] == [
        "Reason: moonlight. This version of anonflow has no such reason.",
        "The moon was out.",
        "What to do: Look the reason up in docs/reasons.md of the version that wrote it (9.9).",
    ]
    bare = row(Verdict.WITHHELD, "taken", attempts=[{"reason": "moonlight"}], audit=[{"matched": 2}])
    assert "  0. Rejected (moonlight). There is no distance: nothing could be compared." in of_row(bare)


def test_inputs_of_equal_content_are_explained_once_and_others_not() -> None:
    rows = [
        PUBLISHED,
        replace(PUBLISHED, ordinal=7, input_id="b"),
        replace(PUBLISHED, public_id="other", message="not asked for"),
        row(Verdict.FAILED, "missing"),
    ]
    said = explain("abc", rows)
    assert said[0] == "abc (inputs of equal content: 3, 7)"
    assert said[1:10] == of_row(PUBLISHED)[:9]
    at = said.index("")
    assert said[at + 1] == "abc (input: 3)" and said[at + 2].startswith("failed: ") and "not asked for" not in said


def test_neither_candidates_nor_inputs_are_told() -> None:
    text = "\n".join(explain("abc", [PUBLISHED]))
    for told in ("4711", "guidance", "8.25", "secret", "candidate"):
        assert told not in text


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match="PUBLIC_ID nobody is not in the manifest of DESTINATION"):
        explain("nobody", [PUBLISHED])
    with pytest.raises(UsageError, match="DESTINATION has no manifest"):
        explain("abc", [])
