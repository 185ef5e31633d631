"""At every moment, not only when all is folded, rollups and deltas together equal the raw rows of that moment."""

import asyncio
import random
from typing import Any

import pytest

from processing.tests.support import WORKSPACE, Bench, open_bench, settings_for
from shared.rollups.queries import fold
from shared.rollups.spec import AGENT, COST, ERROR, SESSION, SPAN, USER, Level, Rollup
from tests.figures.traffic import Traffic

_TRUTH = {
    AGENT: """
      select coalesce(environment, ''), coalesce(agent_id, ''), count(*)::int8,
        count(*) filter (where status <> 0)::int8, coalesce(sum(duration_us), 0)::int8,
        coalesce(sum(cost_nano), 0)::int8
      from traces where workspace_id = $1 group by 1, 2""",
    USER: """
      select coalesce(environment, ''), user_id, count(*)::int8, count(*) filter (where status <> 0)::int8,
        coalesce(sum(cost_nano), 0)::int8
      from traces where workspace_id = $1 and user_id is not null group by 1, 2""",
    SESSION: """
      select coalesce(environment, ''), session_id, count(*)::int8, count(*) filter (where status <> 0)::int8,
        coalesce(sum(cost_nano), 0)::int8
      from traces where workspace_id = $1 and session_id is not null group by 1, 2""",
    SPAN: """
      select s.kind, count(*)::int8, count(*) filter (where s.status <> 0)::int8, coalesce(sum(s.duration_us), 0)::int8,
        coalesce(sum(s.cost_nano) filter (where s.counted), 0)::int8
      from spans s where s.workspace_id = $1 group by 1""",
    COST: """
      select coalesce(s.model, s.model_requested, ''), count(*) filter (where s.counted)::int8,
        coalesce(sum(s.cost_nano) filter (where s.counted), 0)::int8
      from spans s where s.workspace_id = $1 and (s.kind in (2, 6, 7) or s.counted) group by 1""",
    ERROR: """
      select s.kind, count(*)::int8 from spans s where s.workspace_id = $1 and s.status <> 0 group by 1""",
}
_COLUMNS = {
    AGENT: ("environment, agent_id", "n, errors, duration_us, cost_nano"),
    USER: ("environment, user_id", "n, errors, cost_nano"),
    SESSION: ("environment, session_id", "n, errors, cost_nano"),
    SPAN: ("kind", "n, errors, duration_us, cost_nano"),
    COST: ("model", "counted, cost_nano"),
    ERROR: ("kind", "n"),
}


def _question(rollup: Rollup, level: Level) -> str:
    names, measures = _COLUMNS[rollup]
    sums = ", ".join(f"sum({name})::int8" for name in measures.split(", "))
    columns = ", ".join(dict.fromkeys([*names.split(", "), "n", *measures.split(", ")]))
    where = f" and {rollup.where}" if rollup.where else ""
    return (
        f"select {names}, {sums} from ("
        f" select {columns} from {rollup.table(level)} where workspace_id = $1"
        f" union all select {columns} from {rollup.source.deltas} where workspace_id = $1{where}"
        f") r group by {names} having sum(n) > 0"
    )


async def _compare(bench: Bench) -> int:
    """Compare all rollups in one snapshot and return the number of traces that it saw."""
    async with bench.pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        for rollup, truth in _TRUTH.items():
            expected = sorted(tuple(row) for row in await connection.fetch(truth, WORKSPACE))
            for level in rollup.levels:
                found = await connection.fetch(_question(rollup, level), WORKSPACE)
                assert sorted(tuple(row) for row in found) == expected, f"{rollup.name} {level.value}"
        seen: Any = await connection.fetchval("select count(*) from traces where workspace_id = $1", WORKSPACE)
        return int(seen)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [3])
async def test_every_snapshot_agrees_while_data_arrive_and_fold(
    each_traces_url: str, metadata_url: str, redis_url: str, seed: int
) -> None:
    pick = random.Random(seed)
    stopping = asyncio.Event()

    async def keep_folding(bench: Bench) -> None:
        while not stopping.is_set():
            async with bench.pool.acquire() as connection:
                await fold(connection, pick.choice((1, 5, 50, 10_000)))
            await asyncio.sleep(0.01)

    async with open_bench(settings_for(each_traces_url, metadata_url, redis_url)) as bench:
        folders = [asyncio.create_task(keep_folding(bench)) for _ in range(2)]
        snapshots = set()
        async with bench.worker(processing_batch_entries=3):
            for number, body in enumerate(Traffic(seed, 50).requests()):
                await bench.send(body)
                await asyncio.sleep(0.03)
                if number % 4 == 0:
                    snapshots.add(await _compare(bench))
            await bench.drain(60)
        stopping.set()
        await asyncio.gather(*folders)
        assert await _compare(bench) == 50
        # The test says something only if it looked while there was something in between.
        assert len(snapshots) > 3
