"""A limit on what the S3 client would wait for without end.

Its read time limit begins when a request has been sent. A server that takes the connection and then neither asks for
the content nor reads it would hold a worker forever.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiobotocore.httpsession import AIOHTTPSession
from botocore.exceptions import ReadTimeoutError

# Bytes a second, of one request among several, below which an upload counts as stalled.
_SLOWEST = 32_000


class BoundedSession(AIOHTTPSession):  # type: ignore[misc]
    """The client's HTTP session, with a limit on how long a request may take.

    Sending a request and hearing the beginning of its answer takes at most twice the read time limit, and as long as
    its content takes on a slow line.
    """

    def __init__(self, *args: Any, timeout: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, timeout=timeout, **kwargs)
        self._limit = 2.0 * max(timeout)

    async def send(self, request: Any) -> Any:
        """Send a request and hear the beginning of its answer.

        Args:
            request: the prepared request.

        Returns:
            The answer.

        Raises:
            ReadTimeoutError: it takes longer than the limit; then the connection is closed.
        """
        sent = request.headers.get("Content-Length") or request.headers.get("X-Amz-Decoded-Content-Length") or 0
        try:
            return await asyncio.wait_for(super().send(request), self._limit + int(sent) / _SLOWEST)
        except TimeoutError as error:
            if isinstance(error, ReadTimeoutError):
                raise
            raise ReadTimeoutError(endpoint_url=request.url, error=error) from None
