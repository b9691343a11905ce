"""The rehearsal: the audit's question, put to all sampled frames before the whole video is rendered.

A twin that the audit will reject is found out in seconds instead of a round. It replaces nothing: what passes is
rendered, encoded and audited on every frame all the same. It also learns what the audit must see where the twin is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.capabilities import Floats
from models.motion.mesh import face_of
from tasks import limits
from tasks.controls import Controls
from tasks.judges import Panel, Reference
from tasks.limits import InPlace
from tasks.samples import Sample
from tasks.verify import Trial, show

VERSION = 5
_SHARE = 0.8
"""Where the twin's limit lies between its own distances (0) and other people's (1). What is asked is whether the twin
is seen at all; whether the source is has its own, stricter limits."""


@dataclass(frozen=True)
class Rehearsal:
    """recognised: a judge takes the twin for the source. twin: how each judge knows the twin: by its picture and the
    general threshold where it is strict, else as it looks in this footage."""

    recognised: bool
    twin: tuple[Reference, ...]


def run(
    trial: Trial,
    samples: Sequence[Sample],
    panel: Panel,
    controls: Controls,
    candidate: int = -1,
    workers: int = 2,
    margin: float = 0.0,
) -> Rehearsal:
    """Rehearse a twin.

    Args:
        trial: the twin.
        samples: of its identity.
        panel: whose judges are asked.
        controls: of the identity; the verifying embedder comes first there, then the judges.
        candidate: which of the control strangers the twin is, or -1.
        workers: threads.
        margin: share of a judge's general threshold by which the score, or every distance of a strict judge, must
            exceed it.

    Returns:
        Whether a judge recognises the source, by a single sample or by the score over all, and how judges know the
        twin. Where nothing can be painted nothing is recognised, and the twin is known nowhere.

    Not asked: the encoder's losses, the frames between the samples, and whether a face was left.
    """
    shown = show(trial, samples, panel.landmarker, [judge.embedder for judge in panel.judges], workers)
    if not shown.samples:
        return Rehearsal(False, ())
    recognised = False
    twins = []
    for k, vectors in enumerate(shown.vectors, 1):
        measured, source = controls.of(k, candidate), controls.sources[k]
        distances = source.distances(vectors, shown.samples)
        score = float(limits.score(distances))
        recognised |= measured.refuses(score)
        recognised |= not bool((distances > measured.limit).all())
        judge = panel.judges[k - 1]
        apart = float((1.0 - vectors @ source.vectors.T).min()) if judge.strict else score
        # Not <: a distance that is no number proves nothing.
        recognised |= not apart >= (1.0 + margin) * judge.threshold
        if judge.strict:
            portrait = judge.embedder.embed([trial.twin.picture], [face_of(trial.twin.mesh)])[0]
            twins.append(Reference(portrait, judge.threshold))
        else:
            twin = limits.source_of(vectors, shown.samples)
            twins.append(_known(twin, shown.samples, measured, controls.middles[k]))
    return Rehearsal(recognised, tuple(twins))


def _known(twin: limits.Source, samples: Sequence[Sample], measured: InPlace, strangers: Floats) -> Reference:
    """How a judge knows a twin in this footage: within most of what other people are away from it in the same frames,
    which a face that is nobody's, or the source's, exceeds."""
    template = twin.template
    reach = max(float(np.quantile(twin.genuine(samples), limits.GENUINE)), measured.reach)
    away = np.sort(1.0 - strangers @ template)
    # The nearest may be the twin itself, as a control stranger.
    typical = float(np.median(away[1:]))
    return Reference(template, reach + _SHARE * max(typical - reach, 0.0))
