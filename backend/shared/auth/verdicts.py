"""Verdicts on credentials: kept for a while, dropped as soon as any access is withdrawn."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from shared.auth.context import AuthContext
from shared.auth.epoch import EpochUnavailableError, RevocationEpoch
from shared.database import is_dependency_error
from shared.errors import UnauthorizedError, UnavailableError
from shared.telemetry import CACHE_LOOKUPS

VERDICT_SECONDS = 30.0
# A database that does not answer by then counts as away.
_LOOKUP_SECONDS = 2.0
# How long one failed look-up spares the database, and the requests, the next one.
_OUTAGE_SECONDS = 1.0
_KNOWN_ENTRIES = 10_000
_REFUSED_ENTRIES = 20_000
_BATCH = 500

Claim = TypeVar("Claim")
Value = TypeVar("Value")
Row = Any


@dataclass(frozen=True, slots=True)
class Verdict:
    """An accepted credential; ``expires_at`` is in seconds since the Unix epoch."""

    context: AuthContext
    expires_at: float = float("inf")


@dataclass(slots=True)
class _Known:
    verdict: Verdict
    epoch: bytes | None
    valid_until: float


@dataclass(slots=True)
class _Pending(Generic[Claim]):
    claim: Claim
    epoch: bytes | None
    answer: "asyncio.Future[Verdict]"


class VerdictCache(Generic[Claim]):
    """Decides on credentials from the database, once in 30 seconds each.

    A verdict is kept together with the revocation epoch, and each request compares it with the epoch read after the
    request began, so a credential is refused as soon as the call that withdrew it has returned. Look-ups that wait
    together are one statement, so a flood of unknown credentials costs the database next to nothing. While the
    database cannot be reached, known verdicts stay valid and unknown credentials are answered with 503.
    """

    def __init__(
        self,
        name: str,
        service: str,
        epoch: RevocationEpoch,
        find: Callable[[Sequence[Claim]], Awaitable[Sequence[Row | None]]],
        judge: Callable[[Claim, Row], Awaitable[Verdict | None]],
    ) -> None:
        """Build a cache.

        Args:
            name: Label of the cache in metrics.
            service: Label of the service in metrics.
            epoch: The epoch that every withdrawal of access advances.
            find: Returns what the database holds for each claim, in order, None where there is nothing.
            judge: Returns the verdict on a claim and its row, None to refuse.
        """
        self._epoch = epoch
        self._find = find
        self._judge = judge
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._refused: OrderedDict[bytes, tuple[bytes | None, float]] = OrderedDict()
        self._waiting: dict[bytes, _Pending[Claim]] = {}
        self._runner: asyncio.Task[None] | None = None
        self._judging: set[asyncio.Task[None]] = set()
        self._hits = CACHE_LOOKUPS.labels(service, name, "hit")
        self._misses = CACHE_LOOKUPS.labels(service, name, "miss")

    async def resolve(self, fingerprint: bytes, make_claim: Callable[[], Claim]) -> Verdict:
        """Return the verdict on a credential.

        Args:
            fingerprint: Hash of the credential, under which the verdict is kept.
            make_claim: Returns what ``find`` and ``judge`` get; called only when there is no valid verdict.

        Raises:
            UnauthorizedError: The credential is refused.
            UnavailableError: It is not known here and the database cannot be reached.
        """
        try:
            epoch: bytes | None = await self._epoch.current()
        except EpochUnavailableError:
            epoch = None
        if epoch is not None:
            now = time.monotonic()
            known = self._known.get(fingerprint)
            if known is not None and known.epoch == epoch and known.valid_until > now:
                self._hits.inc()
                return known.verdict
            refused = self._refused.get(fingerprint)
            if refused is not None and refused[0] == epoch and refused[1] > now:
                self._hits.inc()
                raise UnauthorizedError
        self._misses.inc()
        return await self._look_up(fingerprint, make_claim(), epoch)

    async def _look_up(self, fingerprint: bytes, claim: Claim, epoch: bytes | None) -> Verdict:
        # Only look-ups that have not been sent are shared, so that none began before this request read its epoch.
        pending = self._waiting.get(fingerprint)
        if pending is None:
            loop = asyncio.get_running_loop()
            pending = self._waiting[fingerprint] = _Pending(claim, epoch, loop.create_future())
            if self._runner is None:
                self._runner = loop.create_task(self._run())
        return await asyncio.shield(pending.answer)

    async def _run(self) -> None:
        await asyncio.sleep(0)
        try:
            while self._waiting:
                names = list(self._waiting)[:_BATCH]
                await self._ask([(name, self._waiting.pop(name)) for name in names])
        finally:
            self._runner = None

    async def _ask(self, batch: list[tuple[bytes, _Pending[Claim]]]) -> None:
        try:
            rows = await _within([pending.claim for _, pending in batch], self._find)
        except Exception as error:
            for fingerprint, pending in batch:
                self._fall_back(fingerprint, pending, error)
            return
        for (fingerprint, pending), row in zip(batch, rows, strict=True):
            if row is None:
                self._refuse(fingerprint, pending)
            else:
                task = asyncio.get_running_loop().create_task(self._decide(fingerprint, pending, row))
                self._judging.add(task)
                task.add_done_callback(self._judging.discard)

    async def _decide(self, fingerprint: bytes, pending: _Pending[Claim], row: Row) -> None:
        try:
            verdict = await self._judge(pending.claim, row)
        except Exception as error:
            _fail(pending.answer, error)
            return
        if verdict is None:
            self._refuse(fingerprint, pending)
            return
        self._refused.pop(fingerprint, None)
        known = _Known(verdict, pending.epoch, time.monotonic() + VERDICT_SECONDS)
        remember(self._known, fingerprint, known, _KNOWN_ENTRIES)
        if not pending.answer.done():
            pending.answer.set_result(verdict)

    def _refuse(self, fingerprint: bytes, pending: _Pending[Claim]) -> None:
        self._known.pop(fingerprint, None)
        refused = (pending.epoch, time.monotonic() + VERDICT_SECONDS)
        remember(self._refused, fingerprint, refused, _REFUSED_ENTRIES)
        _fail(pending.answer, UnauthorizedError())

    def _fall_back(self, fingerprint: bytes, pending: _Pending[Claim], error: Exception) -> None:
        known = self._known.get(fingerprint)
        if not is_dependency_error(error):
            _fail(pending.answer, error)
        elif known is None:
            _fail(pending.answer, UnavailableError("The credential cannot be checked at the moment."))
        else:
            known.epoch, known.valid_until = pending.epoch, time.monotonic() + _OUTAGE_SECONDS
            if not pending.answer.done():
                pending.answer.set_result(known.verdict)


async def _within(
    claims: Sequence[Claim], find: Callable[[Sequence[Claim]], Awaitable[Sequence[Row | None]]]
) -> Sequence[Row | None]:
    task = asyncio.ensure_future(find(claims))
    await asyncio.wait({task}, timeout=_LOOKUP_SECONDS)
    if not task.done():
        # Cancelling waits for the server once more, which is nobody's business here.
        task.cancel()
        raise TimeoutError
    return task.result()


def remember(cache: OrderedDict[bytes, Value], key: bytes, value: Value, limit: int) -> None:
    """Put a value into a cache and forget the oldest when it holds more than ``limit``."""
    cache[key] = value
    cache.move_to_end(key)
    if len(cache) > limit:
        cache.popitem(last=False)


def _fail(future: "asyncio.Future[Any]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        # A request that was cancelled meanwhile no longer looks at its future.
        future.exception()
