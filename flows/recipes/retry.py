"""Retry, redact, withhold: what happens between the first twins and a result that passed the audit.

A round makes the twins, renders and audits. What the audit finds goes into the next round: a recognised identity gets
another, stronger twin; a stray face is covered. When the tries are used up, the policy decides: withhold the video, or
cover what failed, more of the picture each time until the audit finds nothing. Nothing leaves this module that did not
pass the audit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from flows.recipes import auditing, control_stage
from flows.recipes.analysis import Footage, Material, gather
from flows.recipes.context import Context
from flows.recipes.control_stage import ControlStage
from flows.recipes.redaction_regions import Covers
from flows.recipes.stage_runner import Steps
from flows.recipes.twin_assignment import Casting
from infra.errors import Withheld
from infra.settings import OnFailure
from tasks.analysis.faces import OpenFrames
from tasks.analysis.identities import Identity
from tasks.audit.recognisers import Reference
from tasks.audit.report import Report
from tasks.generation.twin import TOO_CLOSE, TOO_CLOSE_IN_PLACE, TwinResult
from tasks.output.reassemble import Extra, Painted
from tasks.records import Tracks, Verdict

STRAY_ROUNDS = 3
"""Rounds in which residual faces are covered by growing regions. Then the video is withheld, or the whole picture is
covered as long as the scene lasts: nothing can be found there any more, so the rounds end."""
SMALL_FACE = 64.0
"""Side in pixels. Faces that never get larger are redacted, whatever the policy, when the audit will not let their twin
pass: embedders cannot tell strangers apart at that size, and a flat fill loses little."""
SMALL_ATTEMPTS = 2
"""A small face that the audit recognised is tried again up to this many attempts in all."""
NOBODY_FITS = "No synthetic person fits and is far enough from the source."
UNTRUE, NOT_SEEN = "twin_not_seen", "Where the twin was painted the audit does not see its face; tries are used up."
USED_UP = "The audit recognises the source in the result; tries are used up."
LATE, TOO_LATE = "settled_otherwise", "Other videos of the dataset took this twin first; convert the video again."
BOUND = (
    "The twin that this person has in other videos of the dataset does not pass here; "
    "convert it with --identity-scope video for a twin of its own."
)

MARGIN, MARGIN_TRIES = 0.05, 2
"""Share of a general threshold by which a rehearsed twin must exceed it, where that counts, while so many tries are
left: a try that the rehearsal rejects costs seconds, one that the audit rejects a round."""


@dataclass(frozen=True)
class Rendered:
    """A finished, not yet audited result: how to open its frames, and what was done to the faces."""

    frames: OpenFrames
    painted: Painted


Render = Callable[[list[TwinResult], list[Extra], Material], Rendered]


def run(context: Context, footage: Footage, render: Render) -> tuple[Rendered, Verdict, str]:
    """Bring one input through all stages: an audited result with its verdict and reason. Raises Withheld."""
    steps = Steps(context, footage.frames)
    return Rounds(steps, gather(steps, footage), render).run()


class Rounds:
    """The rounds of one input."""

    def __init__(self, steps: Steps, material: Material, render: Render) -> None:
        self._steps = steps
        self._context = steps.context
        self._material = material
        self._render = render
        self._control_stage = ControlStage(steps, material)
        self._casting = Casting(steps, material, self._control_stage, steps.context.people)
        self._twins: dict[int, TwinResult] = {}
        self._seen: dict[int, tuple[Reference, ...]] = {}
        self._covers = Covers(material.footage.size, steps.frames, material.scan.scenes)
        self._granted: set[int] = set()

    def run(self) -> tuple[Rendered, Verdict, str]:
        """Return an audited result with its verdict and reason. Raises Withheld."""
        tries = {i.index: self._context.settings.max_attempts for i in self._material.identities.identities}
        number, strays_left = 1, STRAY_ROUNDS
        while True:
            for index, left in tries.items():
                while left > 0:
                    self._cast(index, left)
                    left = self._reject(index, "rehearsal_too_close") if self._rehearsal_fails(index) else 0
            results = [self._twins[index] for index in sorted(self._twins)]
            rendered = self._render(results, self._covers.regions, self._material)
            report = auditing.judge(
                self._steps,
                rendered.frames,
                rendered.painted,
                self._control_stage.known(),
                self._shown(),
                [scene.first for scene in self._material.scan.scenes],
                f"audit {number}",
                {track: one.index for one in self._material.identities.identities for track in one.tracks},
            )
            self._note(report, rendered.painted)
            if report.clean:
                late = self._settle()
                if not late:
                    return rendered, *verdict_of(results, rendered.painted)
                tries, number = {index: self._reject(index, LATE) for index in late}, number + 1
                continue
            if report.strays:
                strays_left -= 1
                last = strays_left < 0
                withhold = last and self._context.settings.on_failure is OnFailure.WITHHOLD
                if withhold or not self._covers.add(report.strays, whole=last):
                    raise Withheld("stray_face", "The audit still finds a face that was not replaced; look by hand.")
            tries = self._next(report)
            number += 1

    def _cast(self, index: int, tries: int) -> None:
        """Find a twin; withhold when an identity that could be replaced got none and the policy is not redaction."""
        identity = self._material.identities.identities[index]
        result = self._casting.find(identity, self._twins, tries)
        self._set(result)
        if result.twin is not None or not result.attempts:
            return
        if self._context.settings.on_failure is OnFailure.WITHHOLD and not self._small(identity):
            raise Withheld(result.attempts[-1].reason, BOUND if self._casting.bound(identity) else why(result))

    def _rehearsal_fails(self, index: int) -> bool:
        """Whether the audit's judges recognise an identity in the sampled frames; they learn its twin's looks there."""
        identity, result = self._material.identities.identities[index], self._twins[index]
        site = self._control_stage.site(identity)
        if result.twin is None or site is None:
            return False
        margin = MARGIN if self._left(index) >= MARGIN_TRIES else 0.0
        found = auditing.rehearse(
            self._steps, result, result.twin, site, self._control_stage.controls(identity), margin
        )
        self._seen[index] = found.twin
        return found.recognised or not found.twin

    def _shown(self) -> dict[int, Sequence[Reference]]:
        """Track -> per judge, the twin that is to be seen on it."""
        people = [i for i in self._material.identities.identities if self._twins[i.index].twin is not None]
        return {track: self._seen[identity.index] for identity in people for track in identity.tracks}

    def _next(self, report: Report) -> dict[int, int]:
        """How many tries each identity still has whose twin failed; redacts or withholds where there are none."""
        tries = {}
        for identity in self._material.identities.identities:
            if set(identity.tracks) & set(report.recognised_tracks):
                tries[identity.index] = self._reject(identity.index)
            elif set(identity.tracks) & set(report.untrue_tracks):
                tries[identity.index] = self._reject(identity.index, UNTRUE)
        return {index: left for index, left in tries.items() if left > 0}

    def _settle(self) -> list[int]:
        """Bind the twins that passed to their people, or none of them; identities whose twin must be another one.

        That is nobody's failure, so it costs none of the tries, once.
        """
        people = self._material.identities.identities
        twins = [(people[i], result.twin) for i, result in self._twins.items() if result.twin is not None]
        late = self._casting.settle(twins)
        self._granted.update(late)
        return late

    def _reject(self, index: int, why: str = "audit_recognised") -> int:
        """Note that a twin will not do, by default since the judges recognised the identity behind it, and return how
        many tries it has left; without any it is redacted. Raises Withheld when the policy is another."""
        result = self._twins[index]
        if result.twin is None:
            raise Withheld("audit_recognised", "The audit recognises a face that was covered; look by hand.")
        last = replace(result.attempts[-1], accepted=False, reason=why)
        self._set(replace(result, attempts=(*result.attempts[:-1], last)))
        identity, left = self._material.identities.identities[index], self._left(index)
        if left <= 0 and not self._small(identity) and self._context.settings.on_failure is OnFailure.WITHHOLD:
            message = {LATE: TOO_LATE, UNTRUE: NOT_SEEN}.get(why, USED_UP)
            raise Withheld(why, BOUND if self._casting.bound(identity) else message)
        if left <= 0:
            self._set(replace(self._twins[index], twin=None))
        return left

    def _left(self, index: int) -> int:
        """How many tries an identity has left."""
        most = self._context.settings.max_attempts
        if self._small(self._material.identities.identities[index]):
            most = min(most, SMALL_ATTEMPTS)
        return most + (index in self._granted) - len(self._twins[index].attempts)

    def _set(self, result: TwinResult) -> None:
        self._twins[result.identity] = result
        self._context.found(attempts=[asdict(a) for index in sorted(self._twins) for a in self._twins[index].attempts])

    def _small(self, identity: Identity) -> bool:
        return largest_face(identity, self._material.scan.tracks) < SMALL_FACE

    def _note(self, report: Report, painted: Painted) -> None:
        self._context.found(
            audit=[asdict(score) for score in report.scores],
            faces_lost=report.lost,
            faces_replaced=int(painted.replaced.sum()),
            faces_redacted=int((~painted.replaced).sum()),
            redacted_tracks=len(set(painted.track[~painted.replaced].tolist())),
        )
        compared = [score for score in report.scores if score.worst_frame >= 0]
        if compared:
            worst = min(compared, key=lambda score: score.smallest - score.threshold)
            self._context.found(worst_frame=worst.worst_frame, worst_distance=worst.smallest)


def why(result: TwinResult) -> str:
    """Why no attempt at a twin was accepted, in words and distances."""
    if result.attempts[-1].reason in control_stage.MEANINGS:
        return control_stage.MEANINGS[result.attempts[-1].reason]
    last = result.attempts[-1]
    if last.reason == TOO_CLOSE:
        return (
            f"Every twin that was tried can be taken for the source: its distance is {last.distance:.2f} where more "
            f"than {last.threshold:.2f} is asked for; up to there a general matcher takes two people for one. "
            "Under --surroundings strict any two pictures decide, under accept the score over all, and no more is "
            "asked than half of the strangers in this footage reach, or two thirds of what a general matcher asks."
        )
    if last.reason != TOO_CLOSE_IN_PLACE:
        return NOBODY_FITS
    return (
        f"Every twin that was tried came too near to the source: at a distance of {last.distance:.2f} where more "
        f"than {last.threshold:.2f} is asked for. In this footage the source's own pictures lie within "
        f"{last.genuine:.2f} of one another, strangers of the same kind at {last.strangers:.2f}."
    )


def verdict_of(results: list[TwinResult], painted: Painted) -> tuple[Verdict, str]:
    """Verdict and reason of a result that passed the audit."""
    redacted = ~painted.replaced
    if not redacted.any():
        return Verdict.PUBLISHED, ""
    if any(result.twin is None and result.attempts for result in results):
        return Verdict.REDACTED, "no_safe_twin"
    if (painted.track[redacted] < 0).any():
        return Verdict.REDACTED, "stray_face"
    return Verdict.REDACTED, "small_turned_or_unclear_face"


def largest_face(identity: Identity, tracks: Tracks) -> float:
    """Side in pixels (root of the area) of the identity's largest box."""
    boxes = np.concatenate([tracks.tracks[index].boxes for index in identity.tracks])
    return float(np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1).max()))
