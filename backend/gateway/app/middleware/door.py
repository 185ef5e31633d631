"""The innermost layer before the routes: decides what is proxied and refuses what servers could read differently."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.app.config import Settings
from gateway.app.dependencies import Gateway
from gateway.app.routing import RoutingTable, Target, WrongMethod, is_ambiguous
from shared.auth.context import AuthContext
from shared.auth.credentials import read_credential
from shared.auth.internal import TOKEN_HEADER, WORKSPACE_HEADER
from shared.errors import (
    ApiError,
    MalformedRequestError,
    NotFoundError,
    UnauthorizedError,
    UnsupportedMediaTypeError,
)
from shared.http.envelope import failure
from shared.http.guard import authenticate
from shared.http.idempotency import idempotency_key, owner_of
from shared.http.middleware import bounded, check_declared_length, translate
from shared.http.otlp import otlp_failure

_HOST_FREE_PATHS = frozenset({b"/health", b"/ready", b"/metrics"})
_MAX_HEADER_BYTES = 32 * 1024
# The largest body that ingestion reads; it is passed on as it comes, the limit after inflating is ingestion's.
_MAX_PROXIED_BYTES = 20 * 1024 * 1024


class Door:
    """Sends a request to a service, to the gateway's own routes, or away."""

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self._app = app
        self._own_body_limit = settings.max_body_bytes
        self._hosts = frozenset(host.lower() for host in settings.allowed_hosts)
        self._table = RoutingTable()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        raw_path: bytes = scope["raw_path"]
        target = self._table.find(scope["method"], raw_path)
        exchange = _Exchange(send)
        try:
            self._check_headers(scope)
            if isinstance(target, Target):
                await self._proxy(target, scope, receive, exchange)
            else:
                await self._own(target, scope, receive, exchange)
        except Exception as error:
            answer = translate(error)
            if answer is None or exchange.has_begun:
                raise
            otlp = isinstance(target, Target) and target.otlp
            await _answer_error(scope, receive, send, answer, otlp=otlp)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw_path: bytes = scope["raw_path"]
        try:
            self._check_headers(scope)
            if b"%" in raw_path or is_ambiguous(raw_path):
                raise NotFoundError
        except ApiError as error:
            await failure(HTTPConnection(scope), error)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _check_headers(self, scope: Scope) -> None:
        if sum([len(name) + len(value) for name, value in scope["headers"]]) > _MAX_HEADER_BYTES:
            raise ApiError("The headers are too large.", status=431, code="headers_too_large")
        if self._hosts and scope["raw_path"] not in _HOST_FREE_PATHS:
            host = HTTPConnection(scope).headers.get("host", "").lower()
            if host not in self._hosts and host.rpartition(":")[0] not in self._hosts:
                raise MalformedRequestError("The gateway does not answer to this host name.", code="unknown_host")

    async def _proxy(self, target: Target, scope: Scope, receive: Receive, send: Send) -> None:
        check_declared_length(scope, _MAX_PROXIED_BYTES)
        receive = bounded(receive, _MAX_PROXIED_BYTES)
        gateway: Gateway = scope["app"].state.gateway
        scope["route"] = target
        scope["quiet"] = target.counts_spans
        scope["counts_spans"] = target.counts_spans
        scope["takes_links"] = target.is_download
        if target.is_download:
            # However long a client takes to read it; a service that falls silent is given up as always.
            scope["deadline"].reschedule(None)
        connection = HTTPConnection(scope)
        context = await authenticate(connection)

        async def forward(scope: Scope, receive: Receive, send: Send) -> None:
            await gateway.proxy.forward(target, scope, receive, send, _vouch(gateway, context, target, connection))

        key = idempotency_key(scope)
        if key is None:
            await forward(scope, receive, send)
        else:
            await gateway.idempotency.run(forward, scope, receive, send, owner=owner_of(context), key=key)

    async def _own(self, found: WrongMethod | None, scope: Scope, receive: Receive, send: Send) -> None:
        raw_path: bytes = scope["raw_path"]
        if b"%" in raw_path or is_ambiguous(raw_path):
            raise NotFoundError
        if found is not None:
            allowed = ", ".join(found.allowed)
            raise ApiError(
                "This address does not answer to this method.",
                status=405,
                code="method_not_allowed",
                headers={"Allow": allowed},
            )
        check_declared_length(scope, self._own_body_limit)
        _check_media_type(scope)
        receive = bounded(receive, self._own_body_limit)
        key = idempotency_key(scope)
        if key is None:
            await self._app(scope, receive, send)
            return
        gateway: Gateway = scope["app"].state.gateway
        owner = await _owner(gateway, HTTPConnection(scope))
        await gateway.idempotency.run(self._app, scope, receive, send, owner=owner, key=key)


class _Exchange:
    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_begun = False

    async def __call__(self, message: Message) -> None:
        self.has_begun = True
        await self._send(message)


def _vouch(gateway: Gateway, context: AuthContext, target: Target, connection: HTTPConnection) -> list[tuple[str, str]]:
    return [
        (TOKEN_HEADER, gateway.internal_tokens.issue(context, target.service)),
        (WORKSPACE_HEADER, context.workspace_id),
        ("X-Request-ID", connection.scope["request_id"]),
        ("X-Forwarded-For", gateway.addresses.of(connection)),
    ]


async def _owner(gateway: Gateway, connection: HTTPConnection) -> str:
    try:
        if read_credential(connection.headers) is not None:
            return owner_of(await authenticate(connection))
    except UnauthorizedError:
        pass
    return f"anonymous:{gateway.addresses.bucket(connection)}"


def _check_media_type(scope: Scope) -> None:
    headers: Mapping[str, Any] = HTTPConnection(scope).headers
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    if not has_body:
        return
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UnsupportedMediaTypeError("The body must be application/json.")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaTypeError("The body must not be compressed here.")


async def _answer_error(scope: Scope, receive: Receive, send: Send, error: ApiError, *, otlp: bool) -> None:
    request = Request(scope)
    response = otlp_failure(request.headers.get("content-type", ""), error) if otlp else failure(request, error)
    await response(scope, receive, send)
