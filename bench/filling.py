"""Repeats templates over thirty days: SQL that writes the final rows of one stretch of time after the other."""

from dataclasses import dataclass
from datetime import datetime

from processing.app.rows import SPAN_COLUMNS, TRACE_COLUMNS
from shared.database import Connection

from bench.templates import BASE_NS, SCHEMA, Templates

DAYS = 30
USERS = 50_000
# One of so many traces has a thousand spans.
LONG_EVERY = 8000
# Of a hundred sessions so many belong to the first workspace; the others share the rest.
FIRST_SHARE = 80
# How far before the end the longest trace starts, as a share of all traces.
_LONGEST_AT = 0.995
_TRACES_A_SESSION = 4
_SCORED, _RATED, _ORDERED, _EVALUATED, _ENDED = 10, 3, 30, 10, 2

_BASE = f"'epoch'::timestamptz + interval '{BASE_NS // 1_000_000_000} seconds'"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be written: so many traces that start before ``end``, in these workspaces."""

    traces: int
    end: datetime
    workspaces: tuple[int, ...]
    templates: Templates

    @property
    def longest(self) -> int:
        """Return the number of the trace that is the longest."""
        return int(self.traces * _LONGEST_AT)

    def chunk(self, number: int, chunks: int) -> tuple[int, int]:
        """Return the first and last number of the traces of a stretch of time."""
        return self.traces * number // chunks, self.traces * (number + 1) // chunks - 1


def trace_id(number: str) -> str:
    """Return the SQL of the id of a trace with this number."""
    return f"md5('trace ' || {number})::uuid"


def _roll(number: str, seed: int, sides: str) -> str:
    """Return the SQL of a number below ``sides`` that looks random and is always the same."""
    return f"mod(hashint8extended({number}, {seed}) & 4611686018427387903, {sides})"


def _share(number: str, seed: int) -> str:
    """Return the SQL of a number from 0 to 1 that looks random and is always the same."""
    return f"({_roll(number, seed, '16777216')} / 16777216.0::float8)"


# $1 first and $2 last number, $3 number of all, $4 end, $5 workspaces, $6 ordinary and $7 long templates, $8 the
# longest
_CREATE_BATCH = """
create temp table if not exists batch (
  i int8, trace_id uuid, template int4, workspace_id int4, start_time timestamptz, stretch float8, session_id text,
  user_id text
) on commit delete rows
"""
_BATCH = f"""
insert into batch
select i, trace_id, template, workspace_id, start_time, stretch,
  'session-' || lpad(session::text, 9, '0') as session_id,
  'user-' || lpad(floor({USERS} * power({_share("session", 3)}, 2.5))::text, 5, '0') as user_id
