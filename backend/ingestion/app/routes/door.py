"""What all addresses have in common, written for ASGI directly since some of them run thousands of times a second."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ingestion.app.bodies import MAX_BODY_BYTES, collect, unpack
from ingestion.app.dependencies import CREDENTIAL_HEADERS, Services
from ingestion.app.intake import Intake, Receipt, Sender
from ingestion.app.metrics import REFUSED
from shared.auth.permissions import Permission
from shared.errors import ApiError, UnsupportedMediaTypeError
from shared.http.envelope import failure
from shared.http.guard import guarded
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


@dataclass(slots=True)
class Answer:
    """What a request is answered; ``receipt`` is that of what was queued."""

    status: int
    body: bytes
    media_type: str
    receipt: Receipt | None


class Handle(Protocol):
    """Takes a request into the queue."""

    def __call__(self, incoming: Incoming) -> Awaitable[Answer]:
        """Return the answer."""
        ...


AnswerFailure = Callable[[Request, ApiError], Response]


class _Head:
    """What the headers of a request say, read in one pass."""

    __slots__ = ("credentials", "encoding", "has_idempotency_key", "length", "media_type")

    def __init__(self, scope: Scope) -> None:
        self.credentials: dict[str, str] = {}
        self.media_type = self.encoding = ""
        self.length: int | None = None
        self.has_idempotency_key = False
        for name, value in scope["headers"]:
            known = CREDENTIAL_HEADERS.get(name)
            if known is not None:
                self.credentials.setdefault(known, value.decode("latin-1"))
            elif name == b"content-type":
                self.media_type = _media_type(value)
            elif name == b"content-length":
                self.length = int(value) if value.isdigit() else None
            elif name == b"content-encoding":
                # Several encodings, one inside the other, match none of those that are taken.
                encoding = value.decode("latin-1")
                self.encoding = f"{self.encoding},{encoding}" if self.encoding else encoding
            elif name == b"idempotency-key":
                self.has_idempotency_key = True


@lru_cache(maxsize=256)
def _media_type(value: bytes) -> str:
    return value.decode("latin-1").partition(";")[0].strip().lower()


class Door:
    """One address: finds out who sends, reads the body within bounds, and answers errors in the form of the address."""

    def __init__(self, name: str, handle: Handle, media_types: frozenset[str], answer_failure: AnswerFailure) -> None:
        """Describe an address.

        Args:
            name: Name of the route.
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
        services: Services = scope["app"].state.ingestion
        head = _Head(scope)
        try:
            context = scope["auth_context"] = await services.authenticator.verify(head.credentials, scope)
            context.check(Permission.INGEST)
            if scope["query_string"]:
                query = HTTPConnection(scope).query_params
                for name in ("workspace_id", "workspace"):
                    context.check_workspace(query.get(name))
            services.intake.admit()
            key = idempotency_key(scope) if head.has_idempotency_key else None
            if key is None:
                await self._answer(services, head, scope, receive, send)
                return
            check_declared_length(scope, MAX_BODY_BYTES)

            async def answer(scope: Scope, receive: Receive, send: Send) -> None:
                await self._answer(services, head, scope, receive, send)

            await services.idempotency.run(
                answer, scope, bounded(receive, MAX_BODY_BYTES), send, owner=owner_of(context), key=key
            )
        except Exception as error:
            await self._fail(error, scope, receive, send)

    async def _answer(self, services: Services, head: _Head, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._take(services, head, scope, receive)
        except Exception as error:
            await self._fail(error, scope, receive, send)
            return
        headers = [
            (b"content-type", answer.media_type.encode()),
            (b"content-length", str(len(answer.body)).encode()),
        ]
        if answer.receipt is not None:
            headers.append((b"x-receipt-id", answer.receipt.receipt_id.encode()))
            headers += answer.receipt.headers
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _take(self, services: Services, head: _Head, scope: Scope, receive: Receive) -> Answer:
        if head.media_type not in self._media_types:
            raise UnsupportedMediaTypeError(f"Content-Type may be {' or '.join(sorted(self._media_types))}.")
        intake = services.intake
        with intake.inflight.hold() as hold:
            body = await collect(receive, head.length, hold)
            if head.encoding:
                body = await unpack(body, head.encoding, intake.inflight, hold)
            sender = Sender(scope["auth_context"], scope["request_id"], "http")
            return await self._handle(Incoming(sender, intake, body, head.media_type))

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
