"""What happened of late, and how good it was."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from query.app.presentation import Row
from query.app.windows import Window
from shared.database import Connection

_SELECT_LATEST = """
select trace_id, external_id, start_time, name, agent_id, user_id, session_id, environment, status, duration_us,
  cost_nano, tokens_total, models, input_preview, error_message
from traces
where workspace_id = $1 and start_time > now() - interval '30 days'
  and ($3::text[] is null or agent_id = any($3)) and ($4::text[] is null or environment = any($4))
order by start_time desc, trace_id limit $2
"""


async def read_latest(
    workspace: int, connection: Connection, limit: int, filters: Mapping[str, Sequence[str]]
) -> list[Row]:
    """Return the traces of the last month that started last."""
    rows: list[Row] = await connection.fetch(
        _SELECT_LATEST, workspace, limit, filters.get("agent_id"), filters.get("environment")
    )
    return rows


_SELECT_QUALITY = """
select created_at >= $3 as is_current, avg(overall) as score
from evaluations where workspace_id = $1 and created_at >= $2 and created_at < $4 and overall is not null
group by 1
"""


async def read_quality(
    workspace: int, connection: Connection, window: Window, previous: Window
) -> tuple[float | None, float | None]:
    """Return the mean overall score (0 to 100) of evaluations made in a window and in the one before it."""
    rows = await connection.fetch(_SELECT_QUALITY, workspace, previous.start, window.start, window.end)
    found = {row["is_current"]: round(row["score"], 2) for row in rows}
    return found.get(True), found.get(False)


_SELECT_LAST_ACTIVE = """
select asked.user_id, latest.start_time
from unnest($2::text[]) as asked (user_id)
cross join lateral (
  select t.start_time from traces t
  where t.workspace_id = $1 and t.user_id = asked.user_id
  order by t.start_time desc limit 1
) latest
"""


async def read_last_active(workspace: int, connection: Connection, users: Sequence[str]) -> dict[str, datetime]:
    """Return when the last trace of each user started."""
    rows = await connection.fetch(_SELECT_LAST_ACTIVE, workspace, users)
    return {row["user_id"]: row["start_time"] for row in rows}