from (
  select i, {trace_id("i")} as trace_id, session,
    case when i = $8::int8 then $6::int8 + $7::int8
      when mod(i, {LONG_EVERY}) = {LONG_EVERY // 2} then $6::int8 + mod(i / {LONG_EVERY}, $7::int8)
      else {_roll("i", 1, "$6::int8")} end::int4 as template,
    ($5::int4[])[case
      when i = $8::int8 or mod(i, {LONG_EVERY}) = {LONG_EVERY // 2} then 1
      when {_roll("session", 2, "100")} < {FIRST_SHARE} then 1
      else 2 + {_roll("session", 4, "cardinality($5::int4[]) - 1")} end] as workspace_id,
    -- Denser in the middle of each stretch of 24 hours than at its ends.
    $4::timestamptz - interval '{DAYS} days' + interval '1 day' * (
      {DAYS} * place - 0.12 * sin(2 * pi() * ({DAYS} * place - floor({DAYS} * place)))) as start_time,
    case when i = $8::int8 then 1 else exp(1.2 * ({_share("i", 5)} + {_share("i", 6)} - 1)) end as stretch
  from (
    select i, (i + {_share("i", 7)}) / $3::float8 as place,
      (i + {_roll("i", 8, "8")}) / {_TRACES_A_SESSION} as session
    from generate_series($1::int8, $2::int8) i
  ) numbered
) placed
order by start_time
"""  # noqa: S608


def _moved(column: str, row: str) -> str:
    return f"b.start_time + ({row}.{column} - ({_BASE})) * b.stretch"


def _select(columns: tuple[str, ...], row: str, own: dict[str, str]) -> str:
    return ", ".join(own.get(column, f"{row}.{column}") for column in columns)


def _common(row: str) -> dict[str, str]:
    return {
        "workspace_id": "b.workspace_id",
        "trace_id": "b.trace_id",
        "start_time": _moved("start_time", row),
        "duration_us": f"({row}.duration_us * b.stretch)::int8",
        "ttft_us": f"({row}.ttft_us * b.stretch)::int8",
        "session_id": f"case when {row}.session_id is not null then b.session_id end",
        "user_id": f"case when {row}.user_id is not null then b.user_id end",
    }


_HAS_ORDER = f"{_roll('b.i', 9, '100')} < {_ORDERED}"
_HEADS = f"""
insert into trace_heads (workspace_id, trace_id, first_start, last_start)
select b.workspace_id, b.trace_id, {_moved("first_start", "t")}, {_moved("last_start", "t")}
from batch b join {SCHEMA}.texts t on t.template = b.template
"""  # noqa: S608
_SPANS = f"""
insert into spans ({", ".join(SPAN_COLUMNS)})
select {_select(SPAN_COLUMNS, "s", _common("s"))}
from batch b join {SCHEMA}.spans s on s.workspace_id = b.template
"""  # noqa: S608
_PAYLOADS = f"""
insert into span_payloads (workspace_id, trace_id, start_time, span_ids, format, body)
select b.workspace_id, b.trace_id, {_moved("start_time", "p")}, p.span_ids, p.format,
  case cardinality(p.pieces)
    when 2 then p.pieces[1] || uuid_send(b.trace_id) || p.pieces[2]
    else p.pieces[1] || uuid_send(b.trace_id) || p.pieces[2] || textsend(b.session_id) || p.pieces[3]
      || textsend(b.user_id) || p.pieces[4]
  end
from batch b join {SCHEMA}.payloads p on p.template = b.template
"""  # noqa: S608
_TRACES = f"""
insert into traces ({", ".join(TRACE_COLUMNS)}, stored_at)
select {
    _select(
        TRACE_COLUMNS,
        "t",
        _common("t")
        | {
            "revision": "1",
            "metadata": f"case when {_HAS_ORDER}"
            " then coalesce(t.metadata, '{}') || jsonb_build_object('order', 'order' || b.i) else t.metadata end",
        },
    )
}, b.start_time + interval '1 minute'
from batch b join {SCHEMA}.traces t on t.workspace_id = b.template
"""  # noqa: S608
_SCORES = f"""
insert into scores (workspace_id, score_id, trace_id, name, value_number, value_boolean, source, created_at)
select workspace_id, md5('score ' || i)::uuid, trace_id, case when mod(i, 4) = 0 then 'helpful' else 'quality' end,
  case when mod(i, 4) <> 0 then round((1 - power({_share("i", 10)}, 2))::numeric, 3)::float8 end,
  case when mod(i, 4) = 0 then {_share("i", 10)} < 0.8 end, 'judge', start_time + interval '2 minutes'
from batch where {_roll("i", 11, "100")} < {_SCORED}
"""  # noqa: S608
_FEEDBACK = f"""
insert into feedback (workspace_id, feedback_id, trace_id, rating, created_at)
select workspace_id, md5('feedback ' || i)::uuid, trace_id, 1 + {_roll("i", 12, "5")}, start_time + interval '3 minutes'
from batch where {_roll("i", 13, "100")} < {_RATED}
"""  # noqa: S608
_DOCUMENTS = f"""
insert into search_documents (workspace_id, trace_id, start_time, revision, document)
select b.workspace_id, b.trace_id, b.start_time + (t.first_start - ({_BASE})) * b.stretch, 1, t.document || (
  translate(b.session_id || ' ' || b.user_id, '-', ' ') || case when {_HAS_ORDER} then ' order' || b.i else '' end
)::tsvector
from batch b join {SCHEMA}.texts t on t.template = b.template
"""  # noqa: S608
_EVALUATIONS = f"""
insert into evaluations (workspace_id, evaluation_id, trace_id, created_at, evaluator, scores, overall, model)
select workspace_id, md5('evaluation ' || i)::uuid, trace_id, start_time + interval '4 minutes', 'judge',
  jsonb_build_object('helpfulness', round(100 * {_share("i", 14)})), round(100 * {_share("i", 14)}), 'gpt-4o-mini'
from batch where {_roll("i", 15, "100")} < {_EVALUATED}
"""  # noqa: S608
_OUTCOMES = f"""
insert into outcomes (workspace_id, outcome_id, trace_id, session_id, name, success, value_nano, created_at)
select workspace_id, md5('outcome ' || i)::uuid, trace_id, session_id, 'ticket_resolved', {_share("i", 16)} < 0.7,
  1000000000, start_time + interval '5 minutes'
from batch where {_roll("i", 17, "100")} < {_ENDED}
"""  # noqa: S608
STATEMENTS = (_HEADS, _SPANS, _PAYLOADS, _TRACES, _DOCUMENTS, _SCORES, _FEEDBACK, _EVALUATIONS, _OUTCOMES)


async def write_chunk(connection: Connection, plan: Plan, first: int, last: int) -> None:
    """Write the traces with these numbers; their partitions exist.

    Args:
        connection: Connection to the traces database, in a transaction.
        plan: What they belong to.
        first: Number of the first one.
        last: Number of the last one.
    """
    ordinary, long = plan.templates.ordinary, plan.templates.long
    arguments = (first, last, plan.traces, plan.end, list(plan.workspaces), ordinary, long, plan.longest)
    await connection.execute(_CREATE_BATCH)
    await connection.execute(_BATCH, *arguments)
    await connection.execute("analyze batch")
    for statement in STATEMENTS:
        await connection.execute(statement)
