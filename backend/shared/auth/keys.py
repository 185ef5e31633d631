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
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from shared.auth.context import AuthContext
from shared.auth.epoch import EpochUnavailableError, RevocationEpoch
from shared.database import Pool, is_dependency_error
from shared.errors import UnauthorizedError, UnavailableError
from shared.logging import get_logger
from shared.telemetry import CACHE_LOOKUPS

KEY_PREFIX = "ao_live_"
SHOWN_CHARACTERS = 12
PBKDF2_ITERATIONS = 100_000
VERDICT_SECONDS = 30.0
_VERDICT_ENTRIES = 10_000
_UNKNOWN_ENTRIES = 20_000

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_CHARACTERS = 43
_CHECK_CHARACTERS = 6
_KEY_LENGTH = len(KEY_PREFIX) + _RANDOM_CHARACTERS + _CHECK_CHARACTERS
_ALPHABET_SET = frozenset(_ALPHABET)

logger = get_logger(__name__)

Value = TypeVar("Value")


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


_FIND_KEY = """
select k.key_id, k.verifier, k.scopes, k.expires_at, k.workspace_id, w.number, w.retention_days
from api_keys k join workspaces w using (workspace_id)
where k.lookup_hash = $1 and k.revoked_at is null and w.deleted_at is null
"""

_TOUCH_KEYS = """
update api_keys k set last_used_at = greatest(k.last_used_at, used.at)
from unnest($1::uuid[], $2::timestamptz[]) as used (key_id, at) where k.key_id = used.key_id
"""


@dataclass(slots=True)
class _Verdict:
    context: AuthContext
    epoch: bytes | None
    valid_until: float
    expires_at: float


class KeyVerifier:
    """Turns API keys into contexts for a few microseconds a request.

    A verdict is cached for 30 seconds together with the revocation epoch, and each request compares it with the epoch
    read after the request began, so a key is refused as soon as the call that revoked it has returned. PBKDF2 runs once
    for each key and process; keys that are malformed or unknown never reach it. While PostgreSQL cannot be reached,
    known verdicts stay valid and unknown keys are answered with 503.
    """

    def __init__(self, pool: Pool, pepper: str, epoch: RevocationEpoch, service: str) -> None:
        self._pool = pool
        self._pepper = pepper.encode()
        self._epoch = epoch
        self._verdicts: OrderedDict[bytes, _Verdict] = OrderedDict()
        self._unknown: OrderedDict[bytes, tuple[bytes | None, float]] = OrderedDict()
        self._proven: OrderedDict[bytes, str] = OrderedDict()
        self._lookups: dict[bytes, asyncio.Task[AuthContext]] = {}
        self._used: dict[str, datetime] = {}
        self._hits = CACHE_LOOKUPS.labels(service, "api_keys", "hit")
        self._misses = CACHE_LOOKUPS.labels(service, "api_keys", "miss")

    async def verify(self, key: str) -> AuthContext:
        """Return the context of an API key.

        Raises:
            UnauthorizedError: The key is malformed, unknown, expired or revoked.
            UnavailableError: The key is not known here and the database cannot be reached.
        """
        if not is_well_formed(key):
            raise UnauthorizedError
        fingerprint = lookup_hash(key, self._pepper)
        try:
            epoch: bytes | None = await self._epoch.current()
        except EpochUnavailableError:
            epoch = None
        verdict = self._verdicts.get(fingerprint)
        now = time.monotonic()
        if verdict is not None and epoch is not None and verdict.epoch == epoch and verdict.valid_until > now:
            self._hits.inc()
            return self._accept(verdict)
        unknown = self._unknown.get(fingerprint)
        if unknown is not None and epoch is not None and unknown[0] == epoch and unknown[1] > now:
            self._hits.inc()
            raise UnauthorizedError
        self._misses.inc()
        return await self._look_up(key, fingerprint, epoch)

    async def _look_up(self, key: str, fingerprint: bytes, epoch: bytes | None) -> AuthContext:
        # The epoch is part of the name: a request must not share a look-up that began before its own epoch was read.
        name = fingerprint + (epoch or b"")
        task = self._lookups.get(name) if epoch is not None else None
        if task is None:
            task = asyncio.get_running_loop().create_task(self._ask_database(key, fingerprint, epoch))
            if epoch is not None:
                self._lookups[name] = task
                task.add_done_callback(lambda _: self._lookups.pop(name, None))
        return await asyncio.shield(task)

    async def _ask_database(self, key: str, fingerprint: bytes, epoch: bytes | None) -> AuthContext:
        try:
            row = await self._pool.fetchrow(_FIND_KEY, fingerprint)
        except Exception as error:
            if not is_dependency_error(error):
                raise
            known = self._verdicts.get(fingerprint)
            if known is not None:
                return self._accept(known)
            raise UnavailableError("The key cannot be checked at the moment.") from error
        if row is None or not await self._prove(key, fingerprint, row["verifier"]):
            self._remember_unknown(fingerprint, epoch)
            raise UnauthorizedError
        context = AuthContext(
            workspace_id=str(row["workspace_id"]),
            workspace_number=row["number"],
            principal="api_key",
            subject_id=str(row["key_id"]),
            scopes=frozenset(row["scopes"]),
            retention_days=row["retention_days"],
        )
        expires = row["expires_at"].timestamp() if row["expires_at"] is not None else float("inf")
        verdict = _Verdict(context, epoch, time.monotonic() + VERDICT_SECONDS, expires)
        self._unknown.pop(fingerprint, None)
        _store(self._verdicts, fingerprint, verdict, _VERDICT_ENTRIES)
        return self._accept(verdict)

    async def _prove(self, key: str, fingerprint: bytes, verifier: str) -> bool:
        if self._proven.get(fingerprint) == verifier:
            return True
        proven = await asyncio.to_thread(check_verifier, key, self._pepper, verifier)
        if proven:
            _store(self._proven, fingerprint, verifier, _VERDICT_ENTRIES)
        return proven

    def _remember_unknown(self, fingerprint: bytes, epoch: bytes | None) -> None:
        self._verdicts.pop(fingerprint, None)
        _store(self._unknown, fingerprint, (epoch, time.monotonic() + VERDICT_SECONDS), _UNKNOWN_ENTRIES)

    def _accept(self, verdict: _Verdict) -> AuthContext:
        now = time.time()
        if verdict.expires_at <= now:
            raise UnauthorizedError("The API key has expired.", code="key_expired")
        self._used[verdict.context.subject_id] = datetime.fromtimestamp(now, UTC)
        return verdict.context

    async def write_last_used(self) -> None:
        """Write when keys were last used; called every minute and at stop, never per request."""
        used, self._used = self._used, {}
        if not used:
            return
        try:
            await self._pool.execute(_TOUCH_KEYS, [uuid.UUID(key_id) for key_id in used], list(used.values()))
        except Exception as error:
            if not is_dependency_error(error):
                raise
            self._used = {**used, **self._used}
            logger.warning("key_usage_not_written", error=type(error).__name__)


def _store(cache: OrderedDict[bytes, Value], key: bytes, value: Value, limit: int) -> None:
    cache[key] = value
    cache.move_to_end(key)
    if len(cache) > limit:
        cache.popitem(last=False)
