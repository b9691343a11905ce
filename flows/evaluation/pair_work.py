"""Measures the pairs of an evaluation, several at a time, and keeps of each what the attacks and its page need."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from flows.evaluation.measure import Files, Measurer
from flows.evaluation.pairs import Pair
from flows.recipes.context import TaskWrapper
from flows.run.cancelled import Cancelled
from flows.run.recording import failure_code, log_unexpected
from infra.errors import AnonflowError, SpaceError, StoreUnavailable
from infra.storage.faults import full_disk
from tasks.evaluation.measure.records import Measured
from tasks.evaluation.metrics.clip import Clip, reduce
from tasks.evaluation.metrics.picture.frechet import Frechet
from tasks.evaluation.report import pages
from tasks.evaluation.report.content import Outcome, Page
from tasks.evaluation.report.verdict import Limits


@dataclass(frozen=True)
class Looked:
    """What was found about a pair. Identifying.

    Attributes:
        clip: For the attacks.
        page: None when it has no anonymized file.
        reason: Why it could not be measured.
        content: SHA-256 of the original, "" when it could not be measured.
    """

    clip: Clip
    page: Page | None
    reason: str = ""
    content: str = ""


Told = Callable[[Pair, str], None]
"""Hears how far a pair is: done, or why it could not be measured."""


class Work:
    """Measures pairs, several at a time.

    Attributes:
        frechet: Of all pairs so far.
    """

    def __init__(
        self,
        measurer: Measurer,
        limits: dict[str, Limits],
        reviewer: bool,
        told: Told,
        show: TaskWrapper,
        check_cancelled: Callable[[], None],
    ) -> None:
        """Args:
        measurer: Measures a pair.
        limits: Embedder -> the distances of strangers.
        reviewer: Make contact sheets of the source, too.
        told: Hears how far each pair is.
        show: Makes each pair visible to an orchestrator.
        check_cancelled: Called again and again; what it raises ends the work.
        """
        self._measurer, self._limits, self._reviewer = measurer, limits, reviewer
        self._told, self._show = told, show
        self.frechet = Frechet()
        self._check_cancelled, self._failed = check_cancelled, threading.Event()

    def all(self, pairs: Sequence[Pair], workers: int) -> list[Looked]:
        """Measure every pair.

        Args:
            pairs: The pairs.
            workers: Threads.

        Returns:
            What was found, in the order of the pairs.
        """
        with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="pair") as pool:
            futures = [pool.submit(contextvars.copy_context().run, self._one, pair) for pair in pairs]
            try:
                return [future.result() for future in futures]
            except BaseException as error:
                self._failed.set()
                pool.shutdown(wait=True, cancel_futures=True)
                if isinstance(error, KeyboardInterrupt):
                    raise Cancelled from None
                raise

    def _one(self, pair: Pair) -> Looked:
        return self._show(f"pair {pair.ordinal}", lambda: self._looked(pair), "measure pair")

    def _looked(self, pair: Pair) -> Looked:
        self._check()
        try:
            with self._measurer.files(pair, self._check) as files:
                measured = self._measurer.measure(files)
                people = {person: _number(pair, k) for k, person in enumerate(measured.people)}
                clip = reduce(measured, pair.ordinal, people)
                sheets = self._sheets(files, clip)
        except (StoreUnavailable, SpaceError):
            raise
        except AnonflowError as error:
            reason = failure_code(error)
            if reason == "no_space":
                raise SpaceError from None
        except Exception as error:
            if full_disk(error):
                raise SpaceError from None
            log_unexpected(f"Pair {pair.ordinal}", error)
            reason = f"unexpected {type(error).__name__}"
        else:
            self.frechet.add(measured.textures)
            self._told(pair, "")
            shown = None if pair.anonymized is None else pages.page(clip, pair.name, self._limits, *sheets)
            return Looked(clip, _with_copies(shown, pair), content=files.digests[0])
        self._told(pair, reason)
        unmeasured = _with_copies(_unmeasured(pair, reason), pair)
        return Looked(reduce(Measured.empty(), pair.ordinal, {}), unmeasured, reason)

    def _sheets(self, files: Files, clip: Clip) -> tuple[Path | None, Path | None]:
        if not clip.shared:
            return None, None
        chosen = pages.shown(clip, self._limits)
        return self._measurer.sheets(files, chosen, self._reviewer)

    def _check(self) -> None:
        self._check_cancelled()
        if self._failed.is_set():
            raise Cancelled


def _number(pair: Pair, k: int) -> int:
    """Number of the k-th person of a pair: the one mostly seen is the pair's, every other has a number of their own."""
    most = 1 << 20
    return pair.person if k == 0 else most + pair.ordinal * 1000 + k


def _with_copies(page: Page | None, pair: Pair) -> Page | None:
    """The page, which says of how many originals the file is the result."""
    count = len(pair.copies)
    if page is None or not count:
        return page
    return replace(page, said=f"{page.said} The same content as {count} other original{'s' * (count > 1)}.")


def _unmeasured(pair: Pair, reason: str) -> Page | None:
    if pair.anonymized is None:
        return None
    said = f"It could not be measured ({reason}), so nothing is known about it."
    return Page(pages.key_of(pair.name), pair.name, Outcome.LOOK, said, float("nan"), 0, 0, float("nan"))
