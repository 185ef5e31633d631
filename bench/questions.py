"""What a benchmark asks of the query service: every route, each time with other workspaces, filters and times."""

import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from bench.conditions import PAIRED, TREES, Example, example_of

RANGES = {"24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}
# Of so many questions one goes to the workspace that holds most of the data, which is where answers are slow.
_FIRST_SHARE = 0.75
_LATEST_ENDS = timedelta(hours=36)
# Ranges without an end reach up to the present, which is only a fair question soon after the data were written.
_FRESH = timedelta(hours=6)

DASHBOARD, LIST, TEXT, THOUSAND, LONGEST = 100.0, 100.0, 500.0, 150.0, 300.0


@dataclass(frozen=True, slots=True)
class Request:
    """One request; ``workspace`` is its place among those of the data, the first of which holds most of them."""

    path: str
    parameters: tuple[tuple[str, str], ...] = ()
    body: Mapping[str, Any] | None = None
    workspace: int = 0


@dataclass(frozen=True, slots=True)
class Question:
    """A question that is put again and again, each time in other words.

    Attributes:
        name: What it is called in tables; the same in every run.
        aim_ms: What its 95th percentile may be without the result cache; None where nothing was promised.
        ask: Returns the next request.
        tells: Whether the data of an answer say anything.
        kept: Whether answers are kept in the result cache.
        repeats: How often it is asked; the run decides when 0.
        filled: Share of the answers that have to say something.
    """

    name: str
    aim_ms: float | None
    ask: Callable[[], Request]
    tells: Callable[[Any], bool] = bool
    kept: bool = False
    repeats: int = 0
    filled: float = 0.5


@dataclass(frozen=True, slots=True)
class Known:
    """What questions are made of: when the data end, examples of their traces, and words and traces by kind."""

    until: datetime
    agents: Sequence[str]
    examples: Sequence[Example]
    words: Mapping[str, int]
    rare_words: Sequence[str]
    traces: Sequence[str]
    thousand: Sequence[str]
    longest: str
    longest_root: str
    longest_cursor: str
    workspaces: int
    templates: int


@dataclass
class Questions:
    """A seeded source of all questions.

    Attributes:
        known: What they are made of.
        seed: The same seed gives the same questions at the same time.
        is_live: Whether traces arrive while it asks, however old those that were stored are.
    """

    known: Known
    seed: int
    is_live: bool = False
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._is_fresh = self.is_live or datetime.now(UTC) - self.known.until < _FRESH

    def all(self) -> list[Question]:
        """Return every question."""
        return [*self.dashboards(), *self._actors(), *self._lists(), *self._texts(), *self._traces()]

    def _workspace(self) -> int:
        if self._random.random() < _FIRST_SHARE:
            return 0
        return self._random.randrange(1, self.known.workspaces)

    def _times(self, length: timedelta) -> dict[str, str]:
        if self._is_fresh and self._random.random() < 0.5:
            start = datetime.now(UTC) - length - self._random.random() * timedelta(minutes=30)
            return {"from": start.isoformat()}
        end = self.known.until - self._random.random() * _LATEST_ENDS
        return {"from": (end - length).isoformat(), "to": end.isoformat()}

    def _filters(self, *, with_agents: bool = True) -> list[tuple[str, str]]:
        choice = self._random.random()
        if choice < 0.5:
            return []
        if choice < 0.75 or not with_agents:
            return [("environment", self._random.choice(("production", "staging", "development")))]
        return [("agent_id", self._random.choice(self.known.agents)) for _ in range(self._random.randint(1, 2))]

    def dashboards(self) -> Iterator[Question]:
        """Yield the questions of the dashboard's pages."""
        for name, path, tells in _DASHBOARDS:
            for range_name, length in RANGES.items():
                yield self._dashboard(f"{name} {range_name}", path, length, tells)
        for name, path, checked in _RECENT:
            filled = 0.5 if self._is_fresh and checked is not None else 0.0

            def recent(path: str = path) -> Request:
                limit = self._random.randint(20, 100) if path != "/cost/budget" else None
                parameters = [("limit", str(limit)), *self._filters()] if limit else []
                return Request(path, tuple(parameters), None, self._workspace())

            said = bool if checked is None else checked
            yield Question(name, DASHBOARD, recent, said, kept=True, filled=filled)
        for name, body in _METRICS.items():
            for range_name, length in RANGES.items():
                yield self._metrics(f"metrics/query {name} {range_name}", body, length)

    def _dashboard(self, name: str, path: str, length: timedelta, tells: Callable[[Any], bool]) -> Question:
        def ask() -> Request:
            parameters = [*self._times(length).items(), *self._filters(with_agents=path != "/usage/top-users")]
            if path == "/metrics/aggregations":
                parameters.append(("type", "hourly" if length < RANGES["30d"] else "daily"))
            if path == "/usage/top-users":
                parameters.append(("sort", self._random.choice(("calls", "cost_usd", "tokens_total"))))
            return Request(path, tuple(parameters), None, self._workspace())

        return Question(name, DASHBOARD, ask, tells, kept=True)

    def _metrics(self, name: str, body: Mapping[str, Any], length: timedelta) -> Question:
        def ask() -> Request:
            filters = {}
            if self._random.random() < 0.5:
                filters["environment"] = [self._random.choice(("production", "staging", "development"))]
            asked = {**body, **self._times(length), "filters": filters}
            return Request("/metrics/query", (), asked, self._workspace())

        return Question(name, DASHBOARD, ask, lambda data: bool(data["rows"]), kept=True)

    def _actors(self) -> Iterator[Question]:
        for range_name, length in RANGES.items():
            for path in ("/sessions", "/users"):
                for sort in ("last_activity", "cost_usd"):
                    yield self._actor_list(f"{path[1:]} by {sort} {range_name}", path, sort, length)
            yield self._dashboard(f"agents {range_name}", "/agents", length, bool)
            yield Question(f"user {range_name}", DASHBOARD, partial(self._actor, "user_id", length))
        yield Question("session", DASHBOARD, lambda: self._actor("session_id", None))

    def _actor_list(self, name: str, path: str, sort: str, length: timedelta) -> Question:
        def ask() -> Request:
            filters = self._filters(with_agents=sort == "last_activity")
            parameters = [*self._times(length).items(), *filters, ("sort", sort)]
            return Request(path, tuple(parameters), None, self._workspace())

        return Question(name, DASHBOARD, ask)

    def _actor(self, column: str, length: timedelta | None) -> Request:
        example = example_of(self._random, self.known.examples, column)
        times = {}
        if length is not None:
            start = example["start_time"] - self._random.random() * length
            times = {"from": start.isoformat(), "to": (start + length).isoformat()}
        return Request(f"/{column.removesuffix('_id')}s/{example[column]}", tuple(times.items()))

    def _listed(self, parameters: Sequence[tuple[str, str]], length: timedelta, path: str = "/traces") -> Request:
        times = self._times(length).items()
        return Request(path, (*times, *parameters), None, self._workspace())

    def _lists(self) -> Iterator[Question]:
        day, month = RANGES["24h"], RANGES["30d"]
        pairs = list(itertools.combinations(PAIRED, 2))
        self._random.shuffle(pairs)
        rotated = itertools.cycle(pairs)

        def two() -> list[tuple[str, str]]:
            return [item for name in next(rotated) for item in PAIRED[name](self._random, self.known.examples)]

        yield Question("traces 24h", LIST, lambda: self._listed((), day))
        yield Question(
            "traces, two filters 24h", LIST, lambda: self._listed(two(), day), repeats=len(pairs), filled=0.3
        )
        yield Question("traces, two filters 30d", None, lambda: self._listed(two(), month), repeats=100, filled=0.3)
        sorts = itertools.cycle(("-duration_ms", "-cost_usd", "tokens_total", "-error_count", "-span_count", "ttft_ms"))
        yield Question("traces, sorted 24h", LIST, lambda: self._listed([("sort", next(sorts))], day))
        for name, tree in TREES.items():

            def search(tree: Callable[..., Any] = tree) -> Request:
                body = {**self._times(day), "filter": tree(self._random, self.known.examples)}
                return Request("/traces/search", (), body, self._workspace())

            yield Question(f"search, {name} 24h", LIST, search, filled=0.5)
        for range_name, length in RANGES.items():
            yield Question(
                f"facets {range_name}",
                LIST,
                partial(self._facets, length),
                lambda data: any(facet["values"] for facet in data["facets"]),
            )

    def _facets(self, length: timedelta) -> Request:
        return self._listed(self._filters(), length, "/traces/facets")

    def _texts(self) -> Iterator[Question]:
        ranked = sorted(self.known.words, key=lambda word: -self.known.words[word])
        common = [word for word in ranked if self.known.words[word] > 0.2 * self.known.templates]
        middle = [word for word in ranked if 0.005 < self.known.words[word] / self.known.templates < 0.05]
        pick = self._random.choice
        texts: dict[str, tuple[Callable[[], str], float]] = {
            "one trace's word": (lambda: pick(self.known.rare_words), 0.5),
            "a word of few": (lambda: pick(middle), 0.5),
            "a word of many": (lambda: pick(common), 0.9),
            "two words of few": (lambda: f"{pick(middle)} {pick(middle)}", 0.0),
            "few and many": (lambda: f"{pick(middle)} {pick(common)} -{pick(middle)}", 0.5),
            "beginning of a word": (lambda: f"{pick(middle)[:4]}*", 0.5),
            "either word": (lambda: f"{pick(middle)} or {pick(self.known.rare_words)}", 0.5),
            "no trace's word": (lambda: f"nothing{self._random.randrange(10**9)}", 0.0),
        }
        for name, (text, filled) in texts.items():

            def ask(name: str = name, text: Callable[[], str] = text) -> Request:
                parameters = [("q", text())]
                workspace = 0
                if name != "one trace's word":
                    parameters += self._filters()
                    workspace = self._workspace()
                times = {"from": (self.known.until - RANGES["7d"]).isoformat()} | self._until()
                return Request("/traces", (*times.items(), *parameters), None, workspace)

            yield Question(f"text, {name} 7d", TEXT, ask, filled=filled)

    def _until(self) -> dict[str, str]:
        return {"to": (self.known.until - self._random.random() * timedelta(hours=1)).isoformat()}

    def _traces(self) -> Iterator[Question]:
        known, pick = self.known, self._random.choice

        def page(limit: int, *parameters: tuple[str, str]) -> Request:
            return Request(f"/traces/{known.longest}/spans", (("limit", str(limit)), *parameters))

        def nodes(data: Any) -> bool:
            return bool(data["nodes"])

        yield Question("trace", THOUSAND, lambda: Request(f"/traces/{pick(known.traces)}"))
        yield Question("trace of 1,000 spans", THOUSAND, lambda: Request(f"/traces/{pick(known.thousand)}"))
        yield Question("trace of 30,000 spans, first screen", LONGEST, lambda: Request(f"/traces/{known.longest}"))
        yield Question(
            "spans of 30,000, next page",
            LONGEST,
            lambda: page(self._random.randint(100, 1000), ("cursor", known.longest_cursor)),
        )
        yield Question(
            "children of a span of 30,000",
            LONGEST,
            lambda: page(self._random.randint(100, 1000), ("parent", known.longest_root)),
        )
        yield Question("one span with payload", THOUSAND, self._span)
        yield Question("graph", THOUSAND, lambda: Request(f"/traces/{pick(known.traces)}/graph"), nodes)
        yield Question(
            "graph of 1,000 spans", THOUSAND, lambda: Request(f"/traces/{pick(known.thousand)}/graph"), nodes
        )
        yield Question("graph of 30,000 spans", None, lambda: Request(f"/traces/{known.longest}/graph"), nodes)

    def _span(self) -> Request:
        example = example_of(self._random, self.known.examples, "span_id")
        return Request(f"/traces/{example['trace_id']}/spans/{example['span_id']}")


def _value(name: str) -> Callable[[Any], bool]:
    return lambda data: bool(data[name]["value"])


def _any_row(name: str) -> Callable[[Any], bool]:
    return lambda rows: any(row[name] for row in rows)


def _any_point(name: str) -> Callable[[Any], bool]:
    return lambda data: any(point[name] for point in data["points"])


def _part(name: str) -> Callable[[Any], bool]:
    return lambda data: bool(data[name])


_DASHBOARDS: tuple[tuple[str, str, Callable[[Any], bool]], ...] = (
    ("home-kpis", "/metrics/home-kpis", _value("requests")),
    ("aggregations", "/metrics/aggregations", _any_row("requests")),
    ("usage/overview", "/usage/overview", _value("calls")),
    ("usage/calls-over-time", "/usage/calls-over-time", lambda data: any(data["calls"])),
    ("usage/agent-distribution", "/usage/agent-distribution", bool),
    ("usage/top-users", "/usage/top-users", bool),
    ("cost/overview", "/cost/overview", _value("cost_usd")),
    ("cost/trend", "/cost/trend", lambda data: any(data["cost_usd"])),
    ("cost/by-model", "/cost/by-model", bool),
    ("performance/overview", "/performance/overview", _value("requests")),
    ("performance/latency", "/performance/latency", _any_point("requests")),
    ("performance/throughput", "/performance/throughput", _any_point("requests")),
    ("performance/errors", "/performance/errors", _part("groups")),
    ("analytics/costs", "/analytics/costs", _part("by_model")),
    ("analytics/performance", "/analytics/performance", _part("by_agent")),
    ("analytics/quality", "/analytics/quality", _part("by_agent")),
    ("analytics/models", "/analytics/models", bool),
    ("quality/overview", "/quality/overview", _value("evaluations")),
    ("quality/trend", "/quality/trend", _any_point("evaluations")),
)
# Without a check where a quiet day is no fault.
_RECENT: tuple[tuple[str, str, Callable[[Any], bool] | None], ...] = (
    ("activity/stream", "/activity/stream", bool),
    ("alerts/recent", "/alerts/recent", None),
    ("cost/budget", "/cost/budget", _part("spent_usd")),
)
_METRICS: dict[str, dict[str, Any]] = {
    "time and model": {"measures": ["requests", "cost_usd", "latency_p95"], "dimensions": ["time", "model"]},
    "agent and status": {"measures": ["requests", "error_rate"], "dimensions": ["agent", "status"]},
    "agent and model": {"measures": ["requests", "tokens_total", "cost_usd"], "dimensions": ["agent", "model"]},
    "users and sessions by time": {"measures": ["users", "sessions"], "dimensions": ["time"]},
    "tools": {"measures": ["requests", "latency_p50", "latency_p99"], "dimensions": ["kind", "tool"]},
    "release": {"measures": ["requests", "latency_p95", "ttft_p95"], "dimensions": ["release", "environment"]},
}
