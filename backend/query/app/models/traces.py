"""Parameters that the routes take and shapes that they answer."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from query.app.fulltext import LONGEST_QUERY
from shared.http.cursor import MAX_CURSOR_LENGTH
from shared.http.ranges import RangeName
from shared.http.schema import Meta, Pagination

StatusWord = Literal["success", "error", "timeout"]
KindWord = Literal[
    "agent", "llm", "tool", "chain", "retriever", "embedding", "reranker", "guardrail", "evaluator", "other"
]
SpanCostSource = Literal["override", "reported", "exact", "pattern", "unpriced"]
TraceCostSource = Literal["override", "reported", "exact", "pattern", "partial", "unpriced"]

PAGE_SPANS = 1000
_LONGEST_TEXT = 512
_MOST_VALUES = 50


def without_nul(value: str) -> str:
    """Return a text that a database takes."""
    if "\x00" in value:
        raise ValueError("must not contain NUL")
    return value


Text = Annotated[str, Field(min_length=1, max_length=_LONGEST_TEXT), AfterValidator(without_nul)]
Texts = Annotated[list[Text], Field(max_length=_MOST_VALUES, description="Repeated: any of the values")]
CursorText = Annotated[str | None, Field(max_length=MAX_CURSOR_LENGTH, description="Cursor of the page before")]
Milliseconds = Annotated[Decimal | None, Field(ge=0, le=10**12)]
Dollars = Annotated[Decimal | None, Field(ge=0, le=10**9)]
Count = Annotated[int | None, Field(ge=0, le=2**63 - 1)]
TextSearch = Annotated[
    Annotated[str, Field(max_length=LONGEST_QUERY), AfterValidator(without_nul)] | None,
    Field(
        description=(
            'Words in what the trace says: all of them, either side of or, "a phrase", -without, begin*. Found some'
            " seconds after the trace was stored."
        ),
        examples=['refund "order failed" -test'],
    ),
]
Rating = Annotated[int | None, Field(ge=-1, le=5, description="Latest rating: -1, 0, 1 or 1 to 5")]

_FILTER_EXAMPLE = {
    "and": [
        {"field": "status", "op": "ne", "value": "success"},
        {"any_span": {"field": "tool_name", "op": "eq", "value": "search"}},
    ]
}


SortWord = Literal[
    "-start_time", "start_time", "-duration_ms", "duration_ms", "-cost_usd", "cost_usd", "-tokens_total",
    "tokens_total", "-error_count", "error_count", "-span_count", "span_count", "-ttft_ms", "ttft_ms",
]  # fmt: skip
Sorted = Annotated[
    SortWord, Field(description="Absent values come last, equal ones newest first; by time is fast for any range")
]
PageLimit = Annotated[int, Field(ge=1, le=1000, description="Most traces of a page")]


class FilterParameters(BaseModel):
    """Which traces; ``metadata.KEY``, ``score.NAME``, ``min_score.NAME`` and ``max_score.NAME`` come on top."""

    model_config = ConfigDict(extra="ignore")

    range_name: Annotated[RangeName | None, Field(alias="range", description="24h unless given")] = None
    start: Annotated[str | None, Field(alias="from", max_length=64, description="RFC 3339 time")] = None
    end: Annotated[str | None, Field(alias="to", max_length=64, description="RFC 3339 time; now unless given")] = None
    trace_id: Texts = []
    name: Texts = []
    agent_id: Texts = []
    session_id: Texts = []
    user_id: Texts = []
    status: Annotated[list[StatusWord], Field(max_length=_MOST_VALUES)] = []
    provider: Texts = []
    model: Texts = []
    kind: Annotated[list[KindWord], Field(max_length=_MOST_VALUES, description="A span of one of these kinds")] = []
    tool_name: Texts = []
    service: Texts = []
    environment: Texts = []
    release: Texts = []
    error_type: Texts = []
    tags: Annotated[list[Text], Field(max_length=_MOST_VALUES, description="Repeated or separated by commas")] = []
    tags_mode: Annotated[
        Literal["all", "any", "none"], Field(description="Whether all tags must be there, any or none")
    ] = "all"
    cost_source: Annotated[list[TraceCostSource], Field(max_length=_MOST_VALUES)] = []
    has_error: Annotated[bool | None, Field(description="Whether any span failed")] = None
    has_feedback: Annotated[bool | None, Field(description="Whether anyone rated it")] = None
    has_score: Annotated[bool | None, Field(description="Whether it has a score")] = None
    has_user: Annotated[bool | None, Field(description="Whether a user is named")] = None
    has_session: Annotated[bool | None, Field(description="Whether a session is named")] = None
    min_duration_ms: Milliseconds = None
    max_duration_ms: Milliseconds = None
    min_ttft_ms: Milliseconds = None
    max_ttft_ms: Milliseconds = None
    min_cost_usd: Dollars = None
    max_cost_usd: Dollars = None
    min_tokens_input: Count = None
    max_tokens_input: Count = None
    min_tokens_output: Count = None
    max_tokens_output: Count = None
    min_tokens_total: Count = None
    max_tokens_total: Count = None
    min_span_count: Count = None
    max_span_count: Count = None
    min_llm_call_count: Count = None
    max_llm_call_count: Count = None
    min_tool_call_count: Count = None
    max_tool_call_count: Count = None
    min_error_count: Count = None
    max_error_count: Count = None
    min_feedback: Rating = None
    max_feedback: Rating = None
    q: TextSearch = None


class TraceParameters(FilterParameters):
    """Parameters of the list of traces."""

    sort: Sorted = "-start_time"
    fields: Annotated[list[Text], Field(max_length=_MOST_VALUES, description="Fields to answer, all by default")] = []
    limit: PageLimit = 50
    cursor: CursorText = None


class FacetParameters(FilterParameters):
    """Parameters of the values that traces have."""

    facets: Annotated[
        list[Text], Field(max_length=_MOST_VALUES, description="Names, repeated or separated by commas")
    ] = []
    limit: Annotated[int, Field(ge=1, le=100, description="Most values of a facet, frequent ones first")] = 10


class Selection(BaseModel):
    """Which traces a search names; unknown parts are refused with the nearest known one."""

    model_config = ConfigDict(extra="allow")

    range_name: Annotated[RangeName | None, Field(alias="range", description="24h unless given")] = None
    start: Annotated[str | None, Field(alias="from", max_length=64, description="RFC 3339 time")] = None
    end: Annotated[str | None, Field(alias="to", max_length=64, description="RFC 3339 time; now unless given")] = None
    filter: Annotated[
        dict[str, Any] | None,
        Field(
            description=(
                "A comparison {field, op, value}, or one of and, or (lists of filters), not, any_span, all_spans (a"
                " filter). Comparisons: eq, ne, in, not_in, gt, gte, lt, lte, contains, starts_with, exists."
            ),
            examples=[_FILTER_EXAMPLE],
        ),
    ] = None
    q: TextSearch = None


_SEARCH_EXAMPLE: Any = {"range": "7d", "filter": _FILTER_EXAMPLE, "sort": "-cost_usd", "limit": 20}


class SearchBody(Selection):
    """A search for traces."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SEARCH_EXAMPLE]})

    sort: Sorted = "-start_time"
    fields: Annotated[list[Text], Field(max_length=_MOST_VALUES, description="Fields to answer, all by default")] = []
    limit: PageLimit = 50
    cursor: CursorText = None


