"""An evaluation: every pair of files is measured, the whole is attacked, and a report is written."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flows.dataset.store_layout import evaluation_of
from flows.evaluation import counts, groups
from flows.evaluation.adversaries import numbers as adversary_numbers
from flows.evaluation.measure import Measurer
from flows.evaluation.pair_work import Looked, Told, Work
from flows.evaluation.pairs import Pairing, pair_up
from flows.recipes.context import TaskWrapper, run_plain
from flows.run.fingerprint import version
from flows.run.sources import absolute
from infra.errors import UsageError
from infra.privacy import PrivacyFilter, install, key_path, load_key
from infra.process.scratch import scratch
from infra.settings import Settings
from infra.storage.store import Store
from models.embedding.calibration import calibration
from models.selection import profiles
from tasks.evaluation.metrics import privacy
from tasks.evaluation.metrics.definition import Figure
from tasks.evaluation.metrics.picture.frechet import FRECHET
from tasks.evaluation.report import compose, folder, page
from tasks.evaluation.report.compose import Facts
from tasks.evaluation.report.content import Content
from tasks.evaluation.report.tables import by_kind
from tasks.evaluation.report.verdict import Limits

log = logging.getLogger("anonflow")

PROFILE, WITH_FID = "evaluation", "evaluation-fid"
"""Without and with the network of the Fréchet inception distance, which needs torch."""
EVERY = 5
"""Frames from one look to the next, unless another step is asked for: of 30 frames a second, six."""


@dataclass(frozen=True)
class Request:
    """What to evaluate.

    Attributes:
        originals: Address, see `flows.evaluation.pairs.pair_up`.
        anonymized: Address, see `flows.evaluation.pairs.pair_up`.
        out: Folder of the report.
        person: See `flows.evaluation.pairs.pair_up`.
        people: See `flows.evaluation.pairs.pair_up`.
        every: Look at every so many frames only.
        reviewer: Show the source beside the result.
        title: Of the report.
        dataset: Name of the dataset that these are, if it has one.
        others: Address, see `flows.evaluation.pairs.pair_up`.
    """

    originals: str
    anonymized: str
    out: Path
    person: str = ""
    people: str = ""
    every: int = 1
    reviewer: bool = False
    title: str = "Anonymity of a dataset"
    dataset: str = ""
    others: str = ""


def check(request: Request, settings: Settings) -> None:
    """Raise what `evaluate` would raise at once.

    Args:
        request: What to evaluate.
        settings: Of the evaluation.

    Raises:
        UsageError: For a report without a place of its own, one that cannot be written there, or settings that are not
            for an evaluation.
        WeightsError: When weights are not in place.
    """
    if settings.profile not in (PROFILE, WITH_FID) or request.every < 1:
        raise UsageError(
            "An evaluation uses the profile evaluation or evaluation-fid, and looks at every frame or every few."
        )
    _check_place(request)
    folder.check_place(request.out)
    profiles.ready(settings)


def evaluate(
    request: Request,
    settings: Settings,
    told: Told,
    show: TaskWrapper = run_plain,
    check_cancelled: Callable[[], None] = lambda: None,
    done: Callable[[], None] = lambda: None,
) -> Content:
    """Measure, attack, and write the report to `request.out`.

    A pair that cannot be measured is in the report as one that needs a look.

    Args:
        request: What to evaluate.
        settings: Of the evaluation.
        told: Hears how far each pair is.
        show: Makes each pair visible to an orchestrator.
        check_cancelled: Called again and again; what it raises ends the evaluation.
        done: Called when the report is written, before what was measured is forgotten.

    Returns:
        What the report says.

    Raises:
        UsageError: Before anything is measured, when nothing can be paired or the report has no place.
        WeightsError: When weights are not in place.
        SpaceError: When a disk is full.
        StoreUnavailable: When a remote place does not answer.
        Cancelled: When stopped.
    """
    check(request, settings)
    key = load_key(key_path(settings.cache_url))
    pairing = pair_up(request.originals, request.anonymized, key, request.person, request.people, request.others)
    folder.check_names([pair.name for pair in pairing.pairs if pair.anonymized is not None], request.title)
    filter_ = PrivacyFilter()
    for pair in (*pairing.pairs, *pairing.others):
        for job in (pair.original, *pair.copies):
            filter_.hide(job.uri, f"input {pair.ordinal}")
    install(filter_)
    limits = _limits(settings)
    with scratch() as place:
        owner = evaluation_of(request.dataset) if request.dataset else ""
        measurer = Measurer(settings, Store(settings.cache_url), key, place, request.every, owner)
        work = Work(measurer, limits, request.reviewer, told, show, check_cancelled)
        looked = work.all([*pairing.pairs, *pairing.others], settings.workers)
        faces = work.frechet.figure() if settings.profile == WITH_FID else None
        content = show("attack", lambda: _concluded(request, settings, pairing, looked, limits, faces, check_cancelled))
        page.write(content, request.out)
        check_cancelled()
        done()
        measurer.forget()
    return content


def _concluded(
    request: Request,
    settings: Settings,
    pairing: Pairing,
    looked: list[Looked],
    limits: dict[str, Limits],
    faces: Figure | None,
    check_cancelled: Callable[[], None],
) -> Content:
    looked, others = looked[: len(pairing.pairs)], looked[len(pairing.pairs) :]
    clips = [one.clip for one in looked]
    embedded = [clip for clip in clips if clip.originals]
    labels = groups.of(pairing)
    attacks: list[privacy.Attack] = []
    if any(clip.shared for clip in embedded):
        for name, limit in limits.items():
            check_cancelled()
            attacks.append(privacy.attack(embedded, name, limit.far_1, labels))
    adversaries = adversary_numbers(pairing, looked, others, limits, check_cancelled)
    shown = [one.page for one in looked if one.page is not None]
    facts = Facts(
        title=request.title,
        made_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        software=f"anonflow {version()}",
        counts=counts.of(pairing, looked, others, attacks),
        independent=(profiles.independent_attackers() or [""])[0],
        settings=(
            ("attackers", ", ".join(limits)),
            ("took part in nothing", ", ".join(profiles.independent_attackers())),
            ("frames looked at", "all" if request.every == 1 else f"every {request.every}th"),
            ("seed", str(settings.seed)),
        ),
        reviewer=request.reviewer,
        unexamined=pairing.strangers,
        other_inputs=pairing.other_inputs,
        labelled=pairing.unlabelled < pairing.people,
        groups=labels,
    )
    overall = {} if faces is None else {(FRECHET, ""): faces}
    named = next((one.named for one in attacks if one.embedder == facts.independent), {})
    kinds = by_kind.table([(one.clip, one.page) for one in looked], named, labels)
    return compose.compose(facts, clips, attacks, shown, overall, adversaries, kinds)


def _limits(settings: Settings) -> dict[str, Limits]:
    names = profiles.roles(settings)["attackers"].backends
    return {name: Limits(calibration(name).far_1, calibration(name).far_01) for name in names}


def _check_place(request: Request) -> None:
    """A report shows things that must not be published along with the data, or be read as data the next time."""
    places = (request.anonymized, request.originals, *filter(None, [request.others]))
    data = [name for place in places for name in _names(place)]
    if request.reviewer:
        # A person who publishes one file publishes its folder, and the report would show the source.
        data += [name.rpartition("/")[0] for name in _names(request.anonymized) if Path(name).is_file()]
    reports = [f"{name}/" for name in _names(str(request.out))]
    if any(out.startswith(f"{name}/") for out in reports for name in data):
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
