"""Which rollup answers what the dashboards ask."""

from collections.abc import Sequence

from query.app.asked import Asked
from query.app.queries.rollups import Ask
from query.app.windows import Granularity, Window
from shared.rollups.spec import AGENT, TOTAL, TRACE, Rollup

LATENCY = ("errors", "duration_us", "duration_n")
TOKENS = ("tokens_input", "tokens_output", "tokens_total", "tokens_cached", "tokens_reasoning")
MODEL_KINDS = (2, 6, 7)


def smallest(rollups: Sequence[Rollup], needed: Sequence[str]) -> Rollup:
    """Return the first rollup that has all dimensions that are needed."""
    return next(rollup for rollup in rollups if set(needed) <= set(rollup.dimensions))


def traces_ask(
    asked: Asked,
    measures: Sequence[str],
    *,
    by: Sequence[str] = (),
    granularity: Granularity | None = None,
    compared: Window | None = None,
    hist: bool = False,
) -> Ask:
    """Return what to read about traces."""
    rollup = smallest((TOTAL, AGENT, TRACE), (*by, *asked.filters))
    return Ask(rollup, asked.window, measures, by, granularity, compared, asked.filters, hist)
