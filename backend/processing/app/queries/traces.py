"""Heads, spans, log records and rows of traces that may exist already."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson
from asyncpg.pgproto.pgproto import UUID

from processing.app.batch import Group, TraceKey
from shared.database import Connection
from shared.domain import CostSource, SpanKind, Status
from shared.normalisation.model import LogFacts, SpanRow
from shared.normalisation.trace import wins
from shared.rollups.queries import TraceWindow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_KINDS = tuple(SpanKind)
_STATUSES = tuple(Status)
_COST_SOURCES = tuple(CostSource)


class Head(NamedTuple):
    """The row of ``trace_heads``; times are microseconds since the Unix epoch."""

    workspace: int
    trace_id: bytes
    first_us: int
    last_us: int
    revision: int


@dataclass(slots=True)
class Versions:
    """What tells whether a span or log record is stored: of spans only what decides between versions."""

    spans: dict[int, SpanRow] = field(default_factory=dict)
    logs: set[tuple[int, int]] = field(default_factory=set)


@dataclass(slots=True)
class Change:
    """What a batch adds to a trace that exists, and the spans it replaces by id and old start."""

    group: Group
    head: Head
    replaced: list[tuple[int, int]]

    @property
    def revision(self) -> int:
        """Return the revision that the trace gets."""
        return self.head.revision + 1


@dataclass(slots=True)
class Content:
    """Everything that a trace's row is made from."""

    spans: list[SpanRow] = field(default_factory=list)
    logs: list[LogFacts] = field(default_factory=list)
    external_id: str | None = None


# Both statements take traces in one order, so that two writers never wait for each other.
_INSERT_HEADS = """
insert into trace_heads (workspace_id, trace_id, first_start, last_start)
select workspace_id, trace_id, first_start, last_start
from unnest($1::int4[], $2::uuid[], $3::timestamptz[], $4::timestamptz[])
  as head (workspace_id, trace_id, first_start, last_start)
order by workspace_id, trace_id
on conflict do nothing
returning workspace_id, trace_id
"""
_LOCK_HEADS = """
select h.workspace_id, h.trace_id, h.first_start, h.last_start, h.revision
from trace_heads h
join unnest($1::int4[], $2::uuid[]) as asked (workspace_id, trace_id)
  on h.workspace_id = asked.workspace_id and h.trace_id = asked.trace_id
order by h.workspace_id, h.trace_id
for update of h
"""


async def insert_heads(connection: Connection, groups: Sequence[Group]) -> set[TraceKey]:
    """Claim traces, given in sorted order, and return those that are new; waits for writers of the same traces."""
    rows = await connection.fetch(
        _INSERT_HEADS,
        [group.workspace for group in groups],
        [UUID(group.trace_id) for group in groups],
        [moment(group.first_us) for group in groups],
        [moment(group.last_us) for group in groups],
    )
    return {(row["workspace_id"], row["trace_id"].bytes) for row in rows}


async def lock_heads(connection: Connection, groups: Sequence[Group]) -> dict[TraceKey, Head]:
    """Lock traces that exist and return their heads."""
    rows = await connection.fetch(
        _LOCK_HEADS, [group.workspace for group in groups], [UUID(group.trace_id) for group in groups]
    )
    heads = [read_head(row) for row in rows]
    return {(head.workspace, head.trace_id): head for head in heads}


def read_head(row: Any) -> Head:
    """Return the head that a row holds."""
    first, last = microseconds(row["first_start"]), microseconds(row["last_start"])
    return Head(row["workspace_id"], row["trace_id"].bytes, first, last, row["revision"])


_SELECT_VERSIONS = """
select s.workspace_id, s.trace_id, s.span_id, s.start_time, s.duration_us, s.attribute_count, s.digest
from unnest($1::int4[], $2::uuid[]) as asked (workspace_id, trace_id)
join spans s on s.workspace_id = asked.workspace_id and s.trace_id = asked.trace_id
where s.start_time between $3 and $4
"""
_SELECT_LOG_KEYS = """
select l.workspace_id, l.trace_id, l.digest, l.log_time
from unnest($1::int4[], $2::uuid[]) as asked (workspace_id, trace_id)
join span_logs l on l.workspace_id = asked.workspace_id and l.trace_id = asked.trace_id
where l.log_time between $3 and $4
"""


async def read_versions(connection: Connection, heads: Mapping[TraceKey, Head]) -> dict[TraceKey, Versions]:
    """Return what is stored of these traces."""
    found: dict[TraceKey, Versions] = {key: Versions() for key in heads}
    for arguments in by_days(heads.values()):
        for row in await connection.fetch(_SELECT_VERSIONS, *arguments):
            trace_id = row["trace_id"].bytes
            start_ns = microseconds(row["start_time"]) * 1000
            duration_us = row["duration_us"]
            found[row["workspace_id"], trace_id].spans[row["span_id"]] = SpanRow(
                trace_id,
                row["span_id"],
                None,
                start_ns,
                None if duration_us is None else start_ns + duration_us * 1000,
                "",
                SpanKind.OTHER,
                Status.SUCCESS,
                attribute_count=row["attribute_count"],
                digest=row["digest"],
            )
        for row in await connection.fetch(_SELECT_LOG_KEYS, *arguments):
            key = (row["workspace_id"], row["trace_id"].bytes)
            found[key].logs.add((row["digest"], microseconds(row["log_time"])))
    return found


