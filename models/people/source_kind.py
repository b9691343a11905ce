"""The kind of a source, on the axes of the cells."""

from __future__ import annotations

import numpy as np

from models.interfaces.capabilities import FaceAttributes, Floats, Hair
from models.people import groups
from models.people.cells import KIND
from models.people.maps import People

TONE_TRUST = 20.0
"""Degrees ITA that a measured skin tone may lie from the one that the embedding suggests; light shifts measurements
more: a pale man in a dim room measured -16."""
_ETHNICITIES = {"white": "European", "black": "African", "asian": "East Asian"}
"""Labels of the networks that estimate ethnicity -> group; all others are the group between."""


def kind_of(appearance: FaceAttributes, embeddings: Floats | None, people: People) -> Floats:
    """Return a source's kind. Identifying.

    Args:
        appearance: Its attributes.
        embeddings: (n, D) unit vectors by FaceNet; None where there are none.
        people: For what suggests the skin tone, and for usual values of what was not measured.

    Returns:
        (len(KIND),) float32, finite.
    """
    known = embeddings is not None and len(embeddings) > 0
    ita = appearance.skin_ita
    if known and embeddings is not None:
        likely = people.maps.tone_of(embeddings)
        ita = float(np.clip(ita, likely - TONE_TRUST, likely + TONE_TRUST))
        shares = groups.likely(embeddings, ita)
    else:
        shares = np.array(_labelled(appearance.ethnicity))
    nan = float("nan")
    hair = appearance.hair or Hair(nan, nan, nan, nan, nan)
    values = {
        "age": appearance.age,
        "female": appearance.female,
        "ita": ita,
        "beard": appearance.beard,
        "glasses": appearance.glasses,
        "fringe": hair.fringe,
        "crown": hair.crown,
        "length": hair.length,
        "shade": hair.shade,
        "warmth": hair.warmth,
        **dict(zip(groups.GROUPS[:-1], (float(v) for v in shares), strict=False)),
    }
    kind = np.array([values[name] for name in KIND], np.float32)
    usual = people.usual[int(appearance.female >= 0.5)]
    return np.where(np.isfinite(kind), kind, usual).astype(np.float32)


def _labelled(ethnicity: dict[str, float]) -> list[float]:
    """Shares of the groups by estimated labels; unknown where there are none."""
    if not ethnicity:
        return [float("nan")] * len(groups.GROUPS)
    shares = dict.fromkeys(groups.GROUPS, 0.0)
    for label, share in ethnicity.items():
        shares[_ETHNICITIES.get(label.lower(), groups.GROUPS[-1])] += share
    return [shares[name] for name in groups.GROUPS]
