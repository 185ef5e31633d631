"""SQL that feeds and folds rollups, made from their specification."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from shared.database import Connection
from shared.rollups.spec import BASE_DAYS, ERRORS, ORIGIN, ROLLUPS, SOURCES, SPANS, TRACES, Level, Rollup, Source

_ORIGIN = f"'{ORIGIN.isoformat()}'::timestamptz"
_FOLD_LOCK = 0x666F6C64
_MAX_DELTAS = 50_000

# Traces and the times between which their spans start: workspace number, key, first and last start.
TraceWindow = tuple[int, UUID, datetime, datetime]


def bucket_of(column: str, level: Level) -> str:
    """Return the SQL of the bucket in which a time lies."""
    return f"date_bin('{int(level.length.total_seconds())} seconds', {column}, {_ORIGIN})"


_ASKED = "unnest($1::int4[], $2::uuid[]) as asked (workspace_id, trace_id)"
_BASE = bucket_of("{}.start_time", Level.BASE)


def _signed(*expressions: str) -> str:
    return ", ".join(f"$5::int4 * {expression}" for expression in expressions)


_CONTRIBUTE_TRACES = f"""
insert into {TRACES.deltas}
  (workspace_id, bucket, {", ".join(TRACES.dimensions)}, {", ".join(TRACES.measures)}, hist)
select t.workspace_id, {_BASE.format("t")}, coalesce(t.environment, ''), coalesce(t.agent_id, ''),
  coalesce(t.release, ''), t.status, coalesce(t.user_id, ''), coalesce(t.session_id, ''),
  {
    _signed(
        "1",
        "(t.status <> 0)::int4",
        "(t.status = 2)::int4",
        "coalesce(t.duration_us, 0)",
        "(t.duration_us is not null)::int4",
        "coalesce(t.tokens_input, 0)",
        "coalesce(t.tokens_output, 0)",
        "coalesce(t.tokens_total, 0)",
        "coalesce(t.tokens_cached, 0)",
        "coalesce(t.tokens_reasoning, 0)",
        "coalesce(t.cost_nano, 0)",
        "(t.cost_source = 5 or t.cost_source = 0 and coalesce(t.tokens_total, 0) > 0)::int4",
        "t.span_count",
        "t.llm_call_count",
        "t.tool_call_count",
    )
},
  array_remove(array[
    case when t.duration_us is not null then hist_item(t.duration_us, 0, $5) end,
    case when t.ttft_us is not null then hist_item(t.ttft_us, 1000, $5) end
  ], null)
from {_ASKED}
join traces t on t.workspace_id = asked.workspace_id and t.trace_id = asked.trace_id
where t.start_time between $3 and $4
"""  # noqa: S608
# What a span does not say of itself it has from its trace.
_CONTRIBUTE_SPANS = f"""
insert into {SPANS.deltas}
  (workspace_id, bucket, {", ".join(SPANS.dimensions)}, {", ".join(SPANS.measures)}, hist)
select workspace_id, bucket, environment, agent_id, release, kind, model, provider, tool_name, status, cost_source,
  {
    _signed(
        "count(*)",
        "count(*) filter (where status <> 0)",
        "count(*) filter (where status = 2)",
        "coalesce(sum(duration_us), 0)",
        "count(duration_us)",
        "coalesce(sum(tokens_input) filter (where counted), 0)",
        "coalesce(sum(tokens_output) filter (where counted), 0)",
        "coalesce(sum(tokens_total) filter (where counted), 0)",
        "coalesce(sum(tokens_cached) filter (where counted), 0)",
        "coalesce(sum(tokens_reasoning) filter (where counted), 0)",
        "coalesce(sum(cost_nano) filter (where counted), 0)",
        "count(*) filter (where counted and cost_nano is null)",
        "count(*) filter (where counted)",
    )
},
  coalesce(array_agg(hist_item(duration_us, 0, $5)) filter (where duration_us is not null), '{{}}')
    || coalesce(array_agg(hist_item(ttft_us, 1000, $5)) filter (where ttft_us is not null), '{{}}')
from (
  select s.workspace_id, {_BASE.format("s")} as bucket,
    coalesce(s.environment, t.environment, '') as environment, coalesce(s.agent_id, t.agent_id, '') as agent_id,
    coalesce(s.release, t.release, '') as release, s.kind, coalesce(s.model, s.model_requested, '') as model,
    coalesce(s.model_provider, '') as provider, coalesce(s.tool_name, '') as tool_name, s.status, s.cost_source,
    s.duration_us, s.ttft_us, s.counted, s.tokens_input, s.tokens_output, s.tokens_cached, s.tokens_reasoning,
    coalesce(s.tokens_total, coalesce(s.tokens_input, 0) + coalesce(s.tokens_output, 0))::int8 as tokens_total,
    s.cost_nano
  from {_ASKED}
  join traces t on t.workspace_id = asked.workspace_id and t.trace_id = asked.trace_id
  join spans s on s.workspace_id = asked.workspace_id and s.trace_id = asked.trace_id
  where t.start_time between $3 and $4 and s.start_time between $3 and $4
) s
group by workspace_id, bucket, environment, agent_id, release, kind, model, provider, tool_name, status, cost_source,
  counted
