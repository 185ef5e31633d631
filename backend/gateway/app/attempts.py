"""Guessing of passwords: slowed down per account, per address and in all, without locking the owner out."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.app.config import Settings
from shared.errors import RateLimitedError
from shared.ratelimit import Bucket, RateLimiter


@dataclass(frozen=True, slots=True)
class Attempt:
    """A password that is about to be checked, and the buckets it took from."""

    account: Sequence[Bucket]
    shared: Sequence[Bucket]


class LoginAttempts:
    """Takes a token for each attempt before the password is checked and returns it when the password was right.

    A device from which the account's owner logged in before has a bucket of its own, so that strangers who exhaust the
    others keep nobody out.
    """

    def __init__(self, limiter: RateLimiter, settings: Settings) -> None:
        self._limiter = limiter
        self._account = settings.limit_login_account
        self._address = settings.limit_login_address
        self._all = settings.limit_login_all

    async def begin(self, email: str, address: str, *, known_device: bytes | None) -> Attempt:
        """Count an attempt.

        Args:
            email: Address of the account, whether it exists or not.
            address: The client's address as limits count it.
            known_device: Hash of the device when the account was used from it before.

        Raises:
            RateLimitedError: Too many wrong passwords; carries Retry-After.
        """
        account = account_key(email)
        if known_device is not None:
            attempt = Attempt([Bucket(f"login:device:{account}:{known_device.hex()}", 1, self._account)], [])
        else:
            attempt = Attempt(
                [Bucket(f"login:account:{account}", 1, self._account)],
                [
                    Bucket(f"login:address:{address}", max(1, self._address / 2), self._address),
                    Bucket("login:all", max(1, self._all), self._all),
                ],
            )
        decision = await self._limiter.take([*attempt.account, *attempt.shared])
        if not decision.allowed:
            raise RateLimitedError("Too many attempts; wait and try again.", decision.retry_after)
        return attempt

    async def succeeded(self, attempt: Attempt) -> None:
        """Forget the account's wrong attempts and give back what this one took from buckets shared with others."""
        await self._limiter.clear([bucket.key for bucket in attempt.account])
        if attempt.shared:
            await self._limiter.take([replace(bucket, cost=-1) for bucket in attempt.shared])

    async def forget(self, email: str) -> None:
        """Forget the wrong attempts on an account, after its owner proved to own the mail address."""
        await self._limiter.clear([f"login:account:{account_key(email)}"])


def account_key(email: str) -> str:
    """Return the name of an account in limits, which does not tell the address."""
    return hashlib.blake2b(email.lower().encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
