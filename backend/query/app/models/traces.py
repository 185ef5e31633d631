"""Parameters that the routes take and shapes that they answer."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shared.http.cursor import MAX_CURSOR_LENGTH
from shared.http.ranges import RangeName

StatusWord = Literal["success", "error", "timeout"]
KindWord = Literal[
    "agent", "llm", "tool", "chain", "retriever", "embedding", "reranker", "guardrail", "evaluator", "other"
]
SpanCostSource = Literal["override", "reported", "exact", "pattern", "unpriced"]
TraceCostSource = Literal["override", "reported", "exact", "pattern", "partial", "unpriced"]

PAGE_SPANS = 1000
_LONGEST_TEXT = 512
_MOST_VALUES = 50


def _without_nul(value: str) -> str:
    if "\x00" in value:
        raise ValueError("must not contain NUL")
    return value


Text = Annotated[str, Field(min_length=1, max_length=_LONGEST_TEXT), AfterValidator(_without_nul)]
Texts = Annotated[list[Text], Field(max_length=_MOST_VALUES, description="Repeated: any of the values")]
CursorText = Annotated[str | None, Field(max_length=MAX_CURSOR_LENGTH, description="Cursor of the page before")]
Milliseconds = Annotated[Decimal | None, Field(ge=0, le=10**12)]
Dollars = Annotated[Decimal | None, Field(ge=0, le=10**9)]
Count = Annotated[int | None, Field(ge=0, le=2**63 - 1)]


class TraceParameters(BaseModel):
    """Parameters of the list of traces; ``metadata.KEY=value`` comes on top of them."""

    model_config = ConfigDict(extra="ignore")

    range_name: Annotated[RangeName | None, Field(alias="range", description="24h unless given")] = None
    start: Annotated[str | None, Field(alias="from", max_length=64, description="RFC 3339 time")] = None
    end: Annotated[str | None, Field(alias="to", max_length=64, description="RFC 3339 time; now unless given")] = None
    trace_id: Texts = []
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
    tags: Annotated[list[Text], Field(max_length=_MOST_VALUES, description="Repeated or separated by commas")] = []
    tags_mode: Annotated[Literal["all", "any"], Field(description="Whether all tags must be there or any")] = "all"
    cost_source: Annotated[list[TraceCostSource], Field(max_length=_MOST_VALUES)] = []
    has_error: Annotated[bool | None, Field(description="Whether any span failed")] = None
    min_duration_ms: Milliseconds = None
    max_duration_ms: Milliseconds = None
    min_ttft_ms: Milliseconds = None
    max_ttft_ms: Milliseconds = None
    min_cost_usd: Dollars = None
    max_cost_usd: Dollars = None
    min_tokens_total: Count = None
    max_tokens_total: Count = None
    sort: Literal["start_time", "-start_time"] = "-start_time"
    fields: Annotated[list[Text], Field(max_length=_MOST_VALUES, description="Fields to answer, all by default")] = []
    limit: Annotated[int, Field(ge=1, le=1000)] = 50
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
