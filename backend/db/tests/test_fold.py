import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from db.maintenance import fold_ingest_stats
from shared.database import Connection

NOW = datetime(2026, 6, 30, 15, 30, tzinfo=UTC)
HOUR = datetime(2026, 6, 30, 12, tzinfo=UTC)
KEY = uuid.UUID(int=7)
INSERT = """
insert into ingest_stats
  (workspace_id, key_id, bucket, received, stored, duplicate, rejected, dead_lettered, reasons, lag_us)
values ($1, $2, $3, 10, 5, 3, 2, 0, $4, $5)
"""


async def record(
    connection: Connection,
    bucket: datetime,
    key: uuid.UUID | None = KEY,
    reasons: dict[str, int] | None = None,
    lags: Sequence[int] | None = None,
    workspace: int = 1,
) -> None:
    text = None if reasons is None else json.dumps(reasons)
    await connection.execute(INSERT, workspace, key, bucket, text, lags)


async def test_an_hour_becomes_one_row_a_workspace_and_key_with_the_same_sums(each_traces: Connection) -> None:
    for minute in range(3):
        await record(each_traces, HOUR + timedelta(minutes=minute), reasons={"a": 1, "b": minute}, lags=[minute, 50])
    await record(each_traces, HOUR, key=None, reasons={"c": 1})
    await record(each_traces, HOUR, key=None)
    await record(each_traces, HOUR, workspace=2)
    await record(each_traces, HOUR - timedelta(hours=1))

    await fold_ingest_stats(each_traces, NOW)

    rows = await each_traces.fetch(
        "select workspace_id, key_id, bucket, received, stored, duplicate, rejected, dead_lettered,"
        " reasons::text as reasons, lag_us, folded from ingest_stats order by workspace_id, bucket, key_id"
    )
    assert [tuple(row)[:8] for row in rows] == [
        (1, KEY, HOUR - timedelta(hours=1), 10, 5, 3, 2, 0),
        (1, KEY, HOUR, 30, 15, 9, 6, 0),
        (1, None, HOUR, 20, 10, 6, 4, 0),
        (2, KEY, HOUR, 10, 5, 3, 2, 0),
    ]
    assert [row["reasons"] and json.loads(row["reasons"]) for row in rows] == [None, {"a": 3, "b": 3}, {"c": 1}, None]
    assert rows[1]["lag_us"] == [0, 1, 2, 50, 50, 50]
    assert all(row["folded"] for row in rows)


async def test_hours_that_ended_less_than_two_hours_ago_stay_as_they_are(traces: Connection) -> None:
    await record(traces, HOUR + timedelta(hours=1, minutes=1))
    await record(traces, HOUR + timedelta(hours=1, minutes=1))

    await fold_ingest_stats(traces, NOW)

    assert await traces.fetchval("select count(*) from ingest_stats where not folded") == 2


async def test_what_comes_late_joins_the_row_of_its_hour(traces: Connection) -> None:
    await record(traces, HOUR, reasons={"a": 1}, lags=[1])
    await fold_ingest_stats(traces, NOW)
    await record(traces, HOUR + timedelta(minutes=5), reasons={"a": 1}, lags=[2])

    await fold_ingest_stats(traces, NOW)
    await fold_ingest_stats(traces, NOW)

    [row] = await traces.fetch("select received, reasons::text as reasons, lag_us from ingest_stats")
    assert (row["received"], json.loads(row["reasons"]), row["lag_us"]) == (20, {"a": 2}, [1, 2])


@pytest.mark.parametrize("count", [200, 201, 1000, 4321])
async def test_many_lags_are_thinned_without_moving_their_quantiles(traces: Connection, count: int) -> None:
    await record(traces, HOUR, lags=range(1, count + 1))

    await fold_ingest_stats(traces, NOW)

    row = await traces.fetchrow(
        "select count(*) as kept, max(lag) as highest, percentile_disc(0.5) within group (order by lag) as middle,"
        " percentile_disc(0.95) within group (order by lag) as high from ingest_stats, unnest(lag_us) lag"
    )
    assert row is not None
    assert row["kept"] == 200
    assert row["highest"] == count
    assert row["middle"] == pytest.approx(count * 0.5, abs=count / 200 + 1)
    assert row["high"] == pytest.approx(count * 0.95, abs=count / 200 + 1)
