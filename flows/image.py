"""Pictures: the same promise as for videos, for `anonflow image`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flows.context import Context
from flows.progress import Clock
from flows.sources import Job, fetch
from flows.video import Outcome, Services, failure_code, log_unexpected, new_row, record, tidy, with_evidence
from infra.cache import Cache
from infra.errors import AnonflowError, MediaError, Withheld
from infra.media.still import read_picture, write_picture
from infra.privacy import digest_file, public_id
from infra.settings import Settings
from tasks.records import Verdict

Image = NDArray[np.uint8]
PictureChain = Callable[[Image, Context], tuple[Image, Verdict, str]]


def output_path(owner: str) -> str:
    """Place of a picture relative to the destination."""
    return f"images/{owner}.png"


def convert_picture(job: Job, settings: Settings, services: Services, chain: PictureChain) -> Outcome:
    """Bring one picture to its verdict and record it; the result is a PNG without metadata.

    chain: turns the upright BGR picture into one in which every face is replaced or redacted and which passed the
    audit, with its verdict and reason; raises Withheld in doubt.
    """
    with tempfile.TemporaryDirectory(prefix="picture-", dir=services.scratch) as name:
        folder = Path(name)
        try:
            source = fetch(job, folder)
            digest = digest_file(source)
        except (MediaError, OSError):
            owner = public_id(services.key, job.uri_digest())
            return record(
                replace(new_row(owner, job, settings), reason="missing", message="The input cannot be read."), services
            )
        owner = public_id(services.key, digest)
        services.privacy.hide(job.uri, owner)
        row = new_row(owner, job, settings)
        earlier = None if settings.overwrite else services.ledger.finished(owner, row.fingerprint)
        if earlier is not None:
            return record(replace(earlier, ordinal=job.ordinal), services, reused=True)
        clock = Clock(job.ordinal, owner, services.reporter, services.cancelled)
        context = Context(owner, digest, settings, Cache(services.store), services.store, clock, folder)
        try:
            with clock.stage("read"):
                picture = read_picture(source)
            row = replace(row, width=picture.shape[1], height=picture.shape[0], frames=1)
            result, verdict, reason = chain(picture, context)
            with clock.stage("publish"):
                finished = folder / "result.png"
                write_picture(finished, result)
                services.destination.put_named(output_path(owner), finished)
            row = replace(
                row,
                verdict=verdict,
                reason=reason,
                output=output_path(owner),
                output_sha256=digest_file(finished),
                output_bytes=finished.stat().st_size,
            )
        except Withheld as error:
            row = replace(row, verdict=Verdict.WITHHELD, reason=error.reason, message=str(error))
        except AnonflowError as error:
            row = replace(row, reason=failure_code(error), message=str(error))
        except Exception as error:
            log_unexpected(owner, error)
            row = replace(row, message=f"Unexpected {type(error).__name__}; see the log.")
        row = with_evidence(row, context.evidence, clock)
        return record(tidy(row, output_path(owner), settings, services, context.cache), services)
