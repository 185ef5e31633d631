"""Traces whose spans are priced again: found in order, read without a lock, changed under it."""

import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from processing.app.batch import Group, Known, Rendered, TraceKey, outbox_rows, render
from processing.app.queries import traces
from processing.app.queries.storing import copy_rows, restore_expired
from processing.app.queries.traces import Change, Head, by_days, microseconds, moment
from processing.app.repricing import Account, Cost, Repricer, costs_of, reported_costs
from processing.app.rows import OUTBOX_COLUMNS, TRACE_COLUMNS, encode_trace
from shared.database import Connection, Pool
from shared.domain import CostSource, SpanKind, Status
from shared.normalisation.model import SpanRow
from shared.rollups.queries import contribute

# A trace's last span only ever moves on, so that a walk in its order misses none, however traces grow meanwhile.
_SELECT_HEADS = """
select workspace_id, trace_id, first_start, last_start, revision from trace_heads
where workspace_id = $1 and (last_start, trace_id) > ($2, $3) and first_start < $4
order by last_start, trace_id
limit $5
"""
_SELECT_SIZES = """
select t.trace_id, t.span_count
from unnest($1::int4[], $2::uuid[]) as asked (workspace_id, trace_id)
join traces t on t.workspace_id = asked.workspace_id and t.trace_id = asked.trace_id
where t.start_time between $3 and $4
"""


class Portion(NamedTuple):
    """Some traces in the order of the walk, and where it goes on."""

    heads: list[Head]
    position: tuple[datetime, uuid.UUID]


async def next_portion(
    connection: Connection,
    workspace: int,
    after: tuple[datetime, uuid.UUID],
    until: datetime,
    *,
    most_traces: int,
    most_spans: int,
) -> Portion | None:
    """Return the next traces of which a span may start before ``until``, None when there are no more.

    Args:
        connection: Connection to the traces database.
        workspace: Number of the workspace.
        after: Last start and id of the trace before.
        until: End of the range.
        most_traces: Most traces of a portion.
        most_spans: Most spans of a portion, unless one trace alone has more.
    """
    rows = await connection.fetch(_SELECT_HEADS, workspace, *after, until, most_traces)
    if not rows:
        return None
    heads = [traces.read_head(row) for row in rows]
    sizes: dict[bytes, int] = {}
    for arguments in by_days(heads):
        for row in await connection.fetch(_SELECT_SIZES, *arguments):
            sizes[row["trace_id"].bytes] = row["span_count"]
    taken = spans = 0
    for head in heads:
        spans += sizes.get(head.trace_id, 0)
        if taken and spans > most_spans:
            break
        taken += 1
    last = rows[taken - 1]
    return Portion(heads[:taken], (last["last_start"], last["trace_id"]))


_SELECT_LEAN = """
select s.workspace_id, s.trace_id, s.span_id, s.parent_span_id, s.start_time, s.duration_us, s.kind, s.status,
       s.model, s.model_requested, s.model_provider, s.tokens_input, s.tokens_output, s.tokens_total, s.tokens_cached,
       s.tokens_cache_write, s.tokens_reasoning, s.cost_nano, s.cost_source, s.price_id, s.response_id,
       s.attribute_count, s.digest, s.counted
from unnest($1::int4[], $2::uuid[]) as asked (workspace_id, trace_id)
join spans s on s.workspace_id = asked.workspace_id and s.trace_id = asked.trace_id
where s.start_time between $3 and $4
"""
_SELECT_PAYLOADS = """
select format, body from span_payloads
where workspace_id = $1 and trace_id = $2 and start_time between $3 and $4 and span_ids && $5::int8[]
"""


async def read_lean(connection: Connection, heads: Sequence[Head]) -> dict[TraceKey, list[SpanRow]]:
    """Return the spans of traces with what decides about cost, and which of them counts."""
    found: dict[TraceKey, list[SpanRow]] = {(head.workspace, head.trace_id): [] for head in heads}
    for arguments in by_days(heads):
        for row in await connection.fetch(_SELECT_LEAN, *arguments):
            span = _read_lean(row)
            found[row["workspace_id"], span.trace_id].append(span)
    return found


def _read_lean(row: Any) -> SpanRow:
    start_ns = microseconds(row["start_time"]) * 1000
    duration_us = row["duration_us"]
    return SpanRow(
        trace_id=row["trace_id"].bytes,
        span_id=row["span_id"],
        parent_span_id=row["parent_span_id"],
        start_ns=start_ns,
        end_ns=None if duration_us is None else start_ns + duration_us * 1000,
        name="",
        kind=SpanKind(row["kind"]),
        status=Status(row["status"]),
        model=row["model"],
        model_requested=row["model_requested"],
        model_provider=row["model_provider"],
        tokens_input=row["tokens_input"],
        tokens_output=row["tokens_output"],
        tokens_total=row["tokens_total"],
        tokens_cached=row["tokens_cached"],
        tokens_cache_write=row["tokens_cache_write"],
        tokens_reasoning=row["tokens_reasoning"],
        cost_nano=row["cost_nano"],
        cost_source=CostSource(row["cost_source"]),
        price_id=row["price_id"],
        response_id=row["response_id"],
        attribute_count=row["attribute_count"],
        digest=row["digest"],
        counted=row["counted"],
    )


