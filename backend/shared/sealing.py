"""Encryption of small secrets at rest, with keys derived from a secret of the installation."""

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class SealBrokenError(Exception):
    """The data were not sealed with this key, or were changed."""


class Sealer:
    """Seals data for one purpose; each context has a key of its own (HKDF, RFC 5869)."""

    def __init__(self, secret: str, purpose: str) -> None:
        self._secret = secret.encode()
        self._purpose = purpose.encode()

    def seal(self, data: bytes, context: bytes) -> bytes:
        """Return the data encrypted and authenticated; opening them needs the same context."""
        return self._cipher(context).encrypt(data)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Return what was sealed.

        Raises:
            SealBrokenError: Another key or context was used, or the data were changed.
        """
        try:
            return self._cipher(context).decrypt(sealed)
        except InvalidToken as error:
            raise SealBrokenError from error

    def _cipher(self, context: bytes) -> Fernet:
        key = HKDF(SHA256(), 32, salt=self._purpose, info=context).derive(self._secret)
        return Fernet(base64.urlsafe_b64encode(key))
