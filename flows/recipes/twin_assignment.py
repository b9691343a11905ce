"""Which twin an identity gets: the twin stage, with what the rest of the video and of the dataset forbids or wishes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import IntEnum

import numpy as np

from flows.recipes.analysis import Material
from flows.recipes.control_stage import ControlStage
from flows.recipes.stage_runner import Steps
from infra.errors import Withheld
from infra.settings import Surroundings
from models.embedding.calibration import calibration
from models.interfaces.twins import Twin
from tasks.analysis.identities import Identity
from tasks.generation import twin
from tasks.generation.controls import Controls
from tasks.generation.gallery import Gallery, Others, Place
from tasks.generation.site import Site
from tasks.generation.twin import Request, TwinResult, TwinSettings
from tasks.records import Attempt

_LOYAL = 3
"""A twin that a person has in another video whose audit is still to come is tried by the first so many attempts, each
stronger; one that passed an audit by all of them."""
_ROLES = ("inpainter", "motion", "embedder", "landmarker")
_NOBODY_LEFT, _SOMEBODY_ELSES = "no_candidate", "taken"


class Crowd(IntEnum):
    """How much an identity's twin has to do with other videos' twins: as little as can be had. Whatever the level, no
    twin is chosen that resembles a source known by then, whoever's: real people must not be mistaken for one another.
    A twin that a person already has stays theirs."""

    ALIKE_NOBODY = 0
    """It resembles no other twin of the dataset."""
    OWN_FACE = 1
    """It is nobody else's, but may look like another video's twin."""
    SHARED = 2
    """Another video may show it too. Never two people of one video, nor of a dataset whose people keep their twins."""


@dataclass(frozen=True)
class _InPlace:
    """Where an identity's twins are painted, and by what they are measured."""

    site: Site
    controls: Controls


