"""Works out the cost of stored spans again by the prices known now, a portion of traces at a time."""

import asyncio
import time
from datetime import date, datetime
from typing import Any
from uuid import UUID

from processing.app.publisher import note_now
from processing.app.queries.prices import load_prices
from processing.app.queries.repricing import Portion, is_changed, next_portion, price, read_lean, reprice
from processing.app.queries.traces import Head, microseconds, moment
from processing.app.repricing import Account, Repricer, Wanted
from shared.changes import days_between
from shared.jobs.context import JobContext
from shared.jobs.types import RepriceParams
from shared.normalisation.model import SpanRow
from shared.normalisation.trace import fold_trace
from shared.streams.contracts import pending_streams
from shared.streams.queue import PendingQueue

_MOST_TRACES = 200
_MOST_SPANS = 10_000
# Rests as long as it works, and longer while requests wait in the queue, whose storing is more urgent.
_REST_FACTOR = 1.0
_REST_FACTOR_BEHIND = 4.0
_LONGEST_REST = 10.0
_PORTIONS_A_LOG = 50


async def run(context: JobContext) -> dict[str, Any]:
    """Reprice, or with ``dry_run`` only account for what repricing would change.

    Traces are walked in the order in which they ended, and a portion of them changes in one transaction. The
    checkpoint is the last trace with the account so far. Beside it stands the account of the portion that is about to
    be committed: a run that goes on and finds nothing left to change there knows that it was. A trace that grows while
    the job runs may be looked at and counted twice, which changes no difference.
    """
    params = RepriceParams.model_validate(context.params)
    book = await load_prices(context.traces)
    wanted = Wanted(
        microseconds(params.from_) * 1000,
        microseconds(params.to) * 1000,
        None if params.provider is None else params.provider.lower(),
        None if params.model is None else params.model.lower(),
    )
    repricer = Repricer(book, context.workspace, wanted)
    walk = _Walk(context, params, repricer)
    while await walk.step():
        pass
    return await walk.finish()


class _Walk:
    """The way through the traces of a workspace, and what was found on it."""

    def __init__(self, context: JobContext, params: RepriceParams, repricer: Repricer) -> None:
        self._context = context
        self._params = params
        self._repricer = repricer
        state = context.checkpoint
        self._position = _position(state["after"]) if state else (params.from_, UUID(int=0))
        self._account = Account.load(state["account"]) if state else Account()
        self._pending = Account.load(state["pending"]) if state.get("pending") else None
        self._queue = PendingQueue(context.redis, pending_streams(context.settings.stream_shards))
        self._portions = 0
        self._changed_days: set[date] = set()

    async def step(self) -> bool:
        """Deal with one portion; False when there is none left."""
        await self._context.check()
        began = time.monotonic()
        async with self._context.traces.acquire() as connection:
            portion = await next_portion(
                connection,
                self._context.workspace,
                self._position,
                self._params.to,
                most_traces=_MOST_TRACES,
                most_spans=_MOST_SPANS,
            )
            if portion is None:
                return False
            account, changing = await self._look_at(connection, portion)
        if changing and not self._params.dry_run:
            account = account.plus(await self._change(changing, account))
        elif self._pending is not None and self._pending.spans_changed:
            account = self._pending
        else:
            account = account.plus(self._would_change(changing))
        self._pending = None
        self._account = self._account.plus(account)
        self._position = portion.position
        await self._context.save(self._state())
        await self._report()
        await self._rest(time.monotonic() - began)
        return True

    async def _look_at(
        self, connection: Any, portion: Portion
    ) -> tuple[Account, list[tuple[Head, list[SpanRow], dict[int, Any]]]]:
        """Return the account of traces that stay as they are, and the others with their spans' costs before."""
        account = Account()
        changing = []
        spans = await read_lean(connection, portion.heads)
        for head in portion.heads:
            rows = spans[head.workspace, head.trace_id]
            before = await price(connection, head, rows, self._repricer)
            if is_changed(rows, before):
                changing.append((head, rows, before))
            elif any(self._repricer.wanted.includes(row) for row in rows):
                counted = {row.span_id for row in rows if row.counted}
                account.add_trace(rows, before, counted, self._repricer.wanted.includes)
        return account, changing

    async def _change(self, changing: list[tuple[Head, list[SpanRow], dict[int, Any]]], rest: Account) -> Account:
        async def before_commit(account: Account) -> None:
            self._pending = rest.plus(account)
            await self._context.save(self._state())

        account = await reprice(
            self._context.traces,
            [head for head, _, _ in changing],
            self._repricer,
            workspace=self._context.workspace,
            workspace_id=self._context.workspace_id,
            before_commit=before_commit,
        )
        for head, _, _ in changing:
            self._changed_days.update(days_between(moment(head.first_us).date(), moment(head.last_us).date()))
        return account

    def _would_change(self, changing: list[tuple[Head, list[SpanRow], dict[int, Any]]]) -> Account:
        account = Account()
        for _, rows, before in changing:
            counted = fold_trace(rows).counted
            account.add_trace(rows, before, counted, self._repricer.wanted.includes)
        return account

    def _state(self) -> dict[str, Any]:
        return {
            "after": [self._position[0].isoformat(), str(self._position[1])],
            "account": self._account.dump(),
            "pending": None if self._pending is None else self._pending.dump(),
        }

    async def _report(self) -> None:
        whole = (self._params.to - self._params.from_).total_seconds()
        done = (self._position[0] - self._params.from_).total_seconds()
        text = self._summary()
        await self._context.progress(min(0.99, max(0.0, done / whole)), text)
        self._portions += 1
        if self._portions % _PORTIONS_A_LOG == 0:
            await self._context.log(text)

    def _summary(self) -> str:
        verb = "would change" if self._params.dry_run else "changed"
        return f"{self._account.spans} spans of {self._account.traces} traces, {self._account.spans_changed} {verb}"

    async def _rest(self, worked: float) -> None:
        backlog = await self._queue.backlog()
        factor = _REST_FACTOR_BEHIND if backlog.entries > 0 else _REST_FACTOR
        await asyncio.sleep(min(_LONGEST_REST, worked * factor))

    async def finish(self) -> dict[str, Any]:
        """Return the result of the job."""
        if self._changed_days:
            await note_now(self._context.settings.cache_url, self._context.workspace, self._changed_days)
        await self._context.log(self._summary())
        return self._account.result(dry_run=self._params.dry_run)


def _position(values: list[str]) -> tuple[datetime, UUID]:
    return datetime.fromisoformat(values[0]), UUID(values[1])
