"""What the routes need: resources of the process, and who calls from where."""

import asyncio
import hmac
import uuid
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Request

from gateway.app.attempts import LoginAttempts
from gateway.app.config import Settings
from gateway.app.live.hub import Hub
from gateway.app.live.watch import Watch
from gateway.app.mail import Mailer
from gateway.app.middleware.authentication import GatewayAuthenticator
from gateway.app.passwords import PasswordHasher
from gateway.app.proxy import Proxy
from gateway.app.publisher import JobDesk
from gateway.app.queries.audit import Actor
from gateway.app.tickets import Tickets
from gateway.app.tokens import AccessTokens, OpaqueTokens
from shared.auth.context import AuthContext
from shared.auth.epoch import EpochUnavailableError, RevocationEpoch
from shared.auth.internal import InternalTokenIssuer
from shared.database import Connection, Pool
from shared.errors import ForbiddenError, NotFoundError
from shared.http.address import ClientAddress
from shared.http.guard import authenticate
from shared.http.idempotency import Idempotency
from shared.logging import get_logger

_EPOCH_RETRY_SECONDS = 0.2

logger = get_logger(__name__)


@dataclass
class Live:
    """What live events need."""

    tickets: Tickets
    hub: Hub
    watch: Watch


@dataclass
class Gateway:
    """Resources of the process, acquired at start."""

    settings: Settings
    pool: Pool
    epoch: RevocationEpoch
    authenticator: GatewayAuthenticator
    attempts: LoginAttempts
    access_tokens: AccessTokens
    opaque_tokens: OpaqueTokens
    internal_tokens: InternalTokenIssuer
    passwords: PasswordHasher
    mailer: Mailer
    proxy: Proxy
    addresses: ClientAddress
    idempotency: Idempotency
    jobs: JobDesk
    live: Live
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Yield a connection inside a transaction that commits unless an error leaves the block."""
        async with self.pool.acquire() as connection, connection.transaction():
            yield connection

    async def access_withdrawn(self) -> None:
        """Make every process look at the database again; call it after the transaction that withdrew access.

        While Redis is away all verdicts come from the database anyway; the epoch then advances as soon as it is back.
        """
        try:
            await self.epoch.advance()
        except EpochUnavailableError:
            self.spawn(self._advance_later())

    async def _advance_later(self) -> None:
        while True:
            await asyncio.sleep(_EPOCH_RETRY_SECONDS)
            try:
                await self.epoch.advance()
            except EpochUnavailableError:
                continue
            return

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside the request that asked for it."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._reap)

    def _reap(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("background_task_failed", error=type(error).__name__)

    def device_hash(self, request: Request) -> bytes:
        """Return what tells one device of a user from another: address and user agent, hashed."""
        text = f"{self.addresses.bucket(request)}\n{user_agent(request)}"
        return hmac.digest(self.settings.jwt_secret.get_secret_value().encode(), text.encode(), "sha256")[:16]

    def actor(self, request: Request, user_id: uuid.UUID | None = None) -> Actor:
        """Return who acts in a request, as the audit log names them."""
        context: AuthContext | None = request.scope.get("auth_context")
        address, request_id = self.addresses.of(request), str(request.scope["request_id"])
        if user_id is not None:
            return Actor("user", user_id, address, request_id)
        if context is None:
            return Actor("anonymous", None, address, request_id)
        return Actor(context.principal, uuid.UUID(context.subject_id), address, request_id)


def user_agent(request: Request) -> str:
    """Return the user agent as it may be stored: printable and short."""
    text = request.headers.get("user-agent", "")
    return "".join(character for character in text if character.isprintable())[:200]


def _gateway(request: Request) -> Gateway:
    gateway: Gateway = request.app.state.gateway
    return gateway


async def _caller(request: Request) -> AuthContext:
    return await authenticate(request)


async def _user(request: Request) -> AuthContext:
    context = await authenticate(request)
    if context.user_id is None:
        raise ForbiddenError("This needs a user's access token; an API key does not do.")
    return context


async def _limited_by_address(request: Request) -> None:
    await _gateway(request).authenticator.count_anonymous(request)


GatewayDep = Annotated[Gateway, Depends(_gateway)]
Caller = Annotated[AuthContext, Depends(_caller)]
UserCaller = Annotated[AuthContext, Depends(_user)]
limited_by_address = Depends(_limited_by_address)


def parse_id(text: str) -> uuid.UUID:
    """Return an id from a path.

    Raises:
        NotFoundError: It is not an id, so nothing has it.
    """
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise NotFoundError from error
