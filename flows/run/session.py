"""What all inputs of a run share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from flows.manifest.manifest import Manifest
from flows.manifest.rows import VideoRow
from flows.recipes.clock import Reporter
from flows.recipes.context import Stages
from flows.run.cancelled import Cancelled
from flows.run.watchdog import Watchdog
from infra.privacy import PrivacyFilter
from infra.storage.lease import Leases
from infra.storage.store import Store
from tasks.generation.gallery import Gallery


@dataclass
class Services:
    """What all inputs of a run share.

    Attributes:
        store: Private store.
        destination: Where results go.
        manifest: Rows of the destination.
        people: Who appeared in this dataset.
        key: Makes keyed ids.
        scratch: Private folder on local disk.
        reporter: Hears what happens.
        stages: The chain in the middle of a video.
        leases: Who works on which input.
        privacy: Keeps addresses of sources out of the log.
        cancelled: This run ends at its next step when set.
        stop: Everything that the process does ends at its next step when set.
        run: Id of the dataset run, if any.
        watchdog: Watches over videos that may hang, in a process that may be ended for it.
        identified: Hears the ordinal and the public id of an input as soon as its content is known.
    """

    store: Store
    destination: Store
    manifest: Manifest
    people: Gallery
    key: bytes
    scratch: Path
    reporter: Reporter
    stages: Stages | None
    leases: Leases
    privacy: PrivacyFilter = field(default_factory=PrivacyFilter)
    cancelled: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)
    run: str = ""
    watchdog: Watchdog | None = None
    identified: Callable[[int, str], None] = field(default=lambda ordinal, public_id: None)

    def check(self) -> None:
        """Raise Cancelled when the run is to end."""
        if self.cancelled.is_set() or self.stop.is_set():
            raise Cancelled


@dataclass(frozen=True)
class Outcome:
    """A recorded row.

    Attributes:
        row: The row.
        reused: Nothing had to be done.
    """

    row: VideoRow
    reused: bool
