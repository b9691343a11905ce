"""One twin per identity, with verification and retry (AnonNET sections 3.4 and 3.5).

An attempt that fails is followed by one with more stochasticity: another candidate, a larger geometric change, a
wider mask. Every attempt is recorded. When attempts run out there is no twin, never the last one tried.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from infra.errors import AttemptFailed, Withheld
from models.capabilities import Embedder, Floats, Parser
from models.motion import adapt, backdrop, crown
from models.twins import Driving, Inpainter, MotionModel, Strength, Twin, TwinJob
from tasks import frontal, redact, verify
from tasks.attributes import Appearances
from tasks.identities import Identity
from tasks.motion import Drivings
from tasks.records import Attempt, Tracks
from tasks.samples import Sample, Samples, mesh_in_crop

VERSION = 12
_BARE = ("skin", "nose", "left ear", "right ear", "neck", "left brow", "right brow", "upper lip", "lower lip")


_PARSED = 512
"""Side in pixels at which a twin's picture is parsed."""
_MOST_HIDDEN = 0.1
"""Share of a face that may be hidden on its frontal frame, where there is the choice."""


@dataclass(frozen=True)
class TwinSettings:
    """threshold: verification distance that every painted sample must exceed. attempts: at most. first: number of the
    first attempt; a retry after the audit starts above 1. seed: of the run."""

    threshold: float
    attempts: int = 5
    first: int = 1
    seed: int = 0


@dataclass(frozen=True)
class TwinResult:
    """What became of one identity: twin is None when every attempt failed or nothing could be tried."""

    identity: int
    twin: Twin | None
    strength: Strength
    attempts: tuple[Attempt, ...]


def strength_of(attempt: int) -> Strength:
    """How strongly attempt 1, 2, ... departs from the source.

    The change grows slowly: from 1.0 to 1.8 it moves the judges' distances by 3 to 17 % only, another candidate by far
    more, and an exaggerated mouth follows the source's less well.
    """
    return Strength(change=min(1.4 + 0.05 * (attempt - 1), 1.6), feather=min(0.1 + 0.02 * (attempt - 1), 0.16))


