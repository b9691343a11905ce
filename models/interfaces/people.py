"""The capability behind the embedded inpainter: it proposes synthetic people of a cell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from models.interfaces.capabilities import FaceAttributes, Floats, Image


@dataclass(frozen=True)
class Person:
    """A synthetic person.

    Attributes:
        candidate: Number from which the sampler makes the same person again.
        picture: (H, W, 3) uint8 BGR, frontal and at rest.
        mesh: (478, 3) float32 pixels of the picture.
        embedding: (D,) unit vector of the sampler's embedder.
        values: What was measured, by the names of `models.people.meter.VALUES`; empty where nothing was.
        fault: What the person lacks to stand for the cell, in words; empty for a fit one.
        of_kind: Whether the person is of the cell's kind at all, and may be a control stranger; fit people are.
        moved: Number of the same person moved towards the cell, -1 where nothing is known that would help.
    """

    candidate: int
    picture: Image
    mesh: Floats
    embedding: Floats
    values: dict[str, float]
    fault: str = ""
    of_kind: bool = True
    moved: int = -1


@runtime_checkable
class Sampler(Protocol):
    """Draws synthetic people of a kind. Safe for several threads.

    Attributes:
        name: Name of the backend.
        embedder: Name of the embedder whose vectors its people have.
    """

    name: str
    embedder: str

    def cell(self, appearance: FaceAttributes, embeddings: Floats | None) -> int:
        """Return the cell of a source: all that the people drawn for it depend on beside a seed.

        Args:
            appearance: Attributes of the source.
            embeddings: (n, D) embeddings of the source by the sampler's embedder, None where there are none.

        Returns:
            Number of the cell.
        """

    def pair_distance(self, cell: int, quantile: float) -> float:
        """Return how far apart people of a cell are.

        Args:
            cell: The cell.
            quantile: Share of the pairs of its people, 0 to 0.5.

        Returns:
            Cosine distance, by the sampler's embedder, under which that share of the pairs lie.
        """

    def propose(self, cell: int, seed: int) -> Iterator[tuple[int, Floats]]:
        """Yield people of a cell without making their pictures, the promising ones first.

        Args:
            cell: The cell.
            seed: Of the draws; the same cell and seed give the same people in the same order.

        Yields:
            (candidate, predicted embedding (D,)) of each; hundreds, not endlessly many.
        """

    def person(self, candidate: int) -> Person | None:
        """Make and measure one person.

        Args:
            candidate: Number that `propose` or a person's `moved` gave, in this process or another.

        Returns:
            The person, whose fault says whether it may serve; None when no clear face is seen.
        """
