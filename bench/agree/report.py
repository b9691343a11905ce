"""The figures of a whole video by name, and as lines to read."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.agree.compare import correlation, mean_error, mean_size, slope
from bench.agree.faces import Tally
from models.embedding.calibration import calibration
from tasks.evaluation.measure.figures import AXES, OPENINGS, POSES, Series

NAN = float("nan")


def summary(tally: Tally) -> dict[str, Any]:
    """All figures of the tally by name."""
    tables = [np.stack(person.rows) for person in tally.people if person.rows]
    return _counts(tally) | _distances(tally) | _openings(tables) | _poses(tables) | _pictures(tally)


def _counts(tally: Tally) -> dict[str, Any]:
    """Faces of the source, counted once per frame, and of these what was found in their place."""
    return {
        "faces": tally.faces,
        "lost_by_second_detector": tally.lost,
        "lost_by_both_detectors": tally.lost_by_both,
        "redacted": tally.redacted,
        "points_misplaced_on_whole_frames": tally.badly_framed,
        "without_mesh": tally.without_mesh,
    }


def _distances(tally: Tally) -> dict[str, Any]:
    """Cosine distances to the source's faces per embedder, larger is safer; at_or_below_threshold should be 0."""
    report: dict[str, Any] = {}
    for name, values in tally.distances.items():
        limit = calibration(name).far_1
        report[name] = {
            "smallest": min(values, default=NAN),
            "mean": float(np.mean(values)) if values else NAN,
            "threshold": limit,
            "at_or_below_threshold": sum(not value > limit for value in values),
        }
    return report


def _openings(tables: list[Series]) -> dict[str, Any]:
    """Per opening: correlation and slope (1 is best), the source's movement (standard deviation; where it is about 0
    the other two are of noise), mean error with its sign, mean size of the error about its median."""
    report: dict[str, Any] = {}
    for column, name in enumerate(OPENINGS):
        report[f"{name}_correlation"] = correlation(table[:, :, column] for table in tables)
        report[f"{name}_slope"] = slope(table[:, :, column] for table in tables)
        moved = [table[:, 0, column] - table[:, 0, column].mean() for table in tables]
        report[f"{name}_movement"] = float(np.concatenate(moved).std()) if moved else NAN
        errors = [table[:, 1, column] - table[:, 0, column] for table in tables]
        report[f"{name}_error"] = mean_error(errors)
        report[f"{name}_error_about_median"] = mean_size([error - np.median(error) for error in errors])
    return report


def _poses(tables: list[Series]) -> dict[str, Any]:
    """Per pose and axis, degrees: mean size of the error, and about its median, which leaves proportions out."""
    report: dict[str, Any] = {}
    for kind, name in enumerate(POSES):
        for axis, letter in enumerate(AXES):
            column = len(OPENINGS) + 3 * kind + axis
            errors = [(t[:, 1, column] - t[:, 0, column] + 180.0) % 360.0 - 180.0 for t in tables]
            report[f"{name}_{letter}_error_degrees"] = mean_size(errors)
            motion = [error - np.nanmedian(error) for error in errors]
            report[f"{name}_{letter}_error_degrees_about_median"] = mean_size(motion)
    return report


def _pictures(tally: Tally) -> dict[str, Any]:
    """Differences away from heads (0 is best), and the result's unrest over the source's (1 is best, more flickers)."""
    before, now = np.sum(tally.unrest, axis=0) if tally.unrest else (0.0, NAN)
    return {
        "outside_head_mean_difference": float(np.mean(tally.outside)) if tally.outside else NAN,
        "outside_head_share_over_8": float(np.mean(tally.changed)) if tally.changed else NAN,
        "flicker_result_over_source": float(now / before) if before else NAN,
    }


def table(report: dict[str, Any]) -> str:
    """The report as lines of name and value."""
    lines = []
    for name, value in report.items():
        if isinstance(value, dict):
            value = "  ".join(f"{key} {_number(entry)}" for key, entry in value.items())
        lines.append(f"{name:<46}{_number(value)}")
    return "\n".join(lines)


def _number(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
