"""Tokens of users: signed access tokens, and opaque ones of which only a hash is stored."""

import hashlib
import hmac
import secrets
import time
import uuid
from dataclasses import dataclass
from typing import Any

from jose import JWTError, jwt

from shared.sealing import SealBrokenError, Sealer

ALGORITHM = "HS256"
ISSUER = "agentobs"
AUDIENCE = "agentobs-api"
MAX_TOKEN_LENGTH = 2048
# RFC 7519 leaves the leeway open; clocks of gateways on several machines differ by less.
LEEWAY_SECONDS = 5
# Two tabs that refresh at the same moment hold the same token.
REUSE_GRACE_SECONDS = 10

_REQUIRED_CLAIMS = ("exp", "nbf", "iat", "aud", "iss", "sub")


class InvalidTokenError(Exception):
    """A token was not issued here, is not meant for this use, or is not valid now."""


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What an access token says; ``expires_at`` is in seconds since the Unix epoch."""

    user_id: uuid.UUID
    session_id: uuid.UUID
    workspace_id: uuid.UUID
    expires_at: int


class AccessTokens:
    """Signs and reads access tokens."""

    def __init__(self, secret: str, minutes: int) -> None:
        self._secret = secret
        self.lifetime_seconds = minutes * 60
        # All headers issued here are the same bytes, so any other algorithm, key reference or extension is refused
        # before anything in a header is acted upon.
        self._header = self._sign({}).partition(".")[0]

    def issue(self, user_id: uuid.UUID, session_id: uuid.UUID, workspace_id: uuid.UUID) -> str:
        """Return an access token for a session in one workspace."""
        now = int(time.time())
        return self._sign(
            {
                "iss": ISSUER,
                "aud": AUDIENCE,
                "typ": "access",
                "sub": str(user_id),
                "sid": str(session_id),
                "ws": str(workspace_id),
                "iat": now,
                "nbf": now,
                "exp": now + self.lifetime_seconds,
                "jti": secrets.token_hex(8),
            }
        )

    def read(self, token: str) -> AccessClaims:
        """Return the claims of an access token.

        Raises:
            InvalidTokenError: The token is not a valid access token now.
        """
        if len(token) > MAX_TOKEN_LENGTH or token.count(".") != 2 or token.partition(".")[0] != self._header:
            raise InvalidTokenError
        options = {f"require_{claim}": True for claim in _REQUIRED_CLAIMS} | {"leeway": LEEWAY_SECONDS}
        try:
            claims: dict[str, Any] = jwt.decode(
                token, self._secret, algorithms=[ALGORITHM], audience=AUDIENCE, issuer=ISSUER, options=options
            )
            user_id, session_id, workspace_id = (uuid.UUID(str(claims[name])) for name in ("sub", "sid", "ws"))
            found = AccessClaims(user_id, session_id, workspace_id, int(claims["exp"]))
        except (JWTError, KeyError, TypeError, ValueError) as error:
            raise InvalidTokenError from error
        if claims.get("typ") != "access" or claims["iat"] > time.time() + LEEWAY_SECONDS:
            raise InvalidTokenError
        return found

    def _sign(self, claims: dict[str, object]) -> str:
        return str(jwt.encode(claims, self._secret, algorithm=ALGORITHM))


class OpaqueTokens:
    """Makes random tokens and the hashes under which they are stored."""

    def __init__(self, secret: str) -> None:
        self._key = hmac.digest(secret.encode(), b"opaque tokens", "sha256")
        self._sealer = Sealer(secret, "refresh successor")

    @staticmethod
    def make() -> str:
        """Return a new token of 256 random bits."""
        return secrets.token_urlsafe(32)

    def hash(self, token: str, purpose: str) -> bytes:
        """Return the hash of a token, different for each purpose, so that no token passes as one of another kind."""
        return hmac.digest(self._key, f"{purpose}:{token}".encode("utf-8", "surrogatepass"), "sha256")

    def seal_successor(self, successor: str, token: str) -> bytes:
        """Return a refresh token's successor so that only the holder of the token can have it opened."""
        return self._sealer.seal(successor.encode(), token.encode())

    def open_successor(self, sealed: bytes, token: str) -> str:
        """Return the sealed successor of a refresh token.

        Raises:
            InvalidTokenError: It was not sealed for this token.
        """
        try:
            return self._sealer.open(sealed, token.encode()).decode()
        except SealBrokenError as error:
            raise InvalidTokenError from error


def fingerprint(text: str) -> bytes:
    """Return a short hash of a credential, for caches."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
