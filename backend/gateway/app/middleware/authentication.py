"""Who makes a request, and whether they make too many."""

import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import HTTPConnection

from gateway.app.limits import RequestLimits
from gateway.app.queries import api_keys, sessions
from gateway.app.tickets import Grant
from gateway.app.tokens import AccessClaims, AccessTokens, InvalidTokenError, fingerprint
from shared.auth.context import AuthContext
from shared.auth.credentials import read_credential
from shared.auth.epoch import RevocationEpoch
from shared.auth.keys import KEY_PREFIX, KeyVerifier
from shared.auth.links import SIGNATURE, Link, SignedLinks, invalid_link
from shared.auth.verdicts import Verdict, VerdictCache
from shared.database import Pool
from shared.errors import ForbiddenError, RateLimitedError, UnauthorizedError
from shared.http.address import ClientAddress
from shared.ratelimit import Bucket, RateLimiter

_LIMITED = "Too many requests; wait and try again."


class SessionVerifier:
    """Turns access tokens into contexts; what a user may do is what the database says, not the token."""

    def __init__(self, pool: Pool, tokens: AccessTokens, epoch: RevocationEpoch) -> None:
        self._pool = pool
        self._tokens = tokens
        self._verdicts: VerdictCache[AccessClaims] = VerdictCache("sessions", "gateway", epoch, self._find, self._judge)

    async def verify(self, token: str) -> AuthContext:
        """Return the context of an access token.

        Raises:
            UnauthorizedError: The token is not valid, its session has ended, or the user no longer belongs here.
            UnavailableError: The session is not known here and the database cannot be reached.
        """
        try:
            verdict = await self._accept(fingerprint(token), lambda: self._tokens.read(token))
        except InvalidTokenError as error:
            raise UnauthorizedError from error
        return verdict.context

    def grant(self, context: AuthContext, token: str) -> Grant:
        """Return what stands for an accepted access token."""
        claims = self._tokens.read(token)
        return Grant(
            principal="user",
            workspace_id=context.workspace_id,
            subject_id=context.subject_id,
            proof=fingerprint(token).hex(),
            session_id=str(claims.session_id),
            token_expires_at=claims.expires_at,
        )

    async def recheck(self, grant: Grant) -> Verdict:
        """Return the verdict on an access token by what stands for it.

        Raises:
            UnauthorizedError: The token has expired, its session has ended, or the user no longer belongs here.
            UnavailableError: The session is not known here and the database cannot be reached.
        """
        claims = AccessClaims(
            uuid.UUID(grant.subject_id),
            uuid.UUID(grant.session_id),
            uuid.UUID(grant.workspace_id),
            grant.token_expires_at,
        )
        return await self._accept(bytes.fromhex(grant.proof), lambda: claims)

    async def _accept(self, proof: bytes, read_claims: Callable[[], AccessClaims]) -> Verdict:
        verdict = await self._verdicts.resolve(proof, read_claims)
        if verdict.expires_at <= time.time():
            raise UnauthorizedError("The access token has expired.", code="token_expired")
        return verdict

    async def _find(self, claims: Sequence[AccessClaims]) -> list[dict[str, Any] | None]:
        asked = [(item.session_id, item.user_id, item.workspace_id) for item in claims]
        return await sessions.find_access(self._pool, asked)

    async def _judge(self, claims: AccessClaims, row: dict[str, Any]) -> Verdict:
        context = AuthContext(
            workspace_id=str(claims.workspace_id),
            workspace_number=row["number"],
            principal="user",
            subject_id=str(claims.user_id),
            role=row["role"],
            session_id=str(claims.session_id),
            platform_admin=row["platform_role"] == "platform_admin",
            retention_days=row["retention_days"],
        )
        return Verdict(context, claims.expires_at)


