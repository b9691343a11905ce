"""Driven key points: the result of applying a driving motion to a source picture.

Two steps, each on all rows at once. `target` combines the motions of source and driver; `drive` places the key points
and corrects them with the small networks. The rules are those of LivePortrait, from a description of its behaviour, in
its relative mode: the source gets what the driver does against a reference moment of the driver. LivePortrait takes the
driver's first frame; here any may be given, such as a frontal one, since what looks odd there (a turned head, a mouth
half open) is carried into every frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.motion.liveportrait.keypoints import Motion, transform

if TYPE_CHECKING:
    from models.motion.liveportrait.retargeting import Retargeting

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Options:
    """How a driving motion is applied; the defaults are those of AnonNET's published code.

    Attributes:
        stitching: Keep the shoulders in place.
        eye_retargeting: Open the eyes as far as the driver's, and do nothing else.
        lip_retargeting: Open the lips as far as the driver's, and do nothing else.
    """

    stitching: bool = True
    eye_retargeting: bool = False
    lip_retargeting: bool = False

    @property
    def retargeting(self) -> bool:
        """Whether eyes or lips follow the driver's ratios."""
        return self.eye_retargeting or self.lip_retargeting


def drive(
    source: Motion, driving: Motion, reference: Motion, options: Options, networks: Retargeting | None
) -> tuple[Floats, Floats]:
    """Return the key points of source and driven face, for the warping network.

    Rows without known eye or lip ratios get no correction that depends on them.

    Args:
        source: One row.
        driving: n rows, one per frame.
        reference: One row of the driver, against which its motion counts.
        options: How the motion is applied.
        networks: The correcting networks; may be None when the options ask for none of them.

    Returns:
        (x_s, x_d), both (n, 21, 3) float32.

    Raises:
        ValueError: The source or the reference has not exactly one row, or networks are missing.
    """
    if len(source) != 1 or len(reference) != 1:
        raise ValueError(f"source and reference are one row each, not {len(source)} and {len(reference)}")
    source = source.take(np.zeros(len(driving), dtype=np.intp))
    x_s = transform(source)
    if options.retargeting:
        x_d = _retargeted(x_s, source, driving, options, _need(networks))
    else:
        x_d = transform(target(source, driving, reference))
    return x_s, _need(networks).stitch(x_s, x_d) if options.stitching else x_d


def target(source: Motion, driving: Motion, reference: Motion) -> Motion:
    """Return the motion that places the driven key points; see `drive`.

    Args:
        source: n rows.
        driving: n rows.
        reference: One row of the driver.

    Returns:
        n rows.
    """
    turned = driving.rotation @ np.swapaxes(reference.rotation, 1, 2) @ source.rotation
    return Motion(
        scale=source.scale * (driving.scale / reference.scale),
        rotation=np.asarray(turned, dtype=np.float32),
        expression=source.expression + (driving.expression - reference.expression),
        shift=source.shift + (driving.shift - reference.shift),
        keypoints=source.keypoints,
        eyes=source.eyes,
        lip=source.lip,
    )


def _need(networks: Retargeting | None) -> Retargeting:
    if networks is None:
        raise ValueError("these options need the stitching and retargeting networks")
    return networks


def _retargeted(x_s: Floats, source: Motion, driving: Motion, options: Options, networks: Retargeting) -> Floats:
    """The source's own key points with eyes and lips opened as far as the driver's."""
    result = x_s.copy()
    if options.eye_retargeting:
        # The left eye stands for both: the network knows one target.
        result = result + _where_known(networks.eye_delta(x_s, source.eyes, driving.eyes[:, :1]))
    if options.lip_retargeting:
        result = result + _where_known(networks.lip_delta(x_s, source.lip, driving.lip))
    return result


def _where_known(delta: Floats) -> Floats:
    """A correction (n, 21, 3), zero in the rows that an unknown ratio made NaN."""
    known = np.isfinite(delta).all(axis=(1, 2), keepdims=True)
    return np.where(known, delta, np.float32(0))
