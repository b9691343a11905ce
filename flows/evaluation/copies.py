"""Which originals have the same content."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from flows.run.sources import Job, fetch
from infra.errors import MediaError, SpaceError
from infra.privacy import digest_file
from infra.process.scratch import scratch
from infra.reasons import Reason


def contents(jobs: Sequence[Job]) -> list[int]:
    """Find files of equal content. Files of a size that no other has are not read.

    Args:
        jobs: The files.

    Returns:
        For each file the index of the first with the same content, which may be its own. A file that cannot be read is
        the copy of none.

    Raises:
        SpaceError: When there is no room for a copy of a remote file.
    """
    sizes = Counter(job.size for job in jobs)
    first: dict[str, int] = {}
    found = list(range(len(jobs)))
    with scratch() as folder:
        for n, job in enumerate(jobs):
            # A listing that tells no size says 0.
            digest = _digest(job, folder) if sizes[job.size] > 1 else ""
            if digest:
                found[n] = first.setdefault(digest, n)
    return found


def _digest(job: Job, folder: Path) -> str:
    """SHA-256 of the content; "" when it cannot be read."""
    with tempfile.TemporaryDirectory("", "copy-", folder, ignore_cleanup_errors=True) as place:
        try:
            return digest_file(fetch(job, Path(place)))
        except MediaError as error:
            if error.reason == Reason.NO_SPACE:
                raise SpaceError from None
            return ""
        except OSError:
            return ""
