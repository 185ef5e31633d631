"""Answers and bodies of the cost page."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from query.app.models.figures import (
    Answer,
    Bounded,
    Charted,
    Dollars,
    Figure,
    Name,
    OptionalDollars,
    Percent,
    Share,
    Tokens,
)
from query.app.models.traces import SpanCostSource

Thresholds = Annotated[list[Annotated[int, Field(ge=1, le=1000)]], Field(max_length=10, examples=[[50, 80, 100]])]


class Budget(Answer):
    """The budget of a calendar month (UTC)."""

    month: Annotated[date, Field(description="First day of the month")]
    monthly_usd: Annotated[float | None, Field(description="Null while none is set", examples=[500])]
    thresholds_percent: Thresholds
    spent_usd: Dollars
    remaining_usd: OptionalDollars
    used_percent: Percent
    crossed_percent: Annotated[list[int], Field(description="Thresholds that are reached")]
    state: Literal["none", "ok", "warning", "exceeded"]
    projected_usd: Annotated[float, Field(description="What the month comes to at the pace of the last seven days")]
    projected_low_usd: Annotated[float, Field(description="Lower bound of the middle 80 %")]
    projected_high_usd: Annotated[float, Field(description="Upper bound of the middle 80 %")]


class BudgetRequest(BaseModel):
    """A new budget."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"monthly_usd": 500, "thresholds_percent": [50, 80, 100]}]}
    )

    monthly_usd: Annotated[
        Decimal | None,
        Field(gt=0, le=10**11, max_digits=14, decimal_places=2, description="USD a month; null removes the budget"),
    ]
    thresholds_percent: Annotated[Thresholds, Field(description="Percentages to be told at; kept unless given")] = []

    @field_validator("thresholds_percent")
    @classmethod
    def _in_order(cls, value: list[int]) -> list[int]:
        return sorted(set(value))


class SourceCost(Answer):
    """Spans whose cost was found in one way."""

    cost_source: Annotated[
        SpanCostSource,
        Field(description="override: price of the workspace; reported: by the sender; exact, pattern: price table"),
    ]
    spans: int
    tokens_total: Tokens
    cost_usd: Dollars


class CostOverview(Bounded):
    """What a range cost."""

    cost_usd: Figure
    requests: Figure
    cost_per_request_usd: Figure
    cost_per_success_usd: Annotated[Figure, Field(description="All cost by the traces that succeeded")]
    tokens_total: Figure
    cached_share: Annotated[Figure, Field(description="Share of input tokens that came from a cache")]
    by_source: list[SourceCost]
    unpriced_spans: Annotated[int, Field(description="Spans with tokens and no price, not in any sum")]
    unpriced_share: Share
    budget: Budget


class ModelTrend(Answer):
    """The cost of one model over time."""

    model: Name
    provider: str | None
    is_other: Annotated[bool, Field(description="Whether this is the sum of all models that are not listed")]
    total_usd: Dollars
    cost_usd: Annotated[list[float], Field(description="One amount a time")]


class CostTrend(Charted):
    """Cost over time."""

    times: Annotated[list[datetime], Field(description="Starts of the buckets")]
    cost_usd: list[float]
    cumulative_usd: list[float]
    by_model: list[ModelTrend]


class ModelCost(Answer):
    """What one model cost."""

    model: Name
    provider: Name
    calls: int
    tokens_input: Tokens
    tokens_output: Tokens
    tokens_cached: Tokens
    tokens_total: Tokens
    cost_usd: Dollars
    share_percent: Percent
    cost_per_call_usd: OptionalDollars
    unpriced_calls: int


class NamedCost(Answer):
    """What one agent, environment, model or provider cost."""

    name: Name
    requests: Annotated[int, Field(description="Traces, or calls of a model")]
    tokens_total: Tokens
    cost_usd: Dollars
    share_percent: Percent


class CostAnalytics(Bounded):
    """Cost by what caused it."""

    by_agent: list[NamedCost]
    by_environment: list[NamedCost]
    by_model: list[NamedCost]
    by_provider: list[NamedCost]
