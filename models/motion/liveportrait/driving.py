"""Driven key points: the result of applying a driving motion to a source face.

Two steps, each on all rows at once. `target` combines the motions of source and driver; `drive` places the key points
and corrects them with the small networks. The rules are those of LivePortrait, from a description of its behaviour.

Relative motion adds to the source what the driver does against a reference moment of the driver. LivePortrait takes the
driver's first frame; here any may be given, such as a frontal one, since what looks odd there (a turned head, a mouth
half open) is carried into every frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from models.motion.liveportrait.networks.keypoints import Motion, transform
from models.motion.liveportrait.sizes import POINTS
from models.motion.liveportrait.smoothing import OBSERVATION_VARIANCE, smooth

if TYPE_CHECKING:
    from models.motion.liveportrait.retargeting import Retargeting

Floats = NDArray[np.float32]
Region = Literal["all", "exp", "pose", "lip", "eyes"]

_LIP_ROWS = (6, 12, 14, 17, 19, 20)
_EYE_ROWS = (11, 13, 15, 16, 18)
_FULL_ROWS = (1, 2, 6, *range(11, 21))
_FULL_ENTRIES = ((3, 1), (4, 1), (5, 2), (8, 2), (9, 1), (9, 2))
_OPEN_LIP = 0.03
"""Lip ratio from which a source's mouth counts as open."""
_SHUT_EYE = 0.18
"""Eye ratio below which the first frame of a source video counts as a blink."""
_OPEN_EYE = 0.39
"""Eye ratio that replaces a blink."""


@dataclass(frozen=True)
class Options:
    """How a driving motion is applied; the defaults are those of AnonNET's published code.

    Attributes:
        relative: Add the driver's change since the reference to the source, rather than take the driver's motion over.
        region: The driven part of the face.
        expression_friendly: Scale the change by the size of the source's head against that of the first driven one;
            these are equal by construction, so that it does nothing beyond rounding.
        multiplier: Share of the whole change, no unit.
        stitching: Keep the shoulders in place.
        eye_retargeting: Open the eyes as far as the driver's; with relative motion, do nothing else.
        lip_retargeting: Open the lips as far as the driver's; with relative motion, do nothing else.
        normalise_lip: Close a source's open mouth first (relative motion only).
        source_video_eye_retargeting: Give the eyes of a source video the opening of its first frame.
        observation_variance: Variance of the smoothing of a source video; larger smooths more.
    """

    relative: bool = True
    region: Region = "all"
    expression_friendly: bool = True
    multiplier: float = 1.0
    stitching: bool = True
    eye_retargeting: bool = False
    lip_retargeting: bool = False
    normalise_lip: bool = False
    source_video_eye_retargeting: bool = False
    observation_variance: float = OBSERVATION_VARIANCE

    def __post_init__(self) -> None:
        if self.region not in get_args(Region):
            raise ValueError(f"region must be one of {get_args(Region)}, not {self.region!r}")

    @property
    def retargeting(self) -> bool:
        """Whether eyes or lips follow the driver's ratios."""
        return self.eye_retargeting or self.lip_retargeting


@lru_cache(maxsize=1)
def lip_array() -> Floats:
    """(21, 3) float32 expression of a closed mouth, the reference when a single picture drives.

    Data of the KwaiVGI/LivePortrait repository (MIT).
    """
    with files("models.motion.liveportrait").joinpath("lip_array.npy").open("rb") as stream:
        values: Floats = np.load(stream, allow_pickle=False)
    values.setflags(write=False)
    return values


def drive(
    source: Motion,
    driving: Motion,
    options: Options,
    networks: Retargeting | None,
    *,
    still: bool,
    reference: Motion | None = None,
) -> tuple[Floats, Floats]:
    """Return the key points of source and driven face, for the warping network.

    Rows without known eye or lip ratios get no correction that depends on them.

    Args:
        source: One row for a picture, several for a video.
        driving: One row per frame.
        options: How the motion is applied.
        networks: The correcting networks; may be None when the options ask for none of them.
        still: Whether `driving` is a picture, of one row, rather than a video that may be that short.
        reference: One row that takes the place of the driver's first in relative motion; the expression of a driving
            picture counts from a closed mouth instead.

    Returns:
        (x_s, x_d), both (n, 21, 3) float32. n: the rows of `driving`; with a source video those of the shorter one, or
        of the source when a picture drives.

    Raises:
        ValueError: A driving picture or the reference has not exactly one row, or networks are missing.
    """
    if still and len(driving) != 1:
        raise ValueError(f"a driving picture has one row, not {len(driving)}")
    reference = driving.take([0]) if reference is None else reference
    if len(reference) != 1:
        raise ValueError(f"the reference is one row, not {len(reference)}")
    video = len(source) > 1
    source, driving = _paired(source, driving, still)
    x_s = transform(source)
    x_d = transform(target(source, driving, reference, options, still=still, video=video))
    if options.expression_friendly and options.relative and not video and not still:
        first = source.take([0])
        resting = transform(target(first, reference, reference, options, still=False, video=False))
        x_d = (x_d - resting) * np.float32(_hull_ratio(x_s[0], resting[0])) + x_s
    if options.retargeting:
        x_d = _retargeted(x_s, x_d, source, driving, options, networks)
    else:
        x_d = _corrected(x_s, x_d, source, options, networks, video)
    return x_s, (x_s + (x_d - x_s) * np.float32(options.multiplier)).astype(np.float32)


