"""SQL of agents: their figures come from rollups, their names from the metadata database."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from query.app.presentation import Row
from query.app.queries.rollups import Ask, read_totals
from query.app.windows import Window
from shared.database import Connection, Pool
from shared.rollups.queries import bucket_of
from shared.rollups.spec import AGENT, TRACES, Level

_MEASURES = ("errors", "duration_us", "duration_n", "tokens_total", "cost_nano", "unpriced")


async def read_agent_totals(
    workspace: int, connection: Connection, window: Window, environments: Sequence[str], agents: Sequence[str]
) -> list[Row]:
    """Return sums and histogram of each agent in a window, of some environments or agents only when any are given."""
    filters = {name: values for name, values in (("environment", environments), ("agent_id", agents)) if values}
    ask = Ask(AGENT, window, _MEASURES, ("agent_id",), filters=filters, hist=True)
    return [row for row in await read_totals(workspace, connection, ask) if row["agent_id"]]


def _buckets(level: Level, where: str) -> str:
    return f"""
select bucket from (
  select bucket, n from {AGENT.table(level)}
  where workspace_id = $1 and agent_id = a.agent_id and {where} and {{environment}}
  union all
  select {bucket_of("bucket", level)}, n from {TRACES.deltas}
  where workspace_id = $1 and agent_id = a.agent_id and {where} and {{environment}}
) counted group by bucket having sum(n) > 0 order by bucket desc limit 1
"""  # noqa: S608


# The day and the hour in which an agent ran last are known from rollups, so traces are read of that hour only.
_LAST_SEEN = f"""
select a.agent_id, (
  select t.start_time from traces t
  where t.workspace_id = $1 and t.agent_id = a.agent_id and t.start_time >= h.bucket and t.start_time >= $3
    and t.start_time < h.bucket + interval '1 hour' and t.start_time < $4
    and (cardinality($5::text[]) = 0 or coalesce(t.environment, '') = any($5::text[]))
  order by t.start_time desc limit 1
) as last_seen
from unnest($2::text[]) as a (agent_id)
cross join lateral ({_buckets(Level.DAY, "bucket > $3::timestamptz - interval '1 day' and bucket < $4::timestamptz")}) d
cross join lateral ({
    _buckets(
        Level.HOUR,
        "bucket >= d.bucket and bucket < d.bucket + interval '1 day'"
        " and bucket > $3::timestamptz - interval '1 hour' and bucket < $4::timestamptz",
    )
}) h
""".format(environment="(cardinality($5::text[]) = 0 or environment = any($5::text[]))")  # noqa: S608

# Where a window ends within a bucket, the bucket may owe its count to what came after.
_LAST_SEEN_BY_TRACES = """
select a.agent_id, (
  select t.start_time from traces t
  where t.workspace_id = $1 and t.agent_id = a.agent_id and t.start_time >= $3 and t.start_time < $4
    and (cardinality($5::text[]) = 0 or coalesce(t.environment, '') = any($5::text[]))
  order by t.start_time desc limit 1
) as last_seen
from unnest($2::text[]) as a (agent_id)
"""


async def read_last_seen(
    workspace: int, connection: Connection, agents: Sequence[str], window: Window, environments: Sequence[str]
) -> dict[str, datetime]:
    """Return when the latest trace of each agent in a window started."""
    arguments = (window.start, window.end, environments)
    rows = await connection.fetch(_LAST_SEEN, workspace, agents, *arguments)
    found = {row["agent_id"]: row["last_seen"] for row in rows if row["last_seen"] is not None}
    missing = [agent for agent in agents if agent not in found]
    if missing:
        rows = await connection.fetch(_LAST_SEEN_BY_TRACES, workspace, missing, *arguments)
        found.update({row["agent_id"]: row["last_seen"] for row in rows if row["last_seen"] is not None})
    return found


_SELECT_NAMES = """
select agent_id, display_name, description from agents where workspace_id = $1 and agent_id = any($2::text[])
"""


async def read_agent_names(workspace_id: str, metadata: Pool, agents: Sequence[str]) -> dict[str, Row]:
    """Return names and descriptions of those agents that were given any."""
    rows = await metadata.fetch(_SELECT_NAMES, uuid.UUID(workspace_id), agents)
    return {row["agent_id"]: dict(row) for row in rows}
