"""Calls of models that two instrumentations see: the framework's span is kept, the client library's left out."""

import sys
import threading
from collections import OrderedDict

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext

# Scopes of what traces the clients of model providers.
_CLIENT_SCOPES = frozenset(
    {
        "openinference.instrumentation.openai",
        "openinference.instrumentation.anthropic",
        "openinference.instrumentation.google_genai",
        "com.anthropic.sdk.python",
    }
)
# Anthropic's client traces itself, also where its instrumentation is on.
_SELF_TRACED = {"com.anthropic.sdk.python": "anthropic"}
# Where frameworks, whose instrumentations trace calls of models themselves, make these calls.
_CALLERS = {
    "langchain": "langchain_core.language_models.",
    "openai-agents": "agents.models.",
    "pydantic-ai": "pydantic_ai.models.",
    "llama-index": "llama_index.core.",
}
_MAX_FRAMES = 200
_MAX_REMEMBERED = 10_000


class Duplicates:
    """Tells which spans repeat a call, and who their children belong to instead."""

    def __init__(self, switched_on: set[str]) -> None:
        """Build it.

        Args:
            switched_on: Names of the instrumentations that are on, which may grow.
        """
        self._switched_on = switched_on
        self._lock = threading.RLock()
        self._parents: OrderedDict[int, SpanContext | None] = OrderedDict()

    def begin(self, span: ReadableSpan) -> None:
        """Take note of a span that begins; called on the thread and in the call that it is of."""
        scope = span.instrumentation_scope
        if scope is None or scope.name not in _CLIENT_SCOPES or span.context is None:
            return
        if _SELF_TRACED.get(scope.name) in self._switched_on or self._is_called_by_framework():
            with self._lock:
                self._parents[span.context.span_id] = self._kept(span.parent)
                while len(self._parents) > _MAX_REMEMBERED:
                    self._parents.popitem(last=False)

    def _is_called_by_framework(self) -> bool:
        callers = tuple(module for name, module in _CALLERS.items() if name in self._switched_on)
        frame = sys._getframe(1) if callers else None
        for _ in range(_MAX_FRAMES):
            if frame is None:
                return False
            # Names of modules, with a dot so that a module stands for itself too.
            if f"{frame.f_globals.get('__name__', '')}.".startswith(callers):
                return True
            frame = frame.f_back
        return False

    def _kept(self, parent: SpanContext | None) -> SpanContext | None:
        if parent is not None and parent.span_id in self._parents:
            return self._parents[parent.span_id]
        return parent

    def settle(self, span: ReadableSpan) -> ReadableSpan | None:
        """Return the span, under another parent where its own is left out; None when it is left out itself."""
        if not self._parents or span.context is None:
            return span
        with self._lock:
            if span.context.span_id in self._parents:
                return None
            parent = self._kept(span.parent)
        if parent is span.parent:
            return span
        return ReadableSpan(
            name=span.name,
            context=span.context,
            parent=parent,
            resource=span.resource,
            attributes=span.attributes,
            events=span.events,
            links=span.links,
            kind=span.kind,
            instrumentation_scope=span.instrumentation_scope,
            status=span.status,
            start_time=span.start_time,
            end_time=span.end_time,
        )
