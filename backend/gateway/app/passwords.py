"""Passwords: which are accepted, and their hashes, computed beside the event loop."""

import asyncio
import contextlib
import os
import re
import secrets
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TypeVar

from passlib.context import CryptContext

from shared.errors import UnavailableError

MINIMUM_CHARACTERS = 8
# bcrypt reads no further, so a longer password would promise more than it holds.
MAXIMUM_BYTES = 72
_PRODUCT_WORDS = ("agentobs", "agent observability", "observability")
_SHORTEST_WORD = 4
_WAITING_LIMIT = 200
_NICENESS = 10
_COMMON_FILE = Path(__file__).parent / "data" / "common_passwords.txt"

Result = TypeVar("Result")


def password_problem(password: str, context: Iterable[str]) -> str | None:
    """Return why a new password is refused, None when it is accepted.

    Any characters are allowed and none are demanded (OWASP ASVS 5.0, 6.2).

    Args:
        password: The password.
        context: Names that belong to the account: mail address, full name, workspace.
    """
    if len(password) < MINIMUM_CHARACTERS:
        return f"A password has at least {MINIMUM_CHARACTERS} characters."
    if "\x00" in password:
        return "A password cannot hold the NUL character."
    if len(password.encode("utf-8", "surrogatepass")) > MAXIMUM_BYTES:
        return f"A password has at most {MAXIMUM_BYTES} bytes in UTF-8."
    lowered = password.lower()
    if lowered in _common_passwords():
        return "This password is one of the most common ones."
    rest = lowered
    for word in sorted(_context_words(context), key=len, reverse=True):
        rest = rest.replace(word, "")
    if rest != lowered and (len(rest) < MINIMUM_CHARACTERS or rest in _common_passwords()):
        return "This password is made of your name, mail address, workspace or the product's name."
    return None


def _context_words(context: Iterable[str]) -> set[str]:
    words = set(_PRODUCT_WORDS)
    for text in context:
        lowered = text.lower()
        words.add(lowered)
        words.update(re.split(r"[^\w]+|_", lowered))
        words.add(re.sub(r"[\W_]+", "", lowered))
    return {word for word in words if len(word) >= _SHORTEST_WORD}


@cache
def _common_passwords() -> frozenset[str]:
    lines = _COMMON_FILE.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("# "))


class PasswordHasher:
    """Hashes with bcrypt in a few threads of low priority, so that log-ins leave the processor to other requests."""

    def __init__(self, cost: int, threads: int) -> None:
        self._context = CryptContext(schemes=["bcrypt"], bcrypt__rounds=cost)
        self._executor = ThreadPoolExecutor(threads, "password", initializer=_lower_priority)
        self._waiting = 0
        self._decoy: asyncio.Future[str] | None = None

    async def hash(self, password: str) -> str:
        """Return the hash of an accepted password.

        Raises:
            UnavailableError: Too many hashes are being computed.
        """
        return await self._run(lambda: str(self._context.hash(password)))

    async def verify(self, password: str, known_hash: str | None) -> bool:
        """Return whether a password matches; takes as long when there is no hash to match, and answers no.

        Raises:
            UnavailableError: Too many hashes are being computed.
        """
        usable = "\x00" not in password and len(password.encode("utf-8", "surrogatepass")) <= MAXIMUM_BYTES
        candidate = password if usable else "not usable"
        expected = known_hash if known_hash is not None else await self._decoy_hash()
        matches = await self._run(lambda: bool(self._context.verify(candidate, expected)))
        return matches and usable and known_hash is not None

    async def prepare(self) -> None:
        """Compute the hash that stands in for unknown accounts, so that the first request does not pay for it."""
        await self._decoy_hash()

    async def _decoy_hash(self) -> str:
        if self._decoy is None:
            self._decoy = asyncio.ensure_future(self.hash(secrets.token_urlsafe(24)))
        return await asyncio.shield(self._decoy)

    async def _run(self, work: Callable[[], Result]) -> Result:
        if self._waiting >= _WAITING_LIMIT:
            raise UnavailableError("Too many log-ins at the moment.")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Stop the threads once the hashes under way are done."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def _lower_priority() -> None:
    # Linux has a niceness for each thread; elsewhere the call fails or would slow the whole process down.
    if hasattr(os, "setpriority") and os.uname().sysname == "Linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
