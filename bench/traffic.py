"""Agent traces for measuring: seven spans each, about 1.7 KB a span, GenAI and OpenInference attributes together."""

import json
import random
import time
from collections.abc import Iterator, Mapping

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

SPANS_PER_TRACE = 7
_SYLLABLES = [
    "ka",
    "lo",
    "mi",
    "ter",
    "an",
    "sho",
    "ved",
    "ri",
    "pol",
    "une",
    "gra",
    "sti",
    "mon",
    "del",
    "ar",
    "fi",
    "zen",
    "cu",
    "bra",
    "tol",
]
_MODELS = [
    ("openai", "gpt-4o"),
    ("openai", "gpt-4o-mini"),
    ("anthropic", "claude-sonnet-4-0"),
    ("google", "gemini-2.5-flash"),
]
_AGENTS = ["support", "research", "coder", "analyst", "triage"]

Attribute = str | int | float


class Traffic:
    """A seeded source of traces; the same seed and start give the same bytes."""

    def __init__(self, seed: int, start_ns: int | None = None) -> None:
        self._random = random.Random(seed)
        self._start = time.time_ns() if start_ns is None else start_ns
        words = random.Random(7)
        self._words = ["".join(words.choices(_SYLLABLES, k=words.randint(1, 4))) for _ in range(3000)]

    def requests(self, traces: int, spans_per_request: int = 512) -> Iterator[tuple[bytes, int]]:
        """Yield OTLP request bodies with their numbers of spans; requests cut traces, as exporters do."""
        waiting: list[Span] = []
        for _ in range(traces):
            waiting += self.trace()
            while len(waiting) >= spans_per_request:
                yield pack(waiting[:spans_per_request]), spans_per_request
                waiting = waiting[spans_per_request:]
        if waiting:
            yield pack(waiting), len(waiting)

    def trace(self) -> list[Span]:
        """Return the spans of one trace: agent, chain, retriever and two rounds of model and tool call."""
        pick = self._random
        agent = pick.choice(_AGENTS)
        total = pick.lognormvariate(7, 0.6)
        build = _TraceBuilder(
            pick.randbytes(16),
            self._start - pick.randrange(60_000_000_000),
            {"session.id": f"session-{pick.randrange(2000)}", "user.id": f"user-{pick.randrange(500)}"}
            | {"gen_ai.agent.name": agent},
        )
        failure = "ToolTimeout: upstream" if pick.random() < 0.04 else None
        question, answer = self._text(36), self._text(50)
        texts: dict[str, Attribute] = {"input.value": question, "output.value": answer}
        root = pick.randbytes(8)
        chain = pick.randbytes(8)
        build.span(
            root, b"", f"{agent}.run", "AGENT", 0, total, {"gen_ai.operation.name": "invoke_agent", **texts}, failure
        )
        build.span(chain, root, "plan", "CHAIN", 1, total * 0.95, texts)
        build.span(
            pick.randbytes(8),
            chain,
            "retrieve",
            "RETRIEVER",
            2,
            total * 0.1,
            {
                "input.value": question,
                "retrieval.documents.0.document.content": self._text(66),
                "retrieval.documents.1.document.content": self._text(66),
            },
        )
        for step in (0, 1):
            model = pick.choice(_MODELS)
            build.span(
                pick.randbytes(8),
                chain,
                f"chat {model[1]}",
                "LLM",
                3 + step * total * 0.4,
                total * 0.35,
                self._call(*model),
            )
            tool: dict[str, Attribute] = {
                "tool.name": "lookup_order",
                "gen_ai.tool.name": "lookup_order",
                "input.value": json.dumps({"id": pick.randrange(10**6)}),
                "output.value": json.dumps({"status": "late", "note": self._text(10)}),
            }
            build.span(
                pick.randbytes(8),
                chain,
                "lookup_order",
                "TOOL",
                4 + step * total * 0.4,
                total * 0.05,
                tool,
                failure if step else None,
            )
        return build.spans

    def flat(self) -> bytes:
        """Return the JSON body of one flat trace."""
        pick = self._random
        provider, model = pick.choice(_MODELS)
        return json.dumps(
            {
                "trace_id": pick.randbytes(16).hex(),
                "agent_id": pick.choice(_AGENTS),
                "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._start / 1e9 - pick.randrange(60))),
                "input": self._text(40),
                "output": self._text(80),
                "latency_ms": round(pick.lognormvariate(7, 0.6)),
                "status": "success",
                "model": model,
                "model_provider": provider,
                "tokens_input": pick.randrange(200, 4000),
                "tokens_output": pick.randrange(20, 900),
                "session_id": f"session-{pick.randrange(2000)}",
                "user_id": f"user-{pick.randrange(500)}",
                "tags": ["bench"],
                "metadata": {"plan": "pro"},
            }
        ).encode()

    def _call(self, provider: str, model: str) -> dict[str, Attribute]:
        pick = self._random
        tokens_in, tokens_out = pick.randrange(200, 4000), pick.randrange(20, 900)
        prompt, completion = self._text(96), self._text(80)
        return {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": model,
            "gen_ai.response.model": model,
            "gen_ai.response.id": pick.randbytes(12).hex(),
            "gen_ai.usage.input_tokens": tokens_in,
            "gen_ai.usage.output_tokens": tokens_out,
            "gen_ai.request.temperature": 0.2,
            "llm.model_name": model,
            "llm.provider": provider,
            "llm.token_count.prompt": tokens_in,
            "llm.token_count.completion": tokens_out,
            "llm.token_count.total": tokens_in + tokens_out,
            "llm.input_messages.0.message.role": "system",
            "llm.input_messages.0.message.content": self._text(52),
            "llm.input_messages.1.message.role": "user",
            "llm.input_messages.1.message.content": prompt,
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.content": completion,
            "input.value": prompt,
            "output.value": completion,
        }

    def _text(self, words: int) -> str:
        # Squaring makes few words frequent and most rare, so that text compresses like text.
        pick, vocabulary = self._random.random, self._words
        return " ".join([vocabulary[int(pick() ** 2 * 3000)] for _ in range(words)])


