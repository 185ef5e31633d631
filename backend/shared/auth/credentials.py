"""Where a request may carry its credential."""

import base64
import binascii
from collections.abc import Mapping

from shared.errors import UnauthorizedError

MAX_CREDENTIAL_LENGTH = 8192


def read_credential(headers: Mapping[str, str]) -> str | None:
    """Return the API key or access token of a request, None when there is none.

    Accepted are ``Authorization: Bearer``, ``X-API-Key``, a raw key in ``Authorization`` and Basic with the key as
    password (or as user name with an empty password).

    Args:
        headers: Header or gRPC metadata names in lower case.

    Raises:
        UnauthorizedError: The credential is too long or its encoding is broken.
    """
    value = headers.get("authorization") or ""
    if len(value) > MAX_CREDENTIAL_LENGTH:
        raise UnauthorizedError
    scheme, _, rest = value.strip().partition(" ")
    rest = rest.strip()
    if scheme.lower() == "bearer" and rest:
        return rest
    if scheme.lower() == "basic" and rest:
        try:
            user, _, password = base64.b64decode(rest, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError, ValueError) as error:
            raise UnauthorizedError from error
        return password or user or None
    if scheme and not rest:
        return scheme
    if scheme:
        raise UnauthorizedError
    key = headers.get("x-api-key") or ""
    if len(key) > MAX_CREDENTIAL_LENGTH:
        raise UnauthorizedError
    return key.strip() or None
