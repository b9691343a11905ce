"""Identity clustering (AnonNET section 3.1): which tracks of the video show the same person.

Track embeddings are pooled over the track's samples and clustered by cosine distance with average linkage. Two
tracks that share a frame are two persons, whatever their distance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infra.settings import Settings
from models.embedding.calibration import calibration
from models.interfaces.capabilities import Embedder, Floats
from models.selection import profiles
from tasks.analysis.samples import Samples
from tasks.records import Tracks
from tasks.stage import Work, stage

VERSION = 3


@dataclass(frozen=True)
class Identity:
    """One person of the video.

    Attributes:
        index: Place among the identities, from 0.
        tracks: Indices of its tracks.
        embeddings: (n, D) unit vectors of the samples.
        pooled: (D,) unit mean of them.
    """

    index: int
    tracks: tuple[int, ...]
    embeddings: Floats
    pooled: Floats

    @property
    def label(self) -> str:
        """What tells one person from another where stages are shown."""
        return str(self.index + 1)


@dataclass(frozen=True)
class Identities:
    """All identities of a video.

    Attributes:
        identities: In order of appearance.
        embedder: Name of the network behind the vectors.
    """

    identities: tuple[Identity, ...]
    embedder: str


def _parameters(settings: Settings) -> dict[str, float]:
    (embedder,) = profiles.roles(settings)["embedder"].backends
    return {"threshold": calibration(embedder).eer_distance}


@stage("cluster identities", "identities", VERSION, "3.1 (1)", ("embedder",), _parameters)
def cluster_identities(work: Work, tracks: Tracks, samples: Samples) -> Identities:
    """Cluster the tracks at the distance at which the embedder confuses as many strangers as it misses people.

    Args:
        work: Loads the embedder; holds the settings.
        tracks: Tracks of the input.
        samples: Sampled faces.

    Returns:
        The identities.
    """
    return run(tracks, samples, work.load("embedder"), _parameters(work.settings)["threshold"])


def pool(vectors: Floats) -> Floats:
    """Return the unit mean of unit vectors.

    Args:
        vectors: (n, D) unit vectors.

    Returns:
        (D,) float32 unit vector.
    """
    mean = vectors.mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), dtype=np.float32)


def run(tracks: Tracks, samples: Samples, embedder: Embedder, threshold: float) -> Identities:
    """Cluster the tracks of a video to identities.

    Args:
        tracks: The tracks.
        samples: Sampled faces.
        embedder: Embeds the samples.
        threshold: Cosine distance (average linkage) up to which two tracks are one person.

    Returns:
        The identities, in order of appearance.
    """
    vectors: dict[int, Floats] = {}
    for track in tracks.tracks:
        own = samples.of(track.index)
        vectors[track.index] = embedder.embed([sample.crop for sample in own], [sample.face for sample in own])
    order = [track.index for track in tracks.tracks if len(vectors[track.index])]
    if not order:
        return Identities((), embedder.name)
    labels = _cluster(tracks, order, np.stack([pool(vectors[index]) for index in order]), threshold)
    groups: dict[int, list[int]] = {}
    for index, label in zip(order, labels, strict=True):
        groups.setdefault(label, []).append(index)
    identities = []
    for number, members in enumerate(sorted(groups.values())):
        everything = np.concatenate([vectors[index] for index in members])
        identities.append(Identity(number, tuple(members), everything, pool(everything)))
    return Identities(tuple(identities), embedder.name)


def _cluster(tracks: Tracks, order: list[int], pooled: Floats, threshold: float) -> list[int]:
    if len(order) == 1:
        return [1]
    # Takes a third of a second to load, and most videos show one track.
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    distance = np.clip(1.0 - pooled @ pooled.T, 0.0, 2.0).astype(np.float64)
    by_index = {track.index: track for track in tracks.tracks}
    for i, a in enumerate(order):
        for j, b in enumerate(order[:i]):
            one, other = by_index[a], by_index[b]
            if one.first <= other.last and other.first <= one.last:
                distance[i, j] = distance[j, i] = 10.0
    np.fill_diagonal(distance, 0.0)
    distance = (distance + distance.T) / 2
    return [int(label) for label in fcluster(linkage(squareform(distance), "average"), threshold, "distance")]
