"""Totals from rollups: the buckets of a window, and what is not folded into them yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from query.app.presentation import Row
from query.app.windows import Granularity, Piece, Window, split
from shared.database import Connection
from shared.rollups.spec import ORIGIN, SESSION, USER, Rollup, column_type

_ORIGIN = f"'{ORIGIN.isoformat()}'::timestamptz"
# What a trace adds to the rollups of users and sessions.
_RAW_ACTOR = {
    "n": "1::int8",
    "errors": "(t.status <> 0)::int4::int8",
    "tokens_total": "coalesce(t.tokens_total, 0)",
    "cost_nano": "coalesce(t.cost_nano, 0)",
}
_RAW_DIMENSIONS = {
    "environment": "coalesce(t.environment, '')",
    "user_id": "t.user_id",
    "session_id": "t.session_id",
}
_OF_ACTORS = (USER, SESSION)


@dataclass(frozen=True, slots=True)
class Ask:
    """What to read of a rollup.

    ``by`` are dimensions to split by, besides time when there is a granularity, and besides the period when there is a
    window to compare with. ``filters`` bind dimensions to some of their values.
    """

    rollup: Rollup
    window: Window
    measures: Sequence[str]
    by: Sequence[str] = ()
    granularity: Granularity | None = None
    compared: Window | None = None
    filters: Mapping[str, Sequence[object]] = field(default_factory=dict)
    hist: bool = False


async def read_totals(workspace: int, connection: Connection, ask: Ask) -> list[Row]:
    """Return a row a group that anything falls into: ``time``, ``is_current``, dimensions, sums of measures, ``hist``.

    One row without groups is there even when nothing is stored.
    """
    sql, arguments = _statement(workspace, ask)
    rows: list[Row] = await connection.fetch(sql, *arguments)
    return rows


async def count_distinct(workspace: int, connection: Connection, ask: Ask, dimension: str) -> list[Row]:
    """Return how many values of a dimension occur, exactly, as ``found`` by the groups of ``ask``."""
    binder = _Binder(workspace)
    groups = _groups(ask)
    rows = _rows(binder, ask, [*ask.by, dimension], ["n"], with_hist=False)
    names = ", ".join(groups)
    columns = f"{names}, " if names else ""
    by = f" group by {names}" if names else ""
    sql = f"""
with rows as ({rows}), present as (
  select {columns}{dimension} from rows group by {columns}{dimension} having {_fast_sum("n")} > 0
)
select {columns}count(*) as found from present{by} /* workspace_id = $1 */
"""  # noqa: S608
    found: list[Row] = await connection.fetch(sql, *binder.arguments)
    return found


async def read_top(
    workspace: int,
    connection: Connection,
    ask: Ask,
    *,
    order: str,
    limit: int,
    after: tuple[int, object] | None = None,
) -> list[Row]:
    """Return the groups of ``ask`` with the highest sum of a measure, ties by their names.

    Args:
        workspace: Number of the workspace.
        connection: Connection to the traces database.
        ask: What to read.
        order: The measure.
        limit: Most groups.
        after: Sum and name of the last group of the page before, for groups of one dimension.
    """
    sql, arguments = _statement(workspace, ask)
    names = ", ".join([f"{order} desc", *ask.by])
    if after is not None:
        (name,) = ask.by
        value, last = (f"${len(arguments) + 1 + index}" for index in range(2))
        arguments.extend(after)
        where = f"{order} < {value}::int8 or {order} = {value}::int8 and {name} > {last}"
        sql = f"select * from ({sql}) ranked where {where}"  # noqa: S608
    rows: list[Row] = await connection.fetch(f"{sql} order by {names} limit {int(limit)}", *arguments)
    return rows


class _Binder:
    def __init__(self, workspace: int) -> None:
        self.arguments: list[Any] = [workspace]

    def __call__(self, value: object) -> str:
        self.arguments.append(value)
        return f"${len(self.arguments)}"


def _groups(ask: Ask) -> list[str]:
    groups = list(ask.by)
    if ask.granularity is not None:
        groups.insert(0, "time")
    if ask.compared is not None:
        groups.insert(0, "is_current")
    return groups


def _statement(workspace: int, ask: Ask) -> tuple[str, list[Any]]:
    binder = _Binder(workspace)
    groups = _groups(ask)
    names = ", ".join(groups)
    rows = _rows(binder, ask, ask.by, ["n", *ask.measures], with_hist=ask.hist)
    add = _fast_sum if ask.rollup in _OF_ACTORS else "sum({})".format
    sums = ", ".join(f"coalesce({add(name)}, 0)::int8 as {name}" for name in dict.fromkeys(["n", *ask.measures]))
    columns = f"{names}, " if names else ""
    by = f" group by {names} having {add('n')} > 0" if names else ""
    if not ask.hist:
        return f"with rows as ({rows}) select {columns}{sums} from rows{by}", binder.arguments  # noqa: S608
    bins_by = f" group by {names}" if names else ""
    on = " and ".join(f"bins.{name} = totals.{name}" for name in groups) or "true"
    sql = f"""
