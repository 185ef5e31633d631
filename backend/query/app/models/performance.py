"""Answers of the performance page, and of the analysis of models."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from query.app.models.figures import (
    Answer,
    Bounded,
    Charted,
    Dollars,
    Figure,
    Latency,
    Milliseconds,
    Name,
    OptionalDollars,
    Percent,
    Share,
    Tokens,
)
from query.app.models.traces import KindWord


class SlowSpans(Answer):
    """Spans of one kind: calls of one model, or runs of one tool."""

    kind: KindWord
    name: Name
    spans: int
    errors: int
    avg_latency_ms: Milliseconds
    p50_latency_ms: Milliseconds
    p95_latency_ms: Milliseconds


class PerformanceOverview(Bounded):
    """How fast and how reliable traces are."""

    requests: Figure
    avg_latency_ms: Figure
    p50_latency_ms: Figure
    p95_latency_ms: Figure
    p99_latency_ms: Figure
    error_rate: Figure
    throughput_per_minute: Figure
    p50_ttft_ms: Figure
    p95_ttft_ms: Figure
    output_tokens_per_second: Annotated[float | None, Field(description="Of the time that models took")]
    slowest: list[SlowSpans]


class LatencyPoint(Latency):
    """Durations in one bucket, null where nothing happened."""

    time: datetime
    requests: int
    p50_ttft_ms: Milliseconds
    p95_ttft_ms: Milliseconds


class LatencyOverTime(Charted):
    """Durations over time."""

    points: list[LatencyPoint]


class ThroughputPoint(Answer):
    """Traces that started in one bucket, by how they ended."""

    time: datetime
    requests: int
    success: int
    error: int
    timeout: int
    requests_per_second: float


class Throughput(Charted):
    """Traces over time."""

    points: list[ThroughputPoint]


class ErrorGroup(Answer):
    """Failures of spans of one type whose messages differ in ids, numbers and quoted texts only."""

    error_group: Annotated[str, Field(examples=["7d3f2a9c41b60e58"])]
    type: str | None
    message: Annotated[str | None, Field(examples=["Timeout after <n> s"])]
    count: int
    share_percent: Percent
    agents: Annotated[list[str | None], Field(description="At most ten, the most affected first")]
    kinds: list[KindWord]
    first_seen: Annotated[datetime | None, Field(description="To the half minute")]
    last_seen: Annotated[datetime | None, Field(description="To the half minute")]
    trace_id: Annotated[str | None, Field(description="The latest example; null once it is deleted or has expired")]
    span_id: str | None


class ErrorGroups(Bounded):
    """The most frequent failures."""

    total: Annotated[int, Field(description="Spans that failed in the range")]
    groups: list[ErrorGroup]


class NamedPerformance(Latency):
    """Speed of one agent, model or tool."""

    name: Name
    requests: Annotated[int, Field(description="Traces of an agent, calls of a model or tool")]
    error_rate: Share


class PerformanceAnalytics(Bounded):
    """Speed by what is slow."""

    by_agent: list[NamedPerformance]
    by_model: list[NamedPerformance]
    by_tool: list[NamedPerformance]


class ModelFigures(Latency):
    """One model beside the others."""

    model: Name
    calls: int
    errors: int
    error_rate: Share
    p50_ttft_ms: Milliseconds
    p95_ttft_ms: Milliseconds
    output_tokens_per_second: float | None
    tokens_total: Tokens
    cost_usd: Dollars
    cost_per_call_usd: OptionalDollars
    cost_per_1k_tokens_usd: OptionalDollars
    unpriced_calls: int
