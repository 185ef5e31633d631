"""The client: what an application makes once, and says everything else through."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import Token
from typing import Any, TypeVar, overload

from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace
from opentelemetry.context import Context
from opentelemetry.trace import NoOpTracer, Tracer

from agent_observability.account import DeliveryReport
from agent_observability.config import Mask, Settings, resolve
from agent_observability.context import AGENT_NAME, ENVIRONMENT, SESSION_ID, USER_ID, inherited
from agent_observability.decorators import traced
from agent_observability.guard import guard, notices
from agent_observability.instrumentation import switch_on
from agent_observability.pipeline import Delivery, pipeline_for
from agent_observability.provider import provide
from agent_observability.queueing import Record
from agent_observability.serialise import to_name
from agent_observability.spans import (
    Kind,
    Span,
    SpanActions,
    agent_attribute,
    attach,
    handed_context,
    kind_attributes,
    label_attributes,
)
from agent_observability.version import NAME, VERSION

Function = TypeVar("Function", bound=Callable[..., Any])


class AgentObservability(SpanActions):
    """Traces agents and delivers what they did to the platform.

    ``set_output``, ``set_cost``, ``tag``, ``score`` and their like act on the current span. Nothing here raises into
    the application or changes what its functions return. Without a key, or disabled, everything is a no-op.
    """

    def __init__(
        self,
        api_key: str | None = None,
        endpoint: str | None = None,
        *,
        service_name: str | None = None,
        environment: str | None = None,
        release: str | None = None,
        sample_rate: float | None = None,
        capture_content: bool | None = None,
        mask: Mask | None = None,
        spool: bool | None = None,
        spool_dir: str | None = None,
        spool_max_bytes: int | None = None,
        queue_max_items: int | None = None,
        queue_max_bytes: int | None = None,
        exit_timeout: float | None = None,
        disabled: bool | None = None,
    ) -> None:
        """Set up tracing; what is not given is taken from the environment: ``AGENTOBS_`` and its name in capitals.

        Args:
            api_key: Key of a workspace, of scope ``ingest``.
            endpoint: Address of the platform's gateway; http://localhost:8000 unless given.
            service_name: Name of the application.
            environment: ``production`` or ``staging``, for example.
            release: Version of the application.
            sample_rate: Share of traces to keep, from 0 to 1.
            capture_content: Whether arguments, results, prompts and answers are recorded at all.
            mask: Given the name of an attribute and its text, returns the text that may be sent.
            spool: Whether batches are kept on disk until they are stored.
            spool_dir: Folder for that.
            spool_max_bytes: Most bytes there.
            queue_max_items: Most finished spans in memory.
            queue_max_bytes: Most bytes of them.
            exit_timeout: Longest wait for the platform when the program ends, seconds.
            disabled: Makes everything a no-op.
        """
        given = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        self.settings: Settings = resolve(given)
        self._client = self
        self._delivery: Delivery | None = None
        self._tracer: Tracer = NoOpTracer()
        if self.settings.disabled:
            notices.warn("disabled", "Tracing is disabled.")
        elif not self.settings.api_key:
            notices.warn("no_key", "Nothing is traced: there is no API key. Set AGENTOBS_API_KEY or pass api_key.")
        else:
            with guard:
                pipeline = pipeline_for(self.settings)
                self._tracer = provide(self.settings, pipeline).get_tracer(NAME, VERSION)
                self._delivery = pipeline

    @property
    def is_enabled(self) -> bool:
        """Whether anything is traced."""
        return self._delivery is not None

    @overload
    def trace(self, name: Function, /) -> Function: ...

    @overload
    def trace(
        self,
        name: str | None = None,
        *,
        kind: Kind | None = None,
        agent_id: str | None = None,
        tags: Sequence[str] | None = None,
        metadata: Mapping[str, object] | None = None,
        capture: bool = True,
    ) -> Callable[[Function], Function]: ...

    def trace(
        self,
        name: Any = None,
        *,
        kind: Kind | None = None,
        agent_id: str | None = None,
        tags: Sequence[str] | None = None,
        metadata: Mapping[str, object] | None = None,
        capture: bool = True,
    ) -> Any:
        """Trace each call of a function, coroutine function, generator function or async generator function.

        Inside another trace a call becomes a part of it.

        Args:
            name: Name of the spans; the function's unless given.
            kind: What the function is; an agent, or within another span of this package a chain, unless given.
            agent_id: The agent that everything in the call belongs to.
            tags: Tags of the trace.
            metadata: What else is known of the trace.
            capture: Whether arguments and result are recorded.
        """
        if callable(name) or isinstance(name, staticmethod | classmethod):
            return self.trace()(name)

        def decorate(function: Function) -> Function:
            return traced(
                self,
                function,
                name=name,
                kind=kind,
                agent_id=agent_id,
                attributes=label_attributes(tags, metadata),
                capture=capture,
            )

        return decorate

    def trace_context(
        self,
        name: str | None = None,
        *,
        agent_id: str | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        environment: str | None = None,
        tags: Sequence[str] | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> Span:
        """Begin a span for ``with`` or ``async with``, and say what holds for everything within.

        Args:
            name: Name of the span; the agent's unless given.
            agent_id: The agent that everything within belongs to.
            user_id: Whom the agent serves.
            session_id: The conversation that this is a part of.
            environment: ``production`` or ``staging``, for example.
            tags: Tags of the trace.
            metadata: What else is known of the trace.
        """
        stated = {AGENT_NAME: agent_id, USER_ID: user_id, SESSION_ID: session_id, ENVIRONMENT: environment}
        handed_down = {key: to_name(value) for key, value in stated.items() if value is not None}
        name = to_name(name if name is not None else agent_id if agent_id is not None else "trace")
        kind = "agent" if agent_id is not None else "chain"
        attributes: dict[str, Any] = {}
        with guard:
            attributes = {**kind_attributes(kind, name), **handed_down, **label_attributes(tags, metadata)}
        return Span(self, name, attributes, handed_down)

    def span(self, name: str, kind: Kind = "chain", *, agent_id: str | None = None, input: object = None) -> Span:  # noqa: A002
        """Begin a span for ``with`` or ``async with``.

        Args:
            name: Name of the span; of a tool, the tool's name.
            kind: What is done: a call of a model (``llm``) or a tool, a search (``retriever``) and so on.
            agent_id: The agent that everything within belongs to.
            input: What is given to it.
        """
        name = to_name(name)
        attributes: dict[str, Any] = {}
        handed_down = agent_attribute(agent_id)
        with guard:
            attributes = {**kind_attributes(kind, name), **handed_down}
        span = Span(self, name, attributes, handed_down)
        if input is not None:
            span.set_first_input(input)
        return span

    def instrument(self, *names: str) -> list[str]:
        """Switch on what traces the libraries that are installed, and return the names of what is on.

        Args:
            names: Only these, of ``openai``, ``anthropic``, ``google-genai``, ``langchain`` (LangGraph too),
                ``llama-index``, ``openai-agents``, ``pydantic-ai``, ``crewai``; all unless given.
        """
        on: list[str] = []
        if self._delivery is not None:
            with guard:
                on = switch_on(names, capture_content=self.settings.capture_content)
        return on

    def flush(self, timeout: float = 10.0) -> DeliveryReport:
        """Send everything now, wait until the platform says what became of it, and return the account.

        Args:
            timeout: Longest wait, seconds; ``complete`` of the report says whether that was long enough.
        """
        report = self.report()
        if self._delivery is not None:
            with guard:
                report = self._delivery.flush(timeout)
        return report

    def report(self) -> DeliveryReport:
        """Return what became of everything so far, without waiting."""
        return DeliveryReport() if self._delivery is None else self._delivery.report()

    def shutdown(self, timeout: float = 10.0) -> DeliveryReport:
        """Flush, and trace nothing any more; what is left is on disk and sent by the next process."""
        report = self.report()
        if self._delivery is not None:
            with guard:
                report = self._delivery.finish(timeout, until_stored=True)
        return report

    def _target(self) -> otel_trace.Span:
        return otel_trace.get_current_span()

    def enter(
        self, name: str, attributes: dict[str, Any], handed_down: Mapping[str, str] | None
    ) -> tuple[otel_trace.Span, Token[Context] | None]:
        """Begin a span and make it the current one; of use to this package only."""
        context = handed_context(handed_down)
        handed = inherited(context)
        if handed:
            attributes = {**handed, **attributes}
        span = self._tracer.start_span(name, context, attributes=attributes)
        return span, attach(span, context)

    def start(self, name: str, attributes: dict[str, Any], parent: otel_trace.Span) -> otel_trace.Span:
        """Begin a span within another without making it the current one; of use to this package only."""
        context = otel_trace.set_span_in_context(parent, otel_context.get_current())
        return self._tracer.start_span(name, context, attributes={**inherited(context), **attributes})

    @contextmanager
    def delivering_to(self, delivery: Delivery, tracer: Tracer) -> Iterator[None]:
        """Deliver elsewhere for a while; of use to this package's testing module only."""
        before = self._delivery, self._tracer
        self._delivery, self._tracer = delivery, tracer
        try:
            yield
        finally:
            self._delivery, self._tracer = before

    def put_record(self, record: Record) -> None:
        """Take a score, feedback or outcome; of use to this package only."""
        if self._delivery is not None:
            self._delivery.put_record(record)
