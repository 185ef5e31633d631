"""Passes requests on to the services behind the gateway, bodies streamed both ways."""

import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from gateway.app.routing import Target
from shared.errors import ApiError, MalformedRequestError, UnavailableError
from shared.telemetry import FAILURES

CONNECT_SECONDS = 2.0
_CONNECTIONS = 512
# Below the services' own, so that a connection is never used while they close it.
_KEEP_ALIVE_SECONDS = 30.0
_CHUNK_BYTES = 64 * 1024
_FAILURES_TO_OPEN = 3
_OPEN_SECONDS = 1.0

_REQUEST_HEADERS = frozenset(
    {
        b"accept",
        b"accept-encoding",
        b"accept-language",
        b"content-encoding",
        b"content-type",
        b"if-none-match",
        b"if-range",
        b"range",
        b"traceparent",
        b"tracestate",
        b"user-agent",
    }
)
_ANSWER_HEADERS = frozenset(
    {
        "accept-ranges",
        "allow",
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "etag",
        "link",
        "location",
        "retry-after",
        "vary",
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
        "x-receipt-id",
    }
)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass(slots=True)
class _Breaker:
    """Spares a service that cannot be reached, and its callers the wait."""

    failures: int = 0
    open_until: float = 0.0

    def check(self) -> None:
        if self.open_until > time.monotonic():
            raise _unavailable("upstream_unavailable")

    def failed(self) -> None:
        self.failures += 1
        if self.failures >= _FAILURES_TO_OPEN:
            self.open_until = time.monotonic() + _OPEN_SECONDS

    def worked(self) -> None:
        self.failures = 0


class Proxy:
    """A pool of connections to every service."""

    def __init__(self, upstreams: Mapping[str, str], *, timeout_seconds: float) -> None:
        """Open no connection yet.

        Args:
            upstreams: Base address of each service.
            timeout_seconds: Longest silence of a service before its answer counts as lost.
        """
        self._upstreams = {name: url.rstrip("/") for name, url in upstreams.items()}
        self._breakers = {name: _Breaker() for name in upstreams}
        self._urls: dict[tuple[str, bytes], URL] = {}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_CONNECTIONS, keepalive_timeout=_KEEP_ALIVE_SECONDS),
            timeout=aiohttp.ClientTimeout(
                total=None, connect=2 * CONNECT_SECONDS, sock_connect=CONNECT_SECONDS, sock_read=timeout_seconds
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )

    async def forward(
        self,
        target: Target,
        scope: Mapping[str, Any],
        receive: Receive,
        send: Send,
        added: Iterable[tuple[str, str]],
    ) -> None:
        """Send a request to its service and the answer to the client.

        Args:
            target: Where it goes.
            scope: The request as ASGI describes it.
            receive: Source of its body.
            send: Where the answer goes.
            added: Headers in which the gateway vouches for the request.

        Raises:
            UnavailableError: The service cannot be reached or is silent, and the answer has not begun.
            MalformedRequestError: The client left before its body was whole.
            PayloadTooLargeError: The body exceeds the limit of ``receive``.
        """
        breaker = self._breakers[target.service]
        breaker.check()
        headers = _request_headers(scope, added)
        first = await receive()
        upload = _Upload(first, receive)
        body: bytes | AsyncIterator[bytes] | None = first.get("body", b"")
        if first.get("more_body", False):
            body = upload.chunks()
            length = _content_length(scope)
            if length is not None:
                headers["Content-Length"] = length
        begun = False
        try:
            async with self._session.request(
                target.method, self._url(target, scope), data=body or None, headers=headers, allow_redirects=False
            ) as answer:
                breaker.worked()
                begun = True
                await _send_answer(answer, send)
        except (aiohttp.ClientError, TimeoutError) as error:
            if upload.error is not None:
                raise upload.error from error
            is_timeout = isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ConnectionTimeoutError)
            if not is_timeout:
                breaker.failed()
            FAILURES.labels("gateway", f"proxy_{target.service}", type(error).__name__).inc()
            if begun:
                raise
            raise _unavailable("upstream_timeout" if is_timeout else "upstream_unavailable") from error

    async def check(self, service: str) -> None:
        """Ask a service whether it is up.

        Raises:
            ConnectionError: It is not.
        """
        timeout = aiohttp.ClientTimeout(total=CONNECT_SECONDS)
        async with self._session.get(self._upstreams[service] + "/health", timeout=timeout) as answer:
            if answer.status != 200:
                raise ConnectionError(f"{service} answers {answer.status}")

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    def _url(self, target: Target, scope: Mapping[str, Any]) -> URL:
        base, query = self._upstreams[target.service], scope["query_string"]
        if query or "{" in target.path:
            path = base + scope["raw_path"].decode("ascii")
            return URL(f"{path}?{query.decode('ascii', 'replace')}" if query else path, encoded=True)
        key = (target.service, scope["raw_path"])
        url = self._urls.get(key)
        if url is None:
            url = self._urls[key] = URL(base + target.path, encoded=True)
        return url


def _request_headers(scope: Mapping[str, Any], added: Iterable[tuple[str, str]]) -> CIMultiDict[str]:
    headers = CIMultiDict(
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in scope["headers"]
        if name in _REQUEST_HEADERS
    )
    headers.extend(added)
    return headers


def _content_length(scope: Mapping[str, Any]) -> str | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return str(value.decode("latin-1"))
    return None


@dataclass(slots=True)
class _Upload:
    """A body that is passed on while it arrives; aiohttp hides what goes wrong in it, so it is kept here."""

    message: Message
    receive: Receive
    error: ApiError | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        message = self.message
        try:
            while True:
                if message["type"] == "http.disconnect":
                    raise MalformedRequestError("The body ended early.")
                if chunk := message.get("body", b""):
                    yield chunk
                if not message.get("more_body", False):
                    return
                message = await self.receive()
        except ApiError as error:
            self.error = error
            raise


async def _send_answer(answer: aiohttp.ClientResponse, send: Send) -> None:
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in answer.headers.items()
        if name.lower() in _ANSWER_HEADERS
    ]
    if answer.status == 413:
        # The service did not read the body to its end, and neither does the gateway.
        headers.append((b"connection", b"close"))
    length = answer.content_length
    if length is not None and length <= _CHUNK_BYTES:
        body = await answer.read()
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    async for chunk in answer.content.iter_chunked(_CHUNK_BYTES):
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _unavailable(code: str) -> UnavailableError:
    # Clients that were refused together should not come back together.
    return UnavailableError(
        "This part of the platform cannot be reached at the moment.", retry_after=random.randint(1, 3), code=code
    )
