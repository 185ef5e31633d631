"""Answers of the home page."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from query.app.models.figures import (
    Answer,
    Charted,
    Dollars,
    Figure,
    Latency,
    Milliseconds,
    Name,
    OptionalDollars,
    Share,
    Tokens,
)
from query.app.models.traces import StatusWord


class KpiPoint(Answer):
    """Key figures of one bucket."""

    time: datetime
    requests: int
    avg_latency_ms: Milliseconds
    p95_latency_ms: Milliseconds
    error_rate: Share
    cost_usd: Dollars


class HomeKpis(Charted):
    """Key figures, compared and over time."""

    requests: Figure
    avg_latency_ms: Figure
    p95_latency_ms: Figure
    error_rate: Figure
    cost_usd: Figure
    quality_score: Annotated[Figure, Field(description="Mean of evaluations, 0 to 100; null while there are none")]
    trend: list[KpiPoint]


class Activity(Answer):
    """A trace that started of late."""

    type: Literal["trace"]
    trace_id: str
    time: datetime
    name: str
    agent_id: Name
    user_id: str | None
    session_id: str | None
    environment: str | None
    status: StatusWord
    duration_ms: Milliseconds
    cost_usd: OptionalDollars
    tokens_total: int | None
    models: list[str]
    input_preview: str | None
    error_message: str | None


class Alert(Answer):
    """A rise of an agent's error rate or latency in one hour against the 24 hours before it."""

    id: Annotated[str, Field(examples=["error_rate:support-bot:2026-01-31T12:00:00+00:00"])]
    type: Literal["error_rate", "latency"]
    severity: Literal["warning", "critical"]
    status: Annotated[Literal["active", "resolved"], Field(description="Active while its hour lasts")]
    agent_id: Name
    title: Annotated[str, Field(examples=["Error rate of support-bot rose"])]
    message: Annotated[str, Field(examples=["12.0% of 250 traces failed; 2.0% in the day before"])]
    value: float | None
    baseline: float | None
    started_at: datetime
    ended_at: datetime | None
    derived: Annotated[bool, Field(description="True: found in the figures, not by a rule")]


class Aggregation(Latency):
    """Figures of one hour or day."""

    time: datetime
    requests: int
    errors: int
    timeouts: int
    error_rate: Share
    llm_calls: int
    tokens_input: Tokens
    tokens_output: Tokens
    tokens_total: Tokens
    cost_usd: Dollars
    cost_per_request_usd: OptionalDollars