class LinkVerifier:
    """Turns signed links into contexts: those of whoever was given the link, as long as they could ask themselves."""

    def __init__(self, pool: Pool, links: SignedLinks, keys: KeyVerifier, sessions: SessionVerifier) -> None:
        self._pool = pool
        self._links = links
        self._keys = keys
        self._sessions = sessions

    async def verify(self, connection: HTTPConnection) -> AuthContext:
        """Return the context that the link of a request lends.

        Raises:
            ForbiddenError: The link is not valid, or whoever was given it has lost access.
            UnavailableError: That cannot be looked up.
        """
        path = connection.scope["raw_path"].decode("ascii", "replace")
        link = self._links.read(path, connection.query_params)
        try:
            verdict = await (self._of_key(link) if link.principal == "api_key" else self._of_user(link))
        except UnauthorizedError as error:
            raise invalid_link() from error
        return verdict.context

    async def _of_user(self, link: Link) -> Verdict:
        if link.session_id is None:
            raise UnauthorizedError
        return await self._sessions.recheck(
            Grant(
                principal="user",
                workspace_id=link.workspace_id,
                subject_id=link.subject_id,
                proof=fingerprint(link.signature).hex(),
                session_id=link.session_id,
                token_expires_at=link.expires_at,
            )
        )

    async def _of_key(self, link: Link) -> Verdict:
        proof = await api_keys.find_hash(self._pool, uuid.UUID(link.workspace_id), uuid.UUID(link.subject_id))
        if proof is None:
            raise UnauthorizedError
        return await self._keys.recheck(proof)


class GatewayAuthenticator:
    """Accepts API keys, access tokens and, where they are taken, signed links.

    Requests are counted by credential, or by address without one.
    """

    def __init__(
        self,
        keys: KeyVerifier,
        sessions: SessionVerifier,
        links: LinkVerifier,
        limiter: RateLimiter,
        limits: RequestLimits,
        addresses: ClientAddress,
    ) -> None:
        self._keys = keys
        self._sessions = sessions
        self._links = links
        self._limiter = limiter
        self._limits = limits
        self._addresses = addresses

    async def authenticate(self, connection: HTTPConnection) -> AuthContext:
        """Return the verified context.

        Raises:
            UnauthorizedError: There is no valid credential.
            ForbiddenError: There is none but a link that lends nothing.
            RateLimitedError: The credential, its workspace or, without a valid one, the address asks too often.
        """
        try:
            context = await self._verify(connection)
        except (UnauthorizedError, ForbiddenError):
            await self.count_anonymous(connection)
            raise
        if not connection.scope.get("counts_spans", False):
            await self._count(connection, self._limits.of_credential(context))
        return context

    def grant(self, connection: HTTPConnection, context: AuthContext) -> Grant:
        """Return what stands for the credential of a request that was accepted."""
        credential = read_credential(connection.headers) or ""
        if context.principal == "user":
            return self._sessions.grant(context, credential)
        proof = self._keys.proof(credential).hex()
        return Grant("api_key", context.workspace_id, context.subject_id, proof)

    async def recheck(self, grant: Grant) -> Verdict:
        """Return the verdict on a credential by what stands for it, without counting a request.

        Raises:
            UnauthorizedError: The credential is no longer accepted.
            UnavailableError: It is not known here and the database cannot be reached.
        """
        if grant.principal == "user":
            return await self._sessions.recheck(grant)
        return await self._keys.recheck(bytes.fromhex(grant.proof))

    async def write_key_usage(self) -> None:
        """Write when keys were last used."""
        await self._keys.write_last_used()

    async def _verify(self, connection: HTTPConnection) -> AuthContext:
        credential = read_credential(connection.headers)
        if credential is None:
            if connection.scope.get("takes_links", False) and SIGNATURE in connection.query_params:
                return await self._links.verify(connection)
            raise UnauthorizedError
        if credential.startswith(KEY_PREFIX):
            return await self._keys.verify(credential)
        return await self._sessions.verify(credential)

    async def count_anonymous(self, connection: HTTPConnection) -> None:
        """Count a request without an accepted credential.

        Raises:
            RateLimitedError: The address makes too many of them.
        """
        await self._count(connection, self._limits.of_address(self._addresses.bucket(connection)))

    async def _count(self, connection: HTTPConnection, buckets: Sequence[Bucket]) -> None:
        decision = await self._limiter.take(buckets)
        headers = decision.headers
        connection.scope["response_headers"] = [
            (name.lower().encode(), value.encode()) for name, value in headers.items()
        ]
        if not decision.allowed:
            raise RateLimitedError(_LIMITED, decision.retry_after, headers)
