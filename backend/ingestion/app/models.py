"""What clients send as JSON; see also ``validation``."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from shared.ids import MAX_ID_LENGTH
from shared.normalisation.dialects.own import moment_of

MAX_BATCH_TRACES = 100
MAX_BATCH_SPANS = 50_000
MAX_TAGS = 10
MAX_METADATA_KEYS = 200
_MAX_COUNT = 2**53
_TEN_YEARS_MS = 3.2e11
_MAX_USD = 1e9


def _deduplicate(tags: Any) -> Any:
    return list(dict.fromkeys(tags)) if isinstance(tags, list) and all(isinstance(tag, str) for tag in tags) else tags


def _check_time(value: str | int | float) -> str | int | float:
    if moment_of(value) is None:
        raise PydanticCustomError("time", "Should be an RFC 3339 time, such as 2026-01-31T12:00:00Z")
    return value


Id = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]
Name = Annotated[str, Field(max_length=256)]
Time = Annotated[str | int | float, AfterValidator(_check_time)]
Count = Annotated[int, Field(ge=0, le=_MAX_COUNT)]
Milliseconds = Annotated[float, Field(ge=0, le=_TEN_YEARS_MS, allow_inf_nan=False)]
Usd = Annotated[float, Field(ge=0, le=_MAX_USD, allow_inf_nan=False)]
Tags = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=128)]],
    Field(max_length=MAX_TAGS),
    BeforeValidator(_deduplicate),
]
Metadata = Annotated[dict[Annotated[str, Field(max_length=256)], Any], Field(max_length=MAX_METADATA_KEYS)]
Status = Literal["success", "error", "timeout"]
Kind = Literal["agent", "llm", "tool", "chain", "retriever", "embedding", "reranker", "guardrail", "evaluator", "other"]


class Failure(TypedDict):
    """What went wrong in a trace or span."""

    type: NotRequired[Name | None]
    message: NotRequired[str | None]


class _Observed(TypedDict):
    """Fields that flat traces and spans share."""

    trace_id: Id
    workspace_id: NotRequired[str | None]
    name: NotRequired[Name | None]
    status: NotRequired[Status | None]
    session_id: NotRequired[Name | None]
    user_id: NotRequired[Name | None]
    environment: NotRequired[Name | None]
    release: NotRequired[Name | None]
    input: NotRequired[Any]
    output: NotRequired[Any]
    model: NotRequired[Name | None]
    model_requested: NotRequired[Name | None]
    model_provider: NotRequired[Name | None]
    tokens_input: NotRequired[Count | None]
    tokens_output: NotRequired[Count | None]
    tokens_total: NotRequired[Count | None]
    tokens_cached: NotRequired[Count | None]
    tokens_reasoning: NotRequired[Count | None]
    cost_usd: NotRequired[Usd | None]
    ttft_ms: NotRequired[Milliseconds | None]
    metadata: NotRequired[Metadata | None]
    tags: NotRequired[Tags | None]
    error: NotRequired[Failure | str | None]


class FlatTrace(_Observed):
    """A trace as one object; it becomes a trace of one span."""

    agent_id: Name
    timestamp: NotRequired[Time | None]
    latency_ms: NotRequired[Milliseconds | None]


class Event(TypedDict):
    """Something that happened during a span."""

    name: Name
    time: NotRequired[Time | None]
    attributes: NotRequired[dict[str, Any] | None]


class Link(TypedDict):
    """A reference to another span."""

    trace_id: Id
    span_id: Id
    attributes: NotRequired[dict[str, Any] | None]


class NativeSpan(_Observed):
    """A span in the platform's own form; without ``end_time`` and ``duration_ms`` it is open."""

    span_id: Id
    parent_span_id: NotRequired[Id | None]
    kind: NotRequired[Kind | None]
    start_time: Time
    end_time: NotRequired[Time | None]
    duration_ms: NotRequired[Milliseconds | None]
    agent_id: NotRequired[Name | None]
    service: NotRequired[Name | None]
    tokens_cache_write: NotRequired[Count | None]
    response_id: NotRequired[Name | None]
    messages: NotRequired[Any]
    output_messages: NotRequired[Any]
    system: NotRequired[Any]
    tool_name: NotRequired[Name | None]
    tool_arguments: NotRequired[Any]
    tool_result: NotRequired[Any]
    tool_definitions: NotRequired[Any]
    documents: NotRequired[Any]
    parameters: NotRequired[Any]
    prompt_name: NotRequired[Name | None]
    prompt_version: NotRequired[Name | None]
    attributes: NotRequired[dict[str, Any] | None]
    events: NotRequired[list[Event] | None]
    links: NotRequired[list[Link] | None]


