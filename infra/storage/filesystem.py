"""The one place where fsspec addresses are opened, with what S3 servers need said by the environment.

Read by botocore itself: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_PROFILE and its files, roles
of machines. Read here: AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, AWS_CA_BUNDLE, AWS_REGION or AWS_DEFAULT_REGION,
ANONFLOW_S3_ADDRESSING (path, virtual or auto; path when an endpoint is named), ANONFLOW_S3_TIMEOUT (seconds without an
answer, 30) and ANONFLOW_S3_BLOCK (name of a Prefect block `Secret` that holds {"key", "secret"} or also {"token"}).
"""

from __future__ import annotations

import functools
import logging
import os
from typing import Any
from urllib.parse import urlsplit

import fsspec

from infra.errors import UsageError

_S3 = ("s3", "s3a")
_ADDRESSING = ("path", "virtual", "auto")
_CONNECT = 10.0
_CONNECTIONS = 32
# Their debug messages quote the names of objects, among them sources, and the headers that requests are signed with.
_TALKATIVE = ("aiobotocore", "boto3", "botocore", "fsspec", "s3fs")


def open_address(url: str) -> tuple[Any, str]:
    """Open a local path or an address such as `s3://bucket/folder`.

    Filesystems are shared by all who open the same place in a process, are safe among threads, and must be opened again
    after a fork. Listings are never cached: other processes write to the same place. Nothing is contacted, so an
    address that opens need not exist.

    Args:
        url: the path or address.

    Returns:
        (fsspec filesystem, path in it).

    Raises:
        UsageError: it cannot be opened, holds credentials, or a setting is wrong; the message repeats nothing of the
            address.
    """
    _refuse_credentials(url)
    try:
        options: dict[str, Any] = {"use_listings_cache": False}
        if _scheme(url) in _S3:
            options |= _s3_options()
        fs, path = fsspec.core.url_to_fs(url, **options)
    except (ValueError, ImportError) as error:
        raise UsageError(f"The address cannot be opened ({type(error).__name__}).") from None
    if is_s3(fs):
        # Requests are tried again by the client underneath and by infra.storage.faults above: a third layer would
        # multiply.
        fs.retries = 1
    return fs, str(path)


def is_s3(fs: Any) -> bool:
    """Say whether a filesystem speaks S3.

    Args:
        fs: fsspec filesystem.

    Returns:
        True when it does.
    """
    protocol = (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)
    return "s3" in protocol


def _scheme(url: str) -> str:
    return url.partition("://")[0].lower() if "://" in url else ""


def _refuse_credentials(url: str) -> None:
    for part in url.split("::"):
        host = part.partition("://")[2].partition("/")[0]
        user, at, _ = host.rpartition("@")
        if at and (":" in user or _scheme(part) in _S3):
            raise UsageError("An address must not hold credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")


def _s3_options() -> dict[str, Any]:
    # Only processes that use S3 wait for the import of its client.
    from infra.storage.http_timeout import BoundedSession

    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.WARNING))
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    addressing = os.environ.get("ANONFLOW_S3_ADDRESSING") or ("path" if endpoint else "auto")
    if addressing not in _ADDRESSING:
        raise UsageError(f"ANONFLOW_S3_ADDRESSING must be one of {', '.join(_ADDRESSING)}.")
    if endpoint and urlsplit(endpoint).scheme not in ("http", "https"):
        raise UsageError("AWS_ENDPOINT_URL must begin with https:// or http://.")
    if endpoint and "@" in urlsplit(endpoint).netloc:
        raise UsageError("AWS_ENDPOINT_URL must not hold credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")
    timeout = seconds("ANONFLOW_S3_TIMEOUT", 30.0)
    client = {
        "region_name": os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"),
        "verify": os.environ.get("AWS_CA_BUNDLE"),
    }
    options: dict[str, Any] = {
        "client_kwargs": {name: value for name, value in client.items() if value},
        "config_kwargs": {
            "connect_timeout": min(_CONNECT, timeout),
            "read_timeout": timeout,
            "retries": {"mode": os.environ.get("AWS_RETRY_MODE") or "standard"},
            "s3": {"addressing_style": addressing},
            "max_pool_connections": _CONNECTIONS,
            "http_session_cls": BoundedSession,
        },
    }
    if endpoint:
        options["endpoint_url"] = endpoint
    block = os.environ.get("ANONFLOW_S3_BLOCK")
    if block:
        key, secret, token = _block(block, os.getpid())
        options |= {"key": key, "secret": secret, "token": token}
    return options


def seconds(name: str, default: float) -> float:
    """Read a positive number of seconds in the environment.

    Args:
        name: the variable.
        default: value when the variable is not set or empty.

    Returns:
        Seconds.

    Raises:
        UsageError: the variable holds anything else.
    """
    text = os.environ.get(name)
    try:
        value = float(text) if text else default
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise UsageError(f"{name} must be a positive number of seconds.")
    return value


@functools.lru_cache(maxsize=4)
def _block(name: str, process: int) -> tuple[str, str, str | None]:
    """Credentials in a Prefect block, read once a process: those that expire belong into the environment or a role."""
    # Only processes with credentials in Prefect wait for its import.
    from prefect.blocks.system import Secret

    secret: Any = Secret
    try:
        value = secret.load(name, _sync=True).get()
    except Exception as error:
        message = f"The Prefect block named by ANONFLOW_S3_BLOCK cannot be read ({type(error).__name__})."
        raise UsageError(message) from None
    values = value if isinstance(value, dict) else {}
    key, word, token = (values.get(part) for part in ("key", "secret", "token"))
    if not (isinstance(key, str) and isinstance(word, str) and key and word and isinstance(token, str | None)):
        raise UsageError('The Prefect block named by ANONFLOW_S3_BLOCK must hold JSON: {"key": ..., "secret": ...}.')
    return key, word, token
