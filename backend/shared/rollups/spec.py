"""The rollups: which tables there are, what they are split by, and what they sum.

A storing transaction leaves what it changed in ``rollup_deltas_*``: rows with the sums of what came, and with the
negative sums of what went. Folding adds deltas to every table of their source and removes them. Totals of a range are
the sums over its buckets and over the deltas not yet folded, which is exact at every moment, however late, often or in
whatever order spans arrive, and after deletion and repricing. See ``docs/decisions/rollups.md``.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

# Buckets of every length begin at whole multiples since this Monday.
ORIGIN = datetime(2001, 1, 1, tzinfo=UTC)
# How long the finest buckets are kept; ranges that begin earlier are taken to whole hours.
BASE_DAYS = 3


class Level(Enum):
    """A length of buckets; the value names tables."""

    BASE = "30s"
    HOUR = "1h"
    DAY = "1d"
    WEEK = "1w"

    @property
    def length(self) -> timedelta:
        """Return how long a bucket is."""
        return _LENGTHS[self]


_LENGTHS = {
    Level.BASE: timedelta(seconds=30),
    Level.HOUR: timedelta(hours=1),
    Level.DAY: timedelta(days=1),
    Level.WEEK: timedelta(weeks=1),
}


@dataclass(frozen=True)
class Source:
    """What rollups are made from: a table of deltas with its dimensions and measures.

    Dimensions are texts, empty where a row has none, and numbers. Measures are int8 sums; ``hist`` says whether there
    is a histogram besides, whose elements are bin and count as ``hist_item`` packs them.
    """

    name: str
    dimensions: tuple[str, ...]
    measures: tuple[str, ...]
    hist: bool

    @property
    def deltas(self) -> str:
        """Return the name of the table of deltas."""
        return f"rollup_deltas_{self.name}"


@dataclass(frozen=True)
class Rollup:
    """A family of tables, one a level, that hold the measures of a source by some of its dimensions."""

    name: str
    source: Source
    dimensions: tuple[str, ...]
    measures: tuple[str, ...]
    levels: tuple[Level, ...]
    hist: bool
    # Condition on rows of the source, by which only some of them count.
    where: str | None = None

    def table(self, level: Level) -> str:
        """Return the name of the table of a level."""
        return f"rollup_{self.name}_{level.value}"


_COMMON = (
    "n",
    "errors",
    "timeouts",
    "duration_us",
    "duration_n",
    "tokens_input",
    "tokens_output",
    "tokens_total",
    "tokens_cached",
    "tokens_reasoning",
    "cost_nano",
    "unpriced",
)
_TRACE_MEASURES = (*_COMMON, "spans", "llm_calls", "tool_calls")
_ALL_LEVELS = (Level.BASE, Level.HOUR, Level.DAY)
# Whole days and weeks spare counting the same user or session every hour again; there are nearly as many of them in a
# short bucket as there are traces, so the ends of a range are read from the traces themselves.
_ACTOR_LEVELS = (Level.HOUR, Level.DAY, Level.WEEK)
_ACTOR_MEASURES = ("n", "errors", "tokens_total", "cost_nano")

TRACES = Source(
    "traces", ("environment", "agent_id", "release", "status", "user_id", "session_id"), _TRACE_MEASURES, hist=True
)
SPANS = Source(
    "spans",
    ("environment", "agent_id", "release", "kind", "model", "provider", "tool_name", "status", "cost_source"),
    (*_COMMON, "counted"),
    hist=True,
)
ERRORS = Source("errors", ("environment", "agent_id", "kind", "error_group"), ("n",), hist=False)
SOURCES = (TRACES, SPANS, ERRORS)

TOTAL = Rollup("total", TRACES, ("environment",), TRACES.measures, _ALL_LEVELS, hist=True)
AGENT = Rollup("agent", TRACES, ("environment", "agent_id"), TRACES.measures, _ALL_LEVELS, hist=True)
TRACE = Rollup(
    "trace", TRACES, ("environment", "agent_id", "release", "status"), TRACES.measures, _ALL_LEVELS, hist=True
)
USER = Rollup(
    "user", TRACES, ("environment", "user_id"), _ACTOR_MEASURES, _ACTOR_LEVELS, hist=False, where="user_id <> ''"
)
SESSION = Rollup(
    "session",
    TRACES,
    ("environment", "session_id"),
    _ACTOR_MEASURES,
    _ACTOR_LEVELS,
    hist=False,
    where="session_id <> ''",
)
# Calls of models, and whatever else has tokens or a cost that counts.
_MODEL_CALLS = "(kind in (2, 6, 7) or counted <> 0)"
MODEL = Rollup(
    "model",
    SPANS,
    ("environment", "model", "provider"),
    SPANS.measures,
    _ALL_LEVELS,
    hist=True,
    where=_MODEL_CALLS,
)
COST = Rollup(
    "cost",
    SPANS,
    ("environment", "agent_id", "model", "provider", "cost_source"),
    SPANS.measures,
    _ALL_LEVELS,
    hist=False,
    where=_MODEL_CALLS,
)
KIND = Rollup("kind", SPANS, ("environment", "kind", "tool_name"), SPANS.measures, _ALL_LEVELS, hist=True)
SPAN = Rollup(
    "span",
    SPANS,
    ("environment", "agent_id", "release", "kind", "model", "provider", "tool_name", "status"),
    SPANS.measures,
    _ALL_LEVELS,
    hist=True,
)
ERROR = Rollup("error", ERRORS, ERRORS.dimensions, ERRORS.measures, _ALL_LEVELS, hist=False)
ROLLUPS = (TOTAL, AGENT, TRACE, USER, SESSION, MODEL, COST, KIND, SPAN, ERROR)

# Columns of dimensions that hold a number; all others hold text.
NUMBERS = {"status": "int2", "kind": "int2", "cost_source": "int2", "error_group": "int8"}


def column_type(name: str) -> str:
    """Return the SQL type of a dimension."""
    return NUMBERS.get(name, "text")