class Score(TypedDict):
    """A judgement on a trace or span."""

    trace_id: Id
    span_id: NotRequired[Id | None]
    workspace_id: NotRequired[str | None]
    name: Annotated[str, Field(min_length=1, max_length=128)]
    value: bool | Annotated[float, Field(allow_inf_nan=False)] | Annotated[str, Field(min_length=1, max_length=256)]
    source: NotRequired[Literal["user", "code", "judge", "human"] | None]
    comment: NotRequired[Annotated[str, Field(max_length=20_000)] | None]
    timestamp: NotRequired[Time | None]


class Feedback(TypedDict):
    """What a user thought of a trace: thumbs (-1, 0, 1) or stars (1 to 5)."""

    trace_id: Id
    workspace_id: NotRequired[str | None]
    rating: Annotated[int, Field(ge=-1, le=5)]
    comment: NotRequired[Annotated[str, Field(max_length=20_000)] | None]
    user_id: NotRequired[Name | None]
    timestamp: NotRequired[Time | None]


class Outcome(TypedDict):
    """What came of a trace or session."""

    trace_id: NotRequired[Id | None]
    session_id: NotRequired[Annotated[str, Field(min_length=1, max_length=256)] | None]
    workspace_id: NotRequired[str | None]
    success: bool
    value_usd: NotRequired[Annotated[float, Field(ge=-_MAX_USD, le=_MAX_USD, allow_inf_nan=False)] | None]
    name: NotRequired[Annotated[str, Field(min_length=1, max_length=128)] | None]
    timestamp: NotRequired[Time | None]


class ClientReport(TypedDict):
    """What became of the items that a client made, as it counted them itself."""

    workspace_id: NotRequired[str | None]
    created: NotRequired[Count | None]
    delivered: NotRequired[Count | None]
    sampled: NotRequired[Count | None]
    dropped: NotRequired[
        Annotated[dict[Annotated[str, Field(min_length=1, max_length=64)], Count], Field(max_length=50)] | None
    ]


def _names_its_subject(outcome: Outcome) -> Outcome:
    if outcome.get("trace_id") is None and outcome.get("session_id") is None:
        raise PydanticCustomError("subject", "Needs a trace_id or a session_id")
    return outcome


class TraceBatch(TypedDict):
    """Flat traces."""

    workspace_id: NotRequired[str | None]
    traces: Annotated[list[FlatTrace], Field(min_length=1, max_length=MAX_BATCH_TRACES)]


class SpanBatch(TypedDict):
    """Spans in the platform's own form."""

    workspace_id: NotRequired[str | None]
    spans: Annotated[list[NativeSpan], Field(min_length=1, max_length=MAX_BATCH_SPANS)]


FLAT_TRACE: TypeAdapter[Any] = TypeAdapter(FlatTrace)
NATIVE_SPAN: TypeAdapter[Any] = TypeAdapter(NativeSpan)
SCORE: TypeAdapter[Any] = TypeAdapter(Score)
FEEDBACK: TypeAdapter[Any] = TypeAdapter(Feedback)
_OUTCOME: Any = Annotated[Outcome, AfterValidator(_names_its_subject)]
OUTCOME: TypeAdapter[Any] = TypeAdapter(_OUTCOME)
CLIENT_REPORT: TypeAdapter[Any] = TypeAdapter(ClientReport)
TRACE_BATCH: TypeAdapter[Any] = TypeAdapter(TraceBatch)
SPAN_BATCH: TypeAdapter[Any] = TypeAdapter(SpanBatch)