"""  # noqa: S608
_CONTRIBUTE_ERRORS = f"""
insert into {ERRORS.deltas}
  (workspace_id, bucket, environment, agent_id, kind, error_group, n, error_type, message, trace_id, span_id)
select workspace_id, bucket, environment, agent_id, kind,
  hashtextextended(coalesce(error_type, '') || e'\\x1f' || message, 0), $5::int4, error_type, message, trace_id, span_id
from (
  select s.workspace_id, {_BASE.format("s")} as bucket,
    coalesce(s.environment, t.environment, '') as environment, coalesce(s.agent_id, t.agent_id, '') as agent_id,
    s.kind, s.error_type, normalise_error(s.error_message) as message, s.trace_id, s.span_id
  from {_ASKED}
  join traces t on t.workspace_id = asked.workspace_id and t.trace_id = asked.trace_id
  join spans s on s.workspace_id = asked.workspace_id and s.trace_id = asked.trace_id
  where t.error_count > 0 and t.start_time between $3 and $4 and s.start_time between $3 and $4 and s.status <> 0
) s
"""  # noqa: S608
_CONTRIBUTIONS = (_CONTRIBUTE_TRACES, _CONTRIBUTE_SPANS, _CONTRIBUTE_ERRORS)


async def contribute(connection: Connection, traces: Iterable[TraceWindow], sign: int) -> None:
    """Add what is stored of traces to the rollups, or take it away.

    To be called in the transaction that changes the traces: with -1 before it changes what exists, with 1 after it has
    stored. The traces' heads must be locked, so that nobody else changes them in between.

    Args:
        connection: Connection to the traces database, in a transaction.
        traces: Each trace once, with the times between which its spans and its own row start.
        sign: 1 or -1.
    """
    for workspaces, keys, first, last in _by_days(traces):
        for statement in _CONTRIBUTIONS:
            await connection.execute(statement, workspaces, keys, first, last, sign)


def _by_days(traces: Iterable[TraceWindow]) -> list[tuple[list[int], list[UUID], datetime, datetime]]:
    """Return the arguments for each set of traces that lie within the same days, lest one old trace opens all days."""
    windows: dict[tuple[int, int], list[TraceWindow]] = {}
    for trace in traces:
        windows.setdefault((trace[2].toordinal(), trace[3].toordinal()), []).append(trace)
    return [
        (
            [trace[0] for trace in listed],
            [trace[1] for trace in listed],
            min(trace[2] for trace in listed),
            max(trace[3] for trace in listed),
        )
        for listed in windows.values()
    ]


def _key(rollup: Rollup) -> str:
    """Return the SQL of the number that stands for the values of all dimensions, since together they may be long."""
    parts = " || e'\\x1f' || ".join(f"coalesce({name}::text, '')" for name in rollup.dimensions)
    return f"hashtextextended({parts}, 0)"


def _fold_into(rollup: Rollup, level: Level, rows: str) -> str:
    """Return the CTEs that add rows, which have the measures of the rollup, to a table."""
    name = f"{rollup.name}_{level.value}"
    dimensions = ", ".join(rollup.dimensions)
    measures = rollup.measures
    sums = ", ".join(f"sum({measure})::int8 as {measure}" for measure in measures)
    where = f" where {rollup.where}" if rollup.where else ""
    hist_ctes = hist_join = hist_value = hist_set = ""
    columns = f"workspace_id, bucket, key, {dimensions}, {', '.join(measures)}"
    if rollup.hist:
        columns += ", hist"
        hist_ctes = f"""
hist_{name} as (
  select workspace_id, bucket, key, array_agg((bin << 40) + count order by bin) as hist
  from (
    select workspace_id, {bucket_of("bucket", level)} as bucket, {_key(rollup)} as key, hist_bin(item) as bin,
      sum(hist_count(item))::int8 as count
    from {rows}, unnest(hist) item{where} group by 1, 2, 3, 4
  ) bins where count <> 0 group by 1, 2, 3
),"""  # noqa: S608
        hist_join = f" left join hist_{name} using (workspace_id, bucket, key)"
        hist_value = ", coalesce(hist, '{}')"
        hist_set = ", hist = hist_add(r.hist, excluded.hist)"
    updates = ", ".join(f"{measure} = r.{measure} + excluded.{measure}" for measure in measures)
    return f"""{hist_ctes}
