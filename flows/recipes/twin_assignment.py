"""Which twin an identity may have: what the rest of the video and of the dataset forbids or wishes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, IntEnum

import numpy as np

from infra.settings import Settings, Surroundings
from models.embedding.calibration import calibration
from models.interfaces.twins import Twin
from tasks.analysis.identities import Identities, Identity
from tasks.generation.gallery import Gallery, GalleryEntry, OtherIdentities
from tasks.generation.twin import TwinRequest

REUSE_ATTEMPTS = 3
"""A twin that a person has in another video whose audit is still to come is tried by the first so many attempts, each
stronger; one that passed an audit by all of them."""


class Uniqueness(IntEnum):
    """How much an identity's twin has to do with other videos' twins: as little as can be had.

    Whatever the level, no twin is chosen that resembles any source known by then: real people must not be mistaken for
    one another. A twin that a person already has stays theirs.
    """

    RESEMBLES_NO_TWIN = 0
    """It resembles no other twin of the dataset."""
    OWN_FACE = 1
    """No other person has it, but it may look like another video's twin."""


class Kept(Enum):
    """What became of a twin that was to be recorded."""

    RECORDED = "recorded"
    SEARCH_AGAIN = "search again"
    """Another video met the same person or one who resembles the twin, or took it; the next search knows."""
    TAKEN = "taken"
    """The person's own twin is reserved for another person: the store is damaged, and there is no other."""


class _State:
    """What is known of one identity's place in the dataset."""

    def __init__(self, entry: GalleryEntry) -> None:
        self.entry = entry
        self.known = entry.candidate
        self.others: OtherIdentities | None = None
        self.refused: set[int] = set()
        self.level = 0


class TwinAssignment:
    """Asks for twins of the identities of one input, and records them."""

    def __init__(self, settings: Settings, owner: str, people: Identities, gallery: Gallery) -> None:
        """Args:
        settings: Of the run.
        owner: Public id of the input.
        people: Its identities.
        gallery: Who already appeared in the dataset.
        """
        self._settings = settings
        self._owner = owner
        self._people = people
        self._gallery = gallery
        self._levels = list(Uniqueness)
        self._states: dict[int, _State] = {}

    def bound(self, person: Identity) -> bool:
        """Return whether another video has bound the identity's twin, so that there is no other choice.

        Args:
            person: The identity.

        Returns:
            Whether it has.
        """
        return person.index in self._states and self._states[person.index].entry.bound

    def request(
        self, person: Identity, number: int, first: bool, twins: Mapping[int, Twin], tried: Sequence[int]
    ) -> TwinRequest:
        """Return which twin is wanted next.

        Args:
            person: Of whom.
            number: Of the attempt, from 1.
            first: Whether it is the first at this level of uniqueness since a search began.
            twins: Identity -> twin that the others of the video have.
            tried: Candidates of the identity's earlier attempts.

        Returns:
            The request.
        """
        entry = self._look_up(person)
        state = self._states[person.index]
        state.others = others = self._gallery.others(entry)
        level = self._levels[state.level]
        # Another video may have given this person another twin meanwhile, and the old one to another person.
        free = state.known not in (*others.candidates, *state.refused)
        prefer = state.known if first and number <= REUSE_ATTEMPTS and free else -1
        theirs = [twin for index, twin in twins.items() if index != person.index]
        vectors = [one.pooled for one in self._people.identities if one.index != person.index]
        vectors += [*others.people, *(others.twins if level is Uniqueness.RESEMBLES_NO_TWIN else ())]
        vectors += [twin.embedding for twin in theirs]
        return TwinRequest(
            identity=person.index,
            number=number,
            key=entry.key,
            prefer=entry.candidate if entry.bound else prefer,
            others=np.stack(vectors) if vectors else np.zeros((0, len(person.pooled)), np.float32),
            taken=tuple(sorted({*others.candidates, *state.refused, *(twin.candidate for twin in theirs), *tried})),
            seed=self._settings.seed,
            strict=self._settings.surroundings is Surroundings.STRICT,
        )

    def restart(self, person: Identity) -> None:
        """Ask for full uniqueness again, since a search begins: after an audit, or because the dataset changed.

        Args:
            person: Whose twin it is.
        """
        self._states[person.index].level = 0

    def give_way(self, person: Identity) -> bool:
        """Ask for less uniqueness from now on, where no candidate was left.

        Args:
            person: Whose twin it is.

        Returns:
            Whether less can be asked.
        """
        state = self._states[person.index]
        if state.level + 1 >= len(self._levels):
            return False
        state.level += 1
        return True

    def keep(self, person: Identity, twin: Twin) -> Kept:
        """Record a verified twin.

        Args:
            person: Whose.
            twin: The twin.

        Returns:
            Whether it was recorded.
        """
        state = self._states[person.index]
        before, seen = state.entry, state.others
        with self._gallery.turn():
            now = self._look_up(person)
            if now != before:
                state.known = now.candidate
                return Kept.SEARCH_AGAIN
            others = self._gallery.others(now)
            level = self._levels[state.level]
            if not now.bound and seen is not None and self._resembles(twin, others.since(seen), level):
                return Kept.SEARCH_AGAIN
            if not self._gallery.keep(now, person.pooled, twin):
                state.refused.add(twin.candidate)
                return Kept.TAKEN if now.bound and now.candidate in state.refused else Kept.SEARCH_AGAIN
        return Kept.RECORDED

    def bind(self, passed: Sequence[tuple[Identity, Twin]]) -> list[int]:
        """Bind twins that passed an audit to their people in the whole dataset, all or none of them.

        Args:
            passed: Identities and their twins.

        Returns:
            Numbers of the identities whose twin must be another one: another video was faster, or another person has
            it now. Empty where videos share no people.
        """
        entries = [(self._states[person.index].entry, person.pooled, twin) for person, twin in passed]
        late = [passed[n][0] for n in self._gallery.bind(entries)]
        for person in late:
            self._look_up(person)
        return [person.index for person in late]

    def _look_up(self, person: Identity) -> GalleryEntry:
        apart = {state.entry.key for index, state in self._states.items() if index != person.index}
        entry = self._gallery.place(person.pooled, f"{self._owner}:{person.index}", apart)
        self._states.setdefault(person.index, _State(entry)).entry = entry
        return entry

    def _resembles(self, twin: Twin, others: OtherIdentities, level: Uniqueness) -> bool:
        """Whether a twin looks like one of these sources, or, where it must resemble no twin, like one of these."""
        faces = [*others.people, *(others.twins if level is Uniqueness.RESEMBLES_NO_TWIN else ())]
        nearest = calibration(self._people.embedder).nearest_stranger
        # Not <: a distance that is no number proves nothing.
        return any(not 1.0 - float(face @ twin.embedding) >= nearest for face in faces)
