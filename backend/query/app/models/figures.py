"""Shapes that the dashboard's answers are made of."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float | None, Field(description="From 0 to 1", examples=[0.025])]
Percent = Annotated[float | None, Field(description="From 0 to 100", examples=[12.5])]
Milliseconds = Annotated[float | None, Field(description="Milliseconds", examples=[842.5])]
Dollars = Annotated[float, Field(description="USD", examples=[1.2345])]
OptionalDollars = Annotated[float | None, Field(description="USD", examples=[0.0042])]
Tokens = Annotated[int | str, Field(description="A number, or a text beyond 2^53", examples=[12900])]
Name = Annotated[str | None, Field(description="Null stands for what has none", examples=["support-bot"])]


class Answer(BaseModel):
    """Base of all answers: documented by their public names."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class Bounded(Answer):
    """An answer about a range, with its bounds: whole half minutes, and hours before the last three days."""

    start: Annotated[datetime, Field(alias="from", description="Start of the range")]
    end: Annotated[datetime, Field(alias="to", description="End of the range")]


class Charted(Bounded):
    """The same over time."""

    granularity: Annotated[str, Field(description="Length of the buckets", examples=["1h"])]


class Figure(Answer):
    """A figure beside the one of the range of the same length before."""

    value: Annotated[float | None, Field(description="Null where it is not defined", examples=[1284])]
    previous: Annotated[float | None, Field(examples=[1102])]
    change_percent: Annotated[float | None, Field(description="Null without a figure before", examples=[16.52])]


class Latency(Answer):
    """Mean and percentiles of a duration; percentiles are within 2 %."""

    avg_latency_ms: Milliseconds
    p50_latency_ms: Milliseconds
    p95_latency_ms: Milliseconds
    p99_latency_ms: Milliseconds
