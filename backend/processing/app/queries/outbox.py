"""The outbox: changed traces that other services have yet to hear of."""

from collections.abc import Awaitable, Callable

from shared.database import Pool
from shared.streams.contracts import TracesStored

_ROWS_AT_ONCE = 200

# Rows that another relay is busy with are skipped, so that relays do not wait for each other.
# Where judged traces lie is read here and not by who stored the judgement: whatever moves a trace after this was read
# announces it itself, and no answer knows of that without knowing of the judgement.
_TAKE = """
with taken as (
  delete from outbox
  where outbox_id in (select outbox_id from outbox order by outbox_id limit $1 for update skip locked)
  returning outbox_id, workspace_id, workspace, trace_ids, revisions, days, judged
)
select outbox_id, workspace_id, workspace, trace_ids, revisions, days || array(
  select distinct day::date
  from trace_heads h, generate_series(
    date_trunc('day', h.first_start at time zone 'UTC'), h.last_start at time zone 'UTC', interval '1 day'
  ) day
  where h.workspace_id = taken.workspace_id and h.trace_id = any(taken.judged)
) as days
from taken
"""
# If the server crashes right after, the rows are announced once more, which announcing allows for.
_UNHURRIED = "set local synchronous_commit = off"


class Outbox:
    """The outbox of the traces database."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def relay(self, send: Callable[[list[TracesStored]], Awaitable[None]]) -> bool:
        """Remove some rows once ``send`` has announced them; return whether there may be more.

        A message without traces tells of days alone.

        Raises:
            Exception: What ``send`` raised, and nothing is removed; or the database cannot be reached.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_UNHURRIED)
            rows = await connection.fetch(_TAKE, _ROWS_AT_ONCE)
            if rows:
                await send(
                    [
                        TracesStored(
                            row["workspace_id"],
                            str(row["workspace"]),
                            [trace_id.hex for trace_id in row["trace_ids"]],
                            list(row["revisions"]),
                            [day.isoformat() for day in row["days"]],
                        )
                        for row in sorted(rows, key=lambda row: row["outbox_id"])
                    ]
                )
        return len(rows) == _ROWS_AT_ONCE