class _TraceBuilder:
    def __init__(self, trace_id: bytes, start_ns: int, common: Mapping[str, Attribute]) -> None:
        self.spans: list[Span] = []
        self._trace_id = trace_id
        self._start = start_ns
        self._common: dict[str, Attribute] = dict(common)

    def span(
        self,
        span_id: bytes,
        parent: bytes,
        name: str,
        kind: str,
        offset_ms: float,
        duration_ms: float,
        own: Mapping[str, Attribute],
        error: str | None = None,
    ) -> None:
        status = Status(code=Status.STATUS_CODE_ERROR, message=error) if error else Status(code=Status.STATUS_CODE_OK)
        start = self._start + int(offset_ms * 1e6)
        self.spans.append(
            Span(
                trace_id=self._trace_id,
                span_id=span_id,
                parent_span_id=parent,
                name=name,
                kind=Span.SPAN_KIND_INTERNAL,
                start_time_unix_nano=start,
                end_time_unix_nano=start + int(duration_ms * 1e6),
                attributes=attributes({"openinference.span.kind": kind, **self._common, **own}),
                status=status,
            )
        )


def attributes(values: Mapping[str, Attribute]) -> list[KeyValue]:
    """Return attributes as OTLP writes them."""
    return [KeyValue(key=key, value=_value(value)) for key, value in values.items()]


def _value(value: Attribute) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    return AnyValue(double_value=value)


_RESOURCE = {"service.name": "bench", "deployment.environment.name": "production"}


def pack(spans: list[Span], resource: Mapping[str, Attribute] = _RESOURCE) -> bytes:
    """Return an OTLP request with these spans under one resource."""
    resource_spans = ResourceSpans(scope_spans=[ScopeSpans(spans=spans)])
    resource_spans.resource.attributes.extend(attributes(resource))
    return ExportTraceServiceRequest(resource_spans=[resource_spans]).SerializeToString()
