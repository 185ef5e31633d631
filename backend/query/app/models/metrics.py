"""The free query over figures: what may be asked, and the answer."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from query.app.models.asking import GranularityName
from query.app.models.traces import Text
from shared.http.ranges import RangeName

Measure = Literal[
    "requests",
    "errors",
    "error_rate",
    "tokens_input",
    "tokens_output",
    "tokens_total",
    "tokens_cached",
    "tokens_reasoning",
    "cost_usd",
    "latency_avg",
    "latency_p50",
    "latency_p95",
    "latency_p99",
    "ttft_p50",
    "ttft_p95",
    "users",
    "sessions",
]
Dimension = Literal["time", "agent", "model", "provider", "kind", "status", "environment", "release", "tool"]
FilterName = Literal["agent", "model", "provider", "kind", "status", "environment", "release", "tool"]


class MetricsRequest(BaseModel):
    """Measures of traces, or of spans when a dimension or filter is one of spans, split by dimensions."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "measures": ["requests", "cost_usd", "latency_p95"],
                    "dimensions": ["time", "model"],
                    "filters": {"environment": ["production"]},
                    "range": "7d",
                    "granularity": "1d",
                    "order": "-cost_usd",
                    "limit": 100,
                }
            ]
        },
    )

    measures: Annotated[list[Measure], Field(min_length=1, max_length=17, description="What to compute")]
    dimensions: Annotated[list[Dimension], Field(max_length=5, description="What to split by")] = []
    filters: Annotated[
        dict[FilterName, Annotated[list[Text], Field(min_length=1, max_length=50)]],
        Field(description="Values of dimensions, any of which counts"),
    ] = {}
    range_name: Annotated[RangeName | None, Field(alias="range", description="24h unless given")] = None
    start: Annotated[str | None, Field(alias="from", max_length=64, description="RFC 3339 time")] = None
    end: Annotated[str | None, Field(alias="to", max_length=64, description="RFC 3339 time; now unless given")] = None
    granularity: GranularityName = None
    order: Annotated[
        str | None, Field(max_length=32, description="A measure or dimension of the query; with - the largest first")
    ] = None
    limit: Annotated[int, Field(ge=1, le=5000, description="Most rows")] = 1000


class MetricsAnswer(BaseModel):
    """The rows, each with the dimensions and measures asked for."""

    model_config = ConfigDict(populate_by_name=True)

    start: Annotated[datetime, Field(alias="from", description="Start, to the half minute or hour")]
    end: Annotated[datetime, Field(alias="to", description="End")]
    granularity: Annotated[str | None, Field(description="Length of the buckets when split by time", examples=["1d"])]
    counts: Annotated[Literal["traces", "spans"], Field(description="What requests counts")]
    rows: Annotated[
        list[dict[str, Any]],
        Field(examples=[[{"time": "2026-01-31T00:00:00Z", "model": "gpt-4o", "requests": 120, "cost_usd": 1.25}]]),
    ]
    truncated: Annotated[bool, Field(description="Whether there were more rows than asked for")]
