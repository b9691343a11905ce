"""What the stages of one input may use and what they answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from flows.manifest.rows import Evidence
from flows.recipes.clock import Clock
from infra.media.video_info import VideoInfo
from infra.settings import Settings
from infra.storage.cache import Cache
from tasks.generation.gallery import Gallery
from tasks.output.publish import AuditedFile
from tasks.records import FaceEdits, Verdict
from tasks.stage import Advance, Stage

T = TypeVar("T")


class TaskWrapper(Protocol):
    """Runs work so that an orchestrator sees it; the name says nothing about the input."""

    def __call__(self, name: str, work: Callable[[], T], kind: Stage[Any, Any] | str = "") -> T:
        """Return what the work returns, raise what it raises.

        Args:
            name: What people read.
            work: The work.
            kind: The stage whose work it is, or what other kind of work; the name when empty.
        """


def run_plain(name: str, work: Callable[[], T], kind: Stage[Any, Any] | str = "") -> T:
    """Run work without an orchestrator.

    Args:
        name: Of the work.
        work: The work.
        kind: Of the work.

    Returns:
        What the work returns.
    """
    return work()


@dataclass
class Context:
    """What the stages of one input may use.

    Attributes:
        public_id: Name and cache owner.
        digest: SHA-256 of the source.
        settings: Of the run.
        cache: Keeps the outputs of stages.
        people: Who appeared in this dataset.
        clock: Times and reports the stages.
        folder: Private scratch, removed afterwards.
        show: Makes each stage visible to an orchestrator.
        evidence: Filled in as the stages go, so that a row tells it for every verdict.
        painted: What was done to the faces of the result that passed; None before there is one.
    """

    public_id: str
    digest: str
    settings: Settings
    cache: Cache
    people: Gallery
    clock: Clock
    folder: Path
    show: TaskWrapper = run_plain
    evidence: Evidence = field(default_factory=Evidence)
    painted: FaceEdits | None = None

    def stage(
        self,
        name: str,
        work: Callable[[Advance], T],
        total: int = 0,
        label: str = "",
        stage: Stage[Any, Any] | None = None,
    ) -> T:
        """Run work, timed and reported as `name` and shown as `label`.

        Args:
            name: Key of its timing.
            work: Gets a function to be told how many of `total` are done.
            total: Units of work, frames say; 0 when unknown.
            label: What an orchestrator shows, the name when empty.
            stage: Whose work it is.

        Returns:
            What the work returns.
        """

        def timed() -> T:
            with self.clock.stage(name, total) as advance:
                return work(advance)

        return self.show(label or name, timed, stage or name)

    def found(self, **evidence: Any) -> None:
        """Note evidence.

        Args:
            **evidence: By the names of its fields.
        """
        self.evidence = replace(self.evidence, **evidence)


@dataclass(frozen=True)
class StageResult:
    """A finished file that passed the audit.

    Attributes:
        audited: The file.
        verdict: PUBLISHED or REDACTED.
        reason: Empty, or why it is redacted.
    """

    audited: AuditedFile
    verdict: Verdict
    reason: str = ""


Stages = Callable[[Path, VideoInfo, Context], StageResult]
