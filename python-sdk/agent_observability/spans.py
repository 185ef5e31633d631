"""Spans: beginning and ending them, and what can be said of them meanwhile."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from contextvars import Token
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace
from opentelemetry.context import Context
from opentelemetry.trace import Status, StatusCode, format_span_id, format_trace_id

from agent_observability.context import AGENT_NAME, attributes_of, with_inherited, within
from agent_observability.guard import guard
from agent_observability.queueing import Record
from agent_observability.serialise import to_name, to_text

if TYPE_CHECKING:
    from agent_observability.client import AgentObservability

Kind = Literal["agent", "llm", "tool", "chain", "retriever", "embedding", "reranker", "guardrail", "evaluator"]

INPUT, OUTPUT = "agentobs.input", "agentobs.output"
TAGS, METADATA = "agentobs.tags", "agentobs.metadata"
INPUT_MESSAGES, OUTPUT_MESSAGES = "gen_ai.input.messages", "gen_ai.output.messages"
# Kinds that OpenTelemetry has a word for are said in it.
_KINDS: dict[str, tuple[str, str]] = {
    "agent": ("gen_ai.operation.name", "invoke_agent"),
    "llm": ("gen_ai.operation.name", "chat"),
    "tool": ("gen_ai.operation.name", "execute_tool"),
    "embedding": ("gen_ai.operation.name", "embeddings"),
    "retriever": ("gen_ai.operation.name", "retrieval"),
}


def kind_attributes(kind: str, name: str) -> dict[str, Any]:
    """Return the attributes that say what kind a span of this name is."""
    key, word = _KINDS.get(kind, ("agentobs.kind", kind))
    attributes: dict[str, Any] = {key: word}
    if kind == "tool":
        attributes["gen_ai.tool.name"] = name
    return attributes


def kind_of(attributes: Mapping[str, Any]) -> str:
    """Return the kind that attributes state, ``other`` without any."""
    stated = attributes.get("agentobs.kind")
    operation = attributes.get("gen_ai.operation.name")
    named = (kind for kind, (_, word) in _KINDS.items() if word == operation)
    return str(stated) if stated else next(named, "other")


class SpanActions:
    """What can be said of a span; on the client it is the current one. Nothing here raises."""

    _client: "AgentObservability"

    def _target(self) -> otel_trace.Span:
        raise NotImplementedError

    def set_input(self, value: object) -> None:
        """Set what the span was given: text, messages, or any value, which becomes JSON."""
        self._set_content(value, INPUT, INPUT_MESSAGES)

    def set_output(self, value: object) -> None:
        """Set what came out: text, messages, or any value, which becomes JSON; it wins over what a function returns."""
        self._set_content(value, OUTPUT, OUTPUT_MESSAGES)

    def _set_content(self, value: object, key: str, messages_key: str) -> None:
        with guard:
            span = self._target()
            if span.is_recording() and self._client.settings.capture_content:
                span.set_attribute(messages_key if _are_messages(value) else key, to_text(value))

    def set_cost(self, usd: float) -> None:
        """Set what the call cost, in US dollars; without it the platform works it out from model and usage."""
        with guard:
            self._target().set_attribute("agentobs.cost_usd", float(usd))

    def set_usage(
        self,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        *,
        cached_tokens: int | None = None,
        cache_write_tokens: int | None = None,
        reasoning_tokens: int | None = None,
        model: str | None = None,
        provider: str | None = None,
    ) -> None:
        """Set what a call of a model used.

        Args:
            input_tokens: Tokens of the prompt, cached ones included.
            output_tokens: Tokens of the answer, reasoning included.
            cached_tokens: Those of the prompt that were read from a cache.
            cache_write_tokens: Those of the prompt that were written to a cache.
            reasoning_tokens: Those of the answer that were reasoning.
            model: Name of the model, as its provider calls it.
            provider: Name of the provider, ``openai`` for example.
        """
        with guard:
            stated = {
                "gen_ai.usage.input_tokens": input_tokens,
                "gen_ai.usage.output_tokens": output_tokens,
                "gen_ai.usage.cache_read.input_tokens": cached_tokens,
                "gen_ai.usage.cache_creation.input_tokens": cache_write_tokens,
                "gen_ai.usage.reasoning.output_tokens": reasoning_tokens,
                "gen_ai.response.model": model,
                "gen_ai.provider.name": provider,
            }
            self._target().set_attributes({name: value for name, value in stated.items() if value is not None})

    def tag(self, *tags: str) -> None:
        """Add tags to the span, and so to its trace."""
        with guard:
            span = self._target()
            span.set_attribute(TAGS, tuple(dict.fromkeys((*attributes_of(span).get(TAGS, ()), *map(to_name, tags)))))

    def score(
        self,
        name: str,
        value: float | bool | str,
        *,
        comment: str | None = None,
        trace_id: str | None = None,
        span_id: str | None = None,
    ) -> None:
        """Judge the span, or the trace or span that is named.

        Args:
            name: What is judged, ``helpful`` for example.
            value: A number, a truth value or a label.
            comment: Why.
            trace_id: Another trace than the span's, as 32 hexadecimal digits.
            span_id: A span of that trace; the whole trace without it.
        """
        with guard:
            own_trace, own_span = self._ids()
            self._record(
                "/api/v1/scores",
                trace_id=trace_id or own_trace,
                span_id=span_id if trace_id else own_span,
                name=to_name(name),
                value=value,
                comment=comment,
                source="code",
            )

    def feedback(
        self, rating: int, *, comment: str | None = None, user_id: str | None = None, trace_id: str | None = None
    ) -> None:
        """Say what a user thought of the trace.

        Args:
            rating: -1, 0 or 1 for thumbs, 1 to 5 for stars.
            comment: What the user said.
            user_id: Who it was.
            trace_id: Another trace than the span's, as 32 hexadecimal digits.
        """
        with guard:
            self._record(
                "/api/v1/feedback",
                trace_id=trace_id or self._ids()[0],
                rating=rating,
                comment=comment,
                user_id=user_id,
            )

    def outcome(
        self,
        success: bool,
        *,
        value_usd: float | None = None,
        name: str | None = None,
        trace_id: str | None = None,
        session_id: str | None = None,
    ) -> None:
        """Say what came of the trace, or of a session: whether it served its purpose, and what that is worth.

        Args:
            success: Whether the purpose was reached.
            value_usd: What it is worth, in US dollars.
            name: Which purpose, ``sale`` for example.
            trace_id: Another trace than the span's, as 32 hexadecimal digits.
            session_id: A session; then no trace is meant unless one is named.
        """
        with guard:
            self._record(
                "/api/v1/outcomes",
                trace_id=trace_id or (None if session_id else self._ids()[0]),
                session_id=session_id,
                success=bool(success),
                value_usd=value_usd,
                name=name,
            )

    def handoff(self, to_agent: str) -> None:
        """Say that the work goes over to another agent."""
        with guard:
            span = self._client.start(
                f"handoff to {to_name(to_agent)}", {"gen_ai.handoff.to_agent": to_name(to_agent)}, self._target()
            )
            span.end()

    def _ids(self) -> tuple[str | None, str | None]:
        context = self._target().get_span_context()
        if not context.is_valid:
            return None, None
        return format_trace_id(context.trace_id), format_span_id(context.span_id)

    def _record(self, path: str, **content: object) -> None:
        self._client.put_record(Record(path, {name: value for name, value in content.items() if value is not None}))


def _are_messages(value: object) -> bool:
    return type(value) is list and bool(value) and isinstance(value[0], Mapping) and "role" in value[0]


class Span(SpanActions):
    """A span while it runs; what ``obs.span`` and ``obs.trace_context`` give to ``with`` and ``async with``."""

    __slots__ = ("_attributes", "_client", "_handed_down", "_name", "_otel", "_token")

    def __init__(
        self, client: "AgentObservability", name: str, attributes: dict[str, Any], handed_down: dict[str, str]
    ) -> None:
        self._client = client
        self._name = name
        self._attributes = attributes
        self._handed_down = handed_down
        self._otel: otel_trace.Span = otel_trace.INVALID_SPAN
        self._token: Token[Context] | None = None

    def _target(self) -> otel_trace.Span:
        return self._otel

    @property
    def trace_id(self) -> str | None:
        """Id of the trace, 32 hexadecimal digits; None while nothing is recorded."""
        return self._ids()[0]

    @property
    def span_id(self) -> str | None:
        """Id of the span, 16 hexadecimal digits; None while nothing is recorded."""
        return self._ids()[1]

    def __enter__(self) -> Self:
        try:
            self._otel, self._token = self._client.enter(self._name, self._attributes, self._handed_down)
        except Exception as error:
            guard.failed(error)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        leave(self._otel, self._token, error)

    def set_first_input(self, value: object) -> None:
        """Set the input that the span begins with; of use to this package only."""
        with guard:
            if self._client.settings.capture_content and self._client.is_enabled:
                self._attributes[INPUT_MESSAGES if _are_messages(value) else INPUT] = to_text(value)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)


def detach(token: Token[Context]) -> None:
    """Make what was current before the current again, unless the token is another task's.

    Python ends a generator that was left unread in whatever task it likes, where nothing has to be undone.
    """
    with suppress(ValueError):
        token.var.reset(token)


def attach(span: otel_trace.Span, context: Context) -> Token[Context]:
    """Make a span the current one."""
    return otel_context.attach(otel_trace.set_span_in_context(span, within(context)))


def handed_context(handed_down: Mapping[str, str] | None) -> Context:
    """Return the current context, in which spans inherit these attributes."""
    context = otel_context.get_current()
    return with_inherited(handed_down, context) if handed_down else context


def leave(span: otel_trace.Span, token: Token[Context] | None, error: BaseException | None) -> None:
    """End a span and what it was current for; never raises."""
    try:
        if error is not None:
            record_error(span, error)
        if token is not None:
            detach(token)
        span.end()
    except Exception as mistake:
        guard.failed(mistake)


def record_error(span: otel_trace.Span, error: BaseException) -> None:
    """Say on a span how its work failed; leaving a generator early is no failure."""
    if isinstance(error, GeneratorExit) or not span.is_recording():
        return
    with guard:
        span.set_attribute("error.type", type(error).__qualname__)
        if isinstance(error, TimeoutError):
            span.set_attribute("agentobs.status", "timeout")
        message = _message(error)
        span.set_status(Status(StatusCode.ERROR, message))
        span.record_exception(error) if isinstance(error, Exception) else None


def _message(error: BaseException) -> str:
    try:
        return str(error)[:4096] or type(error).__qualname__
    except Exception:
        return type(error).__qualname__


def label_attributes(tags: Sequence[str] | None, metadata: Mapping[str, object] | None) -> dict[str, Any]:
    """Return the attributes that tags and metadata become."""
    attributes: dict[str, Any] = {}
    if tags:
        attributes[TAGS] = tuple(to_name(tag) for tag in tags)
    if metadata:
        text = to_text(dict(metadata))
        attributes[METADATA] = text if text[:1] == "{" else json.dumps({"metadata": text})
    return attributes


def agent_attribute(agent_id: str | None) -> dict[str, str]:
    """Return the attribute that names an agent."""
    return {AGENT_NAME: to_name(agent_id)} if agent_id is not None else {}
