"""An evaluation: every pair of files is measured, the whole is attacked, and a report is written."""

from __future__ import annotations

import contextvars
import datetime
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from flows.cancelled import Cancelled
from flows.case import failure_code, log_unexpected
from flows.context import Show, unseen
from flows.fingerprint import version
from flows.measuring import Files, Measurer
from flows.pairs import Pair, Pairing, pair_up
from flows.run_places import evaluation_of
from flows.sources import absolute
from infra.errors import AnonflowError, SpaceError, StoreUnavailable, UsageError
from infra.faults import full_disk
from infra.privacy import PrivacyFilter, install, key_path, load_key
from infra.scratch import scratch
from infra.settings import Settings
from infra.store import Store
from models import profiles
from models.embedding.calibration import calibration
from tasks.measure.records import Measured
from tasks.metrics import privacy
from tasks.metrics.clip import Clip, reduce
from tasks.metrics.definition import Figure
from tasks.metrics.frechet import FRECHET, Frechet
from tasks.report import compose, page, pages
from tasks.report.compose import Facts
from tasks.report.content import Content, Outcome, Page
from tasks.report.verdict import Limits

log = logging.getLogger("anonflow")

PROFILE, WITH_FID = "evaluation", "evaluation-fid"
"""Without and with the network of the Fréchet inception distance, which needs torch."""
EVERY = 5
"""Frames from one look to the next, where nobody asks for another step: of 30 frames a second, six."""


@dataclass(frozen=True)
class Request:
    """What to evaluate. originals, anonymized: addresses, see `flows.pairs.pair_up`, as person and people. out: folder
    of the report. every: look at every so many frames only. reviewer: show the source beside the result. dataset: name
    of the dataset that these are, if it has one."""

    originals: str
    anonymized: str
    out: Path
    person: str = ""
    people: str = ""
    every: int = 1
    reviewer: bool = False
    title: str = "Anonymity of a dataset"
    dataset: str = ""


@dataclass(frozen=True)
class _Looked:
    """What was found about a pair. page: None when it has no anonymized file. reason: why it could not be measured."""

    clip: Clip
    page: Page | None
    reason: str = ""


Told = Callable[[Pair, str], None]
"""Hears how far a pair is: done, or why it could not be measured."""


def check(request: Request, settings: Settings) -> None:
    """Raises what `evaluate` would raise at once: UsageError for a report without a place of its own, WeightsError."""
    if settings.profile not in (PROFILE, WITH_FID) or request.every < 1:
        raise UsageError(
            "An evaluation uses the profile evaluation or evaluation-fid, and looks at every frame or every few."
        )
    _check_place(request)
    profiles.ready(settings)


def evaluate(
    request: Request,
    settings: Settings,
    told: Told,
    show: Show = unseen,
    heed: Callable[[], None] = lambda: None,
    done: Callable[[], None] = lambda: None,
) -> Content:
    """Measure, attack, and write the report to `request.out`.

    show: makes each pair visible to an orchestrator. heed: asked again and again; what it raises ends the evaluation.
    done: called when the report is written, before what was measured is forgotten. A pair that cannot be measured is in
    the report as one that needs a look. Raises UsageError before anything is measured when nothing can be paired or the
    report has no place, WeightsError, SpaceError, StoreUnavailable, Cancelled.
    """
    check(request, settings)
    key = load_key(key_path(settings.cache_url))
    pairing = pair_up(request.originals, request.anonymized, key, request.person, request.people)
    filter_ = PrivacyFilter()
    for pair in pairing.pairs:
        filter_.hide(pair.original.uri, f"input {pair.ordinal}")
    install(filter_)
    limits = _limits(settings)
    with scratch() as folder:
        owner = evaluation_of(request.dataset) if request.dataset else ""
        measurer = Measurer(settings, Store(settings.cache_url), key, folder, request.every, owner)
        work = _Work(request, measurer, limits, _numbers(pairing), told, show, heed)
        looked = work.all(pairing, settings.workers)
        faces = work.frechet.figure() if settings.profile == WITH_FID else None
        content = show("attack", lambda: _concluded(request, settings, pairing, looked, limits, faces, heed))
        page.write(content, request.out)
        heed()
        done()
        measurer.forget()
    return content


