"""Retry, redact, withhold (AnonNET section 3.5): which attempt comes next, what it changes, and when it ends.

A recipe loops over the attempts of a `RetryPolicy`. Each gives one person a new twin; when every person has one, or is
to be covered, the recipe renders and audits in the same attempt. What the audit finds goes into the next attempts: a
recognised person gets another, stronger twin; a residual face is covered. When the tries are used up, the setting
`on_failure` decides: withhold the video, or cover what failed, more of the picture each time until the audit finds
nothing. Only a result that passed the audit leaves the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from flows.recipes import refusals
from flows.recipes.redaction_regions import RedactionRegions
from flows.recipes.twin_assignment import Kept, TwinAssignment
from infra.errors import Withheld
from infra.privacy import digest_file
from infra.reasons import Reason
from infra.settings import OnFailure, Settings
from models.interfaces.twins import Strength, Twin
from models.selection import profiles
from tasks.analysis.analysis import Analysis
from tasks.analysis.identities import Identity
from tasks.audit.audit import Known
from tasks.audit.preaudit import PreauditRequest, PreauditResult
from tasks.audit.recognisers import Reference
from tasks.audit.report import Report
from tasks.audit.result import known_people
from tasks.generation.controls import Controls
from tasks.generation.gallery import Gallery
from tasks.generation.site import Site
from tasks.generation.strength import strength_of
from tasks.generation.twin import Candidate, TwinRequest, TwinResult, Verification
from tasks.output.patches import PaintedPatches
from tasks.output.reassemble import Rendered, RenderPlan
from tasks.records import AttemptRecord, FaceEdits, Verdict

STRAY_ROUNDS = 3
"""Renders in which residual faces are covered by growing regions. Then the video is withheld, or the whole picture is
covered as long as the scene lasts: nothing can be found there any more, so the attempts end."""
SMALL_FACE = 64.0
"""Side in pixels. Faces that never get larger are redacted, whatever the policy, when the audit will not let their twin
pass: embedders cannot tell strangers apart at that size, and a flat fill loses little."""
SMALL_ATTEMPTS = 2
"""A small face that the audit recognised is tried again up to this many attempts in all."""
MARGIN, MARGIN_TRIES = 0.05, 2
"""Share of a general threshold by which a twin must exceed it in the preaudit, where that counts, while so many tries
are left: a try that the preaudit rejects costs seconds, one that the audit rejects a render."""


@dataclass
class _Person:
    """One identity while its twin is looked for.

    Attributes:
        identity: Who.
        site: Where twins are painted; None where none can be shown, so that the face is covered.
        small: Whether the face never gets larger than SMALL_FACE.
        limit: Attempts that it has in all.
        open: Whether it needs a twin.
        first: Whether the next attempt is the first of a search, or of its next level of uniqueness.
        begun: Number of records when the search began.
        granted: Attempts that no failure of its own cost.
        twin: What is shown.
        strength: Of it.
        controls: What was measured.
        looks: How the audit's judges know the twin.
        records: Of all attempts.
    """

    identity: Identity
    site: Site | None
    small: bool
    limit: int
    open: bool
    first: bool = True
    begun: int = 0
    granted: int = 0
    twin: Twin | None = None
    strength: Strength = field(default_factory=lambda: strength_of(1))
    controls: Controls | None = None
    looks: tuple[Reference, ...] = ()
    records: list[AttemptRecord] = field(default_factory=list)

    @property
    def index(self) -> int:
        return self.identity.index


class RetryPolicy:
    """Decides for one input which attempts are made and how they end."""

    def __init__(
        self,
        settings: Settings,
        owner: str,
        gallery: Gallery,
        faces: Analysis,
        fronts: tuple[Site | None, ...],
        note: Callable[..., None],
        folder: Path | None = None,
    ) -> None:
        """Args:
        settings: Of the run.
        owner: Public id of the input.
        gallery: Who already appeared in the dataset.
        faces: What was found about the faces.
        fronts: Per identity, where its twins are painted.
        note: Takes evidence for the manifest, by the names of its fields.
        folder: Private scratch folder for what was painted; None keeps nothing from render to render.
        """
        self._settings, self._faces, self._note = settings, faces, note
        self._assignment = TwinAssignment(settings, owner, faces.identities, gallery)
        self._people = [
            _Person(one, site, faces.largest_face(one) < SMALL_FACE, settings.max_attempts, open=site is not None)
            for one, site in zip(faces.people, fronts, strict=True)
        ]
        self._covers = RedactionRegions(faces.video.size, faces.video.frames, faces.scan.scenes)
        self._strays_left, self._audits = STRAY_ROUNDS, 0
        self.passed: tuple[Rendered, str] | None = None
        self._patches = None if folder is None else PaintedPatches(folder)

    def attempts(self) -> Iterator[Attempt]:
        """Yield attempts for as long as the last one was rejected.

        Yields:
            The next attempt: of the first person who needs a twin, or of no person where only what is covered changed.

        Raises:
            Withheld: When the tries are used up and the setting is not to cover.
        """
        while True:
            person = next((one for one in self._people if one.open), None)
            if person is None:
                yield Attempt(self, None, None)
                continue
            number = person.records[-1].number + 1 if person.records else 1
            request = self._assignment.request(
                person.identity,
                number,
                person.first,
                {one.index: one.twin for one in self._people if one.twin is not None},
                [record.candidate for record in person.records],
            )
            tried = [(one.candidate, one.number) for one in person.records[-1:]]
            again = tried == [(request.prefer, number - 1)] and strength_of(number) == strength_of(number - 1)
            if self._assignment.bound(person.identity) and again:
                # The only twin there is, as strong as the last time: its result is known.
                self._give_up(person)
                continue
            yield Attempt(self, person, request)

    @property
    def plan(self) -> RenderPlan:
        """What is rendered now."""
        twins = tuple(TwinResult(one.index, one.twin, one.strength, tuple(one.records)) for one in self._people)
        return RenderPlan(self._audits + 1, twins, tuple(self._covers.regions), self._patches)

    @property
    def known(self) -> Known:
        """Who must not be recognised in a result, and who is to be seen."""
        names = profiles.roles(self._settings)["audit_embedders"].backends
        measured = {one.index: one.controls for one in self._people if one.controls is not None}
        shown = [one for one in self._people if one.twin is not None]
        twins = {track: one.looks for one in shown for track in one.identity.tracks}
        people = {track: one.index for one in self._people for track in one.identity.tracks}
        return Known(known_people(self._faces, measured, names), twins, people)

    @property
    def incomplete(self) -> bool:
        """Whether a person still needs a twin, so that nothing can be rendered."""
        return any(one.open for one in self._people)

    def margin(self, person: _Person) -> float:
        """Return by which share the preaudit's thresholds must be exceeded.

        Args:
            person: Whose twin is asked about.

        Returns:
            The share.
        """
        return MARGIN if self._limit(person) - len(person.records) >= MARGIN_TRIES else 0.0

    def controls_rejected(self, person: _Person, found: Controls) -> bool:
        """Judge what was measured of a person in its own footage.

        Args:
            person: Of whom.
            found: What was measured.

        Returns:
            Whether no twin can be measured by it.
        """
        if not found.failure:
            person.controls = found
            worst = max(one.controls.false_matches for one in self._people if one.controls is not None)
            self._note(surroundings=worst)
        if found.doubt:
            nan = float("nan")
            self._record(person, AttemptRecord(1, -1, nan, nan, nan, False, found.doubt))
            self._give_up(person)
        return bool(found.doubt)

    def verification_rejected(self, person: _Person, found: Verification, candidate: Candidate) -> bool:
        """Judge whether a candidate is anonymous enough, and record it for the dataset if it is.

        Args:
            person: Whose twin it would be.
            found: What the verification says.
            candidate: What was verified.

        Returns:
            Whether another attempt is needed.
        """
        tried = found.attempt
        if not tried.accepted or candidate.twin is None:
            if found.last and tried.reason == Reason.NO_CANDIDATE and self._assignment.give_way(person.identity):
                # That no candidate was left was no try.
                person.first = True
                return True
            self._record(person, tried)
            if found.last or len(person.records) >= person.limit:
                self._give_up(person)
            return True
        kept = self._assignment.keep(person.identity, candidate.twin)
        if kept is Kept.SEARCH_AGAIN:
            # The dataset changed meanwhile, so this search begins anew, with all its tries.
            del person.records[person.begun :]
            self._restart(person)
            return True
        if kept is Kept.TAKEN:
            self._record(person, replace(tried, accepted=False, reason=Reason.TAKEN))
            self._give_up(person)
            return True
        person.twin, person.strength = candidate.twin, candidate.strength
        self._record(person, tried)
        return False

    def preaudit_rejected(self, person: _Person, found: PreauditResult) -> bool:
        """Judge whether the audit's judges will take a twin for the source.

        Args:
            person: Whose twin it is.
            found: What they say about the samples.

        Returns:
            Whether another attempt is needed.
        """
        if found.recognised or not found.twin:
            self._reject(person, Reason.REHEARSAL_TOO_CLOSE)
            return True
        person.looks, person.open = found.twin, False
        return False

    def result_rejected(self, report: Report, result: Rendered) -> bool:
        """Judge a result, and note which one passed, by the digest of its file at that moment.

        Args:
            report: What the audit found.
            result: The result.

        Returns:
            Whether another attempt is needed.
        """
        self.passed = None
        info = self._faces.video.info
        self._note(audio_streams=0 if info is None else len(info.audio), audio_copied=result.audio_copied)
        rejected = self.audit_rejected(report, result.painted)
        if not rejected:
            self.passed = result, "" if result.file is None else digest_file(result.file)
        return rejected

    def audit_rejected(self, report: Report, painted: FaceEdits) -> bool:
        """Judge a result, and bind its twins to their people if it passed.

        Args:
            report: What the audit found.
            painted: What was done to the faces.

        Returns:
            Whether another attempt is needed.

        Raises:
            Withheld: When tries are used up, or a face is still found where the picture was covered.
        """
        self._audits += 1
        self._note_audit(report, painted)
        if report.clean:
            shown = [(one.identity, one.twin) for one in self._people if one.twin is not None]
            late = self._assignment.bind(shown)
            for person in (one for one in self._people if one.index in late):
                # That is no failure of this twin, so it costs none of the tries, once.
                person.granted = 1
                self._reject(person, Reason.SETTLED_OTHERWISE)
            return bool(late)
        if report.strays:
            self._strays_left -= 1
            last = self._strays_left < 0
            withhold = last and self._withholds
            if withhold or not self._covers.add(report.strays, whole=last):
                raise Withheld(Reason.STRAY_FACE, "The audit still finds a face that was not replaced; look by hand.")
        for person in self._people:
            if set(person.identity.tracks) & set(report.recognised_tracks):
                self._reject(person, Reason.AUDIT_RECOGNISED)
            elif set(person.identity.tracks) & set(report.twin_missing_tracks):
                self._reject(person, Reason.TWIN_NOT_SEEN)
        return True

    def verdict(self, painted: FaceEdits) -> tuple[Verdict, str]:
        """Return verdict and reason of a result that passed the audit.

        Args:
            painted: What was done to the faces.

        Returns:
            Both; the reason is empty when every face was replaced.
        """
        redacted = ~painted.replaced
        if not redacted.any():
            return Verdict.PUBLISHED, ""
        if any(one.twin is None and one.records for one in self._people):
            return Verdict.REDACTED, Reason.NO_SAFE_TWIN
        if (painted.track[redacted] < 0).any():
            return Verdict.REDACTED, Reason.STRAY_FACE
        return Verdict.REDACTED, Reason.SMALL_TURNED_OR_UNCLEAR_FACE

    @property
    def _withholds(self) -> bool:
        return self._settings.on_failure is OnFailure.WITHHOLD

    def _limit(self, person: _Person) -> int:
        """Attempts that a person has once a judge has rejected a twin."""
        most = self._settings.max_attempts
        return (min(most, SMALL_ATTEMPTS) if person.small else most) + person.granted

    def _reject(self, person: _Person, reason: str) -> None:
        """A judge will not let a twin pass: another attempt, or, when there is none left, cover or withhold."""
        if person.twin is None:
            raise Withheld(Reason.AUDIT_RECOGNISED, "The audit recognises a face that was covered; look by hand.")
        person.records[-1] = replace(person.records[-1], accepted=False, reason=reason)
        self._note_attempts()
        person.limit = self._limit(person)
        self._restart(person)
        person.open = len(person.records) < person.limit
        if person.open:
            return
        person.twin = None
        if self._withholds and not person.small:
            bound = self._assignment.bound(person.identity)
            raise Withheld(reason, refusals.BOUND if bound else refusals.rejected(reason))

    def _restart(self, person: _Person) -> None:
        person.first, person.begun = True, len(person.records)
        self._assignment.restart(person.identity)

    def _give_up(self, person: _Person) -> None:
        """No twin was found: cover the face, or withhold where the setting says so and the face is not small."""
        person.open, person.twin = False, None
        if self._withholds and not person.small:
            last = person.records[-1]
            raise Withheld(
                last.reason, refusals.BOUND if self._assignment.bound(person.identity) else refusals.why(last)
            )

    def _record(self, person: _Person, tried: AttemptRecord) -> None:
        person.records.append(tried)
        person.first = False
        self._note_attempts()

    def _note_attempts(self) -> None:
        # A candidate's number tells the kind of person; whether two attempts were at one twin is all that is told.
        numbers = {-1: -1}
        records = [record for one in self._people for record in one.records]
        told = [replace(one, candidate=numbers.setdefault(one.candidate, len(numbers) - 1)) for one in records]
        self._note(attempts=[asdict(record) for record in told])

    def _note_audit(self, report: Report, painted: FaceEdits) -> None:
        evidence: dict[str, Any] = {
            "audit": [asdict(score) for score in report.scores],
            "faces_lost": report.lost,
            "faces_replaced": int(painted.replaced.sum()),
            "faces_redacted": int((~painted.replaced).sum()),
            "redacted_tracks": len(set(painted.track[~painted.replaced].tolist())),
        }
        compared = [score for score in report.scores if score.worst_frame >= 0]
        if compared:
            worst = min(compared, key=lambda score: score.smallest - score.threshold)
            evidence |= {"worst_frame": worst.worst_frame, "worst_distance": worst.smallest}
        self._note(**evidence)


@dataclass(frozen=True)
class Attempt:
    """One pass through the loop of a recipe.

    Attributes:
        policy: Decides.
        of: Whose twin it is about; None where only what is covered changed.
        wanted: Which twin.
    """

    policy: RetryPolicy
    of: _Person | None
    wanted: TwinRequest | None

    @property
    def person(self) -> Identity | None:
        """The identity that gets a twin; None where every person has one."""
        return None if self.of is None else self.of.identity

    @property
    def site(self) -> Site:
        """Where its twins are painted."""
        if self.of is None or self.of.site is None:
            raise ValueError("This attempt is about no person.")
        return self.of.site

    @property
    def controls(self) -> Controls | None:
        """What was measured of the person by an earlier attempt; None before the first."""
        return None if self.of is None else self.of.controls

    @property
    def request(self) -> TwinRequest:
        """Which twin is wanted."""
        if self.wanted is None:
            raise ValueError("This attempt is about no person.")
        return self.wanted

    @property
    def check(self) -> PreauditRequest:
        """How the preaudit is asked."""
        if self.of is None:
            raise ValueError("This attempt is about no person.")
        still = self.policy._faces.video.frames == 1
        return PreauditRequest(self.request.label, self.policy.margin(self.of), still)

    @property
    def incomplete(self) -> bool:
        """Whether a person still needs a twin, so that nothing can be rendered."""
        return self.policy.incomplete

    @property
    def plan(self) -> RenderPlan:
        """What is rendered."""
        return self.policy.plan

    @property
    def known(self) -> Known:
        """Who must not be recognised in the result, and who is to be seen."""
        return self.policy.known

    def rejects(
        self, found: Controls | Verification | PreauditResult | Report, about: Candidate | Rendered | None = None
    ) -> bool:
        """Judge what a stage found.

        Args:
            found: What it found.
            about: The candidate or the result that it looked at.

        Returns:
            Whether the attempt failed, so that the recipe goes on with the next one.

        Raises:
            Withheld: When there is no next one, and the setting is not to cover.
        """
        match found, about, self.of:
            case Controls(), None, _Person() as person:
                return self.policy.controls_rejected(person, found)
            case Verification(), Candidate(), _Person() as person:
                return self.policy.verification_rejected(person, found, about)
            case PreauditResult(), Candidate(), _Person() as person:
                return self.policy.preaudit_rejected(person, found)
            case Report(), Rendered(), _:
                return self.policy.result_rejected(found, about)
        raise TypeError(f"An attempt cannot judge {type(found).__name__} of {type(about).__name__}.")