with rows as materialized ({rows}), totals as (
  select {columns}{sums} from rows{by}
), bins as (
  select {columns}array_agg((bin << 40) + count) as hist
  from (
    select {columns}hist_bin(item) as bin, {_fast_sum("hist_count(item)")}::int8 as count
    from rows, unnest(hist) item group by {columns}bin
  ) b where count <> 0{bins_by}
)
select totals.*, bins.hist from totals left join bins on {on}
"""  # noqa: S608
    return sql, binder.arguments


def _fast_sum(expression: str) -> str:
    """Return a sum for groups by the hundred thousand: floats are quicker than int8, and exact up to 2^53.

    That is nine million USD of one user or session.
    """
    return f"sum(({expression})::float8)"


def _rows(binder: _Binder, ask: Ask, dimensions: Sequence[str], measures: Sequence[str], *, with_hist: bool) -> str:
    windows = [(ask.window, True)] + ([(ask.compared, False)] if ask.compared is not None else [])
    arms = []
    for window, is_current in windows:
        period = f"{str(is_current).lower()} as is_current, " if ask.compared is not None else ""
        longest = ask.granularity.length if ask.granularity is not None else None
        pieces = split(window, ask.rollup.levels, longest)
        columns = f"{', '.join(dimensions)}, " if dimensions else ""
        sums = ", ".join(dict.fromkeys(measures)) + (", hist" if with_hist else "")
        arms += [_arm(binder, ask, piece, period, columns, sums, dimensions, measures) for piece in pieces]
        kept = [piece for piece in pieces if piece.level is not None]
        if kept:
            source = ask.rollup.source
            where = f" and {ask.rollup.where}" if ask.rollup.where else ""
            arms.append(
                f"select {period}{_time(ask, 'bucket')}{columns}{sums} from {source.deltas}"  # noqa: S608
                f" where workspace_id = $1 and bucket >= {binder(kept[0].start)} and bucket < {binder(kept[-1].end)}"
                f"{where}{_filters(binder, ask)}"
            )
    return " union all ".join(arms)


def _arm(
    binder: _Binder,
    ask: Ask,
    piece: Piece,
    period: str,
    columns: str,
    sums: str,
    dimensions: Sequence[str],
    measures: Sequence[str],
) -> str:
    bounds = f"{{0}} >= {binder(piece.start)} and {{0}} < {binder(piece.end)}"
    if piece.level is None:
        raw_columns = "".join(f"{_RAW_DIMENSIONS[name]} as {name}, " for name in dimensions)
        raw_sums = ", ".join(f"{_RAW_ACTOR[name]} as {name}" for name in dict.fromkeys(measures))
        actor = ask.rollup.dimensions[-1]
        filters = "".join(
            f" and {_RAW_DIMENSIONS[name]} = any({binder(list(values))}::text[])"
            for name, values in ask.filters.items()
        )
        return (
            f"select {period}{_time(ask, 't.start_time')}{raw_columns}{raw_sums} from traces t"  # noqa: S608
            f" where t.workspace_id = $1 and {bounds.format('t.start_time')} and t.{actor} <> ''{filters}"
        )
    return (
        f"select {period}{_time(ask, 'bucket')}{columns}{sums} from {ask.rollup.table(piece.level)}"  # noqa: S608
        f" where workspace_id = $1 and {bounds.format('bucket')}{_filters(binder, ask)}"
    )


def _time(ask: Ask, column: str) -> str:
    if ask.granularity is None:
        return ""
    seconds = int(ask.granularity.length.total_seconds())
    return f"date_bin('{seconds} seconds', {column}, {_ORIGIN}) as time, "


def _filters(binder: _Binder, ask: Ask) -> str:
    return "".join(
        f" and {name} = any({binder(list(values))}::{column_type(name)}[])" for name, values in ask.filters.items()
    )
