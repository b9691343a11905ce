from __future__ import annotations

import errno
import time

import aiohttp
import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from s3fs.errors import translate_boto_error

from infra.errors import StoreUnavailable, UsageError
from infra.storage import faults


def said(code: str, status: int = 0) -> Exception:
    """What s3fs makes of a server's answer."""
    answer = {"Error": {"Code": code, "Message": "about Jane"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return translate_boto_error(ClientError(answer, "GetObject"))


@pytest.mark.parametrize(
    "error",
    [
        said("SlowDown", 503),
        said("InternalError", 500),
        said("RequestTimeout", 400),
        said("ConditionalRequestConflict", 409),
        said("SomethingNew", 502),
        said("500"),
        said("NoSuchUpload", 404),
        ConnectionClosedError(endpoint_url="http://x"),
        EndpointConnectionError(endpoint_url="http://x"),
        ReadTimeoutError(endpoint_url="http://x"),
        aiohttp.ClientPayloadError("short"),
        ConnectionResetError(),
        TimeoutError(),
        OSError(errno.EIO, "x"),
    ],
    ids=repr,
)
def test_what_passes_by_itself(error: Exception) -> None:
    fault = faults.judge(error)
    assert fault is not None
    assert fault.passing
    assert "Jane" not in fault.message
    assert "http" not in fault.message


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (said("AccessDenied", 403), "rights"),
        (said("403"), "rights"),
        (said("SignatureDoesNotMatch", 403), "credentials"),
        (said("NoSuchBucket", 404), "bucket does not exist"),
        (said("RequestTimeTooSkewed", 403), "clock"),
        (said("XMinioStorageFull", 507), "full"),
        (said("NotImplemented", 501), "does not accept"),
        (said("Jane <is> quoted", 400), "400"),
        (OSError(errno.ENOSPC, "x"), "full"),
        (PermissionError(errno.EACCES, "x"), "rights"),
        (NoCredentialsError(), "credentials"),
    ],
    ids=repr,
)
def test_what_does_not_pass(error: Exception, words: str) -> None:
    fault = faults.judge(error)
    assert fault is not None
    assert not fault.passing
    assert words in fault.message
    assert "Jane" not in fault.message


@pytest.mark.parametrize("error", [FileNotFoundError(), said("NoSuchKey", 404), ValueError(), KeyError()], ids=repr)
def test_what_is_no_fault_of_the_store(error: Exception) -> None:
    assert faults.judge(error) is None
    with pytest.raises(type(error)):
        faults.patiently(lambda: fail(error, []), 1.0)


def fail(error: Exception, calls: list[float]) -> None:
    calls.append(time.monotonic())
    raise error


def test_patience_ends_and_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[float] = []
    begun = time.monotonic()
    with pytest.raises(StoreUnavailable):
        faults.patiently(lambda: fail(TimeoutError(), calls), 0.5)
    assert time.monotonic() - begun < 0.6
    assert len(calls) >= 4
    assert calls[-1] - calls[-2] > calls[1] - calls[0]
    calls.clear()
    with pytest.raises(StoreUnavailable):
        faults.patiently(lambda: fail(TimeoutError(), calls), 0.0)
    with pytest.raises(StoreUnavailable):
        faults.patiently(lambda: fail(PermissionError(), calls), 10.0)
    assert len(calls) == 2


def test_patience_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANONFLOW_STORE_PATIENCE", raising=False)
    assert faults.patience() == 120
    monkeypatch.setenv("ANONFLOW_STORE_PATIENCE", "7.5")
    assert faults.patience() == 7.5
    for wrong in ("soon", "-1", "0", "inf", "nan"):
        monkeypatch.setenv("ANONFLOW_STORE_PATIENCE", wrong)
        with pytest.raises(UsageError, match="ANONFLOW_STORE_PATIENCE"):
            faults.patience()
