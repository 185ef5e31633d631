"""Parameters and answers about sessions, users and agents."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from query.app.models.asking import RangeParameters
from query.app.models.traces import CursorText, StatusWord, Texts, Trace, TraceCostSource
from shared.http.ranges import RangeName

_HAS_ERROR = "Whether any of the traces failed"
PageLimit = Annotated[int, Field(ge=1, le=200, description="Most entries of a page")]


class SessionParameters(RangeParameters):
    """Parameters of the list of sessions."""

    user_id: Texts = Field(default_factory=list, description="Repeated: any of the users")
    has_error: Annotated[bool | None, Field(description=_HAS_ERROR)] = None
    sort: Annotated[
        Literal["last_activity", "first_activity", "trace_count", "error_count", "cost_usd", "tokens_total"],
        Field(description="Highest or latest first; with a sum no filter but environment is possible"),
    ] = "last_activity"
    limit: PageLimit = 50
    cursor: CursorText = None


class UserParameters(RangeParameters):
    """Parameters of the list of users."""

    has_error: Annotated[bool | None, Field(description=_HAS_ERROR)] = None
    sort: Annotated[
        Literal["last_activity", "first_activity", "trace_count", "error_count", "cost_usd", "tokens_total"],
        Field(description="Highest or latest first; with a sum no filter but environment is possible"),
    ] = "last_activity"
    limit: PageLimit = 50
    cursor: CursorText = None


class SessionPageParameters(BaseModel):
    """Parameters of one session."""

    model_config = ConfigDict(extra="ignore")

    range_name: Annotated[RangeName | None, Field(alias="range", description="All times unless given")] = None
    start: Annotated[str | None, Field(alias="from", max_length=64, description="RFC 3339 time")] = None
    end: Annotated[str | None, Field(alias="to", max_length=64, description="RFC 3339 time; now unless given")] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="Most traces of a page")] = 100
    cursor: CursorText = None


class UserDetailParameters(BaseModel):
    """Parameters of one user."""

    model_config = ConfigDict(extra="ignore")

    range_name: Annotated[RangeName | None, Field(alias="range", description="30d unless given")] = None
    start: Annotated[str | None, Field(alias="from", max_length=64, description="RFC 3339 time")] = None
    end: Annotated[str | None, Field(alias="to", max_length=64, description="RFC 3339 time; now unless given")] = None


class _Totals(BaseModel):
    model_config = ConfigDict(extra="forbid")

    trace_count: int = Field(examples=[12])
    error_count: int = Field(description="Traces that failed", examples=[1])
    error_rate: float | None = Field(description="Share of traces that failed, 0 to 1", examples=[0.083333])
    llm_call_count: int = Field(examples=[31])
    tool_call_count: int = Field(examples=[9])
    tokens_input: int | str | None = Field(examples=[48210])
    tokens_output: int | str | None = Field(examples=[2150])
    tokens_total: int | str | None = Field(examples=[50360])
    cost_usd: float | None = Field(examples=[0.1431])
    cost_source: TraceCostSource = Field(description="How the weakest part of the cost was found", examples=["exact"])
    first_activity: datetime = Field(description="Start of the first trace")
    last_activity: datetime = Field(description="Start of the latest trace")


class Session(_Totals):
    """A session: the traces with one session_id in the range."""

    session_id: str = Field(examples=["chat-7f3a"])
    user_ids: list[str] = Field(description="At most 50", examples=[["u-1842"]])
    agents: list[str] = Field(description="At most 50", examples=[["support"]])
    duration_ms: float = Field(description="From the first start to the latest end", examples=[184200.0])
    status: StatusWord = Field(description="Of the latest trace")
    input_preview: str | None = Field(description="What came in first", examples=["Where is my order?"])
    output_preview: str | None = Field(description="What was answered last", examples=["It arrives tomorrow."])


class SessionWithTraces(Session):
    """A session with its traces, oldest first."""

    scores: dict[str, float] = Field(
        description="Mean of each score that is a number or a truth value", examples=[{"helpful": 0.75}]
    )
    traces: list[Trace]
    traces_cursor: str | None = Field(description="Send it as cursor to get the traces behind these")


class User(_Totals):
    """A user: the traces with one user_id in the range."""

    user_id: str = Field(examples=["u-1842"])
    session_count: int = Field(examples=[4])
    agents: list[str] = Field(description="At most 50", examples=[["support"]])


class UserDay(BaseModel):
    """What a user did on one day, UTC; days without traces are left out."""

    model_config = ConfigDict(extra="forbid")

    day: date
    trace_count: int
    error_count: int
    tokens_total: int | str
    cost_usd: float


class UserShare(BaseModel):
    """How often a user met an agent or model."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(examples=["support"])
    trace_count: int
    error_count: int


class UserError(BaseModel):
    """Failures of one kind that a user met."""

    model_config = ConfigDict(extra="forbid")

    type: str | None = Field(examples=["RateLimitError"])
    message: str | None = Field(description="Without ids and numbers", examples=["Limit of <n> requests reached"])
    count: int
    last_seen: datetime


class UserSession(BaseModel):
    """One of the latest sessions of a user; figures are of this user's traces."""

    model_config = ConfigDict(extra="forbid")

    session_id: str
    trace_count: int
    error_count: int
    first_activity: datetime
    last_activity: datetime


class UserDetail(User):
    """A user with what it did."""

    activity: list[UserDay]
    by_agent: list[UserShare] = Field(description="Most used first, at most 20")
    by_model: list[UserShare] = Field(description="Most used first, at most 20")
    errors: list[UserError] = Field(description="Most frequent first, at most 20")
    recent_traces: list[Trace] = Field(description="Latest first, at most 20")
    recent_sessions: list[UserSession] = Field(description="Latest first, at most 20")


class Agent(BaseModel):
    """An agent that ran in the range."""

    model_config = ConfigDict(extra="forbid")

    agent_id: str = Field(examples=["support"])
    display_name: str | None = Field(examples=["Support assistant"])
    description: str | None = Field(examples=["Answers questions about orders"])
    trace_count: int = Field(examples=[1834])
    error_count: int = Field(description="Traces that failed", examples=[21])
    error_rate: float | None = Field(description="Share of traces that failed, 0 to 1", examples=[0.01145])
    avg_latency_ms: float | None = Field(examples=[1204.5])
    p50_latency_ms: float | None = Field(description="Within 2 %", examples=[980.1])
    p95_latency_ms: float | None = Field(description="Within 2 %", examples=[3120.7])
    p99_latency_ms: float | None = Field(description="Within 2 %", examples=[5400.2])
    tokens_total: int | str = Field(examples=[1250000])
    cost_usd: float = Field(examples=[12.41])
    unpriced_count: int = Field(description="Traces whose cost is not fully known", examples=[0])
    last_seen: datetime | None = Field(description="Start of its latest trace")
