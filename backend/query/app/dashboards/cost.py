"""The cost page: what was spent on what, how that is known, and where the month is heading."""

import math
import statistics
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

from query.app.asked import Asked
from query.app.dashboards.common import traces_ask
from query.app.figures import OTHER, by_period, compared, cost, named, ratio, rounded, stacked
from query.app.presentation import dollars
from query.app.queries.rollups import Ask, read_totals
from query.app.queries.workspaces import Budget
from query.app.windows import Granularity, Window, points_of
from shared.database import Connection
from shared.domain import CostSource
from shared.normalisation.jsonready import json_ready
from shared.rollups.spec import COST, MODEL, TOTAL, Level

_USAGE = ("tokens_input", "tokens_output", "tokens_cached", "tokens_total", "cost_nano", "unpriced", "counted")
_RECENT_DAYS = 7
# Half of a normal distribution's middle 80 %.
_DEVIATIONS = 1.2816
_MODEL_KINDS = [2, 6, 7]


async def overview(workspace: int, connection: Connection, asked: Asked, budget: Budget) -> dict[str, object]:
    """Return what a window cost, compared with the one before, how that was found, and the month's budget."""
    measures = ("cost_nano", "tokens_total", "tokens_input", "tokens_cached", "llm_calls", "errors", "unpriced")
    rows = await read_totals(workspace, connection, traces_ask(asked, measures, compared=asked.previous))
    current, previous = (_spend(row) for row in by_period(rows))
    ask = Ask(COST, asked.window, _USAGE, ("cost_source",), None, None, asked.filters)
    sources = await read_totals(workspace, connection, ask)
    return {
        **asked.bounds,
        **{name: compared(current[name], previous[name]) for name in current},
        "by_source": [
            {
                "cost_source": CostSource(row["cost_source"]).word,
                "spans": row["counted"],
                "tokens_total": json_ready(int(row["tokens_total"])),
                "cost_usd": cost(row),
            }
            for row in sorted(sources, key=lambda row: -row["cost_source"])
            if row["counted"]
        ],
        "unpriced_spans": sum(row["unpriced"] for row in sources),
        "unpriced_share": rounded(
            ratio(sum(row["unpriced"] for row in sources), sum(row["counted"] for row in sources)), 4
        ),
        "budget": await read_budget(workspace, connection, budget, asked.now),
    }


def _spend(row: Mapping[str, Any] | None) -> dict[str, float | None]:
    if row is None:
        return {
            "cost_usd": 0.0,
            "requests": 0,
            "cost_per_request_usd": None,
            "cost_per_success_usd": None,
            "tokens_total": 0,
            "cached_share": None,
        }
    return {
        "cost_usd": cost(row),
        "requests": row["n"],
        "cost_per_request_usd": rounded(ratio(cost(row), row["n"]), 9),
        "cost_per_success_usd": rounded(ratio(cost(row), row["n"] - row["errors"]), 9),
        "tokens_total": row["tokens_total"],
        "cached_share": rounded(ratio(row["tokens_cached"], row["tokens_input"]), 4),
    }


async def trend(workspace: int, connection: Connection, asked: Asked) -> dict[str, object]:
    """Return the cost over time, in all, added up, and by model."""
    granularity = asked.granularity()
    rows = await read_totals(
        workspace, connection, _models_ask(asked, ("cost_nano", "counted"), ("model", "provider"), granularity)
    )
    points = points_of(asked.window, granularity, {row["time"] for row in rows})
    series = stacked(points, rows, ("model", "provider"), "cost_nano", asked.parameters["limit"])
    totals = [sum(values) for values in zip(*(values for _, values in series), strict=True)] or [0] * len(points)
    running = 0
    cumulative = []
    for value in totals:
        running += value
        cumulative.append(dollars(running))
    return {
        **asked.bounds,
        "granularity": granularity.name,
        "times": points,
        "cost_usd": [dollars(value) for value in totals],
        "cumulative_usd": cumulative,
        "by_model": [
            {
                "model": OTHER if key is None else named(key[0]),
                "provider": None if key is None else named(key[1]),
                "is_other": key is None,
                "total_usd": dollars(sum(values)),
                "cost_usd": [dollars(value) for value in values],
            }
            for key, values in series
        ],
    }


