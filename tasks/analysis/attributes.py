"""Attribute recognition (AnonNET section 3.3), pooled over the samples of an identity.

The result chooses the twin and writes the prompt. Identifying: it never leaves the run.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from models.attributes import skin
from models.interfaces.capabilities import AgeGender, Emotion, Ethnicity, Face, FaceAttributes, Floats, Image, Parser
from models.landmarks import topology
from tasks.analysis.identities import Identities
from tasks.analysis.samples import Samples, mesh_in_crop
from tasks.records import Tracks
from tasks.stage import Work, stage

VERSION = 4
_GLASSES_LABEL = "glasses"
_PARSED = 3


@dataclass(frozen=True)
class PeopleAttributes:
    """One appearance per identity, in the order of the identities."""

    appearances: tuple[FaceAttributes, ...]


@stage("recognise attributes", "attributes", VERSION, "3.3", ("age_gender", "emotion", "parser", "ethnicity"))
def recognise_attributes(work: Work, tracks: Tracks, samples: Samples, people: Identities) -> PeopleAttributes:
    """Estimate age, gender, emotion and the rest of each identity, and its ethnicity where the profile can.

    Args:
        work: Loads the networks.
        tracks: Tracks of the input.
        samples: Sampled faces.
        people: Identities of the input.

    Returns:
        One appearance per identity.
    """
    age_gender, emotion, parser = (work.load(role) for role in ("age_gender", "emotion", "parser"))
    ethnicity = work.load("ethnicity") if work.has("ethnicity") else None
    return run(tracks, samples, people, age_gender, emotion, parser, ethnicity)


def run(
    tracks: Tracks,
    samples: Samples,
    identities: Identities,
    age_gender: AgeGender,
    emotion: Emotion,
    parser: Parser,
    ethnicity: Ethnicity | None = None,
) -> PeopleAttributes:
    """Pool the attributes of each identity over its samples (medians and means).

    These are age, gender, emotion, ethnicity (where a network estimates it), skin tone, beard and glasses.

    Args:
        tracks: Tracks of the input.
        samples: Sampled faces.
        identities: Identities of the input.
        age_gender: Estimates age in years and the probability of female.
        emotion: Estimates emotions.
        parser: Finds glasses.
        ethnicity: Estimates ethnicity; None leaves it empty.

    Returns:
        One appearance per identity.
    """
    by_index = {track.index: track for track in tracks.tracks}
    result = []
    for identity in identities.identities:
        own = [sample for track in identity.tracks for sample in samples.of(track)]
        crops = [sample.crop for sample in own]
        faces = [sample.face for sample in own]
        meshes = [mesh_in_crop(sample, by_index[sample.track]) for sample in own]
        ages = age_gender.estimate(crops, faces)
        moods = _means(emotion.labels, emotion.estimate(crops, faces))
        kinds = {} if ethnicity is None else _means(ethnicity.labels, ethnicity.estimate(crops, faces))
        tones = np.array([skin.measure(crop, mesh) for crop, mesh in zip(crops, meshes, strict=True)])
        known = tones[np.isfinite(tones).all(axis=1)]
        tone, beard = (float(v) for v in np.median(known, axis=0)) if len(known) else (40.0, 0.0)
        straight = np.argsort([-face.size for face in faces])[:_PARSED]
        glasses = [glasses_share(crops[i], faces[i], meshes[i], parser) for i in straight]
        result.append(
            FaceAttributes(
                age=float(np.median(ages[:, 0])),
                female=float(ages[:, 1].mean()),
                emotion=moods,
                skin_ita=tone,
                beard=beard if float(ages[:, 1].mean()) < 0.6 else 0.0,
                glasses=float(np.median(glasses)),
                ethnicity=kinds,
            )
        )
    return PeopleAttributes(tuple(result))


def _means(labels: tuple[str, ...], rows: Floats) -> dict[str, float]:
    """Label -> mean over (n, len(labels)) rows."""
    return {label: float(value) for label, value in zip(labels, rows.mean(axis=0), strict=True)}


def glasses_share(crop: Image, face: Face, mesh: Floats, parser: Parser) -> float:
    """Return a score for glasses: parsed glasses pixels on the face over a fifteenth of the face box's area.

    Args:
        crop: (h, w, 3) uint8 BGR picture.
        face: The face in it, in pixels.
        mesh: (478, 3) pixels; only inside its outline, or a neighbour's glasses would count.
        parser: Labels the pixels.

    Returns:
        The score in [0, 1].
    """
    x0, y0, x1, y1 = face.box
    centre, half = ((x0 + x1) / 2, (y0 + y1) / 2), 0.75 * max(float(x1 - x0), float(y1 - y0))
    left, top = int(max(centre[0] - half, 0)), int(max(centre[1] - half, 0))
    window = crop[top : int(centre[1] + half), left : int(centre[0] + half)]
    if min(window.shape[:2]) < 8:
        return 0.0
    labels = parser.parse([np.ascontiguousarray(window)])[0]
    outline = mesh[list(topology.OVAL), :2] - (left, top)
    inside = np.ones(labels.shape, np.uint8)
    if np.isfinite(outline).all():
        inside[:] = 0
        cv2.fillConvexPoly(inside, cv2.convexHull(np.round(outline).astype(np.int32)), 1)
    found = float(((labels == parser.labels.index(_GLASSES_LABEL)) & (inside > 0)).sum())
    return float(np.clip(found / max(face.size**2 / 15, 1.0), 0.0, 1.0))
