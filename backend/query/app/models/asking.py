"""Parameters that the dashboard's routes take."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from query.app.models.traces import Texts
from query.app.windows import GRANULARITY_NAMES
from shared.http.ranges import RangeName

GranularityName = Annotated[
    str | None,
    Field(
        max_length=16,
        description=f"One of {', '.join(GRANULARITY_NAMES)}; unless given, one that makes 24 to 180 points",
    ),
]
Limit = Annotated[int, Field(ge=1, le=100, description="Most rows")]


class RangeParameters(BaseModel):
    """The times and traces that figures are asked of."""

    model_config = ConfigDict(extra="ignore")

    range_name: Annotated[RangeName | None, Field(alias="range", description="24h unless given")] = None
    start: Annotated[str | None, Field(alias="from", max_length=64, description="RFC 3339 time")] = None
    end: Annotated[str | None, Field(alias="to", max_length=64, description="RFC 3339 time; now unless given")] = None
    environment: Annotated[Texts, Field(description="Repeated: any of the environments")] = []
    agent_id: Annotated[Texts, Field(description="Repeated: any of the agents")] = []


class ChartParameters(RangeParameters):
    """The same for a chart."""

    granularity: GranularityName = None


class StackParameters(ChartParameters):
    """The same for a chart of several lines."""

    limit: Annotated[int, Field(ge=1, le=50, description="Most lines; what remains is added up as other")] = 10


class RankingParameters(RangeParameters):
    """The same for a ranking."""

    limit: Limit = 10


class TopUserParameters(RankingParameters):
    """The same for users."""

    sort: Annotated[Literal["calls", "cost_usd", "tokens_total"], Field(description="What to rank by")] = "calls"


class ErrorParameters(RankingParameters):
    """The same for groups of errors."""

    limit: Limit = 20


class AggregationParameters(RangeParameters):
    """The same for the figures of every hour or day."""

    type: Annotated[Literal["hourly", "daily"], Field(description="Length of the buckets")] = "hourly"


class RecentParameters(BaseModel):
    """Parameters of what happened of late."""

    model_config = ConfigDict(extra="ignore")

    limit: Annotated[int, Field(ge=1, le=200, description="Most entries, newest first")] = 50
    environment: Annotated[Texts, Field(description="Repeated: any of the environments")] = []
    agent_id: Annotated[Texts, Field(description="Repeated: any of the agents")] = []
