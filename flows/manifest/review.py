"""What a person decided about files becomes their verdict."""

from __future__ import annotations

import posixpath
from collections import Counter
from dataclasses import dataclass, replace

from flows.manifest import face_records
from flows.manifest.manifest import Manifest
from flows.manifest.rows import VideoRow
from infra.errors import UsageError
from infra.reasons import Reason
from infra.storage.store import Store
from infra.storage.upkeep import remove_for_good
from tasks.evaluation.report.review import Choice, Review
from tasks.records import Verdict


@dataclass(frozen=True)
class Applied:
    """What became of a review.

    Attributes:
        counts: How many files each choice was carried out for.
        gone: Files that were not there any more, which is fine for what was rejected.
        unknown: Files that the manifest does not know.
    """

    counts: dict[Choice, int]
    gone: int
    unknown: int


def apply(review: Review, destination: Store) -> Applied:
    """Carry out the decisions on a destination of ours.

    Accepted files are noted as such. Rejected ones are removed and stay withheld, whatever the settings of later runs.
    Those to be redone are removed and converted anew, with other twins, by the next run. Applying the same decisions
    twice changes nothing more, and completes what was interrupted.

    Args:
        review: The decisions.
        destination: Where the results lie.

    Returns:
        What was carried out.

    Raises:
        UsageError: When the manifest knows none of the files.
        StoreUnavailable: When the destination does not answer; what was carried out by then stays.
    """
    manifest = Manifest(destination)
    rows: dict[str, list[VideoRow]] = {}
    for row in manifest.rows():
        rows.setdefault(row.public_id, []).append(row)
    known = [decision for decision in review.decisions if _owner(decision.name) in rows]
    if review.decisions and not known:
        raise UsageError("The manifest of this destination knows none of the files; name the one of the report.")
    counts: Counter[Choice] = Counter()
    gone = 0
    for decision in known:
        counts[decision.choice] += 1
        # First the row: were the file gone and the row not changed, the next run would make the same file again.
        for row in rows[_owner(decision.name)]:
            manifest.record(_decided(row, decision.choice))
        if decision.choice is not Choice.ACCEPT:
            gone += destination.stamp(decision.name) is None
            destination.remove(decision.name)
            # In a bucket that keeps versions, what was removed is still there, now or since an interruption.
            remove_for_good(destination, decision.name)
            remove_for_good(destination, face_records.path_of(_owner(decision.name)))
    manifest.flush()
    return Applied(dict(counts), gone, len(review.decisions) - len(known))


def _owner(name: str) -> str:
    """Public id of the content behind a result's path."""
    return posixpath.splitext(posixpath.basename(name))[0]


def _decided(row: VideoRow, choice: Choice) -> VideoRow:
    """The row after a decision. A reviewer's note stays out of it: it may tell who a person is."""
    if choice is Choice.ACCEPT:
        return row if not row.output else replace(row, review=choice.value)
    if choice is Choice.REJECT:
        return row.rejected()
    if row.reason == Reason.REDO:
        return row
    said = "A person asked for another try; the next run makes it, with other twins."
    again = replace(row.rejected(), verdict=Verdict.FAILED, reason=Reason.REDO, message=said)
    return replace(again, review=choice.value, redone=row.redone + 1)