async def price(connection: Connection, head: Head, rows: Sequence[SpanRow], repricer: Repricer) -> dict[int, Cost]:
    """Price the spans of a trace in place and return what they cost before."""
    before = costs_of(rows)
    lost = repricer.price(rows)
    if lost:
        start, end = moment(head.first_us), moment(head.last_us)
        ids = [row.span_id for row in lost]
        payloads = await connection.fetch(
            _SELECT_PAYLOADS, head.workspace, uuid.UUID(bytes=head.trace_id), start, end, ids
        )
        repricer.restore(lost, reported_costs(head.trace_id, ((row["format"], row["body"]) for row in payloads)))
    return before


# Days in the column store are unpacked for the first trace of theirs that changes, however large they are.
_UNPACK = "set local timescaledb.max_tuples_decompressed_per_dml_transaction = 0"
_UPDATE_COSTS = """
update spans s set cost_nano = new.cost_nano, cost_source = new.cost_source, price_id = new.price_id
from unnest($1::int4[], $2::uuid[], $3::int8[], $4::timestamptz[], $5::int8[], $6::int2[], $7::int4[])
  as new (workspace_id, trace_id, span_id, start_time, cost_nano, cost_source, price_id)
where s.workspace_id = new.workspace_id and s.trace_id = new.trace_id and s.span_id = new.span_id
  and s.start_time = new.start_time and s.start_time between $8 and $9
"""


async def reprice(
    pool: Pool,
    heads: Iterable[Head],
    repricer: Repricer,
    *,
    workspace: int,
    workspace_id: str,
    before_commit: Callable[[Account], Awaitable[None]],
) -> Account:
    """Price traces again and store what changes, in one transaction; return the account of it.

    Args:
        pool: Pool of the traces database.
        heads: The traces.
        repricer: Prices their spans.
        workspace: Number of the workspace.
        workspace_id: Its public id.
        before_commit: Called with the account before anything of it can be seen; what it raises undoes everything.
    """
    account = Account()
    groups = sorted((_group(head) for head in heads), key=lambda group: group.trace_id)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(_UNPACK)
        # As writers lock them, so that neither they nor retention change a trace meanwhile; some may have gone.
        locked = list((await traces.lock_heads(connection, groups)).values())
        changes = [Change(_group(head), head, []) for head in locked]
        await restore_expired(connection, locked)
        await contribute(connection, [traces.window(change.head) for change in changes], -1)
        contents = await traces.read_contents(connection, changes)
        await traces.update_heads(connection, changes)
        changed: list[SpanRow] = []
        rendered: list[tuple[Change, Rendered]] = []
        for change in changes:
            content = contents[workspace, change.group.trace_id]
            before = await price(connection, change.head, content.spans, repricer)
            rows = render(change.group, Known(content.spans, content.logs))
            if rows.trace is None:
                continue
            if rows.trace.external_trace_id is None:
                rows.trace.external_trace_id = content.external_id
            counted = rows.trace.counted
            account.add_trace(content.spans, before, counted, repricer.wanted.includes)
            changed += [row for row in content.spans if _cost(row) != before[row.span_id][:3]]
            await traces.update_counted(connection, workspace, content.spans, counted)
            rendered.append((change, rows))
        await _update_costs(connection, workspace, changed)
        await copy_rows(
            connection,
            "traces",
            TRACE_COLUMNS,
            [encode_trace(workspace, rows.trace, change.revision) for change, rows in rendered if rows.trace],
        )
        await contribute(connection, [traces.window(change.head) for change, _ in rendered], 1)
        announced = [(workspace, change.group.trace_id, change.revision, *_days(change.head)) for change, _ in rendered]
        await copy_rows(connection, "outbox", OUTBOX_COLUMNS, outbox_rows({workspace: workspace_id}, announced))
        await before_commit(account)
    return account


async def _update_costs(connection: Connection, workspace: int, rows: Sequence[SpanRow]) -> None:
    for arguments in _by_day(rows):
        starts = [moment(row.start_ns // 1000) for row in arguments]
        await connection.execute(
            _UPDATE_COSTS,
            [workspace] * len(arguments),
            [uuid.UUID(bytes=row.trace_id) for row in arguments],
            [row.span_id for row in arguments],
            starts,
            [row.cost_nano for row in arguments],
            [int(row.cost_source) for row in arguments],
            [row.price_id for row in arguments],
            min(starts),
            max(starts),
        )


def _by_day(rows: Iterable[SpanRow]) -> Iterable[list[SpanRow]]:
    days: dict[int, list[SpanRow]] = {}
    for row in rows:
        days.setdefault(row.start_ns // 86_400_000_000_000, []).append(row)
    return days.values()


def _cost(row: SpanRow) -> tuple[Any, ...]:
    return row.cost_nano, row.cost_source, row.price_id


def _group(head: Head) -> Group:
    return Group(head.workspace, head.trace_id, head.first_us, head.last_us)


def _days(head: Head) -> tuple[Any, Any]:
    return moment(head.first_us).date(), moment(head.last_us).date()


def is_changed(rows: Iterable[SpanRow], before: Mapping[int, Cost]) -> bool:
    """Return whether any span has another cost, or another reason for it, than before."""
    return any(_cost(row) != before[row.span_id][:3] for row in rows)
