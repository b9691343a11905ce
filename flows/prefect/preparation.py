"""What Prefect reads when it is imported. Importing this module does not import Prefect, which takes seconds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flows.run.convert import Summary
    from flows.run.session import Services
    from flows.run.sources import Job
    from infra.settings import Settings

# A fresh database needs longer than Prefect waits by default, the server that
# ends with the run would print tracebacks about what it was still writing, and nothing about a run is to be reported
# to others. A worker that asks for its next shard every ten seconds only is idle for a tenth of the time when shards
# are small.
_DEFAULTS = {
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_WORKER_QUERY_SECONDS": "2",
    "DO_NOT_TRACK": "1",
}


def prepare() -> None:
    """Set what Prefect reads when it is imported, where the user has not set it."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)


def convert_in_flow(jobs: list[Job], settings: Settings, services: Services) -> Summary:
    """Import Prefect, prepared, and convert with it; see `flows.prefect.tasks.convert_in_flow`.

    Args:
        jobs: The inputs.
        settings: Of the run.
        services: What all inputs share.

    Returns:
        The verdicts, in order of the inputs.
    """
    prepare()
    from flows.prefect import tasks

    return tasks.convert_in_flow(jobs, settings, services)
