"""Measures what one traced call costs with one library; prints a line of JSON. Runs in an environment of its own.

measure.py opentelemetry|agent-observability|langfuse ENDPOINT CALLS
"""

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

CHUNK = 250
QUESTION = "Where is my order, and when will it arrive? I have been waiting for it since Monday."
ANSWER = "It left the warehouse yesterday and arrives on Thursday between nine and noon."
INPUT = json.dumps({"question": QUESTION, "attempt": 2}, separators=(",", ":"))

Call = Callable[[str, int], str]
Drain = Callable[[], object]


def work(question: str, attempt: int) -> str:
    """Stand for what is traced; it does nothing, so that what is measured is the tracing."""
    return ANSWER


def opentelemetry() -> tuple[Call, Call, Drain]:
    """Return a root call and a call within another as bare spans whose attributes are at hand."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Discard(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Discard(), max_queue_size=100_000))
    trace.set_tracer_provider(provider)
    tracer = trace.get_tracer("bench")
    root = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "work", "agentobs.input": INPUT}
    inner = {"agentobs.kind": "chain", "agentobs.input": INPUT}
    handed = {"gen_ai.agent.name": "support", "user.id": "u-1", "session.id": "s-1"}

    def call(question: str, attempt: int) -> str:
        with tracer.start_as_current_span("work", attributes=root) as span:
            result = work(question, attempt)
            span.set_attribute("agentobs.output", result)
            return result

    def nested(question: str, attempt: int) -> str:
        with tracer.start_as_current_span("work", attributes={**inner, **handed}) as span:
            result = work(question, attempt)
            span.set_attribute("agentobs.output", result)
            return result

    tracer.start_as_current_span("outer").__enter__()
    return _detached(call), nested, provider.force_flush


def _detached(call: Call) -> Call:
    """Return the call as the root of a trace, whatever is current."""
    from contextvars import Context

    context = Context()
    return lambda question, attempt: context.run(call, question, attempt)


def agent_observability() -> tuple[Call, Call, Drain]:
    """Return the same calls traced by the SDK, spool on."""
    from agent_observability import AgentObservability

    obs = AgentObservability("key", sys.argv[2], spool_dir=tempfile.mkdtemp(prefix="agentobs-bench-"))
    traced = obs.trace()(work)
    obs.trace_context(agent_id="support", user_id="u-1", session_id="s-1").__enter__()
    return _detached(traced), traced, lambda: obs.flush(60)


def langfuse() -> tuple[Call, Call, Drain]:
    """Return the same calls traced by Langfuse's SDK."""
    from langfuse import Langfuse, observe, propagate_attributes

    client = Langfuse(public_key="pk-lf-bench", secret_key="sk-lf-bench", base_url=sys.argv[2])  # noqa: S106
    traced = observe()(work)
    client.start_as_current_observation(name="outer").__enter__()
    propagate_attributes(user_id="u-1", session_id="s-1").__enter__()
    return _detached(traced), traced, client.flush


def measure(call: Call, drain: Drain, calls: int) -> dict[str, float]:
    """Return microseconds a call: of the calling thread, of the clock, of the process with all its threads."""
    for _ in range(CHUNK):
        call(QUESTION, 2)
    drain()
    threads, walls = [], []
    process = time.process_time()
    for _ in range(calls // CHUNK):
        thread, wall = time.thread_time_ns(), time.perf_counter_ns()
        for _ in range(CHUNK):
            call(QUESTION, 2)
        threads.append((time.thread_time_ns() - thread) / CHUNK / 1000)
        walls.append((time.perf_counter_ns() - wall) / CHUNK / 1000)
        drain()
    process = time.process_time() - process
    return {
        "thread_us": statistics.median(threads),
        "wall_us": statistics.median(walls),
        "cpu_us": process / (calls // CHUNK * CHUNK) * 1e6,
    }


def main() -> None:
    """Measure the library that the command line names."""
    library, calls = sys.argv[1], int(sys.argv[3])
    libraries: dict[str, Callable[[], tuple[Call, Call, Drain]]] = {
        "opentelemetry": opentelemetry,
        "agent-observability": agent_observability,
        "langfuse": langfuse,
    }
    root, nested, drain = libraries[library]()
    figures: dict[str, Any] = {"root": measure(root, drain, calls), "nested": measure(nested, drain, calls)}
    print(json.dumps(figures), flush=True)
    # Nothing of the libraries' own work at the end is measured or waited for.
    os._exit(0)


main()
