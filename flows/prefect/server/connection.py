"""The Prefect server at PREFECT_API_URL, and what a person is told when it does not answer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Literal
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import PrefectHTTPStatusError
from prefect.utilities.urls import url_for

from infra.errors import ServerUnavailable

_REFUSED = (401, 403)


@contextlib.contextmanager
def connected() -> Iterator[SyncPrefectClient]:
    """Provide a client of the server, for a command that a person gave.

    Yields:
        The client.

    Raises:
        ServerUnavailable: When no server answers at the address, or it refuses. Addresses are not quoted, since they
            may hold a password.
    """
    try:
        with get_client(sync_client=True) as client:
            yield client
    except PrefectHTTPStatusError as error:
        status = error.response.status_code
        if status in _REFUSED:
            raise ServerUnavailable(
                f"The Prefect server at PREFECT_API_URL refuses the request ({status}); set PREFECT_API_AUTH_STRING."
            ) from None
        if status == 404:
            raise ServerUnavailable(
                "At PREFECT_API_URL nothing answers as a Prefect server does (404); correct the address, which ends in "
                "/api."
            ) from None
        if status >= 500:
            raise ServerUnavailable(
                f"The Prefect server at PREFECT_API_URL fails ({status}); its own log says why."
            ) from None
        raise
    except (httpx.TransportError, httpx.InvalidURL, OSError) as error:
        raise ServerUnavailable(
            f"No Prefect server answers at PREFECT_API_URL ({type(error).__name__}). Start one, for instance with "
            "`prefect server start`, or correct the address, which ends in /api."
        ) from None


def page(kind: Literal["flow-run", "deployment"], identifier: UUID) -> str:
    """Return the address of a page of the server, without a password that PREFECT_API_URL may hold.

    Args:
        kind: Of the page.
        identifier: Of the flow run, or of the deployment.

    Returns:
        The address; empty where it is not known where the pages are.
    """
    parts = urlsplit(url_for(kind, obj_id=identifier) or "")
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
