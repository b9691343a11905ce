"""What is measured of each identity in its own footage before a twin can be judged, and who must not be recognised."""

from __future__ import annotations

from flows.recipes.analysis import Material
from flows.recipes.stage_runner import Steps
from infra.errors import Withheld
from models.embedding.calibration import calibration
from tasks.analysis.identities import Identity
from tasks.audit.recognisers import Reference
from tasks.generation import controls, limits
from tasks.generation.controls import Controls
from tasks.generation.limits import Source
from tasks.generation.site import Site, site_of
from tasks.generation.twin import seed_of, strength_of

_ROLES = ("strangers", "strangers_motion", "embedder", "audit_embedders", "landmarker", "parser")
INDISTINCT = "indistinct"
MEANINGS = {
    INDISTINCT: "A network does not tell this person from strangers in this footage: too small, blurred or covered.",
    controls.TOO_FEW: "Too few synthetic people fit this face to measure a twin by.",
}


class ControlStage:
    """The sites and control strangers of the identities of one input; each is measured when it is first needed."""

    def __init__(self, steps: Steps, material: Material) -> None:
        self._steps = steps
        self._material = material
        self._sites: dict[int, Site | None] = {}
        self._controls: dict[int, Controls] = {}

    def site(self, identity: Identity) -> Site | None:
        """Where an identity's twins are painted; None where none could be shown."""
        if identity.index not in self._sites:
            material = self._material
            motion, parser = self._steps.load("motion"), self._steps.load("parser")
            self._sites[identity.index] = site_of(
                identity, material.scan.tracks, material.samples, material.drivings, motion, parser
            )
        return self._sites[identity.index]

    def controls(self, identity: Identity) -> Controls:
        """What was measured of an identity that has a site.

        Raises:
            Withheld: `no_candidate`, `no_controls` where nobody is there to measure by; `indistinct` where a network
                does not tell the source from strangers.
        """
        found = self._controls.get(identity.index)
        if found is None:
            found = self._controls[identity.index] = self._measure(identity)
            worst = max(one.false_matches for one in self._controls.values())
            self._steps.context.found(surroundings=worst)
        if not all(measured.separable for measured in found.measured):
            raise Withheld(INDISTINCT, MEANINGS[INDISTINCT])
        return found

    def _measure(self, identity: Identity) -> Controls:
        steps, material, site = self._steps, self._material, self.site(identity)
        if site is None:
            raise ValueError("An identity without a site cannot be measured.")

        seed = seed_of(steps.context.settings.seed, f"{steps.context.public_id}:{identity.index}")
        embedders = (steps.load("embedder"), *steps.load_all("audit_embedders"))

        def measure() -> Controls:
            strangers, motion, landmarker = (
                steps.load(role) for role in ("strangers", "strangers_motion", "landmarker")
            )
            return controls.run(
                site,
                identity,
                material.appearances.appearances[identity.index],
                self._sources(identity),
                embedders,
                strangers,
                motion,
                landmarker,
                strength_of(1),
                seed,
                steps.context.settings.threads,
            )

        return steps.cached(
            "controls",
            controls.VERSION,
            Controls,
            lambda _: measure(),
            (material.digest,),
            _ROLES,
            {"identity": identity.index, "seed": seed, "general": [calibration(one.name).far_1 for one in embedders]},
            f"controls {identity.index + 1}",
        )[0]

    def _sources(self, identity: Identity) -> list[Source]:
        """What the verifying embedder and each judge see of an identity."""
        samples = self._material.samples.samples
        own = [k for k, sample in enumerate(samples) if sample.track in identity.tracks]
        vectors = [identity.embeddings, *(some[own] for some in self._material.references)]
        return [limits.source_of(some, [samples[k] for k in own]) for some in vectors]

    def known(self) -> list[list[Reference]]:
        """Per judge, every identity: with the limit in its own footage and what is asked of the score there, or, where
        nothing was measured, with the general distance under which hardly any two strangers lie."""
        names = [embedder.name for embedder in self._steps.load_all("audit_embedders")]
        found: list[list[Reference]] = [[] for _ in names]
        for identity in self._material.identities.identities:
            controls = self._controls.get(identity.index)
            for k, (name, source) in enumerate(zip(names, self._sources(identity)[1:], strict=True)):
                general = calibration(name).nearest_stranger
                limit, asked = general, calibration(name).far_1
                if controls is not None:
                    limit, asked = controls.measured[k + 1].limit, controls.measured[k + 1].asked(asked)
                found[k].append(Reference(source.template, limit, source.vectors, asked))
        return found
