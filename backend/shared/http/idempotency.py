"""Requests that carry an ``Idempotency-Key`` are carried out once and answered the same for 24 hours."""

import asyncio
import base64
import hashlib
import re
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.auth.context import AuthContext
from shared.errors import ConflictError, InvalidFieldsError, MalformedRequestError
from shared.logging import get_logger
from shared.sealing import SealBrokenError, Sealer

HEADER = b"idempotency-key"
KEPT_SECONDS = 24 * 3600
_KEY = re.compile(rb"[\x21-\x7e]{1,255}\Z")
_LARGEST_ANSWER = 1024 * 1024
_WAIT_SECONDS = 10.0
_POLL_SECONDS = 0.05
_PENDING, _DONE = b"P", b"D"
_DIGEST = 32
# The outcome of these may differ at the next try without anything having been done.
_NOT_KEPT = frozenset({401, 403, 408, 425, 429})

# Deletes or replaces the mark of a request only while it is still its own.
_SETTLE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
"""

logger = get_logger(__name__)


def owner_of(context: AuthContext) -> str:
    """Return the name under which a credential's keys are kept; with other rights it is another owner."""
    rights = context.role or ",".join(sorted(context.scopes))
    return f"{context.workspace_id}:{context.principal}:{context.subject_id}:{rights}"


def idempotency_key(scope: Scope) -> str | None:
    """Return the key of a POST request, None when it has none.

    Raises:
        MalformedRequestError: The key is empty, longer than 255 characters or not printable ASCII.
    """
    if scope["method"] != "POST":
        return None
    keys: list[bytes] = [value for name, value in scope["headers"] if name == HEADER]
    if not keys:
        return None
    if len(keys) > 1 or not _KEY.match(keys[0]):
        raise MalformedRequestError("Idempotency-Key holds 1 to 255 printable characters, once.")
    return keys[0].decode("ascii")


class Idempotency:
    """Keeps answers in Redis, sealed, since they may hold secrets that are shown once."""

    def __init__(self, redis: Redis, secret: str, *, request_seconds: float) -> None:
        """Build a keeper of answers.

        Args:
            redis: The queue's Redis, which does not evict.
            secret: Secret of the installation, from which keys are derived.
            request_seconds: Longest time a request takes; a request that died blocks its key for a little longer.
        """
        self._redis = redis
        self._sealer = Sealer(secret, "idempotency")
        self._pending_seconds = int(request_seconds) + 5
        self._settle = redis.register_script(_SETTLE)

    async def run(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send, *, owner: str, key: str) -> None:
        """Run a request once, or send the answer it got before.

        Args:
            app: What carries the request out.
            scope: The request.
            receive: Its body, which is read whole, so it must be bounded.
            send: Where the answer goes.
            owner: Whose key it is; see ``owner_of``.
            key: Value of ``Idempotency-Key``.

        Raises:
            InvalidFieldsError: The key was used for another request.
            ConflictError: The first request with this key is still under way.
        """
        body = await _read(receive)
        name = "idempotency:" + hashlib.blake2b(f"{owner}\n{key}".encode(), digest_size=20).hexdigest()
        mark = _PENDING + _digest(scope, body) + secrets.token_bytes(16)
        kept = await self._claim(name, mark)
        if kept is not None:
            await _send_answer(send, self._open(kept, name))
            return
        recorder = _Recorder(send)
        try:
            await app(scope, _replay(body, receive), recorder)
        except BaseException:
            await asyncio.shield(self._finish(name, mark, None))
            raise
        await self._finish(name, mark, recorder.answer() if recorder.is_complete else None)
        await recorder.flush()

    async def _claim(self, name: str, mark: bytes) -> bytes | None:
        deadline = time.monotonic() + _WAIT_SECONDS
        while True:
            kept: Any = await self._redis.set(name, mark, nx=True, get=True, ex=self._pending_seconds)
            if kept is None:
                return None
            if kept[1 : 1 + _DIGEST] != mark[1 : 1 + _DIGEST]:
                raise InvalidFieldsError(
                    "This Idempotency-Key was used for another request.", code="idempotency_key_reused"
                )
            if kept[:1] == _DONE:
                return bytes(kept)
            if time.monotonic() > deadline:
                raise ConflictError(
                    "The first request with this Idempotency-Key is still under way.",
                    code="idempotency_in_progress",
                    headers={"Retry-After": "1"},
                )
            await asyncio.sleep(_POLL_SECONDS)

    async def _finish(self, name: str, mark: bytes, answer: bytes | None) -> None:
        value = b""
        if answer is not None:
            value = _DONE + mark[1 : 1 + _DIGEST] + self._sealer.seal(answer, name.encode())
        try:
            await self._settle(keys=[name], args=[mark, value, KEPT_SECONDS])
        except (RedisError, OSError) as error:
            logger.warning("idempotency_not_kept", error=type(error).__name__)

    def _open(self, kept: bytes, name: str) -> bytes:
        try:
            return self._sealer.open(kept[1 + _DIGEST :], name.encode())
        except SealBrokenError as error:
            raise ConflictError(
                "The answer to this Idempotency-Key can no longer be read.", code="idempotency_lost"
            ) from error


@dataclass(slots=True)
class _Recorder:
    """Holds an answer back until it is kept, or lets it through once it is too large to keep."""

    send: Send
    held: list[Message] = field(default_factory=list)
    size: int = 0
    is_passing: bool = False

    async def __call__(self, message: Message) -> None:
        self.size += len(message.get("body", b""))
        if not self.is_passing and self.size > _LARGEST_ANSWER:
            self.is_passing = True
            await self.flush()
        if self.is_passing:
            await self.send(message)
        else:
            self.held.append(message)

    @property
    def is_complete(self) -> bool:
        """Return whether the answer is whole, small enough and worth keeping."""
        if self.is_passing or not self.held or self.held[-1].get("more_body", False):
            return False
        status = self.held[0].get("status", 500)
        return status < 500 and status not in _NOT_KEPT

    def answer(self) -> bytes:
        headers = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in self.held[0].get("headers", ())
            if not name.lower().startswith(b"x-ratelimit-")
        ]
        body = b"".join(message.get("body", b"") for message in self.held[1:])
        return orjson.dumps([self.held[0]["status"], headers, base64.b64encode(body).decode()])

    async def flush(self) -> None:
        held, self.held = self.held, []
        for message in held:
            await self.send(message)


async def _send_answer(send: Send, answer: bytes) -> None:
    status, headers, body = orjson.loads(answer)
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    pairs.append((b"idempotency-replayed", b"true"))
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": base64.b64decode(body)})


def _digest(scope: Scope, body: bytes) -> bytes:
    digest = hashlib.blake2b(digest_size=_DIGEST)
    for part in (scope["method"].encode(), scope["raw_path"], scope["query_string"], body):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


async def _read(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise MalformedRequestError("The body ended early.")
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    unread = True

    async def receive_again() -> Message:
        nonlocal unread
        if unread:
            unread = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return receive_again
