"""Faults between this process and a store: told apart, and tried again where they pass by themselves.

Filesystems raise OSError, errors of botocore and aiohttp (some of which are no OSError), or errors of other clients.
This is the only place that knows them; beyond it there are FileNotFoundError, for one object that is not there, and
StoreUnavailable.
"""

from __future__ import annotations

import errno
import functools
import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from infra.errors import StoreUnavailable
from infra.storage.filesystem import seconds

S = TypeVar("S", bound="HasPatience")
P = ParamSpec("P")
T = TypeVar("T")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PATIENCE = 120.0
_LONGEST_PAUSE = 15.0
_PASSING = _words(
    "InternalError ServiceUnavailable SlowDown RequestTimeout RequestTimeoutException Throttling ThrottlingException "
    "TooManyRequestsException TooManyRequests RequestLimitExceeded BandwidthLimitExceeded OperationAborted "
    "ConditionalRequestConflict PreconditionFailed IncompleteBody BadDigest XAmzContentSHA256Mismatch NoSuchUpload "
    "408 409 412 429 500 502 503 504"
)
_REFUSED = _words("AccessDenied AllAccessDisabled InvalidAccessKeyId SignatureDoesNotMatch 401 403")
_FULL = _words("XMinioStorageFull QuotaExceeded InsufficientStorage 507")
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_FINAL_BOTO = _words(
    "NoCredentialsError PartialCredentialsError CredentialRetrievalError ParamValidationError ProfileNotFound "
    "NoRegionError InvalidRegionError TokenRetrievalError UnauthorizedSSOTokenError InvalidConfigError "
    "InvalidRetryModeError"
)
_CLIENTS = _words("botocore aiobotocore aiohttp urllib3 http s3fs gcsfs google adlfs azure asyncio")


@dataclass(frozen=True)
class Fault:
    """Why a store did not do what it was asked.

    Attributes:
        message: safe to show.
        passing: worth another try.
    """

    message: str
    passing: bool


class HasPatience(Protocol):
    """What `patient` methods belong to.

    Attributes:
        patience: seconds, 0 for what is tried once.
    """

    patience: float


def patience() -> float:
    """Seconds for which a remote store may fail before it is given up: ANONFLOW_STORE_PATIENCE, else 120."""
    return seconds("ANONFLOW_STORE_PATIENCE", _PATIENCE)


def patient(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """Make a method of a HasPatience do its work `patiently`. It must be harmless to repeat.

    Args:
        method: the method.

    Returns:
        The patient method.
    """

    @functools.wraps(method)
    def persist(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return patiently(lambda: method(self, *args, **kwargs), self.patience)

    return persist


def patiently(work: Callable[[], T], patience_s: float) -> T:
    """Do work; try again, in exponential pauses with jitter, while it fails for passing reasons.

    FileNotFoundError, and what does not come from a filesystem, go through as they are.

    Args:
        work: what to do; harmless to repeat.
        patience_s: seconds for which it may fail.

    Returns:
        What `work` returns.

    Raises:
        StoreUnavailable: the fault does not pass, or not within the patience.
    """
    deadline = time.monotonic() + patience_s
    pause = min(0.25, patience_s / 40)
    while True:
        try:
            return work()
        except Exception as error:
            fault = judge(error)
            if fault is None:
                raise
            # Many workers fail at the same moment and must not come back at the same moment.
            rest = pause * random.uniform(0.5, 1.5)
            if not fault.passing or time.monotonic() + rest > deadline:
                raise StoreUnavailable(fault.message) from None
        time.sleep(rest)
        pause = min(2 * pause, _LONGEST_PAUSE)


def full_disk(error: BaseException) -> bool:
    """Say whether an error means that a disk, or a user's share of it, is full.

    Args:
        error: the error.

    Returns:
        True when it does.
    """
    return isinstance(error, OSError) and error.errno in _NO_ROOM


def judge(error: BaseException) -> Fault | None:
    """Say what an error means for the store.

    Args:
        error: the error.

    Returns:
        The fault; None when the error says nothing about the store, as FileNotFoundError for an object does.
    """
    code, status = answer(error)
    if code == "NoSuchBucket":
        return Fault("The store's bucket does not exist; create it, or correct the address.", False)
    if isinstance(error, FileNotFoundError) and code != "NoSuchUpload":
        return None
    if code or status:
        return _judge_answer(code, status)
    name = type(error).__name__
    if any(full_disk(cause) for cause in _chain(error)):
        return Fault("The store is full; make room, or prune the cache.", False)
    if isinstance(error, PermissionError):
        return Fault("The store may not be read or written; check the rights.", False)
    if name in _FINAL_BOTO:
        return Fault(f"The store's credentials or settings are missing or wrong ({name}).", False)
    if any("CERTIFICATE_VERIFY_FAILED" in str(cause) for cause in _chain(error)):
        return Fault("The store's certificate is not trusted; name its authority's file in AWS_CA_BUNDLE.", False)
    if isinstance(error, OSError) or type(error).__module__.partition(".")[0] in _CLIENTS:
        return Fault(f"The store cannot be reached or used ({name}).", True)
    return None


def answer(error: BaseException) -> tuple[str, int]:
    """Find the server's answer behind an error.

    Args:
        error: the error.

    Returns:
        (error code, HTTP status); empty and 0 when there was none.
    """
    for cause in _chain(error):
        response = getattr(cause, "response", None)
        if isinstance(response, dict):
            code = str(response.get("Error", {}).get("Code", ""))
            status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            return code, int(status)
        if isinstance(status := getattr(cause, "status", None), int):
            return "", status
    return "", 0


def _judge_answer(code: str, status: int) -> Fault:
    # The code is the server's text: only what looks like a code is repeated.
    shown = code if re.fullmatch(r"[A-Za-z0-9]{1,40}", code) else str(status)
    if code in _FULL or status == 507:
        return Fault("The store is full; make room, or prune the cache.", False)
    if code == "RequestTimeTooSkewed":
        return Fault("The store refused the request: this machine's clock is wrong.", False)
    if code in _PASSING or status in (408, 429) or (status >= 500 and status != 501):
        return Fault(f"The store failed and did not recover in time ({shown}).", True)
    if code in _REFUSED or status in (401, 403):
        return Fault(f"The store refused the request ({shown}); check credentials and rights, also to list.", False)
    return Fault(f"The store does not accept the request ({shown}).", False)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