async def by_model(workspace: int, connection: Connection, asked: Asked) -> list[dict[str, object]]:
    """Return what each model cost, the dearest first."""
    rows = await read_totals(workspace, connection, _models_ask(asked, _USAGE, ("model", "provider")))
    total = sum(row["cost_nano"] for row in rows)
    rows.sort(key=lambda row: (-row["cost_nano"], -row["tokens_total"], row["model"], row["provider"]))
    return [
        {
            "model": named(row["model"]),
            "provider": named(row["provider"]),
            "calls": row["n"],
            "tokens_input": json_ready(int(row["tokens_input"])),
            "tokens_output": json_ready(int(row["tokens_output"])),
            "tokens_cached": json_ready(int(row["tokens_cached"])),
            "tokens_total": json_ready(int(row["tokens_total"])),
            "cost_usd": cost(row),
            "share_percent": rounded(ratio(row["cost_nano"], total, 100), 2),
            "cost_per_call_usd": rounded(ratio(cost(row), row["n"]), 9),
            "unpriced_calls": row["unpriced"],
        }
        for row in rows[: asked.parameters["limit"]]
    ]


def _models_ask(
    asked: Asked, measures: Sequence[str], by: Sequence[str], granularity: Granularity | None = None
) -> Ask:
    rollup = COST if "agent_id" in asked.filters else MODEL
    return Ask(rollup, asked.window, measures, by, granularity, None, asked.filters)


async def read_budget(workspace: int, connection: Connection, budget: Budget, now: datetime) -> dict[str, object]:
    """Return what of the month's budget (UTC) is spent, and what the month will come to.

    The projection adds, for the rest of the month, the mean daily cost of the last seven days; its bounds are those of
    the middle 80 % if days vary independently and normally as those seven did.
    """
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    next_month = (month + timedelta(days=32)).replace(day=1)
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    end = today + timedelta(days=8)
    ask = Ask(TOTAL, Window(month, end, now, is_open=True), ("cost_nano",))
    spent = sum(row["cost_nano"] for row in await read_totals(workspace, connection, ask))
    recent = Window(today - timedelta(days=_RECENT_DAYS), today, today, is_open=False)
    daily_ask = Ask(TOTAL, recent, ("cost_nano",), (), Granularity("1d", Level.DAY.length))
    by_day = {row["time"]: row["cost_nano"] for row in await read_totals(workspace, connection, daily_ask)}
    daily = [by_day.get(today - timedelta(days=back), 0) for back in range(1, _RECENT_DAYS + 1)]
    days_left = (next_month - now).total_seconds() / 86_400
    projected = spent + statistics.fmean(daily) * days_left
    spread = _DEVIATIONS * statistics.stdev(daily) * math.sqrt(days_left)
    monthly = budget.monthly_usd
    used = ratio(spent / 1e9, monthly, 100)
    crossed = [level for level in budget.thresholds_percent if used is not None and used >= level]
    return {
        "month": month.date(),
        "monthly_usd": monthly,
        "thresholds_percent": list(budget.thresholds_percent),
        "spent_usd": dollars(spent),
        "remaining_usd": None if monthly is None else rounded(monthly - spent / 1e9, 9),
        "used_percent": rounded(used, 2),
        "crossed_percent": crossed,
        "state": "none" if used is None else "exceeded" if used >= 100 else "warning" if crossed else "ok",
        "projected_usd": rounded(projected / 1e9, 6),
        "projected_low_usd": rounded(max(spent, projected - spread) / 1e9, 6),
        "projected_high_usd": rounded((projected + spread) / 1e9, 6),
    }


async def analytics(workspace: int, connection: Connection, asked: Asked) -> dict[str, object]:
    """Return the cost by agent, by model and by environment."""
    answer: dict[str, object] = dict(asked.bounds)
    for name, ask in {
        "by_agent": traces_ask(asked, ("cost_nano", "tokens_total"), by=("agent_id",)),
        "by_environment": traces_ask(asked, ("cost_nano", "tokens_total"), by=("environment",)),
        "by_model": _models_ask(asked, ("cost_nano", "tokens_total"), ("model",)),
        "by_provider": _models_ask(asked, ("cost_nano", "tokens_total"), ("provider",)),
    }.items():
        (dimension,) = ask.by
        rows = await read_totals(workspace, connection, ask)
        total = sum(row["cost_nano"] for row in rows)
        rows.sort(key=itemgetter(dimension))
        rows.sort(key=itemgetter("cost_nano"), reverse=True)
        answer[name] = [
            {
                "name": named(row[dimension]),
                "requests": row["n"],
                "tokens_total": json_ready(int(row["tokens_total"])),
                "cost_usd": cost(row),
                "share_percent": rounded(ratio(row["cost_nano"], total, 100), 2),
            }
            for row in rows[:100]
        ]
    return answer
