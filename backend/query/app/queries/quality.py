"""Scores, feedback, outcomes and evaluations of a window, by the time at which they were given."""

from datetime import timedelta

from query.app.presentation import Row
from query.app.windows import Window
from shared.database import Connection
from shared.rollups.spec import ORIGIN

_SELECT_JUDGEMENTS = """
select
  (select avg(overall) from evaluations
   where workspace_id = $1 and created_at >= $2 and created_at < $3) as evaluation_mean,
  (select count(*) from evaluations
   where workspace_id = $1 and created_at >= $2 and created_at < $3) as evaluations,
  feedback.*, outcomes.*
from (
  select count(*) as feedback, count(*) filter (where rating >= 4 or rating = 1) as positive,
    count(*) filter (where rating in (-1, 2)) as negative
  from feedback where workspace_id = $1 and created_at >= $2 and created_at < $3
) feedback, (
  select count(*) as outcomes, count(*) filter (where success) as successes
  from outcomes where workspace_id = $1 and created_at >= $2 and created_at < $3
) outcomes
"""


async def read_judgements(workspace: int, connection: Connection, window: Window) -> Row:
    """Return counts and means of everything that was said of traces; a rating of 0 or 3 is neither good nor bad."""
    row: Row | None = await connection.fetchrow(_SELECT_JUDGEMENTS, workspace, window.start, window.end)
    assert row is not None
    return row


_SELECT_SCORES = """
select name, count(*) as given, avg(value_number) as mean, min(value_number) as least, max(value_number) as most,
  count(value_boolean) as booleans, count(*) filter (where value_boolean) as truths, count(value_label) as labels
from scores where workspace_id = $1 and created_at >= $2 and created_at < $3
group by name order by given desc, name limit 100
"""


async def read_scores(workspace: int, connection: Connection, window: Window) -> list[Row]:
    """Return the scores by name, the most frequent first."""
    rows: list[Row] = await connection.fetch(_SELECT_SCORES, workspace, window.start, window.end)
    return rows


_SELECT_OVER_TIME = """
select date_bin($4, created_at, $5) as time, avg(overall) as evaluation_mean, count(evaluation) as evaluations,
  count(*) filter (where rating >= 4 or rating = 1) as positive,
  count(*) filter (where rating in (-1, 2)) as negative
from (
  select created_at, overall, 1 as evaluation, null::int2 as rating from evaluations
  where workspace_id = $1 and created_at >= $2 and created_at < $3
  union all
  select created_at, null, null, rating from feedback
  where workspace_id = $1 and created_at >= $2 and created_at < $3
) said group by 1
"""


async def read_over_time(workspace: int, connection: Connection, window: Window, length: timedelta) -> list[Row]:
    """Return evaluations and feedback by bucket, as ``time``."""
    rows: list[Row] = await connection.fetch(_SELECT_OVER_TIME, workspace, window.start, window.end, length, ORIGIN)
    return rows
