"""Where the twins of one identity are painted: the samples that can show one, and the frontal one among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from models.interfaces.capabilities import Floats, Image, Parser
from models.interfaces.twins import DrivingMotion, MotionModel, Strength, Twin
from models.motion import adapt, backdrop
from models.motion.mesh import hairline, rows
from tasks import redact
from tasks.analysis import frontal
from tasks.analysis.analysis import Analysis
from tasks.analysis.identities import Identity
from tasks.analysis.motion import DrivingMotions
from tasks.analysis.samples import Sample, Samples, mesh_in_crop
from tasks.records import Tracks
from tasks.stage import Work, stage

_BARE = ("skin", "nose", "left ear", "right ear", "neck", "left brow", "right brow", "upper lip", "lower lip")
_PARSED = 512
"""Side in pixels at which a twin's picture is parsed."""
_MOST_HIDDEN = 0.1
"""Share of a face that may be hidden on its frontal frame, where there is the choice."""
_SHOWN = 4
"""Samples by which a twin is fitted to the source's hairline and detail."""


@dataclass(frozen=True)
class Site:
    """One identity's samples on which a twin can be shown. Identifying.

    Attributes:
        samples: At least one.
        drivings: The driving motion of each track.
        front: The frontal sample.
        tracks: All tracks of the input.
        parser: Labels the pixels of heads.
    """

    samples: tuple[Sample, ...]
    drivings: Mapping[int, DrivingMotion]
    front: Sample
    tracks: Tracks
    parser: Parser

    @cached_property
    def surroundings(self) -> Image:
        """The frontal sample's crop without other people's faces."""
        return without_others(self.front, self.tracks)

    @cached_property
    def mesh(self) -> Floats:
        """(478, 3) mesh of the source in the frontal sample's crop."""
        return mesh_in_crop(self.front, self.tracks.tracks[self.front.track])

    @cached_property
    def _shown(self) -> tuple[list[Image], list[Floats]]:
        some = self.samples[:: max(1, len(self.samples) // _SHOWN)][:_SHOWN]
        return [s.crop for s in some], [mesh_in_crop(s, self.tracks.tracks[s.track]) for s in some]

    @cached_property
    def _heads(self) -> list[hairline.Head]:
        crops, meshes = self._shown
        return [hairline.look(crop, mesh, self.parser) for crop, mesh in zip(crops[::2], meshes[::2], strict=True)]

    def fit(self, twin: Twin, motion: MotionModel, strength: Strength) -> Twin:
        """Return a twin as it is painted here: with its masks, the source's sharpness, and known to the motion model.

        Args:
            twin: The twin.
            motion: Is to perform it.
            strength: How far it departs from the source's geometry.

        Returns:
            The fitted twin.
        """
        twin = adapt.match_detail(dress(twin, self._heads, self.parser), *self._shown)
        return motion.prepare(
            twin, shifted(self.drivings[self.front.track], self.front), 0, self.surroundings, strength
        )


@stage("select frontal frames", "frontal", frontal.VERSION, "3.2 (2)", ("motion", "parser"), cached=False)
def select_frontal(work: Work, faces: Analysis) -> tuple[Site | None, ...]:
    """Return, per identity, its frontal sample and the others that can show a twin; None where none can.

    Args:
        work: Loads motion model and parser.
        faces: What is known of the input's faces.

    Returns:
        One site, or None, per identity.
    """
    motion, parser = work.load("motion"), work.load("parser")
    return tuple(
        site_of(person, faces.tracks, faces.samples, faces.drivings, motion, parser) for person in faces.people
    )


def site_of(
    identity: Identity, tracks: Tracks, samples: Samples, drivings: DrivingMotions, motion: MotionModel, parser: Parser
) -> Site | None:
    """Return the site of an identity.

    Args:
        identity: The identity.
        tracks: All tracks.
        samples: Sampled faces.
        drivings: The driving motion of each track.
        motion: Is to perform the twin.
        parser: Labels the pixels of heads.

    Returns:
        The site; None where a twin could be shown on no sample.
    """
    by_track = {index: drivings.drivings[index] for index in identity.tracks}
    own = [s for index in identity.tracks for s in samples.of(index) if _known(by_track[index], s.row)]
    if not own:
        return None
    # A motion model may draw on any frame what it is shown of this one: a face alone, with nothing before it.
    clear = [s for s in own if motion.columns and _clear(s, by_track[s.track], tracks)]
    return Site(tuple(own), by_track, _frontal(clear or own, tracks), tracks, parser)


def shifted(driving: DrivingMotion, sample: Sample) -> DrivingMotion:
    """Return the one row of a driving motion that belongs to a sample, in the coordinates of its crop.

    Args:
        driving: Motion of the sample's track.
        sample: The sample.

    Returns:
        A driving motion of one row.
    """
    return rows.moved(rows.take(driving, sample.row), -sample.x, -sample.y)


def without_others(sample: Sample, tracks: Tracks) -> NDArray[np.uint8]:
    """Return a sample's crop in which every other person's face is redacted: a motion model may show any part of it.

    Args:
        sample: The sample.
        tracks: All tracks.

    Returns:
        (h, w, 3) uint8 BGR picture.
    """
    picture: NDArray[np.uint8] = sample.crop.copy()
    height, width = picture.shape[:2]
    for track in tracks.tracks:
        row = sample.frame - track.first
        if track.index != sample.track and 0 <= row < track.length:
            corner = np.array([sample.x, sample.y], np.float32)
            mesh = track.mesh[row] - np.array([*corner, 0], np.float32)
            redact.fill(picture, redact.cover(track.boxes[row] - np.tile(corner, 2), mesh, width, height))
    return picture


def dress(twin: Twin, heads: Sequence[hairline.Head], parser: Parser) -> Twin:
    """Return a twin with its masks: bare skin, and the hairline that it shares with the source's heads.

    Args:
        twin: The twin.
        heads: Heads of the source.
        parser: Labels the pixels.

    Returns:
        The twin with masks.
    """
    small = cv2.resize(twin.picture, (_PARSED, _PARSED), interpolation=cv2.INTER_AREA)
    labels = parser.parse([small])[0]
    picture = backdrop.without_backdrop(twin.picture, twin.mesh, labels, parser)
    return hairline.put_on(replace(twin, picture=picture, skin=bare_skin(labels, parser)), labels, heads, parser)


def bare_skin(labels: NDArray[np.uint8], parser: Parser) -> NDArray[np.uint8]:
    """Return the mask of the skin of the person in a parsed picture, ears and neck included.

    Args:
        labels: (h, w) uint8 labels of the parser.
        parser: Names the labels.

    Returns:
        (h, w) uint8 mask, 255 on skin.
    """
    mask = (np.isin(labels, [parser.labels.index(label) for label in _BARE]) * np.uint8(255)).astype(np.uint8)
    # The parser's edge lies a few pixels inside the background, which would shine as a halo round jaw and ears.
    return np.asarray(cv2.erode(mask, np.ones((9, 9), np.uint8)), dtype=np.uint8)


def _clear(sample: Sample, driving: DrivingMotion, tracks: Tracks) -> bool:
    """Whether nothing seems to be before a sampled face, and no other person beside it."""
    alone = np.array_equal(without_others(sample, tracks), sample.crop)
    return float(driving.hidden[sample.row]) <= _MOST_HIDDEN and alone


def _known(driving: DrivingMotion, row: int) -> bool:
    """Whether a row can be shown, and the motion model has read it."""
    return bool(driving.usable[row]) and bool(np.isfinite(driving.template[row]).all())


def _frontal(own: list[Sample], tracks: Tracks) -> Sample:
    """The identity's frontal sample, from the track whose frontal frame is turned least."""
    tied = [s for s in own if s.tied] or own
    turn = {s.track: float(np.nanmin(frontal.turns(tracks.tracks[s.track]))) for s in tied}
    best = min(turn, key=lambda t: turn[t])
    group = [s for s in tied if s.track == best]
    return group[frontal.choose([s.crop for s in group], [mesh_in_crop(s, tracks.tracks[best]) for s in group])]
