"""What the routes need: resources of the process, and who sends."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import HTTPConnection
from starlette.types import Scope

from ingestion.app.config import Settings
from ingestion.app.intake import Intake
from shared.auth.context import AuthContext
from shared.auth.credentials import read_credential
from shared.auth.internal import TOKEN_HEADER, WORKSPACE_HEADER, InternalTokenVerifier
from shared.auth.keys import KEY_PREFIX, KeyVerifier
from shared.errors import UnauthorizedError
from shared.http.address import ClientAddress
from shared.http.idempotency import Idempotency
from shared.ratelimit import Bucket, RateLimiter

_TOKEN_NAME, _WORKSPACE_NAME = TOKEN_HEADER.lower(), WORKSPACE_HEADER.lower()
# Headers that ``verify`` looks at, as ASGI names them.
CREDENTIAL_HEADERS = {name.encode(): name for name in ("authorization", "x-api-key", _TOKEN_NAME, _WORKSPACE_NAME)}


class SenderAuthenticator:
    """Accepts API keys, and contexts that the gateway vouches for; strangers are counted by address."""

    def __init__(
        self,
        keys: KeyVerifier,
        internal: InternalTokenVerifier,
        limiter: RateLimiter,
        addresses: ClientAddress,
        settings: Settings,
    ) -> None:
        self._keys = keys
        self._internal = internal
        self._limiter = limiter
        self._addresses = addresses
        self._limit = (settings.limit_anonymous_per_minute, settings.limit_anonymous_burst)

    async def authenticate(self, connection: HTTPConnection) -> AuthContext:
        """Return the verified context of an HTTP request.

        Raises:
            UnauthorizedError: There is no valid credential.
            RateLimitedError: Neither is there, and the address has tried too often.
        """
        return await self.verify(connection.headers, connection.scope)

    async def verify(self, headers: Mapping[str, str], scope: Scope) -> AuthContext:
        """Like ``authenticate``, with the headers that matter in lower case."""
        try:
            return await self._verify(headers)
        except UnauthorizedError:
            await self._count_stranger(self._addresses.bucket(HTTPConnection(scope)))
            raise

    async def verify_metadata(self, metadata: Mapping[str, str], address: str) -> AuthContext:
        """Return the verified context of a gRPC call; see ``authenticate``."""
        try:
            return await self._verify(metadata)
        except UnauthorizedError:
            await self._count_stranger(address)
            raise

    async def _verify(self, headers: Mapping[str, str]) -> AuthContext:
        token = headers.get(_TOKEN_NAME)
        if token:
            return self._internal.verify(token, headers.get(_WORKSPACE_NAME))
        credential = read_credential(headers)
        if credential is None or not credential.startswith(KEY_PREFIX):
            raise UnauthorizedError("An API key with the scope ingest is required.")
        return await self._keys.verify(credential)

    async def _count_stranger(self, address: str) -> None:
        await self._limiter.check(
            [Bucket(f"address:{address}", *self._limit)], "Too many requests without a valid credential."
        )


@dataclass(frozen=True, slots=True)
class Services:
    """Resources of the process, acquired at start."""

    intake: Intake
    authenticator: SenderAuthenticator
    idempotency: Idempotency
