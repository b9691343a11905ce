"""The kind of a source, on the axes of the cells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.interfaces.capabilities import FaceAttributes, Floats, Hair
from models.people import groups
from models.people.cells import KIND
from models.people.maps import People

TONE_TRUST = 40.0
"""Degrees ITA by which the measured skin tone may lie off the one that the embedding suggests; what lies farther tells
of light rather than skin: a pale man in a dim room measured -49. What is nearer moves the suggestion by up to 17."""
WORN = 0.25
"""Glasses score from which a source wears glasses: thin rims in a small picture score .35, bare faces under .05."""
WARMEST = 0.7
"""Warmth of hair, see `Hair`, beyond which something else was measured: a turban, a scarf, coloured light."""
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
        ita = likely + (ita - likely) * float(np.exp(-(((ita - likely) / TONE_TRUST) ** 2)))
        shares = groups.likely(embeddings, ita)
    else:
        shares = np.array(_labelled(appearance.ethnicity))
    nan = float("nan")
    hair = appearance.hair or Hair(nan, nan, nan, nan, nan)
    if hair.warmth > WARMEST:
        hair = replace(hair, shade=nan, warmth=nan)
    values = {
        "age": appearance.age,
        "female": appearance.female,
        "ita": ita,
        "beard": appearance.beard,
        "glasses": 1.0 if appearance.glasses >= WORN else appearance.glasses,
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
