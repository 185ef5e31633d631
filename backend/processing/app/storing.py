"""How a batch gets stored whatever happens: waiting for the database, trying again, setting aside what is poison."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from processing.app.batch import Batch, group_requests, render
from processing.app.bodies import RawRequest
from processing.app.items import DecodedRequest, Item, Poison
from processing.app.metrics import (
    BATCHES,
    COMMIT_SECONDS,
    DEAD_LETTERS,
    DECODE_SECONDS,
    DUPLICATES,
    REJECTED,
    STORED_SPANS,
)
from processing.app.processor import decode_steps, poison_item, whole_request
from processing.app.queries.storing import ConflictError, Stored, TooSlowError, TraceStore
from shared.database import is_dependency_error
from shared.logging import get_logger
from shared.pricing.book import PriceBook
from shared.streams.contracts import PendingRequest
from shared.telemetry import FAILURES

SERVICE = "processing"
_GROUPS_A_STEP = 64
_CONFLICTS = 5
_POISON_ROUNDS = 3
_BACKOFF_BASE, _BACKOFF_CAP = 0.1, 10.0

_T = TypeVar("_T")

logger = get_logger(__name__)


class StoppingError(Exception):
    """The worker stops and the database cannot be reached: the batch goes back to the queue as it came."""


@dataclass(slots=True)
class Prepared:
    """Decoded requests with the rows of their traces, ready to be stored."""

    requests: list[DecodedRequest]
    batch: Batch


class Storer:
    """Prepares and stores requests.

    Args:
        store: The traces database.
        book: Prices; replaced by the owner when they change.
        stopping: Set when the worker has to come to an end.
    """

    def __init__(self, store: TraceStore, book: PriceBook, stopping: asyncio.Event) -> None:
        self.book = book
        self._store = store
        self._stopping = stopping

    async def prepare(self, requests: Sequence[RawRequest], *, redelivered: bool = False) -> Prepared:
        """Decode requests, except those that are known to be stored, and build their rows.

        Args:
            requests: The requests of some entries.
            redelivered: Whether they were delivered before, so that some of them may be stored already.
        """
        # An entry that was appended twice brings its requests twice.
        listed = list({_name(request.pending): request for request in requests}.values())
        if redelivered or any(request.pending.replay_of for request in listed):
            listed = await self._leave_out_stored(listed)
        repeated = await self.patiently(lambda: self._store.find_repeated([request.pending for request in listed]))
        started = time.perf_counter()
        decoded = [await self._decode(request, repeated) for request in listed]
        batch = await self._group(decoded)
        DECODE_SECONDS.observe(time.perf_counter() - started)
        return Prepared(decoded, batch)

    async def decode(self, request: RawRequest) -> DecodedRequest:
        """Decode one request and build its rows, only to return what it holds."""
        decoded = await self._decode(request, set())
        await self._group([decoded])
        return decoded

    async def _leave_out_stored(self, requests: list[RawRequest]) -> list[RawRequest]:
        stored = await self.patiently(lambda: self._store.find_stored([request.pending for request in requests]))
        return [request for request in requests if _name(request.pending) not in stored]

    async def _decode(self, request: RawRequest, repeated: set[tuple[int, str, str]]) -> DecodedRequest:
        pending = request.pending
        decoded = DecodedRequest(pending)
        digest = pending.digest
        if digest is not None and (pending.workspace_id, digest, pending.format) in repeated and not pending.rejected:
            decoded.is_repeated = True
            return decoded
        if request.damage is not None:
            decoded.rejected.update(pending.rejected)
            decoded.poison.append(whole_request(decoded, request.body, "undecodable", request.damage))
            return decoded
        for _ in decode_steps(decoded, request.body, self.book):
            # The server of the same process answers meanwhile.
            await asyncio.sleep(0)
        return decoded

    async def _group(self, decoded: Sequence[DecodedRequest]) -> Batch:
        batch = group_requests(decoded)
        for number, group in enumerate(batch.groups.values()):
            if not number % _GROUPS_A_STEP:
                await asyncio.sleep(0)
            try:
                group.fresh = render(group)
            except Exception as error:
                # Met again in the transaction, where it is traced to the item that causes it.
                logger.warning("trace_not_rendered", error=type(error).__name__)
        return batch

    async def commit(self, prepared: Prepared) -> None:
        """Store prepared requests, each exactly once, dead letters in place of what cannot be stored.

        Raises:
            StoppingError: The worker stops before the database answers.
        """
        if prepared.requests:
            await self._commit(prepared.requests, prepared.batch)

    async def commit_decoded(self, requests: Sequence[DecodedRequest]) -> None:
        """Store requests that were decoded piece by piece; see ``commit``."""
        await self._commit(requests, await self._group(requests))

    async def find_stored(self, requests: Sequence[RawRequest]) -> list[RawRequest]:
        """Return the requests that are not stored yet."""
        return await self._leave_out_stored(list(requests))

    async def _commit(self, requests: Sequence[DecodedRequest], batch: Batch) -> None:
        conflicts = rounds = 0
        while True:
            try:
                await self._transact(requests, batch)
                return
            except ConflictError:
                conflicts += 1
                FAILURES.labels(SERVICE, "store", "conflict").inc()
                if conflicts > _CONFLICTS:
                    raise
                requests = await self._not_stored(requests)
            except StoppingError:
                raise
            except Exception as error:
                reason = "slow" if isinstance(error, TooSlowError) else "data"
                FAILURES.labels(SERVICE, "store", reason).inc()
                logger.warning("batch_refused", error=f"{type(error).__name__}: {error}"[:300], requests=len(requests))
                if len(requests) > 1:
                    half = len(requests) // 2
                    for part in (requests[:half], requests[half:]):
                        await self._commit(part, await self._group(part))
                    return
                rounds += 1
                requests = [await self._purify(requests[0], error, rounds)]
            if not requests:
                return
            batch = await self._group(requests)

    async def _not_stored(self, requests: Sequence[DecodedRequest]) -> list[DecodedRequest]:
        stored = await self.patiently(lambda: self._store.find_stored([request.pending for request in requests]))
        return [request for request in requests if _name(request.pending) not in stored]

    async def _transact(self, requests: Sequence[DecodedRequest], batch: Batch) -> None:
        await self.patiently(lambda: self._store.prepare_days(batch.days))
        started = time.perf_counter()
        stored = await self.patiently(
            lambda: self._store.store(batch, time.time_ns()), give_up_on=TooSlowError if len(requests) > 1 else None
        )
        COMMIT_SECONDS.observe(time.perf_counter() - started)
        self._count(requests, stored)

    def _count(self, requests: Sequence[DecodedRequest], stored: Stored) -> None:
        BATCHES.inc()
        STORED_SPANS.inc(stored.spans)
        for request, counts in zip(requests, stored.counts, strict=True):
            DUPLICATES.inc(counts.duplicate)
            REJECTED.inc(counts.rejected)
            for poison in request.poison:
                DEAD_LETTERS.labels(poison.reason).inc(poison.items)
                logger.warning(
                    "dead_letter",
                    workspace_id=request.pending.workspace,
                    receipt_id=request.pending.receipt_id,
                    item_index=poison.index,
                    reason=poison.reason,
                    error=poison.error,
                )

    async def _purify(self, request: DecodedRequest, error: Exception, rounds: int) -> DecodedRequest:
        """Return the request with its poisonous items set aside."""
        if rounds > _POISON_ROUNDS or not request.items:
            bad: Iterable[tuple[Item, Exception]] = [(item, error) for item in request.items]
        else:
            bad = await self._find_poison(request, request.items)
        return request.without([(item, _poison(request, item, cause)) for item, cause in bad])

    async def _find_poison(self, request: DecodedRequest, items: Sequence[Item]) -> list[tuple[Item, Exception]]:
        """Bisect items by trial transactions, and return those that fail alone with their errors."""
        error = await self._try_out(request.only(items))
        if error is None:
            return []
        if len(items) == 1:
            return [(items[0], error)]
        half = len(items) // 2
        found = [
            *await self._find_poison(request, items[:half]),
            *await self._find_poison(request, items[half:]),
        ]
        # Halves that only fail together cannot both be stored.
        return found or [(item, error) for item in items[half:]]

    async def _try_out(self, request: DecodedRequest) -> Exception | None:
        batch = await self._group([request])
        for _ in range(_CONFLICTS):
            try:
                await self.patiently(lambda: self._store.try_out(batch))
            except ConflictError:
                await self.patiently(lambda: self._store.prepare_days(batch.days))
            except StoppingError:
                raise
            except Exception as error:
                return error
            else:
                return None
        return None

    async def patiently(self, work: Callable[[], Awaitable[_T]], give_up_on: type[Exception] | None = None) -> _T:
        """Do something that needs the database, as often as it takes while the database cannot be reached.

        Args:
            work: What to do.
            give_up_on: An error that is raised at once although it says nothing about the data.

        Raises:
            StoppingError: The worker stops meanwhile.
        """
        attempt = 0
        while True:
            try:
                return await work()
            except Exception as error:
                if not is_dependency_error(error) or (give_up_on is not None and isinstance(error, give_up_on)):
                    raise
                FAILURES.labels(SERVICE, "store", "dependency").inc()
                delay = random.uniform(0, min(_BACKOFF_CAP, _BACKOFF_BASE * 2**attempt))
                attempt += 1
                logger.warning("database_unreachable", error=type(error).__name__, retry_seconds=round(delay, 2))
                await self._pause(delay)

    async def _pause(self, seconds: float) -> None:
        if self._stopping.is_set():
            raise StoppingError
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return
        raise StoppingError


def _name(pending: PendingRequest) -> str:
    """Return what tells a request, or the replay of a dead letter, from every other."""
    return pending.replay_of or pending.receipt_id


def _poison(request: DecodedRequest, item: Item, error: Exception) -> Poison:
    return poison_item(request.pending, item, "refused_by_database", error)
