"""The errors of anonflow: one small tree.

Every message says what happened, to which input, and what to do. Messages are safe: they never hold a source path,
pixels, embeddings or predicted attributes; callers attach the input's public id where they report.
"""

from __future__ import annotations


class AnonflowError(Exception):
    """Base of everything anonflow raises on purpose."""


class UsageError(AnonflowError):
    """The command or a setting is wrong; nothing was started."""


class UnderWay(UsageError):
    """Another process does the same work at this moment, so there is nothing to do here."""


class DeclarationError(AnonflowError):
    """A stage or a recipe is declared wrongly: a mistake in the program, found when it is loaded or first run."""


class WeightsError(AnonflowError):
    """A weight file is missing, damaged, or is not the pinned one."""


class MediaError(AnonflowError):
    """The input cannot be processed as a video or picture. `reason` is a stable short code for the manifest."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class ToolError(AnonflowError):
    """A child process (ffmpeg, ffprobe) could not be started, ran past its limits, or died."""


class SpaceError(ToolError):
    """There is no room left on the scratch disk."""

    def __init__(self) -> None:
        super().__init__("There is no room left for unfinished results; see ANONFLOW_SCRATCH.")


class StoreError(AnonflowError):
    """An object in the store is missing, truncated, or does not match its digest."""


class StoreUnavailable(StoreError):
    """A store did not answer, refused, or is full. Says nothing about its objects: they are neither missing nor
    damaged, and the same call may succeed later."""


class ServerUnavailable(AnonflowError):
    """The Prefect server did not answer, or refused."""


class TimeLimitError(AnonflowError):
    """An input took longer than it may."""


class AttemptFailed(AnonflowError):
    """An error for one try at a twin that gave nothing usable; another try may.

    Attributes:
        reason: stable short code.
        made_with: parameters of the try, by name.
    """

    def __init__(self, reason: str, message: str, made_with: dict[str, float]) -> None:
        super().__init__(message)
        self.reason = reason
        self.made_with = made_with


class Withheld(AnonflowError):
    """The pipeline decided not to publish this video. Not a failure: the expected answer to doubt.

    `reason` is a stable short code for the manifest.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
