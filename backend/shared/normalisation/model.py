"""What normalisation makes of a span or log record."""

from dataclasses import dataclass, field

from shared.domain import CostSource, SpanKind, Status


@dataclass(slots=True)
class Score:
    """A score carried by a span or log record; ``value`` is a number, a truth value or a label."""

    name: str
    value: float | bool | str
    source: str = "code"
    comment: str | None = None


@dataclass(slots=True)
class SpanRow:
    """The facts of one span that lists, filters and totals need; mirrors the table ``spans``.

    Durations are microseconds, costs nano-dollars, times nanoseconds since the Unix epoch.
    ``tokens_input`` includes cached tokens, ``tokens_output`` includes reasoning tokens.
    ``is_placeholder`` marks a record that only announces an open span and must not be stored as a finished one.
    ``counted`` tells of a stored span whether its tokens and cost counted for its trace when that was last folded.
    """

    trace_id: bytes
    span_id: int
    parent_span_id: int | None
    start_ns: int
    end_ns: int | None
    name: str
    kind: SpanKind
    status: Status
    agent_id: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    model: str | None = None
    model_requested: str | None = None
    model_provider: str | None = None
    tokens_input: int | None = None
    tokens_output: int | None = None
    tokens_total: int | None = None
    tokens_cached: int | None = None
    tokens_cache_write: int | None = None
    tokens_reasoning: int | None = None
    cost_nano: int | None = None
    cost_source: CostSource = CostSource.UNPRICED
    price_id: int | None = None
    ttft_us: int | None = None
    tool_name: str | None = None
    service: str | None = None
    environment: str | None = None
    release: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    response_id: str | None = None
    input_preview: str | None = None
    output_preview: str | None = None
    tags: list[str] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    scores: list[Score] = field(default_factory=list)
    external_trace_id: str | None = None
    attribute_count: int = 0
    digest: int = 0
    is_placeholder: bool = False
    counted: bool = False


@dataclass(slots=True)
class TraceRow:
    """One trace as derived from its spans; mirrors the table ``traces``.

    Units are those of ``SpanRow``. Token counts and cost follow the leaf rule: a span counts only if no descendant
    reports usage; ``counted`` holds the ids of those that do. ``duration_us`` is None while no span has ended.
    """

    trace_id: bytes
    start_ns: int
    end_ns: int | None
    duration_us: int | None
    name: str
    status: Status
    root_span_id: int
    has_root: bool
    external_trace_id: str | None = None
    agent_id: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    environment: str | None = None
    release: str | None = None
    span_count: int = 0
    llm_call_count: int = 0
    tool_call_count: int = 0
    error_count: int = 0
    tokens_input: int | None = None
    tokens_output: int | None = None
    tokens_total: int | None = None
    tokens_cached: int | None = None
    tokens_cache_write: int | None = None
    tokens_reasoning: int | None = None
    cost_nano: int | None = None
    cost_source: CostSource = CostSource.UNPRICED
    ttft_us: int | None = None
    models: list[str] = field(default_factory=list)
    providers: list[str] = field(default_factory=list)
    services: list[str] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)
    kinds: list[SpanKind] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    error_type: str | None = None
    error_message: str | None = None
    input_preview: str | None = None
    output_preview: str | None = None
    counted: set[int] = field(default_factory=set)


@dataclass(slots=True)
class LogFacts:
    """The facts of a log record that belong to its span or trace; mirrors the table ``span_logs``."""

    trace_id: bytes
    span_id: int | None
    time_ns: int
    event_name: str
    digest: int
    user_id: str | None = None
    session_id: str | None = None
    agent_id: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    input_preview: str | None = None
    output_preview: str | None = None
    scores: list[Score] = field(default_factory=list)


@dataclass(slots=True)
class SpanContent:
    """What a person reads when a span is opened; JSON-ready values only."""

    input: object = None
    output: object = None
    messages: list[dict[str, object]] = field(default_factory=list)
    output_messages: list[dict[str, object]] = field(default_factory=list)
    tool_arguments: object = None
    tool_result: object = None
    tool_definitions: list[object] = field(default_factory=list)
    documents: list[dict[str, object]] = field(default_factory=list)
    parameters: dict[str, object] = field(default_factory=dict)
    finish_reasons: list[str] = field(default_factory=list)
    attributes: dict[str, object] = field(default_factory=dict)
    events: list[dict[str, object]] = field(default_factory=list)
    links: list[dict[str, object]] = field(default_factory=list)
    resource: dict[str, object] = field(default_factory=dict)
    scope: dict[str, object] = field(default_factory=dict)
    logs: list[dict[str, object]] = field(default_factory=list)
    prompt_name: str | None = None
    prompt_version: str | None = None
    dropped_attributes_count: int = 0
