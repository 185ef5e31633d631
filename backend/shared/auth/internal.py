"""Signed tokens with which the gateway passes a verified credential to a service."""

import time
from collections import OrderedDict
from typing import Any

from jose import JWTError, jwt

from shared.auth.context import AuthContext
from shared.errors import UnauthorizedError

ALGORITHM = "HS256"
LIFETIME_SECONDS = 60
# A token is handed out again until this much of its life is left, so a service can still use it.
_REISSUE_SECONDS = 30
ISSUER = "agentobs-gateway"
TOKEN_HEADER = "X-Internal-Token"
WORKSPACE_HEADER = "X-Workspace-ID"
_CACHE_ENTRIES = 4096


class _Cache:
    """Least recently used map with a fixed number of entries."""

    def __init__(self, entries: int = _CACHE_ENTRIES) -> None:
        self._entries = entries
        self._items: OrderedDict[Any, Any] = OrderedDict()

    def get(self, key: Any) -> Any:
        value = self._items.get(key)
        if value is not None:
            self._items.move_to_end(key)
        return value

    def put(self, key: Any, value: Any) -> None:
        self._items[key] = value
        if len(self._items) > self._entries:
            self._items.popitem(last=False)


class InternalTokenIssuer:
    """Signs contexts for services; tokens are reused for half of their life."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._issued = _Cache()

    def issue(self, context: AuthContext, audience: str) -> str:
        """Return a token that one service accepts for at most a minute."""
        key = (context, audience)
        now = time.time()
        cached = self._issued.get(key)
        if cached is not None and cached[0] - now > _REISSUE_SECONDS:
            return str(cached[1])
        expires = int(now) + LIFETIME_SECONDS
        token = jwt.encode(
            {
                "iss": ISSUER,
                "aud": audience,
                "iat": int(now),
                "exp": expires,
                "typ": "internal",
                "ws": context.workspace_id,
                "wsn": context.workspace_number,
                "principal": context.principal,
                "sub": context.subject_id,
                "role": context.role,
                "scopes": sorted(context.scopes),
                "sid": context.session_id,
                "padm": context.platform_admin,
                "ret": context.retention_days,
            },
            self._secret,
            algorithm=ALGORITHM,
        )
        self._issued.put(key, (expires, token))
        return str(token)


class InternalTokenVerifier:
    """Accepts the gateway's tokens addressed to one service."""

    def __init__(self, secret: str, audience: str) -> None:
        self._secret = secret
        self._audience = audience
        self._verified = _Cache()

    def verify(self, token: str, workspace_id: str | None) -> AuthContext:
        """Return the context inside a token.

        Args:
            token: Value of ``X-Internal-Token``.
            workspace_id: Value of ``X-Workspace-ID``, which must name the token's workspace.

        Raises:
            UnauthorizedError: The token is not valid here and now, or the two headers disagree.
        """
        cached = self._verified.get(token)
        if cached is None or cached[0] <= time.time():
            cached = self._decode(token)
            self._verified.put(token, cached)
        context: AuthContext = cached[1]
        if workspace_id != context.workspace_id:
            raise UnauthorizedError("The internal token is not valid.")
        return context

    def _decode(self, token: str) -> tuple[float, AuthContext]:
        try:
            if "crit" in jwt.get_unverified_header(token):
                raise UnauthorizedError("The internal token is not valid.")
            claims = jwt.decode(token, self._secret, algorithms=[ALGORITHM], audience=self._audience, issuer=ISSUER)
            if claims.get("typ") != "internal" or claims["exp"] - time.time() > LIFETIME_SECONDS + 1:
                raise UnauthorizedError("The internal token is not valid.")
            context = AuthContext(
                workspace_id=claims["ws"],
                workspace_number=claims["wsn"],
                principal=claims["principal"],
                subject_id=claims["sub"],
                role=claims["role"],
                scopes=frozenset(claims["scopes"]),
                session_id=claims["sid"],
                platform_admin=claims["padm"],
                retention_days=claims["ret"],
            )
        except (JWTError, KeyError, TypeError, ValueError) as error:
            raise UnauthorizedError("The internal token is not valid.") from error
        return float(claims["exp"]), context