def compare(group: Group, head: Head, versions: Versions, stored: list[int], duplicate: list[int]) -> Change | None:
    """Return what a group adds to a trace, None when all of it is stored.

    Args:
        group: What a batch holds of the trace; it is left as it is.
        head: The trace's head.
        versions: What is stored.
        stored: Number of new items by request of the batch, counted up.
        duplicate: The same for further versions of what is stored, whether or not they replace it.
    """
    rest = Group(group.workspace, group.trace_id, min(group.first_us, head.first_us), max(group.last_us, head.last_us))
    replaced: list[tuple[int, int]] = []
    for span_id, (position, item) in group.spans.items():
        other = versions.spans.get(span_id)
        if other is None:
            stored[position] += 1
            rest.spans[span_id] = (position, item)
            continue
        duplicate[position] += 1
        if wins(item.row, other):
            replaced.append((span_id, other.start_ns // 1000))
            rest.spans[span_id] = (position, item)
    for log_key, (position, record) in group.logs.items():
        if log_key in versions.logs:
            duplicate[position] += 1
        else:
            stored[position] += 1
            rest.logs[log_key] = (position, record)
    return Change(rest, head, replaced) if rest.spans or rest.logs else None


_DELETE_SPANS = """
delete from spans s
using unnest($1::int4[], $2::uuid[], $3::int8[], $4::timestamptz[])
  as gone (workspace_id, trace_id, span_id, start_time)
where s.workspace_id = gone.workspace_id and s.trace_id = gone.trace_id and s.span_id = gone.span_id
  and s.start_time = gone.start_time and s.start_time between $5 and $6
"""


async def remove_replaced(connection: Connection, changes: Sequence[Change]) -> None:
    """Delete the versions of spans that a batch replaces."""
    gone = [
        (change.group.workspace, UUID(change.group.trace_id), span_id, moment(start_us))
        for change in changes
        for span_id, start_us in change.replaced
    ]
    if gone:
        times = [start for *_, start in gone]
        columns = [list(column) for column in zip(*gone, strict=True)]
        await connection.execute(_DELETE_SPANS, *columns, min(times), max(times))


_SELECT_SPANS = """
select s.workspace_id, s.trace_id, s.span_id, s.parent_span_id, s.start_time, s.duration_us, s.name, s.kind, s.status,
       s.agent_id, s.session_id, s.user_id, s.model, s.model_requested, s.model_provider, s.tokens_input,
       s.tokens_output, s.tokens_total, s.tokens_cached, s.tokens_cache_write, s.tokens_reasoning, s.cost_nano,
       s.cost_source, s.price_id, s.ttft_us, s.tool_name, s.service, s.environment, s.release, s.error_type,
       s.error_message, s.response_id, s.input_preview, s.output_preview, s.tags, s.metadata::text as metadata,
       s.attribute_count, s.digest, s.counted
from unnest($1::int4[], $2::uuid[]) as asked (workspace_id, trace_id)
join spans s on s.workspace_id = asked.workspace_id and s.trace_id = asked.trace_id
where s.start_time between $3 and $4
"""
_SELECT_LOGS = """
select l.workspace_id, l.trace_id, l.span_id, l.log_time, l.event_name, l.digest, l.user_id, l.session_id, l.agent_id,
       l.error_type, l.error_message, l.input_preview, l.output_preview
from unnest($1::int4[], $2::uuid[]) as asked (workspace_id, trace_id)
join span_logs l on l.workspace_id = asked.workspace_id and l.trace_id = asked.trace_id
where l.log_time between $3 and $4
"""
# The row comes back under its new revision, maybe with another start time and so in another partition.
_TAKE_TRACES = """
delete from traces t
using unnest($1::int4[], $2::uuid[]) as asked (workspace_id, trace_id)
where t.workspace_id = asked.workspace_id and t.trace_id = asked.trace_id and t.start_time between $3 and $4
returning t.workspace_id, t.trace_id, t.external_id
"""


async def read_contents(connection: Connection, changes: Sequence[Change]) -> dict[TraceKey, Content]:
    """Return what is stored of traces that change, and take their old rows away."""
    heads = [change.head for change in changes]
    found = {(head.workspace, head.trace_id): Content() for head in heads}
    for arguments in by_days(heads):
        for row in await connection.fetch(_TAKE_TRACES, *arguments):
            found[row["workspace_id"], row["trace_id"].bytes].external_id = row["external_id"]
        for row in await connection.fetch(_SELECT_SPANS, *arguments):
            span = _read_span(row)
            found[row["workspace_id"], span.trace_id].spans.append(span)
        for row in await connection.fetch(_SELECT_LOGS, *arguments):
            facts = _read_log(row)
            found[row["workspace_id"], facts.trace_id].logs.append(facts)
    return found


_UPDATE_HEADS = """
update trace_heads h
set first_start = new.first_start, last_start = new.last_start, revision = h.revision + 1
from unnest($1::int4[], $2::uuid[], $3::timestamptz[], $4::timestamptz[])
  as new (workspace_id, trace_id, first_start, last_start)
where h.workspace_id = new.workspace_id and h.trace_id = new.trace_id
"""


async def update_heads(connection: Connection, changes: Sequence[Change]) -> None:
    """Widen the bounds of traces and count their revisions up."""
    groups = [change.group for change in changes]
    await connection.execute(
        _UPDATE_HEADS,
        [group.workspace for group in groups],
        [UUID(group.trace_id) for group in groups],
        [moment(group.first_us) for group in groups],
        [moment(group.last_us) for group in groups],
    )


_UPDATE_COUNTED = """
update spans s set counted = new.counted
from unnest($1::int4[], $2::uuid[], $3::int8[], $4::timestamptz[], $5::bool[])
  as new (workspace_id, trace_id, span_id, start_time, counted)
where s.workspace_id = new.workspace_id and s.trace_id = new.trace_id and s.span_id = new.span_id
  and s.start_time = new.start_time and s.start_time between $6 and $7
"""


async def update_counted(connection: Connection, workspace: int, spans: Sequence[SpanRow], counted: set[int]) -> None:
    """Change which stored spans of a trace count for it: a child that reports usage makes its parent count no more."""
    changed = [span for span in spans if span.counted != (span.span_id in counted)]
    if changed:
        starts = [moment(span.start_ns // 1000) for span in changed]
        await connection.execute(
            _UPDATE_COUNTED,
            [workspace] * len(changed),
            [UUID(span.trace_id) for span in changed],
            [span.span_id for span in changed],
            starts,
            [span.span_id in counted for span in changed],
            min(starts),
            max(starts),
        )


def window(trace: Group | Head) -> TraceWindow:
    """Return where the rows of a trace lie, as rollups ask for it."""
    return trace.workspace, UUID(trace.trace_id), moment(trace.first_us), moment(trace.last_us)


def by_days(heads: Iterable[Head]) -> list[tuple[list[int], list[UUID], datetime, datetime]]:
    """Return the arguments of a query for each set of traces that lie within the same days.

    One old trace must not make the query of a whole batch search all partitions.
    """
    windows: dict[tuple[int, int], list[Head]] = {}
    for head in heads:
        windows.setdefault((head.first_us // 86_400_000_000, head.last_us // 86_400_000_000), []).append(head)
    return [
        (
            [head.workspace for head in listed],
            [UUID(head.trace_id) for head in listed],
            moment(min(head.first_us for head in listed)),
            moment(max(head.last_us for head in listed)),
        )
        for listed in windows.values()
    ]


def _read_span(row: Any) -> SpanRow:
    start_ns = microseconds(row["start_time"]) * 1000
    duration_us = row["duration_us"]
    metadata = row["metadata"]
    return SpanRow(
        trace_id=row["trace_id"].bytes,
        span_id=row["span_id"],
        parent_span_id=row["parent_span_id"],
        start_ns=start_ns,
        end_ns=None if duration_us is None else start_ns + duration_us * 1000,
        name=row["name"],
        kind=_KINDS[row["kind"]],
        status=_STATUSES[row["status"]],
        agent_id=row["agent_id"],
        session_id=row["session_id"],
        user_id=row["user_id"],
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
        cost_source=_COST_SOURCES[row["cost_source"]],
        price_id=row["price_id"],
        ttft_us=row["ttft_us"],
        tool_name=row["tool_name"],
        service=row["service"],
        environment=row["environment"],
        release=row["release"],
        error_type=row["error_type"],
        error_message=row["error_message"],
        response_id=row["response_id"],
        input_preview=row["input_preview"],
        output_preview=row["output_preview"],
        tags=row["tags"] or [],
        metadata=orjson.loads(metadata) if metadata else {},
        attribute_count=row["attribute_count"],
        digest=row["digest"],
        counted=row["counted"],
    )


def _read_log(row: Any) -> LogFacts:
    return LogFacts(
        trace_id=row["trace_id"].bytes,
        span_id=row["span_id"],
        time_ns=microseconds(row["log_time"]) * 1000,
        event_name=row["event_name"],
        digest=row["digest"],
        user_id=row["user_id"],
        session_id=row["session_id"],
        agent_id=row["agent_id"],
        error_type=row["error_type"],
        error_message=row["error_message"],
        input_preview=row["input_preview"],
        output_preview=row["output_preview"],
    )


def moment(time_us: int) -> datetime:
    """Return the time that is so many microseconds after the Unix epoch."""
    return _EPOCH + timedelta(microseconds=time_us)


def microseconds(time: datetime) -> int:
    """Return the microseconds from the Unix epoch to a time."""
    return (time - _EPOCH) // _MICROSECOND