class SpanPageParameters(BaseModel):
    """Parameters of the spans of a trace."""

    model_config = ConfigDict(extra="ignore")

    parent: Annotated[Text | None, Field(description="Only the children of this span")] = None
    limit: Annotated[int, Field(ge=1, le=PAGE_SPANS)] = PAGE_SPANS
    cursor: CursorText = None


class SpanParameters(BaseModel):
    """Parameters of one span."""

    model_config = ConfigDict(extra="ignore")

    full: Annotated[bool, Field(description="Answer texts of over 256 KiB in full")] = False


class ErrorFacts(BaseModel):
    """What went wrong."""

    model_config = ConfigDict(extra="forbid")

    type: str | None
    message: str | None


class _Tokens(BaseModel):
    model_config = ConfigDict(extra="forbid")

    tokens_input: int | str | None
    tokens_output: int | str | None
    tokens_total: int | str | None
    tokens_cached: int | str | None
    tokens_reasoning: int | str | None


class Trace(_Tokens):
    """One row of the list of traces; with ``fields``, only those asked for."""

    trace_id: str
    name: str
    agent_id: str | None
    session_id: str | None
    user_id: str | None
    status: StatusWord
    start_time: datetime
    duration_ms: float | None
    span_count: int
    llm_call_count: int
    tool_call_count: int
    error_count: int
    cost_usd: float | None
    cost_source: TraceCostSource
    models: list[str]
    providers: list[str]
    environment: str | None
    release: str | None
    tags: list[str]
    metadata: dict[str, Any]
    input_preview: str | None
    output_preview: str | None
    error: ErrorFacts | None
    scores: dict[str, float | bool | str]


