"""Auditing what is published again, with the present audit: what an older one let pass is named, and pulled if asked.

What was found about a file is noted in the destination under the file's SHA-256 and the fingerprint of the audit, so
that a recheck that was stopped goes on, and one after an upgrade begins anew.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

from flows.manifest import face_records
from flows.manifest.manifest import Manifest
from flows.manifest.rows import PULLED, VideoRow
from flows.recheck.audit import audit_of
from flows.recheck.pull import Puller
from flows.recheck.sources import Against, Sources
from flows.recipes.context import TaskWrapper, run_plain
from flows.recipes.networks import ProfileNetworks
from flows.run import sources
from flows.run.recording import log_unexpected
from flows.run.sources import Job
from infra.errors import AnonflowError, MediaError, SpaceError, ToolError, UsageError
from infra.media.containers import hidden
from infra.media.decode import open_frames
from infra.media.pictures.still import read_picture
from infra.media.probe import probe_video
from infra.media.turn import OpenFrames
from infra.privacy import digest_file, key_path, load_key
from infra.process.scratch import scratch
from infra.reasons import Reason
from infra.settings import Settings
from infra.storage.faults import full_disk
from infra.storage.store import Store
from tasks.audit import recheck as looking
from tasks.audit.networks import panel
from tasks.audit.recognisers import AuditNetworks
from tasks.evaluation.measure.pair import frames_of
from tasks.records import Verdict

log = logging.getLogger("anonflow")

FOLDER = "manifest/recheck"
_PUBLISHED = frozenset({Verdict.PUBLISHED, Verdict.REDACTED})


@dataclass(frozen=True)
class Request:
    """What to recheck.

    Attributes:
        destination: Address of the results.
        source: Address of the sources; empty where results are looked at alone.
        pull: Take out what fails.
    """

    destination: str
    source: str = ""
    pull: bool = False


@dataclass(frozen=True)
class Outcome:
    """What was found about one file; safe to show.

    Attributes:
        public_id: Of the file.
        output: Its path relative to the destination.
        sha256: Of the file as it lies there.
        audit: Fingerprint of what looked.
        source: Whether it was compared with its source.
        reasons: As `infra.reasons.Reason` lists them, none when it passed.
        frames: With faces that are no twin's.
        pulled: Whether it was taken out.
    """

    public_id: str
    output: str
    sha256: str
    audit: str
    source: bool = False
    reasons: tuple[str, ...] = ()
    frames: tuple[int, ...] = ()
    pulled: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class Rechecked:
    """A recheck of a destination.

    Attributes:
        outcomes: One per file.
        again: Files that were looked at in this run, not in an earlier one.
        before: Results that earlier rechecks pulled, among them what this one pulled before it was stopped.
    """

    outcomes: tuple[Outcome, ...]
    again: int
    before: int = 0

    @property
    def failing(self) -> list[Outcome]:
        """What must not stay as it is."""
        return [outcome for outcome in self.outcomes if outcome.reasons]

    @property
    def said(self) -> str:
        """The whole in a line; safe to show."""
        count = Counter(reason for outcome in self.failing for reason in outcome.reasons)
        why = ", ".join(f"{number} {reason}" for reason, number in sorted(count.items()))
        pulled = sum(outcome.pulled for outcome in self.outcomes)
        alone = sum(not outcome.source for outcome in self.outcomes)
        parts = [f"{len(self.failing)} of {len(self.outcomes)} files fail" + (f" ({why})" if why else "")]
        parts += [f"{pulled} pulled"] * bool(pulled)
        parts += [f"{self.before} pulled before"] * bool(self.before)
        parts += [f"{self.again} looked at in this run", f"{alone} without their source"]
        return "; ".join(parts)


Told = Callable[[Outcome, bool], None]
"""Hears of every file, and whether it was looked at in this run."""


def recheck(
    request: Request,
    settings: Settings,
    told: Told,
    check_cancelled: Callable[[], None] = lambda: None,
    show: TaskWrapper = run_plain,
) -> Rechecked:
    """Audit every published file of a destination again, and pull what fails if the request says so.

    Args:
        request: What to recheck.
        settings: Threads, and the store that holds what is pulled.
        told: Hears each outcome, and whether it was looked at in this run.
        check_cancelled: Called again and again; what it raises ends the recheck, which goes on from there next time.
        show: Makes each file visible to an orchestrator.

    Returns:
        What was found.

    Raises:
        UsageError: When the destination has no manifest or the source cannot be found.
        WeightsError: When weights are not in place.
        SpaceError: When a disk is full.
        StoreUnavailable: When a remote place does not answer.
    """
    destination = Store(request.destination, private=False)
    manifest = Manifest(destination)
    by_output: dict[str, list[VideoRow]] = {}
    known = manifest.rows()
    if not known:
        raise UsageError("DESTINATION has no manifest; name a folder that results were converted into.")
    for row in known:
        if row.verdict in _PUBLISHED and row.output:
            by_output.setdefault(row.output, []).append(row)
    behind = None
    if request.source:
        behind = Sources(request.source, request.destination, load_key(key_path(settings.cache_url)))
    outcomes, again = [], 0
    with scratch() as folder, Puller(destination, manifest, Store(settings.cache_url), folder) as puller:
        checker = _Checker(request, settings, destination, behind, folder, check_cancelled)
        for rows in by_output.values():
            check_cancelled()
            outcome, fresh = show(rows[0].public_id, partial(checker.outcome, rows), "recheck file")
            # What could not be looked at for an unforeseen cause may be well, so it is named but stays.
            if request.pull and outcome.reasons and Reason.UNEXPECTED not in outcome.reasons:
                outcome = replace(outcome, pulled=puller.pull(rows, outcome.reasons[0]))
            outcomes.append(outcome)
            again += fresh
            told(outcome, fresh)
        if request.pull:
            puller.complete()
    return Rechecked(tuple(outcomes), again, len({row.public_id for row in known if row.review == PULLED}))


class _Checker:
    """Looks at the files of a destination, one after the other."""

    def __init__(
        self,
        request: Request,
        settings: Settings,
        destination: Store,
        behind: Sources | None,
        folder: Path,
        check_cancelled: Callable[[], None],
    ) -> None:
        self._root, self._settings, self._destination = sources.absolute(request.destination), settings, destination
        self._behind, self._folder, self._check_cancelled = behind, folder, check_cancelled

    def outcome(self, rows: Sequence[VideoRow]) -> tuple[Outcome, bool]:
        """(what is known about the file of these rows, whether it had to be looked at)."""
        row = rows[0]
        networks = ProfileNetworks(replace(self._settings, profile=row.profile or "embedded"))
        known = Outcome(row.public_id, row.output, row.output_sha256, audit_of(networks.settings))
        with tempfile.TemporaryDirectory("", "recheck-", self._folder, ignore_cleanup_errors=True) as name:
            folder = Path(name)
            path = self._fetched(row.output, folder)
            if path is None:
                return replace(known, reasons=(Reason.OUTPUT_MISSING,)), True
            known = replace(known, sha256=digest_file(path))
            # Of inputs with equal content the row of one may be older than the file.
            published = [one for one in rows if one.output_sha256 == known.sha256]
            if not published:
                return replace(known, reasons=(Reason.OUTPUT_CHANGED,)), True
            row = published[0]
            noted, source = self._noted(known), None
            if self._behind is not None and (noted is None or not noted.source):
                source = self._behind.of(row.public_id, [one.input_id for one in rows], folder / "sources")
            if noted is not None and source is None:
                return noted, False
            try:
                found = self._looked(known, row, path, source, panel(networks, row.frames == 1, _strict(row)), networks)
            except AnonflowError:
                raise
            except Exception as error:
                if full_disk(error):
                    raise SpaceError from None
                log_unexpected(row.public_id, error)
                return replace(known, reasons=(Reason.UNEXPECTED,)), True
        self._note(found)
        return found, True

    def _looked(
        self,
        known: Outcome,
        row: VideoRow,
        path: Path,
        source: Path | None,
        panel: AuditNetworks,
        networks: ProfileNetworks,
    ) -> Outcome:
        picture = row.output.startswith("images/")
        threads = self._settings.threads
        record = face_records.load(self._destination, row.public_id, row.output_sha256)
        earlier = looking.Earlier(networks.load("audit_detector"))
        try:
            codes = hidden.hidden_in_picture(path) if picture else hidden.hidden_in_video(path)
            frames = _frames(path, picture)
            looked = looking.look(frames, panel, earlier, record, threads, self._check_cancelled)
        except (MediaError, ToolError):
            return replace(known, reasons=(Reason.OUTPUT_UNREADABLE,))
        reasons = [f"hidden_{code}" for code in codes]
        if row.frames and looked.frames != row.frames:
            reasons.insert(0, Reason.AUDIT_INCOMPLETE)
        if looked.strays:
            reasons.insert(0, Reason.STRAY_FACE)
        if source is not None:
            # The source is looked at by the networks that every installation has.
            against = Against(
                source, picture, ProfileNetworks(self._settings), older=record is None, limits=_limits(row)
            )
            reasons += against.reasons(frames, looked, panel, threads, self._check_cancelled)
        where = tuple(sorted({stray.frame for stray in looked.strays}))
        return replace(known, reasons=tuple(reasons), frames=where, source=source is not None)

    def _fetched(self, output: str, folder: Path) -> Path | None:
        """The file on this machine, None when it is not there any more."""
        if self._destination.stamp(output) is None:
            return None
        try:
            return sources.fetch(Job(0, f"{self._root}/{output}", output), folder)
        except MediaError as error:
            if error.reason == Reason.MISSING:
                return None
            raise

    def _noted(self, known: Outcome) -> Outcome | None:
        value = self._destination.read_json(_note_path(known))
        try:
            if value is None or (value["sha256"], value["audit"]) != (known.sha256, known.audit):
                return None
            reasons, frames = tuple(map(str, value["reasons"])), tuple(map(int, value["frames"]))
            return replace(known, reasons=reasons, frames=frames, source=bool(value["source"]))
        except (KeyError, TypeError, ValueError):
            return None

    def _note(self, found: Outcome) -> None:
        path = _note_path(found)
        for other in self._destination.list_tree(f"{FOLDER}/{found.public_id}"):
            if other != path:
                self._destination.remove(other)
        self._destination.write_named(path, json.dumps(asdict(found), sort_keys=True).encode())


def _frames(path: Path, picture: bool) -> OpenFrames:
    if picture:
        return frames_of(read_picture(path))
    info = probe_video(path)
    return lambda: open_frames(path, info)


def _strict(row: VideoRow) -> bool:
    """Whether a result must not be matched by a general matcher: all but those whose own audit counted such frames and
    let them pass, as `--surroundings accept` asks for."""
    return not any(one.get("matched") for one in row.audit)


def _limits(row: VideoRow) -> dict[str, float]:
    """Embedder -> the distance that the result's own audit asked for in place; none of an audit by another rule."""
    return {one["embedder"]: one["threshold"] for one in row.audit if "matched" in one and one["threshold"] is not None}


def _note_path(outcome: Outcome) -> str:
    # One folder deeper than rows, which versions without rechecks would otherwise read it as.
    return f"{FOLDER}/{outcome.public_id}/{outcome.sha256[:16]}-{outcome.audit[:16]}.json"
