"""Labels of groups of errors."""

from collections.abc import Sequence

from query.app.presentation import Row
from shared.database import Connection

# What is not folded yet has its label in the deltas only.
_SELECT_LABELS = """
with labels as (
  select error_group, error_type, message, first_seen, last_seen, trace_id, span_id from error_groups
  where workspace_id = $1 and error_group = any($2::int8[])
  union all
  select error_group, error_type, message, bucket, bucket, trace_id, span_id from rollup_deltas_errors
  where workspace_id = $1 and error_group = any($2::int8[]) and n > 0
), latest as (
  select distinct on (error_group) error_group, error_type, message, trace_id, span_id,
    min(first_seen) over same as first_seen, max(last_seen) over same as last_seen
  from labels window same as (partition by error_group)
  order by error_group, last_seen desc, trace_id, span_id
)
select l.*, h.trace_id is not null as is_stored, t.external_id
from latest l
left join trace_heads h on h.workspace_id = $1 and h.trace_id = l.trace_id
left join traces t on t.workspace_id = $1 and t.trace_id = h.trace_id
  and t.start_time between h.first_start and h.last_start
"""


async def read_labels(workspace: int, connection: Connection, groups: Sequence[int]) -> dict[int, Row]:
    """Return type, message, times (to the half minute) and the latest example of groups of errors."""
    rows = await connection.fetch(_SELECT_LABELS, workspace, groups)
    return {row["error_group"]: row for row in rows}