class TracePagination(Pagination):
    """Where a list of traces goes on."""

    scanned_until: Annotated[
        datetime | None,
        Field(
            description=(
                "Only on a page that ended early because matches are rare: the time up to which traces were looked"
                " through. The cursor goes on from there; the page may be empty."
            )
        ),
    ] = None


class TracePage(BaseModel):
    """A page of a list of traces."""

    status: Literal["success"]
    data: list[Trace]
    pagination: TracePagination
    meta: Meta


class FacetValue(BaseModel):
    """A value and how many of the traces have it."""

    value: str = Field(examples=["support"])
    count: int = Field(examples=[412])


class Facet(BaseModel):
    """The most frequent values of a field; ``estimated`` when they come from a sample or from rounded times."""

    name: str = Field(examples=["agent_id"])
    values: list[FacetValue]
    estimated: bool


class Sample(BaseModel):
    """The traces that were counted."""

    traces: int = Field(description="How many, newest first", examples=[50000])
    since: datetime | None = Field(description="Start of the oldest of them")
    complete: bool = Field(description="Whether those are all that match")


class Outcomes(BaseModel):
    """Traces that began in one bucket, by how they ended."""

    time: datetime
    success: int
    error: int
    timeout: int


class Histogram(BaseModel):
    """Traces over time, from the first bucket of which all were counted."""

    granularity: str = Field(examples=["1h"])
    points: list[Outcomes]


class Facets(BaseModel):
    """Values with counts, and a histogram over the range; null without a range, such as for the id of a trace."""

    facets: list[Facet]
    histogram: Histogram | None
    sample: Sample


class Span(_Tokens):
    """One span without its payload."""

    span_id: str
    parent_span_id: str | None
    trace_id: str
    name: str
    kind: KindWord
    status: StatusWord
    start_time: datetime
    duration_ms: float | None
    agent_id: str | None
    session_id: str | None
    user_id: str | None
    model: str | None
    model_requested: str | None
    model_provider: str | None
    cost_usd: float | None
    cost_source: SpanCostSource
    price_id: Annotated[int | None, Field(description="The price that the cost was worked out by", examples=[2412])]
    ttft_ms: float | None
    tool_name: str | None
    service: str | None
    error: ErrorFacts | None
    has_payload: bool


class TraceWithSpans(Trace):
    """A trace and the first thousand of its spans in tree order."""

    spans: list[Span]
    spans_cursor: str | None


class SpanWithPayload(Span):
    """A span with what was sent, as the normaliser reads it today."""

    input: Any
    output: Any
    messages: list[dict[str, Any]]
    output_messages: list[dict[str, Any]]
    tool_arguments: Any
    tool_result: Any
    tool_definitions: list[Any]
    documents: list[dict[str, Any]]
    parameters: dict[str, Any]
    finish_reasons: list[str]
    attributes: dict[str, Any]
    events: list[dict[str, Any]]
    links: list[dict[str, Any]]
    resource: dict[str, Any]
    scope: dict[str, Any]
    logs: list[dict[str, Any]]
    prompt_name: str | None
    prompt_version: str | None
    dropped_attributes_count: int
