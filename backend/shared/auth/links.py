"""Signed links: addresses that a browser follows without a credential, for a while."""

import base64
import hmac
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast
from urllib.parse import urlencode

from shared.auth.context import AuthContext
from shared.errors import ForbiddenError

EXPIRES, HOLDER, SIGNATURE = "expires", "holder", "signature"

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_HOLDER = re.compile(rf"(user|api_key)\.({_UUID})\.({_UUID})(?:\.({_UUID}))?\Z")
_EXPIRES = re.compile(r"[0-9]{1,12}\Z")


@dataclass(frozen=True, slots=True)
class Link:
    """Whose rights a link lends: a session of a user or an API key; ``expires_at`` in seconds since the Unix epoch."""

    principal: Literal["user", "api_key"]
    workspace_id: str
    subject_id: str
    session_id: str | None
    expires_at: int
    signature: str


class SignedLinks:
    """Makes links and reads them; both sides derive the key from a secret that they share."""

    def __init__(self, secret: str) -> None:
        self._key = hmac.digest(secret.encode(), b"signed links", "sha256")

    def make(self, path: str, context: AuthContext, seconds: int) -> str:
        """Return a path with a query that lends the rights of a caller, for that path alone.

        Args:
            path: As it will be asked for, of plain ASCII.
            context: The caller.
            seconds: Life of the link.
        """
        names = [context.principal, context.workspace_id, context.subject_id]
        if context.session_id is not None:
            names.append(context.session_id)
        holder, expires = ".".join(names), str(int(time.time()) + seconds)
        query = {EXPIRES: expires, HOLDER: holder, SIGNATURE: self._sign(path, holder, expires)}
        return f"{path}?{urlencode(query)}"

    def read(self, path: str, query: Mapping[str, str]) -> Link:
        """Return whose rights a link lends; whether they still have them is not asked here.

        Raises:
            ForbiddenError: The link was not made here for this path, or its time is over.
        """
        expires, holder, signature = (query.get(name, "") for name in (EXPIRES, HOLDER, SIGNATURE))
        names = _HOLDER.match(holder)
        is_genuine = hmac.compare_digest(
            self._sign(path, holder, expires).encode(), signature.encode("utf-8", "replace")
        )
        if not is_genuine or names is None or not _EXPIRES.match(expires):
            raise invalid_link()
        if int(expires) <= time.time():
            raise ForbiddenError("The link has expired; ask for a new one.", code="link_expired")
        principal = cast("Literal['user', 'api_key']", names[1])
        return Link(principal, names[2], names[3], names[4], int(expires), signature)

    def _sign(self, path: str, holder: str, expires: str) -> str:
        text = "\n".join((path, holder, expires)).encode("utf-8", "replace")
        return base64.urlsafe_b64encode(hmac.digest(self._key, text, "sha256")).rstrip(b"=").decode()


def invalid_link() -> ForbiddenError:
    """Return the answer to a link that lends nothing, whatever the reason."""
    return ForbiddenError("The link is not valid, or not any more; ask for a new one.", code="link_invalid")
