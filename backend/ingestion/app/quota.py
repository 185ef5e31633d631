"""How many spans a workspace may send."""

import time
from collections import OrderedDict
from dataclasses import dataclass

from shared.errors import RateLimitedError
from shared.ratelimit import Bucket, RateLimiter

# Share of the bucket that a process takes ahead, so that most requests of one span ask nobody.
_LEASE_SHARE = 1000
_WORKSPACES = 10_000
# A lease that is not used up lapses, since the bucket has filled meanwhile.
_LEASE_SECONDS = 5.0

Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class _Lease:
    left: int
    remaining: int
    until: float
    limit: bytes
    reset: bytes


class SpanQuota:
    """One bucket of spans for each workspace, filled in a minute; it counts spans whatever request brings them."""

    def __init__(self, limiter: RateLimiter, spans_per_minute: int) -> None:
        self._limiter = limiter
        self._per_minute = spans_per_minute
        self._ahead = spans_per_minute // _LEASE_SHARE
        self._leases: OrderedDict[str, _Lease] = OrderedDict()

    async def take(self, workspace: str, spans: int) -> Headers:
        """Take spans from the bucket of a workspace and return the rate limit headers as ASGI has them.

        Raises:
            RateLimitedError: The bucket lacks them; carries Retry-After and the rate limit headers.
        """
        cost = max(1, spans)
        lease = self._leases.get(workspace)
        if lease is None or lease.left < cost or lease.until < time.monotonic():
            lease = await self._lease(workspace, cost)
        lease.left -= cost
        return [
            (b"x-ratelimit-limit", lease.limit),
            (b"x-ratelimit-remaining", str(lease.remaining + lease.left).encode()),
            (b"x-ratelimit-reset", lease.reset),
        ]

    async def _lease(self, workspace: str, cost: int) -> _Lease:
        ahead = self._ahead if cost <= self._ahead else 0
        decision = await self._limiter.take([self._bucket(workspace, cost + ahead)])
        if not decision.allowed and ahead:
            ahead = 0
            decision = await self._limiter.take([self._bucket(workspace, cost)])
        if not decision.allowed:
            raise RateLimitedError(
                f"The workspace may send {self._per_minute} spans a minute.", decision.retry_after, decision.headers
            )
        lease = _Lease(
            left=cost + ahead,
            remaining=decision.remaining,
            until=time.monotonic() + _LEASE_SECONDS,
            limit=str(decision.limit).encode(),
            reset=str(decision.reset_at).encode(),
        )
        if ahead:
            self._keep(workspace, lease)
        return lease

    def _keep(self, workspace: str, lease: _Lease) -> None:
        previous = self._leases.get(workspace)
        if previous is not None and previous.until >= time.monotonic():
            # Requests that asked at the same time each took some ahead.
            lease.left += previous.left
        self._leases[workspace] = lease
        self._leases.move_to_end(workspace)
        if len(self._leases) > _WORKSPACES:
            self._leases.popitem(last=False)

    def _bucket(self, workspace: str, cost: int) -> Bucket:
        return Bucket(f"ingest:{workspace}", self._per_minute, self._per_minute, cost)