into_{name} as (
  insert into {rollup.table(level)} as r ({columns})
  select workspace_id, bucket, key, {dimensions}, {", ".join(measures)}{hist_value}
  from (
    select workspace_id, {bucket_of("bucket", level)} as bucket, {_key(rollup)} as key, {dimensions}, {sums}
    from {rows}{where} group by 1, 2, 3, {dimensions}
  ) sums{hist_join}
  order by workspace_id, bucket, key
  on conflict (workspace_id, bucket, key) do update set {updates}{hist_set}
)"""  # noqa: S608


def _fold(source: Source) -> str:
    rollups = [rollup for rollup in ROLLUPS if rollup.source is source]
    parts = [
        f"""taken as (
  delete from {source.deltas} where ctid = any(array(select ctid from {source.deltas} limit $1)) returning *
)"""  # noqa: S608
    ]
    if source is ERRORS:
        parts.append(_FOLD_GROUPS)
    parts += [_fold_into(rollup, level, "taken") for rollup in rollups for level in rollup.levels]
    return f"with {', '.join(parts)}\nselect count(*) from taken"


_FOLD_GROUPS = """
into_groups as (
  insert into error_groups as g
    (workspace_id, error_group, error_type, message, first_seen, last_seen, trace_id, span_id)
  select workspace_id, error_group, error_type, message, first_seen, last_seen, trace_id, span_id
  from (
    select distinct on (workspace_id, error_group) workspace_id, error_group, error_type, message, trace_id, span_id,
      min(bucket) over same as first_seen, bucket as last_seen
    from taken where n > 0
    window same as (partition by workspace_id, error_group)
    order by workspace_id, error_group, bucket desc, trace_id, span_id
  ) latest
  on conflict (workspace_id, error_group) do update set
    first_seen = least(g.first_seen, excluded.first_seen),
    last_seen = greatest(g.last_seen, excluded.last_seen),
    trace_id = case when excluded.last_seen >= g.last_seen then excluded.trace_id else g.trace_id end,
    span_id = case when excluded.last_seen >= g.last_seen then excluded.span_id else g.span_id end
)"""
_FOLDS = tuple(_fold(source) for source in SOURCES)
_TRY_LOCK = "select pg_try_advisory_xact_lock($1)"
_LOCK = "select pg_advisory_xact_lock($1)"


async def fold(connection: Connection, limit: int = _MAX_DELTAS) -> int | None:
    """Fold deltas into the rollups, one process at a time, and return how many there were; None when another folds.

    Args:
        connection: Connection to the traces database, outside a transaction.
        limit: Most deltas of each source.
    """
    async with connection.transaction():
        if not await connection.fetchval(_TRY_LOCK, _FOLD_LOCK):
            return None
        # If the server crashes right after, the deltas are there again.
        await connection.execute("set local synchronous_commit = off")
        counts: list[int] = [await connection.fetchval(statement, limit) for statement in _FOLDS]
        return sum(counts)


_EXPIRE = tuple(
    (
        level is Level.BASE,
        f"delete from {rollup.table(level)} where workspace_id = any($1) and bucket < $2",  # noqa: S608
    )
    for rollup in ROLLUPS
    for level in rollup.levels
)
_EXPIRE_GROUPS = "delete from error_groups where workspace_id = any($1) and last_seen < $2"


async def expire(connection: Connection, workspaces: Sequence[int], days: int, now: datetime | None = None) -> None:
    """Remove buckets that are older than workspaces keep them, and the finest ones once nobody reads them any more.

    Args:
        connection: Connection to the traces database, outside a transaction.
        workspaces: Numbers of workspaces.
        days: Days for which they keep rollups.
        now: Time to judge by instead of the clock's.
    """
    now = now or datetime.now(UTC)
    kept = now - timedelta(days=days)
    finest = max(kept, now - timedelta(days=BASE_DAYS + 1))
    for is_base, statement in _EXPIRE:
        await connection.execute(statement, list(workspaces), finest if is_base else kept)
    await connection.execute(_EXPIRE_GROUPS, list(workspaces), kept)


_DELETE_WORKSPACE = tuple(
    f"delete from {table} where workspace_id = $1"  # noqa: S608
    for table in (
        *(source.deltas for source in SOURCES),
        *(rollup.table(level) for rollup in ROLLUPS for level in rollup.levels),
        "error_groups",
    )
)


async def delete_workspace(connection: Connection, workspace: int) -> None:
    """Remove all rollups of a workspace, waiting for a fold that is under way."""
    async with connection.transaction():
        await connection.execute(_LOCK, _FOLD_LOCK)
        for statement in _DELETE_WORKSPACE:
            await connection.execute(statement, workspace)
