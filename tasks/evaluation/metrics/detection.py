"""Is a face still found where one was, and none where none was?"""

from __future__ import annotations

from tasks.evaluation.measure.records import Measured
from tasks.evaluation.metrics.definition import Better, Definition, Figure

FOUND = Definition(
    "face_detection",
    "Faces still found",
    "share",
    Better.HIGHER,
    "Share of the original's faces in whose place the same detector finds a face after.",
)
EXTRA = Definition(
    "extra_faces",
    "Faces that were not there",
    "per frame",
    Better.LOWER,
    "Faces of the anonymized file, per frame, that stand where the original has none.",
)
FRAMES = Definition(
    "frames_kept",
    "Frames kept",
    "share",
    Better.HIGHER,
    "Share of the original's frames that have a counterpart at the same time.",
)


def of(measured: Measured) -> dict[tuple[Definition, str], Figure]:
    """Work out the three numbers of one file.

    Args:
        measured: what was measured of it.

    Returns:
        The numbers by definition and variant, which is empty.
    """
    if not measured.shared:
        nothing = Figure.unknown("There is no anonymized file.")
        return {(definition, ""): nothing for definition in (FOUND, EXTRA, FRAMES)}
    faces = Figure.unknown("The original shows no face.")
    if measured.faces:
        faces = Figure(float(measured.found.mean()), samples=measured.faces)
    looked = max(len(measured.psnr), 1)
    return {
        (FOUND, ""): faces,
        (EXTRA, ""): Figure(measured.extra / looked, samples=looked),
        (FRAMES, ""): Figure(measured.shared / max(measured.frames, 1), samples=measured.frames),
    }
