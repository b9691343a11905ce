"""The sampler of people: linear maps of the generator's latent space (see `maps`), drawn for cells (see `cells`)."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from models.interfaces.capabilities import FaceAttributes, Floats, Image
from models.interfaces.people import Person
from models.people import groups, maps, rules, source_kind
from models.people.cells import KIND
from models.people.meter import EMBEDDER, VALUES, Measures, Meter
from models.people.mobilestylegan import MobileStyleGAN

SPREAD = 1.0
"""How far people are drawn from the middle of their kind, relative to what the survey's spread leaves open. Wider they
are less alike, and fewer are of the kind: at 1.2 some rare kinds run dry."""
OFF_CENTRE = 0.5
"""Share of its limit by which a look may stay off the middle of the cell, where all people would be much alike."""
AT_A_TIME = 48
"""Draws that are predicted together."""
MOST_DRAWS = 960
"""Draws among which promising people are looked for."""
MOVED = 2**10
"""Added to the number of a draw for the same person moved by what was measured of its first picture."""
_ORDINALS, _KEYS = 2 * MOVED, 2**32
_LIMITS = {**rules.LIMITS, "ita": rules.TONE, "warmth": 0.6, **dict.fromkeys(groups.GROUPS[:-1], 0.35)}
"""No rule is about the warmth of hair; about the shares of the groups there is one for all together, `rules.GROUP`."""
_ALLOWED = OFF_CENTRE * np.array([_LIMITS.get(name, 0.0) for name in KIND], np.float32)
_KEPT, _BATCHES, _MEASURED = 8, 2 * MOST_DRAWS // AT_A_TIME, 256
"""People that are kept, 3 MB each: those of one person's control strangers; batches of draws, .1 MB each: all of two
people's; and what was measured of people, 8 KB each."""