def target(source: Motion, driving: Motion, reference: Motion, options: Options, *, still: bool, video: bool) -> Motion:
    """Return the motion that places the driven key points; see `drive`.

    Rotations of a source video are smoothed as numbers and not made orthonormal.

    Args:
        source: n rows.
        driving: n rows.
        reference: One row of the driver.
        options: How the motion is applied.
        still: Whether the driver is a picture.
        video: Whether the source is a video.

    Returns:
        n rows.
    """
    region = options.region
    turns = region in ("all", "pose")
    if options.relative:
        turned = driving.rotation @ np.swapaxes(reference.rotation, 1, 2) @ source.rotation
        rotation = np.asarray(turned, dtype=np.float32)
        expression = source.expression + (driving.expression - _resting(reference, region, still, video))
    else:
        rotation, expression = driving.rotation, driving.expression
    if video and not still:
        rotation = smooth(rotation, options.observation_variance)
        expression = smooth(expression, options.observation_variance)
    scale, shift = source.scale, source.shift
    if options.relative and not video:
        if region == "all":
            scale = scale * (driving.scale / reference.scale)
        if turns:
            shift = shift + (driving.shift - reference.shift)
    elif turns and not options.relative:
        shift = driving.shift
    entries = _entries(region, whole=options.relative and not video)
    return Motion(
        scale=scale,
        rotation=rotation if turns else source.rotation,
        expression=np.where(entries, expression, source.expression),
        shift=shift,
        keypoints=source.keypoints,
        eyes=source.eyes,
        lip=source.lip,
    )


def _paired(source: Motion, driving: Motion, still: bool) -> tuple[Motion, Motion]:
    """Source and driving with one row each per frame of the result."""
    if len(source) == 1:
        return source.take(np.zeros(len(driving), dtype=np.intp)), driving
    if still:
        return source, driving.take(np.zeros(len(source), dtype=np.intp))
    rows = np.arange(min(len(source), len(driving)))
    return source.take(rows), driving.take(rows)


def _resting(reference: Motion, region: Region, still: bool, video: bool) -> Floats:
    """The driver's expression at rest, broadcastable to (n, 21, 3): what a relative expression counts from."""
    if not still:
        return reference.expression
    if region == "eyes" and not video:
        return np.zeros((1, POINTS, 3), dtype=np.float32)
    return lip_array()[None]


@lru_cache(maxsize=16)
def _entries(region: Region, whole: bool) -> NDArray[np.bool_]:
    """(21, 3) entries of the expression that are driven; whole: all of them for the whole face."""
    result = np.zeros((POINTS, 3), dtype=bool)
    if region in ("all", "exp"):
        result[list(_FULL_ROWS)] = True
        result[tuple(np.transpose(_FULL_ENTRIES))] = True
        result |= whole
    elif region != "pose":
        result[list(_LIP_ROWS if region == "lip" else _EYE_ROWS)] = True
    result.setflags(write=False)
    return result


def _hull_ratio(first: Floats, second: Floats) -> float:
    """Root of the ratio of the volumes of two convex hulls of (21, 3) points."""
    from scipy.spatial import ConvexHull

    return float(np.sqrt(ConvexHull(first).volume) / np.sqrt(ConvexHull(second).volume))


def _need(networks: Retargeting | None) -> Retargeting:
    if networks is None:
        raise ValueError("these options need the stitching and retargeting networks")
    return networks


def _retargeted(
    x_s: Floats, x_d: Floats, source: Motion, driving: Motion, options: Options, networks: Retargeting | None
) -> Floats:
    """Eyes and lips opened as far as the driver's; in relative motion on the source's own key points."""
    nets = _need(networks)
    result = x_s.copy() if options.relative else x_d
    if options.eye_retargeting:
        # The left eye stands for both: the network knows one target.
        result = result + _where_known(nets.eye_delta(x_s, source.eyes, driving.eyes[:, :1]))
    if options.lip_retargeting:
        result = result + _where_known(nets.lip_delta(x_s, source.lip, driving.lip))
    return nets.stitch(x_s, result) if options.stitching else result


def _corrected(
    x_s: Floats, x_d: Floats, source: Motion, options: Options, networks: Retargeting | None, video: bool
) -> Floats:
    """Stitched, then with the source's own mouth and eyes normalised."""
    result = _need(networks).stitch(x_s, x_d) if options.stitching else x_d
    if options.normalise_lip and options.relative:
        delta = _need(networks).lip_delta(x_s, source.lip, 0.0)
        result = result + np.where(source.lip[:, :, None] >= _OPEN_LIP, delta, np.float32(0))
    if options.source_video_eye_retargeting and video:
        opening = float(source.eyes[0].mean())
        opening = _OPEN_EYE if opening < _SHUT_EYE else opening
        result = result + _where_known(_need(networks).eye_delta(x_s, source.eyes, opening))
    return result


def _where_known(delta: Floats) -> Floats:
    """A correction (n, 21, 3), zero in the rows that an unknown ratio made NaN."""
    known = np.isfinite(delta).all(axis=(1, 2), keepdims=True)
    return np.where(known, delta, np.float32(0))
