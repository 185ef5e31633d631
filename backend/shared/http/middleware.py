"""What happens around every request: id, limits of size and time, headers, metrics, log, last resort."""

import asyncio
import logging
import os
import re
import time
from typing import Any

import structlog
from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.database import is_dependency_error
from shared.errors import ApiError, PayloadTooLargeError, UnavailableError
from shared.http.envelope import failure
from shared.logging import get_logger
from shared.telemetry import HTTP_DURATION, HTTP_IN_FLIGHT, HTTP_REQUESTS

SLOW_REQUEST_SECONDS = 1.0
_REQUEST_ID = re.compile(rb"[A-Za-z0-9_.:-]{8,64}\Z")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
    (b"cross-origin-resource-policy", b"same-site"),
]
_DEFAULT_HEADERS = [*_SECURITY_HEADERS, (b"cache-control", b"no-store")]
_DEFAULT_NAMES = frozenset(name for name, _ in _DEFAULT_HEADERS)

logger = get_logger(__name__)
# Asked first, since preparing an event that nobody wants takes longer than counting the request.
_is_logged = logging.getLogger(__name__).isEnabledFor


def translate(error: Exception) -> ApiError | None:
    """Return the answer for an error that is not the client's fault and may pass, None for a defect."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, TimeoutError):
        return UnavailableError("The request took too long.", code="timeout")
    if isinstance(error, RedisError) or is_dependency_error(error):
        return UnavailableError(
            "A part of the platform cannot be reached at the moment.", code="dependency_unavailable"
        )
    return None


class PlatformMiddleware:
    """Outermost layer of every service, written for ASGI directly since it runs on the ingestion path.

    Headers that inner layers put into ``scope["response_headers"]`` (a list as in ASGI) are sent with the answer,
    whatever it becomes.
    """

    def __init__(self, app: ASGIApp, *, service: str, max_body_bytes: int, timeout_seconds: float) -> None:
        self._app = app
        self._service = service
        self._max_body_bytes = max_body_bytes
        self._timeout = timeout_seconds
        self._in_flight = HTTP_IN_FLIGHT.labels(service)
        self._children: dict[tuple[str, str, int], tuple[Any, Any]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = scope["started"] = time.perf_counter()
        request_id = scope["request_id"] = _request_id(scope)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(service=self._service, request_id=request_id)
        exchange = _Exchange(scope, receive, send, self._max_body_bytes)
        self._in_flight.inc()
        try:
            async with asyncio.timeout(self._timeout) as scope["deadline"]:
                check_declared_length(scope, self._max_body_bytes)
                await self._app(scope, exchange.receive, exchange.send)
        except Exception as error:
            await self._answer_error(scope, exchange, error)
        finally:
            self._in_flight.dec()
            self._record(scope, exchange.status, time.perf_counter() - started)

    async def _answer_error(self, scope: Scope, exchange: "_Exchange", error: Exception) -> None:
        answer = translate(error)
        if answer is None:
            logger.exception("request_failed", method=scope["method"], path=scope["path"])
            answer = ApiError("An internal error occurred; the request id identifies it in the logs.")
        if exchange.status:
            # The answer has begun: only closing the connection still tells the client that it is not whole.
            raise error
        await failure(Request(scope), answer)(scope, exchange.receive, exchange.send)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        key = (method, route, status)
        children = self._children.get(key)
        if children is None:
            children = self._children[key] = (
                HTTP_REQUESTS.labels(self._service, method, route, str(status)),
                HTTP_DURATION.labels(self._service, method, route),
            )
        children[0].inc()
        children[1].observe(seconds)
        level = logging.INFO
        if status >= 500:
            level = logging.WARNING
        elif status < 400 and seconds < SLOW_REQUEST_SECONDS and scope.get("quiet", False):
            level = logging.DEBUG
        if not _is_logged(level):
            return
        context = scope.get("auth_context")
        logger.log(
            level,
            "request",
            method=method,
            path=scope["path"][:300],
            status=status,
            duration_ms=round(seconds * 1000, 2),
            workspace_id=context.workspace_id if context else None,
            key_id=context.key_id if context else None,
        )


def check_declared_length(scope: Scope, limit: int) -> None:
    """Refuse a request that announces a body larger than ``limit`` bytes.

    Raises:
        PayloadTooLargeError: It does.
    """
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > limit:
            raise _too_large(limit)


def bounded(receive: Receive, limit: int) -> Receive:
    """Return ``receive`` with a limit on the body; reading beyond it raises ``PayloadTooLargeError``."""
    left = limit

    async def receive_bounded() -> Message:
        nonlocal left
        message = await receive()
        if message["type"] == "http.request":
            left -= len(message.get("body", b""))
            if left < 0:
                raise _too_large(limit)
        return message

    return receive_bounded


def _too_large(limit: int) -> PayloadTooLargeError:
    return PayloadTooLargeError(f"The body is larger than {limit} bytes.")


class _Exchange:
    """Wraps receive and send of one request."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, max_body_bytes: int) -> None:
        self._scope = scope
        self._send = send
        self._request_id = scope["request_id"].encode()
        self.receive = bounded(receive, max_body_bytes)
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", ()))
            present = {name.lower() for name, _ in headers}
            headers.append((b"x-request-id", self._request_id))
            headers += [header for header in self._scope.get("response_headers", ()) if header[0] not in present]
            if _DEFAULT_NAMES.isdisjoint(present):
                headers += _DEFAULT_HEADERS
            else:
                headers += [header for header in _DEFAULT_HEADERS if header[0] not in present]
            message["headers"] = headers
        await self._send(message)


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.match(value):
            return str(value.decode("ascii"))
    return os.urandom(16).hex()
