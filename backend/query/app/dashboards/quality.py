"""The quality page: scores, feedback, outcomes and evaluations by the time at which they were given."""

from collections.abc import Mapping
from typing import Any

from query.app.asked import Asked
from query.app.dashboards.common import traces_ask
from query.app.figures import aligned, by_period, compared, error_rate, named, ratio, rounded
from query.app.queries import quality
from query.app.queries.rollups import read_totals
from shared.database import Connection
from shared.rollups.spec import Level


async def overview(workspace: int, connection: Connection, asked: Asked) -> dict[str, object]:
    """Return mean scores by name, shares of good feedback and outcomes, and the mean of evaluations."""
    periods = [await quality.read_judgements(workspace, connection, item) for item in (asked.window, asked.previous)]
    current, previous = (_judgements(found) for found in periods)
    return {
        **asked.bounds,
        **{name: compared(current[name], previous[name]) for name in current},
        "scores": await _scores(workspace, connection, asked),
    }


def _judgements(found: Mapping[str, Any]) -> dict[str, float | None]:
    return {
        "quality_score": rounded(found["evaluation_mean"], 2),
        "evaluations": found["evaluations"],
        "feedback": found["feedback"],
        "positive_feedback_share": rounded(ratio(found["positive"], found["positive"] + found["negative"]), 4),
        "outcomes": found["outcomes"],
        "success_share": rounded(ratio(found["successes"], found["outcomes"]), 4),
    }


async def _scores(workspace: int, connection: Connection, asked: Asked) -> list[dict[str, object]]:
    return [
        {
            "name": row["name"],
            "count": row["given"],
            "mean": rounded(row["mean"], 6),
            "min": row["least"],
            "max": row["most"],
            "true_share": rounded(ratio(row["truths"], row["booleans"]), 4),
            "labels": row["labels"],
        }
        for row in await quality.read_scores(workspace, connection, asked.window)
    ]


async def trend(workspace: int, connection: Connection, asked: Asked) -> dict[str, object]:
    """Return evaluations and feedback over time."""
    granularity = asked.granularity(Level.HOUR)
    rows = await quality.read_over_time(workspace, connection, asked.window, granularity.length)
    return {
        **asked.bounds,
        "granularity": granularity.name,
        "points": [
            {
                "time": point,
                "quality_score": rounded(row["evaluation_mean"], 2) if row else None,
                "evaluations": row["evaluations"] if row else 0,
                "positive_feedback": row["positive"] if row else 0,
                "negative_feedback": row["negative"] if row else 0,
            }
            for point, row in aligned(asked.window, granularity, rows)
        ],
    }


async def analytics(workspace: int, connection: Connection, asked: Asked) -> dict[str, object]:
    """Return reliability by agent beside what people and judges said."""
    rows = await read_totals(workspace, connection, traces_ask(asked, ("errors", "timeouts"), by=("agent_id",)))
    totals = await read_totals(
        workspace, connection, traces_ask(asked, ("errors", "timeouts"), compared=asked.previous)
    )
    current, previous = by_period(totals)
    found = await quality.read_judgements(workspace, connection, asked.window)
    return {
        **asked.bounds,
        "error_rate": compared(
            None if current is None else error_rate(current), None if previous is None else error_rate(previous)
        ),
        **_judgements(found),
        "scores": await _scores(workspace, connection, asked),
        "by_agent": [
            {
                "name": named(row["agent_id"]),
                "requests": row["n"],
                "errors": row["errors"],
                "timeouts": row["timeouts"],
                "error_rate": error_rate(row),
            }
            for row in sorted(rows, key=lambda row: (-row["n"], row["agent_id"]))[:100]
        ],
    }
