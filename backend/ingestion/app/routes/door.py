"""What all routes have in common, written for ASGI directly since some of them run thousands of times a second."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ingestion.app.bodies import MAX_BODY_BYTES, collect, unpack
from ingestion.app.dependencies import Services
from ingestion.app.intake import Intake, Receipt, Sender
from ingestion.app.metrics import REFUSED
from shared.auth.permissions import Permission
from shared.errors import ApiError, UnsupportedMediaTypeError
from shared.http.envelope import failure
from shared.http.guard import authenticate, guarded
from shared.http.idempotency import idempotency_key, owner_of
from shared.http.middleware import bounded, check_declared_length, translate
from shared.http.otlp import otlp_failure

PROTOBUF_TYPES = frozenset({"application/x-protobuf", "application/protobuf"})
JSON_TYPES = frozenset({"application/json"})


@dataclass(slots=True)
class Incoming:
    """A request whose sender is known and whose body is unpacked."""

    sender: Sender
    intake: Intake
    body: bytes
    media_type: str


class Handle(Protocol):
    """Takes a request into the queue and answers it."""

    def __call__(self, incoming: Incoming) -> Awaitable[tuple[Response, Receipt | None]]:
        """Return the answer, and the receipt of what was queued."""
        ...


Failure = Callable[[Request, ApiError], Response]


class Door:
    """One address: finds out who sends, reads the body within bounds, and answers errors in the form of the address."""

    def __init__(self, name: str, handle: Handle, media_types: frozenset[str], answer_failure: Failure) -> None:
        """Describe an address.

        Args:
            name: Unique name of the route.
            handle: What is done with a request.
            media_types: Content types that are taken.
            answer_failure: Returns the answer for an error.
        """
        self.name = name
        self._handle = handle
        self._media_types = media_types
        self._answer_failure = answer_failure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        scope["quiet"] = True
        try:
            services: Services = scope["app"].state.ingestion
            connection = HTTPConnection(scope)
            context = await authenticate(connection)
            context.check(Permission.INGEST)
            if scope["query_string"]:
                for name in ("workspace_id", "workspace"):
                    context.check_workspace(connection.query_params.get(name))
            services.intake.admit()
            key = idempotency_key(scope) if _has_idempotency_key(scope) else None
            if key is not None:
                check_declared_length(scope, MAX_BODY_BYTES)
                owner, limited = owner_of(context), bounded(receive, MAX_BODY_BYTES)
                await services.idempotency.run(self._answer, scope, limited, send, owner=owner, key=key)
                return
        except Exception as error:
            await self._fail(error, scope, receive, send)
            return
        await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response, receipt = await self._take(scope, receive)
        except Exception as error:
            await self._fail(error, scope, receive, send)
            return
        if receipt is not None:
            response.headers["X-Receipt-ID"] = receipt.receipt_id
            scope["response_headers"] = _pairs(receipt.headers)
        await response(scope, receive, send)

    async def _take(self, scope: Scope, receive: Receive) -> tuple[Response, Receipt | None]:
        services: Services = scope["app"].state.ingestion
        media_type, encoding, length = _content_headers(scope)
        if media_type not in self._media_types:
            raise UnsupportedMediaTypeError(f"Content-Type may be {' or '.join(sorted(self._media_types))}.")
        inflight = services.intake.inflight
        with inflight.hold() as hold:
            body = await collect(receive, length, hold)
            if encoding:
                body = await unpack(body, encoding, inflight, hold)
            sender = Sender(scope["auth_context"], scope["request_id"], "http")
            return await self._handle(Incoming(sender, services.intake, body, media_type))

    async def _fail(self, error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
        answer = translate(error)
        if answer is None:
            raise error
        REFUSED.labels(answer.code).inc()
        response = self._answer_failure(Request(scope), answer)
        if answer.status == 413:
            response.headers["Connection"] = "close"
        await response(scope, receive, send)


def item_door(name: str, handle: Handle) -> Door:
    """Return the door of an address that takes the platform's own JSON."""
    return _guard(Door(name, handle, JSON_TYPES, failure))


def otlp_door(name: str, handle: Handle) -> Door:
    """Return the door of an address that takes OTLP in either encoding, and answers errors as OTLP does."""
    return _guard(Door(name, handle, PROTOBUF_TYPES | JSON_TYPES, _otlp_failure))


def _guard(door: Door) -> Door:
    guarded(Permission.INGEST)(door)
    return door


def _otlp_failure(request: Request, error: ApiError) -> Response:
    return otlp_failure(request.headers.get("content-type", ""), error)


def _pairs(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


def _has_idempotency_key(scope: Scope) -> bool:
    return any(name == b"idempotency-key" for name, _ in scope["headers"])


def _content_headers(scope: Scope) -> tuple[str, str, int | None]:
    media_type = encoding = ""
    length: int | None = None
    for name, value in scope["headers"]:
        if name == b"content-type":
            media_type = value.decode("latin-1").partition(";")[0].strip().lower()
        elif name == b"content-encoding":
            # Several encodings, one inside the other, match none of those that are taken.
            encoding = f"{encoding},{value.decode('latin-1')}" if encoding else value.decode("latin-1")
        elif name == b"content-length" and value.isdigit():
            length = int(value)
    return media_type, encoding, length
