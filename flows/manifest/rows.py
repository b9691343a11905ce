"""What a manifest says about one input, and how a table of it is written."""

from __future__ import annotations

import io
import json
import math
from dataclasses import asdict, dataclass, field, fields, replace
from enum import Enum
from typing import Any

from infra.errors import StoreError
from infra.reasons import Reason
from tasks.records import Verdict


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the stages found out about one input. Holds neither names nor predicted attributes.

    Distances are cosine distances.

    Attributes:
        scenes: Their number.
        tracks: Their number.
        identities: Number of people.
        turned: Degrees clockwise by which the frames were turned for processing, since most faces lay on their side.
        redacted_tracks: Number of tracks that were covered.
        attempts: Tries at twins, `tasks.records.AttemptRecord` as JSON values.
        audit: Per embedder its threshold, smallest and mean distance, worst frame, number of recognised frames and mean
            distance to the twins.
        worst_frame: The frame nearest to the source in the audit; -1 when nothing was compared.
        worst_distance: Distance on that frame; None when nothing was compared.
        faces_replaced: Their number.
        faces_redacted: Their number.
        faces_lost: Replaced faces that the audit's detector did not find.
        twins_shared: Twins that another video may show too, since no other was left.
        surroundings: Share of pairs of a painted control stranger and the source that a general matcher at 1 % false
            accepts takes for one person, the largest over networks and people; None when no person was measured. It is
            what hair, ears, head and light give away, independent of the face.
        audio_streams: Of the source.
        audio_copied: Whether every audio stream has the very packets of the source.
    """

    scenes: int = 0
    tracks: int = 0
    identities: int = 0
    turned: int = 0
    redacted_tracks: int = 0
    attempts: list[dict[str, Any]] = field(default_factory=list)
    audit: list[dict[str, Any]] = field(default_factory=list)
    worst_frame: int = -1
    worst_distance: float | None = None
    faces_replaced: int = 0
    faces_redacted: int = 0
    faces_lost: int = 0
    twins_shared: int = 0
    surroundings: float | None = None
    audio_streams: int = 0
    audio_copied: bool = False


REJECT = "reject"
"""What `VideoRow.review` says of a result that a person rejected."""
PULLED = "pulled"
"""What it says of one that failed `anonflow recheck` and was taken out of the destination."""
HELD = frozenset({REJECT, PULLED})
"""Results that no run makes again unless it is asked to, whatever its settings."""


@dataclass(frozen=True, kw_only=True)
class VideoRow(Evidence):
    """One input and its verdict. Durations and stage times are seconds.

    Attributes:
        public_id: Keyed id of the content.
        input_id: Keyed id of its place in the dataset, which tells inputs of equal content apart.
        ordinal: Place in the input list of the run that wrote the row.
        verdict: What became of it.
        reason: An `infra.reasons.Reason`, or a code of another version; empty for published.
        message: The reason in words.
        width: Of the frames in pixels.
        height: Of the frames in pixels.
        frames: Their number.
        fps: Frames per second.
        duration_s: Of the video.
        output: Path of the result relative to the destination.
        output_sha256: SHA-256 of the result.
        output_bytes: Size of the result.
        output_stamp: Version of the result, as listings show it; empty when unknown.
        stage_seconds: Stage -> time.
        peak_memory_bytes: Of the process.
        backends: Backend -> digest.
        profile: Of the run.
        recipe: Of the run.
        seed: The run's, plus `redone`.
        fingerprint: Digest over everything that can change the result.
        source_stamp: Keyed id of the source's version, as listings show it; empty when unknown.
        run: Id of the dataset run that wrote the row, if any.
        software: Version of this project.
        review: What a person decided about the result, if it was looked at, or that a recheck took it out.
        redone: How often a person asked for another try.
        finished_at: UTC, ISO 8601.
    """

    public_id: str
    input_id: str
    ordinal: int
    verdict: Verdict
    reason: str = ""
    message: str = ""
    width: int = 0
    height: int = 0
    frames: int = 0
    fps: str = ""
    duration_s: float = 0.0
    output: str = ""
    output_sha256: str = ""
    output_bytes: int = 0
    output_stamp: str = ""
    stage_seconds: dict[str, float] = field(default_factory=dict)
    peak_memory_bytes: int = 0
    backends: dict[str, str] = field(default_factory=dict)
    profile: str = ""
    recipe: str = ""
    seed: int = 0
    fingerprint: str = ""
    source_stamp: str = ""
    run: str = ""
    software: str = ""
    review: str = ""
    redone: int = 0
    finished_at: str = ""

    def rejected(self) -> VideoRow:
        """The row of an input whose result a person rejected: it is withheld, independent of what else is known."""
        said = "A person rejected the result; another is made once one asks to redo it, or by --overwrite."
        return self._held(REJECT, Reason.REVIEW, said)

    def pulled(self, reason: str) -> VideoRow:
        """Return the row of an input whose result failed a recheck and was taken out.

        Args:
            reason: The first that was found.

        Returns:
            The row.
        """
        said = "The result failed a recheck and was taken out; another is made by --overwrite."
        return self._held(PULLED, reason, said)

    def held_like(self, earlier: VideoRow) -> VideoRow:
        """Return this row, held back as an earlier one of the same content is.

        Args:
            earlier: The earlier row.

        Returns:
            The row.
        """
        return self.pulled(earlier.reason) if earlier.review == PULLED else self.rejected()

    def _held(self, review: str, reason: str, message: str) -> VideoRow:
        return replace(
            self,
            verdict=Verdict.WITHHELD,
            reason=reason,
            message=message,
            review=review,
            output="",
            output_sha256="",
            output_bytes=0,
            output_stamp="",
        )

    @property
    def place(self) -> tuple[int, str, str]:
        """What rows are sorted by."""
        return self.ordinal, self.public_id, self.input_id

    def as_json(self) -> dict[str, Any]:
        """The row as JSON values; what is no number becomes null, which JSON has, unlike NaN."""
        return {name: _plain(value) for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> VideoRow:
        """Return the row back from JSON values; unknown fields are dropped.

        Args:
            value: By the names of the fields.

        Returns:
            The row.

        Raises:
            StoreError: When it is no row.
        """
        known = {f.name for f in fields(cls)}
        try:
            return cls(**{k: v for k, v in value.items() if k in known} | {"verdict": Verdict(value["verdict"])})
        except (KeyError, TypeError, ValueError):
            raise StoreError("A row of the manifest is damaged.") from None


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.value if isinstance(value, Enum) else value


def lines(rows: list[VideoRow]) -> bytes:
    """Write rows as JSON lines.

    Args:
        rows: The rows.

    Returns:
        UTF-8 text, a line per row.
    """
    return "".join(json.dumps(row.as_json(), sort_keys=True) + "\n" for row in rows).encode()


def parquet(rows: list[VideoRow]) -> bytes:
    """Write rows as a Parquet file; nested fields become JSON text.

    Args:
        rows: The rows.

    Returns:
        The file.
    """
    import pyarrow
    import pyarrow.parquet

    kinds = {
        "int": pyarrow.int64(),
        "float": pyarrow.float64(),
        "float | None": pyarrow.float64(),
        "bool": pyarrow.bool_(),
    }
    evidence = fields(Evidence)
    # A person who opens the table wants to see the verdict first.
    ordered = (*fields(VideoRow)[len(evidence) :], *evidence)
    schema = pyarrow.schema([(f.name, kinds.get(str(f.type), pyarrow.string())) for f in ordered])
    flat = [
        {k: json.dumps(v, sort_keys=True) if isinstance(v, list | dict) else v for k, v in row.as_json().items()}
        for row in rows
    ]
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(flat, schema=schema), buffer)
    return buffer.getvalue()
