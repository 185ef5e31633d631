"""API keys: their form, their hashes, and the check that every request with a key passes."""

import asyncio
import base64
import hashlib
import hmac
import secrets
import time
import uuid
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime

from shared.auth.context import AuthContext
from shared.auth.epoch import RevocationEpoch
from shared.auth.verdicts import Row, Verdict, VerdictCache, remember
from shared.database import Pool, is_dependency_error
from shared.errors import UnauthorizedError
from shared.logging import get_logger

KEY_PREFIX = "ao_live_"
SHOWN_CHARACTERS = 12
PBKDF2_ITERATIONS = 100_000
_PROVEN_ENTRIES = 10_000

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_CHARACTERS = 43
_CHECK_CHARACTERS = 6
_KEY_LENGTH = len(KEY_PREFIX) + _RANDOM_CHARACTERS + _CHECK_CHARACTERS
_ALPHABET_SET = frozenset(_ALPHABET)

logger = get_logger(__name__)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def generate_key() -> str:
    """Return a new API key with 256 random bits and a checksum that reveals typing errors."""
    body = KEY_PREFIX + _base62(secrets.randbits(256), _RANDOM_CHARACTERS)
    return body + _base62(zlib.crc32(body.encode()), _CHECK_CHARACTERS)


def is_well_formed(key: str) -> bool:
    """Return whether a text has the form and the checksum of an API key."""
    if len(key) != _KEY_LENGTH or not key.startswith(KEY_PREFIX):
        return False
    if not _ALPHABET_SET.issuperset(key[len(KEY_PREFIX) :]):
        return False
    body = key[:-_CHECK_CHARACTERS]
    return key[-_CHECK_CHARACTERS:] == _base62(zlib.crc32(body.encode()), _CHECK_CHARACTERS)


def lookup_hash(key: str, pepper: bytes) -> bytes:
    """Return the HMAC-SHA256 under which a key is found; without the pepper the database reveals no key."""
    return hmac.digest(pepper, key.encode(), "sha256")


def make_verifier(key: str, pepper: bytes) -> str:
    """Return the PBKDF2-SHA256 hash that is stored beside the look-up hash."""
    salt = secrets.token_bytes(16)
    digest = hashlib.pbkdf2_hmac("sha256", key.encode() + pepper, salt, PBKDF2_ITERATIONS)
    return f"pbkdf2-sha256${PBKDF2_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def check_verifier(key: str, pepper: bytes, verifier: str) -> bool:
    """Return whether a key matches a stored PBKDF2 hash; takes some 40 ms of CPU."""
    _, iterations, salt, digest = verifier.split("$")
    computed = hashlib.pbkdf2_hmac("sha256", key.encode() + pepper, base64.b64decode(salt), int(iterations))
    return hmac.compare_digest(computed, base64.b64decode(digest))


_FIND_KEYS = """
select k.lookup_hash, k.key_id, k.verifier, k.scopes, k.expires_at, k.workspace_id, w.number, w.retention_days
from api_keys k join workspaces w using (workspace_id)
where k.lookup_hash = any($1::bytea[]) and k.revoked_at is null and w.deleted_at is null
"""

_TOUCH_KEYS = """
update api_keys k set last_used_at = greatest(k.last_used_at, used.at)
from unnest($1::uuid[], $2::timestamptz[]) as used (key_id, at) where k.key_id = used.key_id
"""

# Verdicts on keys that were proved earlier, apart from those on keys that are sent.
_RECHECK = b"recheck:"

_Claim = tuple[str | None, bytes]


class KeyVerifier:
    """Turns API keys into contexts for a few microseconds a request.

    PBKDF2 runs once for each key and process; keys that are malformed or unknown never reach it. ``VerdictCache`` says
    for how long a verdict holds.
    """

    def __init__(self, pool: Pool, pepper: str, epoch: RevocationEpoch, service: str) -> None:
        self._pool = pool
        self._pepper = pepper.encode()
        self._verdicts: VerdictCache[_Claim] = VerdictCache("api_keys", service, epoch, self._find, self._judge)
        self._proven: OrderedDict[bytes, str] = OrderedDict()
        self._used: dict[str, float] = {}

    async def verify(self, key: str) -> AuthContext:
        """Return the context of an API key.

        Raises:
            UnauthorizedError: The key is malformed, unknown, expired or revoked.
            UnavailableError: The key is not known here and the database cannot be reached.
        """
        if not is_well_formed(key):
            raise UnauthorizedError
        fingerprint = lookup_hash(key, self._pepper)
        verdict = await self._accept(fingerprint, (key, fingerprint))
        self._used[verdict.context.subject_id] = time.time()
        return verdict.context

    def proof(self, key: str) -> bytes:
        """Return what ``recheck`` takes for a key that ``verify`` has accepted."""
        return lookup_hash(key, self._pepper)

    async def recheck(self, proof: bytes) -> Verdict:
        """Return the verdict on a key that was accepted before, maybe by another process.

        Raises:
            UnauthorizedError: The key is expired or revoked.
            UnavailableError: The key is not known here and the database cannot be reached.
        """
        return await self._accept(_RECHECK + proof, (None, proof))

    async def _accept(self, name: bytes, claim: _Claim) -> Verdict:
        verdict = await self._verdicts.resolve(name, lambda: claim)
        if verdict.expires_at <= time.time():
            raise UnauthorizedError("The API key has expired.", code="key_expired")
        return verdict

    async def _find(self, claims: Sequence[_Claim]) -> list[Row | None]:
        rows = await self._pool.fetch(_FIND_KEYS, [fingerprint for _, fingerprint in claims])
        found = {row["lookup_hash"]: row for row in rows}
        return [found.get(fingerprint) for _, fingerprint in claims]

    async def _judge(self, claim: _Claim, row: Row) -> Verdict | None:
        key, fingerprint = claim
        if key is not None and not await self._prove(key, fingerprint, row["verifier"]):
            return None
        context = AuthContext(
            workspace_id=str(row["workspace_id"]),
            workspace_number=row["number"],
            principal="api_key",
            subject_id=str(row["key_id"]),
            scopes=frozenset(row["scopes"]),
            retention_days=row["retention_days"],
        )
        return Verdict(context, row["expires_at"].timestamp() if row["expires_at"] is not None else float("inf"))

    async def _prove(self, key: str, fingerprint: bytes, verifier: str) -> bool:
        if self._proven.get(fingerprint) == verifier:
            return True
        proven = await asyncio.to_thread(check_verifier, key, self._pepper, verifier)
        if proven:
            remember(self._proven, fingerprint, verifier, _PROVEN_ENTRIES)
        return proven

    async def write_last_used(self) -> None:
        """Write when keys were last used; called every minute and at stop, never per request."""
        used, self._used = self._used, {}
        if not used:
            return
        keys = [uuid.UUID(key_id) for key_id in used]
        times = [datetime.fromtimestamp(at, UTC) for at in used.values()]
        try:
            await self._pool.execute(_TOUCH_KEYS, keys, times)
        except Exception as error:
            if not is_dependency_error(error):
                raise
            self._used = {**used, **self._used}
            logger.warning("key_usage_not_written", error=type(error).__name__)