class LinearSampler:
    """Sampler over MobileStyleGAN."""

    name = "linear-people"
    embedder = EMBEDDER

    def __init__(self) -> None:
        self._people = maps.load()
        self._targets = self._people.cells.targets
        self._generator = MobileStyleGAN()
        self._meter = Meter()
        self._batch = lru_cache(maxsize=_BATCHES)(self._drawn)
        self._kept: OrderedDict[int, Person] = OrderedDict()
        self._measures: OrderedDict[int, Measures] = OrderedDict()
        self._lock = threading.Lock()

    def cell(self, appearance: FaceAttributes, embeddings: Floats | None) -> int:
        """Return the cell of a source.

        Args:
            appearance: Attributes of the source.
            embeddings: (n, 512) unit vectors of the source by FaceNet, None where there are none.

        Returns:
            Number of the cell.
        """
        return self._people.cells.of(source_kind.kind_of(appearance, embeddings, self._people))

    def pair_distance(self, cell: int, quantile: float) -> float:
        """Return how far apart people of a cell are.

        Args:
            cell: The cell.
            quantile: Share of the pairs of its surveyed people, 0 to 0.5.

        Returns:
            Cosine distance (FaceNet) under which that share of the pairs lie.
        """
        return float(np.interp(quantile, maps.QUANTILES, self._people.pair_distances[cell]))

    def propose(self, cell: int, seed: int) -> Iterator[tuple[int, Floats]]:
        """Yield people of a cell: those without a predicted fault, then the others, the least off first.

        Args:
            cell: The cell.
            seed: Of the draws.

        Yields:
            (candidate, predicted embedding (512,)) of each of MOST_DRAWS.
        """
        key, target = _key(seed), self._targets[cell]
        others: list[tuple[float, int, Floats]] = []
        for start in range(0, MOST_DRAWS, AT_A_TIME):
            values, vectors = self._people.predictor.predict(self._batch(cell, key, start))
            shares = groups.each(vectors, values[:, VALUES.index("ita")])
            for k, off in enumerate(rules.excess(values, shares, target, rules.SLACK)):
                candidate = candidate_of(cell, key, start + k)
                if off > 0:
                    others.append((float(off), candidate, vectors[k]))
                else:
                    yield candidate, vectors[k]
        for _, candidate, vector in sorted(others, key=lambda one: one[:2]):
            yield candidate, vector

    def person(self, candidate: int) -> Person | None:
        """Make and measure one person.

        Args:
            candidate: Its number.

        Returns:
            The person, whose fault says whether it may serve; None when no clear face is seen.
        """
        with self._lock:
            if candidate in self._kept:
                self._kept.move_to_end(candidate)
                return self._kept[candidate]
        made = self._made(candidate)
        # Who is fit is asked for again: the twin is most often one of the control strangers, who were made before.
        if made is not None and not made.fault:
            with self._lock:
                _keep(self._kept, candidate, made, _KEPT)
        return made

    def latent(self, candidate: int) -> Floats:
        """Return the latent of a person.

        Args:
            candidate: Its number.

        Returns:
            (512,) float32.

        Raises:
            ValueError: It was moved from a picture without a clear face, which no sampler does.
        """
        cell, key, number = parts_of(candidate)
        if number >= MOVED:
            return self._moved(candidate - MOVED)
        start = number // AT_A_TIME * AT_A_TIME
        return np.asarray(self._batch(cell, key, start)[number - start], np.float32)

    def _moved(self, candidate: int) -> Floats:
        """(512,) of a person, moved by what its picture lacks."""
        known = self._measured(candidate)
        if known is None:
            raise ValueError("Nobody can be moved who was not measured.")
        target = self._targets[parts_of(candidate)[0]]
        row, embedding = _row(known), known.embedding[None]
        return self._people.maps.towards(target[None], self.latent(candidate)[None], row, embedding, _ALLOWED)[0]

    def _measured(self, candidate: int) -> Measures | None:
        """What was measured of a person; where that is not remembered, the picture is made once more."""
        with self._lock:
            known = self._measures.get(candidate)
        return self._pictured(candidate)[1] if known is None else known

    def _drawn(self, cell: int, key: int, start: int) -> Floats:
        """Latents of AT_A_TIME people."""
        target = self._targets[cell].astype(np.float32)
        linear = self._people.maps
        rng = np.random.default_rng([cell, key, start])
        deviates = SPREAD * rng.standard_normal((AT_A_TIME, linear.spread.shape[1])).astype(np.float32)
        latents = linear.draw(target[None], deviates, self._people.predictor, _ALLOWED)
        # They are shared by all who ask.
        latents.setflags(write=False)
        return latents

    def _pictured(self, candidate: int) -> tuple[Image, Measures | None]:
        picture = self._generator.picture(self.latent(candidate))
        picture.setflags(write=False)
        seen = self._meter.measure(picture)
        if seen is not None:
            with self._lock:
                _keep(self._measures, candidate, seen, _MEASURED)
        return picture, seen

    def _made(self, candidate: int) -> Person | None:
        cell, _, number = parts_of(candidate)
        target = self._targets[cell]
        if number >= MOVED and self._measured(candidate - MOVED) is None:
            return None
        picture, seen = self._pictured(candidate)
        if seen is None:
            return None
        row = _row(seen)
        shares = groups.each(seen.embedding[None], row[:, VALUES.index("ita")])
        fault = rules.in_words(rules.faults(row, shares, target)[0])
        of_kind = not fault or not rules.faults(row, shares, target, rules.OF_KIND)[0]
        moved = -1 if number >= MOVED or fault in ("", *rules.NOT_STEERED) else candidate + MOVED
        return Person(candidate, picture, seen.mesh, seen.embedding, seen.values, fault, of_kind, moved)


def _row(seen: Measures) -> Floats:
    return np.array([[seen.values[name] for name in VALUES]], np.float32)


def _keep(kept: OrderedDict[int, Any], candidate: int, what: Any, most: int) -> None:
    kept[candidate] = what
    while len(kept) > most:
        kept.popitem(last=False)


def candidate_of(cell: int, key: int, number: int) -> int:
    """Return the number of a person.

    Args:
        cell: The cell.
        key: Of the draws, under 2^32.
        number: Of the draw, under 2^10, or that and MOVED.

    Returns:
        A positive number of up to 63 bits.
    """
    return ((cell + 1) * _KEYS + key) * _ORDINALS + number


def parts_of(candidate: int) -> tuple[int, int, int]:
    """Return cell, key and number of a person, see `candidate_of`.

    Args:
        candidate: The person.

    Returns:
        (cell, key, number).
    """
    rest, number = divmod(candidate, _ORDINALS)
    cell, key = divmod(rest, _KEYS)
    return cell - 1, key, number


def _key(seed: int) -> int:
    return int(np.random.SeedSequence(seed).generate_state(1)[0])