class _Work:
    """Measures pairs, several at a time."""

    def __init__(
        self,
        request: Request,
        measurer: Measurer,
        limits: dict[str, Limits],
        numbers: Callable[[Pair, int], int],
        told: Told,
        show: Show,
        heed: Callable[[], None],
    ) -> None:
        self._request, self._measurer, self._limits = request, measurer, limits
        self._numbers, self._told, self._show = numbers, told, show
        self.frechet = Frechet()
        self._heed, self._failed = heed, threading.Event()

    def all(self, pairing: Pairing, workers: int) -> list[_Looked]:
        """Every pair, in order."""
        with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="pair") as pool:
            futures = [pool.submit(contextvars.copy_context().run, self._one, pair) for pair in pairing.pairs]
            try:
                return [future.result() for future in futures]
            except BaseException as error:
                self._failed.set()
                pool.shutdown(wait=True, cancel_futures=True)
                if isinstance(error, KeyboardInterrupt):
                    raise Cancelled from None
                raise

    def _one(self, pair: Pair) -> _Looked:
        return self._show(f"pair {pair.ordinal}", lambda: self._looked(pair))

    def _looked(self, pair: Pair) -> _Looked:
        self._check()
        try:
            with self._measurer.files(pair, self._check) as files:
                measured = self._measurer.measure(files)
                people = {person: self._numbers(pair, k) for k, person in enumerate(measured.people)}
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
            return _Looked(clip, shown)
        self._told(pair, reason)
        return _Looked(reduce(Measured.empty(), pair.ordinal, {}), _unmeasured(pair, reason), reason)

    def _sheets(self, files: Files, clip: Clip) -> tuple[Path | None, Path | None]:
        if not clip.shared:
            return None, None
        chosen = pages.shown(clip, self._limits)
        return self._measurer.sheets(files, chosen, self._request.reviewer)

    def _check(self) -> None:
        self._heed()
        if self._failed.is_set():
            raise Cancelled


def _numbers(pairing: Pairing) -> Callable[[Pair, int], int]:
    """Number of the k-th person of a pair: the one mostly seen is the pair's, others are somebody each."""
    most = 1 << 20
    return lambda pair, k: pair.person if k == 0 else most + pair.ordinal * 1000 + k


def _concluded(
    request: Request,
    settings: Settings,
    pairing: Pairing,
    looked: list[_Looked],
    limits: dict[str, Limits],
    faces: Figure | None,
    heed: Callable[[], None],
) -> Content:
    clips = [one.clip for one in looked]
    embedded = [clip for clip in clips if clip.originals]
    attacks: list[privacy.Attack] = []
    if any(clip.shared for clip in embedded):
        for name, limit in limits.items():
            heed()
            attacks.append(privacy.attack(embedded, name, limit.far_1))
    shown = [one.page for one in looked if one.page is not None]
    without = sum(pair.anonymized is None for pair in pairing.pairs)
    facts = Facts(
        title=request.title,
        made_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        software=f"anonflow {version()}",
        counts=(
            ("originals", len(pairing.pairs)),
            ("people in them, as labelled", pairing.people),
            ("anonymized files compared", len(shown)),
            ("originals without a result", without),
            ("anonymized files without an original", pairing.strangers),
            ("files that could not be measured", sum(bool(one.reason) for one in looked)),
            ("faces compared", sum(clip.faces for clip in clips if clip.shared)),
        ),
        independent=(profiles.independent_attackers() or [""])[0],
        settings=(
            ("attackers", ", ".join(limits)),
            ("took part in nothing", ", ".join(profiles.independent_attackers())),
            ("frames looked at", "all" if request.every == 1 else f"every {request.every}th"),
            ("seed", str(settings.seed)),
        ),
        reviewer=request.reviewer,
        unexamined=pairing.strangers,
    )
    return compose.compose(facts, clips, attacks, shown, {} if faces is None else {(FRECHET, ""): faces})


def _limits(settings: Settings) -> dict[str, Limits]:
    names = profiles.roles(settings)["attackers"].backends
    return {name: Limits(calibration(name).far_1, calibration(name).far_01) for name in names}


def _unmeasured(pair: Pair, reason: str) -> Page | None:
    if pair.anonymized is None:
        return None
    said = f"It could not be measured ({reason}), so nothing is known about it."
    return Page(pages.key_of(pair.name), pair.name, Outcome.LOOK, said, float("nan"), 0, 0, float("nan"))


def _check_place(request: Request) -> None:
    """A report shows things that must not be published along with the data, or be read as data the next time."""
    data = [name for place in (request.anonymized, request.originals) for name in _names(place)]
    if request.reviewer:
        # Whoever publishes one file publishes its folder, and the report would show the source.
        data += [name.rpartition("/")[0] for name in _names(request.anonymized) if Path(name).is_file()]
    places = [f"{name}/" for name in _names(str(request.out))]
    if any(out.startswith(f"{name}/") for out in places for name in data):
        raise UsageError("The report must lie apart from the originals and the anonymized files; give another --out.")


def _names(address: str) -> list[str]:
    """The full address, without a last slash; of a local one also that without links on the way."""
    full = absolute(address)
    if "://" in full:
        return [full]
    try:
        return [full, str(Path(full or "/").resolve(strict=False)).rstrip("/")]
    except (OSError, RuntimeError):
        raise UsageError("A path leads in circles, or cannot be read; name folders and files that can.") from None