class Casting:
    """Finds twins for the identities of one input. control_stage: where they are painted, and what they are measured
    by. people: who already appeared in the dataset."""

    def __init__(self, steps: Steps, material: Material, control_stage: ControlStage, people: Gallery) -> None:
        self._steps = steps
        self._material = material
        self._control_stage = control_stage
        self._people = people
        self._crowds = [crowd for crowd in Crowd if crowd is not Crowd.SHARED or people.may_share]
        self._known: dict[int, int] = {}
        self._places: dict[int, Place] = {}
        self._shared: dict[int, bool] = {}

    def find(self, identity: Identity, standing: Mapping[int, TwinResult], tries: int) -> TwinResult:
        """A twin for one identity, by at most `tries` further attempts after those it had; all are in the result.

        standing: results so far, by identity. Raises ValueError for fewer than one try: what was never tried must not
        count as tried in vain.
        """
        if tries < 1:
            raise ValueError("A twin cannot be found without a try.")
        if (site := self._control_stage.site(identity)) is None:
            return TwinResult(identity.index, None, twin.strength_of(1), ())
        try:
            controls = self._control_stage.controls(identity)
        except Withheld as doubt:
            nan = float("nan")
            return TwinResult(
                identity.index, None, twin.strength_of(1), (Attempt(1, -1, nan, nan, nan, False, doubt.reason),)
            )
        found = _InPlace(site, controls)
        refused: set[int] = set()
        while True:
            place = self._place(identity)
            strangers = self._people.others(place)
            result, crowd = self._least_crowded(identity, found, place, strangers, standing, tries, refused)
            if self._keep(identity, place, strangers, result.twin, crowd, refused):
                return result
            if place.settled and place.candidate in refused:
                # Their own twin is reserved for somebody else: the store is damaged, and there is no other.
                last = replace(result.attempts[-1], accepted=False, reason=_SOMEBODY_ELSES)
                return replace(result, twin=None, attempts=(*result.attempts[:-1], last))

    def _keep(
        self,
        identity: Identity,
        place: Place,
        strangers: Others,
        twin: Twin | None,
        crowd: Crowd,
        refused: set[int],
    ) -> bool:
        """Record what was found, unless while it was looked for another video met the same person or somebody who
        resembles the twin, or took it; the next search knows. refused: twins that cannot be had, which grows."""
        with self._people.turn():
            now = self._place(identity)
            if now != place:
                self._known[identity.index] = now.candidate
                return False
            shared = False
            if twin is not None:
                others = self._people.others(place)
                if not place.settled and self._resembles(twin, others.since(strangers), crowd):
                    return False
                shared = crowd is Crowd.SHARED and twin.candidate in others.candidates
                if not self._people.keep(place, identity.pooled, twin, shared):
                    refused.add(twin.candidate)
                    return False
        self._shared[identity.index] = shared
        self._steps.context.found(twins_shared=sum(self._shared.values()))
        return True

    def _resembles(self, twin: Twin, others: Others, crowd: Crowd) -> bool:
        """Whether a twin looks like one of these sources, or, where it must be like nobody, like one of these twins."""
        faces = [*others.people, *(others.twins if crowd is Crowd.ALIKE_NOBODY else ())]
        nearest = calibration(self._material.identities.embedder).nearest_stranger
        # Not <: a distance that is no number proves nothing.
        return any(not 1.0 - float(face @ twin.embedding) >= nearest for face in faces)

    def _least_crowded(
        self,
        identity: Identity,
        in_place: _InPlace,
        place: Place,
        strangers: Others,
        standing: Mapping[int, TwinResult],
        tries: int,
        refused: Collection[int],
    ) -> tuple[TwinResult, Crowd]:
        """A result with all attempts, and how much the twin had to give way to; more only where nobody else is left."""
        earlier = standing[identity.index].attempts if identity.index in standing else ()
        before = len(earlier)
        for crowd in self._crowds:
            left = tries - (len(earlier) - before)
            result = self._run(identity, in_place, place, strangers, earlier, standing, left, crowd, refused)
            result = replace(result, attempts=(*earlier, *result.attempts))
            last = result.attempts[-1] if result.attempts else None
            if result.twin is not None or last is None or last.reason != _NOBODY_LEFT:
                break
            # That nobody was left was no try.
            earlier = result.attempts[:-1]
            if len(earlier) - before >= tries:
                break
        return result, crowd

    def settle(self, passed: Sequence[tuple[Identity, Twin]]) -> list[int]:
        """Make twins that passed an audit their people's in the whole dataset, all or none of them.

        Returns the identities whose twin must be another one (another video was faster, or somebody else has it now);
        nobody where videos share nobody.
        """
        refused = self._people.settle([(self._places[i.index], i.pooled, twin) for i, twin in passed])
        late = [passed[n][0] for n in refused]
        for identity in late:
            self._place(identity)
        return [identity.index for identity in late]

    def bound(self, identity: Identity) -> bool:
        """Whether the identity's twin was settled by another video, so that there is no other choice."""
        return identity.index in self._places and self._places[identity.index].settled

    def _place(self, identity: Identity) -> Place:
        apart = {place.key for index, place in self._places.items() if index != identity.index}
        own = f"{self._steps.context.public_id}:{identity.index}"
        place = self._people.place(identity.pooled, own, apart)
        self._places[identity.index] = place
        self._known.setdefault(identity.index, place.candidate)
        return place

    def _run(
        self,
        identity: Identity,
        in_place: _InPlace,
        place: Place,
        strangers: Others,
        earlier: Sequence[Attempt],
        standing: Mapping[int, TwinResult],
        tries: int,
        crowd: Crowd,
        refused: Collection[int],
    ) -> TwinResult:
        steps, material = self._steps, self._material
        first = earlier[-1].number + 1 if earlier else 1
        apart = [*strangers.people, *(strangers.twins if crowd is Crowd.ALIKE_NOBODY else ())]
        reserved = strangers.candidates if crowd < Crowd.SHARED else ()
        known = self._known[identity.index]
        # Another video may have given this person another twin meanwhile, and the old one to somebody else.
        prefer = known if first <= _LOYAL and known not in (*strangers.candidates, *refused) else -1
        if place.settled:
            prefer = place.candidate
        twins = [r.twin for r in standing.values() if r.twin is not None and r.identity != identity.index]
        others = [i.pooled for i in material.identities.identities if i.index != identity.index]
        others += [*apart, *(t.embedding for t in twins)]
        wanted = TwinSettings(
            attempts=tries,
            first=first,
            seed=steps.context.settings.seed,
            strict=steps.context.settings.surroundings is Surroundings.STRICT,
        )
        request = Request(
            identity=identity,
            key=place.key,
            prefer=prefer,
            settled=place.settled,
            others=np.stack(others) if others else np.zeros((0, len(identity.pooled)), np.float32),
            taken=tuple(sorted({*reserved, *refused, *(t.candidate for t in twins), *(a.candidate for a in earlier)})),
            anybody=crowd is self._crowds[-1],
        )
        inpainter, motion, embedder, landmarker = (steps.load(role) for role in _ROLES)
        number = f"twin {identity.index + 1}"
        result, _ = steps.cached(
            "twin",
            twin.VERSION,
            TwinResult,
            lambda _: twin.run(
                request,
                in_place.site,
                in_place.controls,
                material.appearances.appearances[identity.index],
                inpainter,
                motion,
                embedder,
                landmarker,
                wanted,
                steps.context.settings.threads,
            ),
            (material.digest, in_place.controls.digest()),
            (*_ROLES, "parser"),
            asdict(wanted) | {"request": request.digest()},
            number if first == 1 else f"{number} attempt {first}",
        )
        return result