def seed_of(run_seed: int, key: str) -> int:
    """A 63-bit seed from the run's seed and the identity's key; says nothing about either without the other."""
    digest = hashlib.sha256(f"{run_seed}\x00{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


@dataclass(frozen=True)
class Request:
    """Whose twin is wanted.

    key: what makes the identity the same in every run (public id of the video and its number, or the dataset-wide
    pseudonym). prefer: candidate that the identity already has elsewhere, or -1. others: (m, D) embeddings that the
    twin must not resemble. taken: candidates already in use or already rejected. settled: only the preferred one is
    tried, each time stronger; otherwise only the first attempt tries it. anybody: see `models.twins.TwinJob`.
    """

    identity: Identity
    key: str
    prefer: int
    others: Floats
    taken: tuple[int, ...]
    settled: bool = False
    anybody: bool = False

    def digest(self) -> str:
        """Hex SHA-256 of what the choice depends on, for a cache key."""
        parts = (self.identity.index, self.key, self.prefer, self.settled, self.anybody, self.taken)
        digest = hashlib.sha256("\x00".join(map(str, parts)).encode())
        digest.update(np.ascontiguousarray(self.others, dtype=np.float32).tobytes())
        return digest.hexdigest()


def run(
    request: Request,
    tracks: Tracks,
    samples: Samples,
    appearances: Appearances,
    drivings: Drivings,
    embedder_name: str,
    inpainter: Inpainter,
    motion: MotionModel,
    embedder: Embedder,
    parser: Parser,
    settings: TwinSettings,
    workers: int = 1,
) -> TwinResult:
    """Find a twin for one identity.

    embedder_name: of the network behind the identity's embeddings. workers: threads that verify.
    """
    identity = request.identity
    by_track: dict[int, Driving] = {i: drivings.drivings[i] for i in identity.tracks}
    own = [s for t in identity.tracks for s in samples.of(t) if _known(by_track[t], s.row)]
    first = strength_of(settings.first)
    if not own:
        return TwinResult(identity.index, None, first, ())
    # A motion model may draw on any frame what it is shown of this one: a face alone, with nothing before it.
    clear = [s for s in own if motion.columns and _clear(s, by_track[s.track], tracks)]
    front = _frontal(clear or own, tracks)
    here, surroundings = verify.shifted(by_track[front.track], front), without_others(front, tracks)
    mesh = mesh_in_crop(front, tracks.tracks[front.track])
    shown = own[:: max(1, len(own) // 4)][:4]
    meshes = [mesh_in_crop(s, tracks.tracks[s.track]) for s in shown]
    heads: list[crown.Head] = []
    attempts: list[Attempt] = []
    rejected: list[int] = []
    for number in range(settings.first, settings.first + settings.attempts):
        strength = strength_of(number)
        if request.settled and number > 1 and strength == strength_of(number - 1):
            # The only twin there is, as strong as the last time: its result is known.
            break
        job = TwinJob(
            frame=surroundings,
            mesh=mesh,
            appearance=appearances.appearances[identity.index],
            source=identity.embeddings,
            others=request.others,
            embedder=embedder_name,
            taken=(*request.taken, *rejected),
            prefer=request.prefer if request.settled or number == settings.first else -1,
            seed=seed_of(settings.seed, request.key),
            attempt=number,
            anybody=request.anybody,
        )
        tried = Attempt(number, -1, strength.change, float("nan"), settings.threshold, False, "")
        try:
            twin = inpainter.inpaint(job)
        except AttemptFailed as failed:
            attempts.append(replace(tried, reason=failed.reason, made_with=failed.made_with))
            continue
        except Withheld as reason:
            attempts.append(replace(tried, reason=reason.reason))
            break
        # Only now: in a crowded dataset the inpainter is often asked in vain.
        heads = heads or [crown.look(s.crop, m, parser) for s, m in zip(shown[::2], meshes[::2], strict=True)]
        twin = adapt.match_detail(dress(twin, heads, parser), [s.crop for s in shown], meshes)
        twin = motion.introduce(twin, here, 0, surroundings, strength)
        trial = verify.Trial(twin, by_track, motion, strength)
        distance = verify.smallest_distance(trial, own, identity.embeddings, embedder, workers)
        good = bool(np.isfinite(distance)) and distance > settings.threshold
        why = "accepted" if good else ("too_close" if np.isfinite(distance) else "not_paintable")
        attempts.append(
            replace(
                tried, candidate=twin.candidate, distance=distance, accepted=good, reason=why, made_with=twin.made_with
            )
        )
        if good:
            return TwinResult(identity.index, twin, strength, tuple(attempts))
        rejected.append(twin.candidate)
    return TwinResult(identity.index, None, first, tuple(attempts))


def without_others(sample: Sample, tracks: Tracks) -> NDArray[np.uint8]:
    """A sample's crop in which every other person's face is redacted: a motion model may show any part of it."""
    picture: NDArray[np.uint8] = sample.crop.copy()
    height, width = picture.shape[:2]
    for track in tracks.tracks:
        row = sample.frame - track.first
        if track.index != sample.track and 0 <= row < track.length:
            corner = np.array([sample.x, sample.y], np.float32)
            mesh = track.mesh[row] - np.array([*corner, 0], np.float32)
            redact.fill(picture, redact.cover(track.boxes[row] - np.tile(corner, 2), mesh, width, height))
    return picture


def _clear(sample: Sample, driving: Driving, tracks: Tracks) -> bool:
    """Whether nothing seems to be before a sampled face, and nobody beside it."""
    alone = np.array_equal(without_others(sample, tracks), sample.crop)
    return float(driving.hidden[sample.row]) <= _MOST_HIDDEN and alone


def _known(driving: Driving, row: int) -> bool:
    """Whether a row can be shown, and the motion model has read it."""
    return bool(driving.usable[row]) and bool(np.isfinite(driving.template[row]).all())


def dress(twin: Twin, heads: Sequence[crown.Head], parser: Parser) -> Twin:
    """The twin with its masks: bare skin, and the crown that it shares with the source's heads."""
    small = cv2.resize(twin.picture, (_PARSED, _PARSED), interpolation=cv2.INTER_AREA)
    labels = parser.parse([small])[0]
    picture = backdrop.without_backdrop(twin.picture, twin.mesh, labels, parser)
    return crown.put_on(replace(twin, picture=picture, skin=bare_skin(labels, parser)), labels, heads, parser)


def bare_skin(labels: NDArray[np.uint8], parser: Parser) -> NDArray[np.uint8]:
    """(h, w) uint8 mask of the skin of the person in a parsed picture, ears and neck included."""
    mask = (np.isin(labels, [parser.labels.index(label) for label in _BARE]) * np.uint8(255)).astype(np.uint8)
    # The parser's edge lies a few pixels inside the background, which would shine as a halo round jaw and ears.
    return np.asarray(cv2.erode(mask, np.ones((9, 9), np.uint8)), dtype=np.uint8)


def _frontal(own: list[Sample], tracks: Tracks) -> Sample:
    """The identity's frontal sample, from the track whose frontal frame is turned least."""
    tied = [s for s in own if s.tied] or own
    turn = {s.track: float(np.nanmin(frontal.turns(tracks.tracks[s.track]))) for s in tied}
    best = min(turn, key=lambda t: turn[t])
    group = [s for s in tied if s.track == best]
    return group[frontal.choose([s.crop for s in group], [mesh_in_crop(s, tracks.tracks[best]) for s in group])]
