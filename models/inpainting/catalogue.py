"""The catalogue of synthetic identities: latents and measured attributes, no pictures.

Built by `tools.catalogue.curate`. Attributes were measured by the same networks that look at sources, so that
matching compares like with like.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from models.inpainting import groups
from models.interfaces.capabilities import FaceAttributes, Floats

AGE_BOUNDS = (16.0, 28.0, 40.0, 54.0)
"""Upper bounds in years of the age groups child, young, adult, middle-aged; the last group is older."""
TONE_BOUNDS = (10.0, 28.0, 41.0, 55.0)
"""Upper bounds of the skin tone groups in degrees ITA: dark, brown, tan, intermediate; the last is light."""

TONE_TRUST = 20.0
"""Degrees ITA that a measured skin tone may lie from the one the embedding suggests; light shifts measurements more."""
GROUP_WEIGHT = 10.0
"""Cost of being of a group that the source does not look like at all; as much as eighty years of age."""
NEAR_TONE, NEAR_AGE = 20.0, 10.0
"""Degrees of ITA and years that an entry may be off, while enough others remain: otherwise the entries farthest from a
face tend to have another skin, and a dark face lightened to a pale one looks like chalk. With 15 years a man of about
thirty, measured 35, became one of fifty with grey hair."""
FEW_ALIKE, WIDER = 8, (1.0, 1.5, 2.0)
"""Where fewer than so many are alike, age and tone may differ by so many times as much."""
BARE = 3.0
"""Cost of wearing no glasses where the source does: as much as 24 years of age. Only 16 women of the catalogue
wear some: a source of 38 with glasses got a twin of 70."""
LIKELY_GROUP = 0.8
"""Share of the likeliest group's probability from which a group counts as the source's, too. With half of it, 15 of the
17 who fitted a black man (.50 against .36) were Europeans."""


@dataclass(frozen=True)
class Catalogue:
    """The catalogue's n synthetic people.

    Attributes:
        latents: (n, 512).
        age: (n,) years.
        female: (n,) probabilities.
        ita: (n,) skin tones in degrees ITA.
        beard: (n,) scores.
        glasses: (n,) bool.
        meshes: (n, 478, 3) pixels of the 1024 x 1024 picture.
        embeddings: (n, D) unit vectors of `embedder`.
        embedder: Name of the embedder.
        group: (n,) index of the apparent group, see `groups.GROUPS`.
    """

    latents: Floats
    age: Floats
    female: Floats
    ita: Floats
    beard: Floats
    glasses: NDArray[np.bool_]
    meshes: Floats
    embeddings: Floats
    embedder: str
    group: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.latents)


def cell_of(age: float, female: float, ita: float) -> tuple[int, int, int]:
    """Return the cell that the coverage table counts.

    Args:
        age: Years.
        female: Probability of female.
        ita: Skin tone in degrees ITA.

    Returns:
        (age group, gender, tone group).
    """
    return int(np.searchsorted(AGE_BOUNDS, age)), int(female >= 0.5), int(np.searchsorted(TONE_BOUNDS, ita))


@lru_cache(maxsize=1)
def load() -> Catalogue:
    """Read the catalogue that ships with the project."""
    with files("models.inpainting").joinpath("catalogue.npz").open("rb") as stream:
        stored = np.load(stream, allow_pickle=False)
        names = [str(name) for name in stored["features"]]
        values = stored["values"].astype(np.float32)
        embeddings = stored["embedding"].astype(np.float32)
        group = groups.labels()
        if len(group) != len(embeddings):
            raise ValueError("groups.txt needs one letter for every person of the catalogue.")
        return Catalogue(
            latents=stored["latent"].astype(np.float32),
            age=values[:, names.index("age")],
            female=values[:, names.index("female")],
            ita=values[:, names.index("ita")],
            beard=values[:, names.index("beard")],
            glasses=stored["glasses"].astype(bool),
            meshes=stored["mesh"].astype(np.float32) / 16,
            embeddings=embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True),
            embedder=str(stored["embedder"]),
            group=group,
        )


@lru_cache(maxsize=1)
def _tone_model() -> tuple[Floats, Floats, float]:
    people = load()
    mean, level = people.embeddings.mean(axis=0), float(people.ita.mean())
    centred = (people.embeddings - mean).astype(np.float64)
    common = centred.T @ centred + np.eye(centred.shape[1])
    return mean, np.linalg.solve(common, centred.T @ (people.ita - level)).astype(np.float32), level


def tone_of(embeddings: Floats) -> float:
    """Return the skin tone that embeddings suggest, in any light.

    Ridge regression on the catalogue; cross-validated on it, r = .68, mean error 14 degrees.

    Args:
        embeddings: (n, D) unit vectors of one person.

    Returns:
        Degrees ITA.
    """
    mean, slope, level = _tone_model()
    return float((embeddings.mean(axis=0) - mean) @ slope + level)


def tone_wanted(appearance: FaceAttributes, source: Floats | None) -> float:
    """Return the skin tone to look for.

    Measured, a pale man in a dim room (-16) passed for a black man, and got such a twin.

    Args:
        appearance: Attributes of the source.
        source: (m, D) embeddings of the source, or None.

    Returns:
        Degrees ITA as measured, but no farther than `TONE_TRUST` from what the embeddings suggest.
    """
    if source is None or not len(source):
        return appearance.skin_ita
    likely = tone_of(source)
    return float(np.clip(appearance.skin_ita, likely - TONE_TRUST, likely + TONE_TRUST))


def mismatch(catalogue: Catalogue, wanted: FaceAttributes, source: Floats | None = None, attempt: int = 1) -> Floats:
    """Return how badly each entry fits an appearance.

    Adults only for adults, children only for children; no entry with glasses for a source without, while a source with
    glasses may get an entry without; the other gender never, unless the source's is undecided.

    Args:
        catalogue: The catalogue.
        wanted: Attributes of the source.
        source: (m, D) embeddings of the source by the catalogue's embedder, to match its apparent group; None to leave
            it out.
        attempt: Later attempts give less weight to the beard, which recognisers lean on.

    Returns:
        (n,) float32 cost; infinite where an entry must not serve.
    """
    child = wanted.age < AGE_BOUNDS[0]
    cost = np.abs(catalogue.age - wanted.age) / 8.0
    cost = cost + np.abs(catalogue.ita - tone_wanted(wanted, source)) / 40.0
    cost = cost + np.abs(catalogue.beard - wanted.beard) / (0.15 * attempt)
    if abs(wanted.female - 0.5) > 0.15:
        cost = np.where((catalogue.female >= 0.5) == (wanted.female >= 0.5), cost, np.inf)
    if source is not None and len(source):
        share = of_group(catalogue, wanted, source)
        cost = cost + GROUP_WEIGHT * (share.max() - share)
    cost = np.where((catalogue.age < AGE_BOUNDS[0]) == child, cost, np.inf)
    missing = BARE if wears(wanted) else 0.0
    cost = np.where(catalogue.glasses, cost if wears(wanted) else np.inf, cost + missing)
    return cost.astype(np.float32)


def wears(appearance: FaceAttributes) -> bool:
    """Return whether a person wears glasses.

    Args:
        appearance: Attributes of the person.

    Returns:
        True from a score of 0.5 on.
    """
    return appearance.glasses >= 0.5


def of_group(catalogue: Catalogue, wanted: FaceAttributes, source: Floats) -> NDArray[np.float64]:
    """Return how much a source looks like each entry's apparent group.

    Args:
        catalogue: The catalogue.
        wanted: Attributes of the source.
        source: (m, D) embeddings of the source by the catalogue's embedder.

    Returns:
        (n,) shares.
    """
    return np.asarray(groups.likely(source, tone_wanted(wanted, source))[catalogue.group])


def alike(
    catalogue: Catalogue, wanted: FaceAttributes, source: Floats | None, among: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which entries are like an appearance.

    These are near it in age and tone, with glasses where it has some, and, where the source's embeddings are given, of
    a group that it looks like. Where they are few, glasses may be missing, and then age and tone may differ by up to
    twice as much: the catalogue has few of some groups, and a few years are seen less than another group.

    Args:
        catalogue: The catalogue.
        wanted: Attributes of the source.
        source: (m, D) embeddings of the source by the catalogue's embedder, or None.
        among: (n,) entries that fit at all; no others are alike.

    Returns:
        (n,) bool.
    """
    kin = among
    if source is not None and len(source):
        share = of_group(catalogue, wanted, source)
        kin = among & (share >= LIKELY_GROUP * share.max())
    found = kin & near(catalogue, wanted, source) & (catalogue.glasses == wears(wanted))
    for slack in WIDER:
        if found.sum() >= FEW_ALIKE:
            break
        found = kin & near(catalogue, wanted, source, slack)
    return found


def near(catalogue: Catalogue, wanted: FaceAttributes, source: Floats | None, slack: float = 1.0) -> NDArray[np.bool_]:
    """Return which entries are near an appearance in tone and age, of any group.

    Args:
        catalogue: The catalogue.
        wanted: Attributes of the source.
        source: (m, D) embeddings of the source by the catalogue's embedder, or None.
        slack: How many times `NEAR_TONE` and `NEAR_AGE` they may be off.

    Returns:
        (n,) bool.
    """
    tone, age = np.abs(catalogue.ita - tone_wanted(wanted, source)), np.abs(catalogue.age - wanted.age)
    return np.asarray((tone <= slack * NEAR_TONE) & (age <= slack * NEAR_AGE))
