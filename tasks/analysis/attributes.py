"""Attribute recognition (AnonNET section 3.3), pooled over the samples of an identity.

The result chooses the twin and writes the prompt. Identifying: it never leaves the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np

from models.attributes import head, skin
from models.interfaces.capabilities import AgeGender, Emotion, Ethnicity, FaceAttributes, Floats, Hair, Image, Parser
from tasks.analysis.identities import Identities
from tasks.analysis.samples import Samples, mesh_in_crop
from tasks.records import Tracks
from tasks.stage import Work, stage

VERSION = 5
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

    These are age, gender, emotion, ethnicity (where a network estimates it), skin tone, beard, glasses and hair.

    Args:
        tracks: Tracks of the input.
        samples: Sampled faces.
        identities: Identities of the input.
        age_gender: Estimates age in years and the probability of female.
        emotion: Estimates emotions.
        parser: Finds glasses and hair.
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
        largest = np.argsort([-face.size for face in faces])[:_PARSED]
        glasses, hair = glasses_and_hair([(crops[i], meshes[i]) for i in largest], parser)
        result.append(
            FaceAttributes(
                age=float(np.median(ages[:, 0])),
                female=float(ages[:, 1].mean()),
                emotion=moods,
                skin_ita=tone,
                beard=beard if float(ages[:, 1].mean()) < 0.6 else 0.0,
                glasses=glasses,
                ethnicity=kinds,
                hair=hair,
            )
        )
    return PeopleAttributes(tuple(result))


def _means(labels: tuple[str, ...], rows: Floats) -> dict[str, float]:
    """Label -> mean over (n, len(labels)) rows."""
    return {label: float(value) for label, value in zip(labels, rows.mean(axis=0), strict=True)}


def glasses_and_hair(heads: Sequence[tuple[Image, Floats]], parser: Parser) -> tuple[float, Hair | None]:
    """Return the medians of what the parser sees of one person's head.

    Args:
        heads: ((h, w, 3) uint8 BGR picture, (478, 3) mesh in its pixels) of each sample.
        parser: Labels the pixels.

    Returns:
        (score for glasses in [0, 1], kind of hair); (0.0, None) where no head can be measured.
    """
    looks = [seen for picture, mesh in heads if (seen := head.look(picture, mesh, parser)) is not None]
    if not looks:
        return 0.0, None
    hair = np.array([astuple(one.hair) for one in looks])
    known = np.isfinite(hair)
    medians = [float(np.median(hair[known[:, k], k])) if known[:, k].any() else float("nan") for k in range(5)]
    return float(np.median([one.glasses for one in looks])), Hair(*medians)
