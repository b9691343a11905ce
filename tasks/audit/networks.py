"""The networks of the audit as a run builds them from its profile."""

from __future__ import annotations

from infra.settings import Surroundings
from models.detection import turned
from models.embedding.calibration import calibration
from models.runtime import openvino_runtime
from models.selection import profiles
from tasks.analysis import framing
from tasks.audit import residual
from tasks.audit.recognisers import QUICK, AuditNetworks, AuditRecogniser
from tasks.audit.residual import FaceSearch
from tasks.stage import Networks

ROLES = ("audit_detector", "framing_detector", "confirming_detector", "landmarker", "audit_embedders")
_WITNESSES = ("audit_detector", "framing_detector", "confirming_detector")


def panel(networks: Networks, still: bool, strict: bool = False) -> AuditNetworks:
    """Build the auditing networks; the embedders with the distances at which they confuse 1 % of strangers.

    Args:
        networks: Loads them.
        still: Whether the result is a picture.
        strict: Whether what an embedder confuses by a single sample is recognised.

    Returns:
        The networks.
    """
    own = networks.load_all("audit_embedders")
    hasty = {e.name for e in own} & QUICK if openvino_runtime.quick() else set()
    quick = [profiles.load("embedder", e.name, precision="bf16") if e.name in hasty else None for e in own]
    return AuditNetworks(
        search=search(networks, still),
        witness=networks.load("audit_detector", long_side=framing.UPRIGHT),
        landmarker=networks.load("landmarker"),
        judges=tuple(
            AuditRecogniser(embedder, calibration(embedder.name).far_1, rough, strict)
            for embedder, rough in zip(own, quick, strict=True)
        ),
    )


def search(networks: Networks, still: bool) -> FaceSearch:
    """Build the search of a result for faces that were left.

    Args:
        networks: Loads them.
        still: Whether the result is a picture, which is looked at more closely.

    Returns:
        The search.
    """
    return FaceSearch(
        detector=networks.load("audit_detector", long_side=turned.AS_IT_IS, min_score=residual.CANDIDATE),
        witnesses=tuple(networks.load(role, long_side=framing.UPRIGHT, min_score=0.1) for role in _WITNESSES),
        landmarker=networks.load("landmarker"),
        every=1 if still else FaceSearch.every,
        still=still,
    )


def is_strict(surroundings: Surroundings) -> bool:
    """Return whether any single pair of samples decides.

    Args:
        surroundings: Setting of the run.

    Returns:
        Whether it does.
    """
    return surroundings is Surroundings.STRICT
