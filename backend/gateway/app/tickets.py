"""Tickets: each opens one WebSocket, soon, for the credential that asked for it."""

import hashlib
import secrets
from dataclasses import asdict, dataclass
from typing import Literal

import orjson

from shared.redis import RedisBatcher

TICKET_SECONDS = 30
# A ticket travels as a sub-protocol, whose characters are those of a token (RFC 9110); so are these.
_BYTES = 32
_MAX_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Grant:
    """What stands for an accepted credential where the credential itself is not kept.

    ``proof`` names the credential to those who judge it, and is of no use as one. Session and end of the access token
    (seconds since the Unix epoch) are those of a user.
    """

    principal: Literal["user", "api_key"]
    workspace_id: str
    subject_id: str
    proof: str
    session_id: str = ""
    token_expires_at: int = 0


class Tickets:
    """Issues tickets and takes them back, each once, in any process."""

    def __init__(self, batcher: RedisBatcher) -> None:
        self._batcher = batcher

    async def issue(self, grant: Grant) -> str:
        """Return a ticket for a credential.

        Raises:
            redis.exceptions.RedisError: It cannot be kept.
        """
        ticket = secrets.token_urlsafe(_BYTES)
        await self._batcher.submit("SET", _key(ticket), orjson.dumps(asdict(grant)), "EX", TICKET_SECONDS)
        return ticket

    async def redeem(self, ticket: str) -> Grant | None:
        """Return whom a ticket was issued to, None when it was used, is too old or never was.

        Raises:
            redis.exceptions.RedisError: It cannot be looked up.
        """
        if not ticket or len(ticket) > _MAX_LENGTH:
            return None
        kept: bytes | None = await self._batcher.submit("GETDEL", _key(ticket))
        return Grant(**orjson.loads(kept)) if kept is not None else None


def _key(ticket: str) -> str:
    # Whoever can list the keys of the cache shall not be able to connect with them.
    return f"live:ticket:{hashlib.blake2b(ticket.encode(), digest_size=16).hexdigest()}"
