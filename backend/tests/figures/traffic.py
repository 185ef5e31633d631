"""Random traces in pieces, as careless senders send them: out of order, twice, open before they are ended."""

import random
import time
from collections.abc import Iterator

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from processing.tests.support import SECOND, key_value, make_span

AGENTS = ("support", "research", None)
ENVIRONMENTS = ("production", "staging", None)
RELEASES = ("1.0", "1.1", None)
MODELS = (("openai", "gpt-4o"), ("anthropic", "claude-3-5-haiku-latest"), ("acme", "unheard-of-1"))
TOOLS = ("search", "calculator")
MESSAGES = ("Timeout after {} s", "No row {} in 'orders'", "refused")
# Some within the finest buckets, some before.
AGES_SECONDS = (60, 3600, 40_000, 86_400, 200_000, 330_000, 500_000)


class Traffic:
    """A seeded source of pieces of traces; the same seed gives the same but for the present."""

    def __init__(self, seed: int, traces: int) -> None:
        self.random = random.Random(seed)
        self.now = time.time_ns()
        self.pieces = [piece for number in range(traces) for piece in self._trace(number)]
        self.random.shuffle(self.pieces)
        self.pieces += self.random.sample(self.pieces, len(self.pieces) // 4)

    def requests(self) -> Iterator[bytes]:
        """Yield bodies of requests, each with some pieces."""
        waiting = list(self.pieces)
        while waiting:
            count = self.random.randint(1, 6)
            part, waiting = waiting[:count], waiting[count:]
            yield ExportTraceServiceRequest(resource_spans=part).SerializeToString()

    def _trace(self, number: int) -> Iterator[ResourceSpans]:
        pick = self.random
        trace_id = pick.randbytes(16)
        start = self.now - int(pick.choice(AGES_SECONDS) * pick.uniform(0.2, 1) * SECOND)
        labels = {
            "user.id": f"user-{pick.randrange(6)}" if pick.random() < 0.8 else None,
            "session.id": f"session-{pick.randrange(9)}" if pick.random() < 0.8 else None,
            "gen_ai.agent.name": pick.choice(AGENTS),
        }
        spans = [self._span(trace_id, 1, None, start, labels)]
        for span_id in range(2, pick.randint(2, 7)):
            parent = pick.randrange(1, span_id)
            spans.append(self._span(trace_id, span_id, parent, start + pick.randrange(90 * SECOND), {}))
        resource = {"deployment.environment.name": pick.choice(ENVIRONMENTS), "service.version": pick.choice(RELEASES)}
        if pick.random() < 0.3:
            opened = Span()
            opened.CopyFrom(spans[0])
            opened.end_time_unix_nano = 0
            opened.ClearField("status")
            spans.append(opened)
        pick.shuffle(spans)
        while spans:
            count = pick.randint(1, len(spans))
            part, spans = spans[:count], spans[count:]
            piece = ResourceSpans(scope_spans=[ScopeSpans(spans=part)])
            piece.resource.attributes.extend(key_value(key, value) for key, value in resource.items() if value)
            yield piece

    def _span(
        self, trace_id: bytes, span_id: int, parent: int | None, start: int, labels: dict[str, str | None]
    ) -> Span:
        pick = self.random
        attributes: dict[str, object] = {key: value for key, value in labels.items() if value}
        kind = pick.choice(("agent", "llm", "llm", "tool", "chain"))
        name = kind
        if kind == "llm":
            provider, model = pick.choice(MODELS)
            attributes |= {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": provider,
                "gen_ai.request.model": model,
                "gen_ai.response.model": model,
            }
            if pick.random() < 0.9:
                attributes |= {
                    "gen_ai.usage.input_tokens": pick.randrange(1, 5000),
                    "gen_ai.usage.output_tokens": pick.randrange(1, 900),
                    "gen_ai.usage.cache_read.input_tokens": 0,
                }
            if pick.random() < 0.5:
                attributes["gen_ai.response.time_to_first_chunk"] = pick.uniform(0.01, 3)
        elif kind == "tool":
            attributes |= {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": pick.choice(TOOLS)}
        elif kind == "agent":
            attributes["gen_ai.operation.name"] = "invoke_agent"
            if pick.random() < 0.3:
                # What a wrapper adds up must not count beside its children.
                attributes |= {"gen_ai.usage.input_tokens": 900, "gen_ai.usage.output_tokens": 90}
        error = pick.choice(MESSAGES).format(pick.randrange(100)) if pick.random() < 0.25 else None
        duration = int(pick.lognormvariate(0, 1.5) * SECOND)
        return make_span(
            trace_id, span_id, parent, name=name, start=start, duration=duration, error=error, attributes=attributes
        )
