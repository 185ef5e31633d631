"""Invented traces that the stored data of a benchmark are repeated from: agents, models, tools, texts and failures."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from bench.traffic import Attribute, attributes

AGENTS = tuple(
    f"{area}-{role}"
    for area in ("support", "sales", "billing", "research", "claims")
    for role in ("triage", "assistant", "reviewer", "writer")
)
MODELS = (
    ("openai", "gpt-4o-mini"), ("openai", "gpt-4o"), ("anthropic", "claude-sonnet-4-5"), ("openai", "gpt-4.1-mini"),
    ("google", "gemini-2.5-flash"), ("anthropic", "claude-haiku-4-5"), ("openai", "gpt-5"), ("openai", "gpt-5-mini"),
    ("google", "gemini-2.5-pro"), ("openai", "gpt-4.1"), ("anthropic", "claude-opus-4-1"), ("openai", "o4-mini"),
    ("mistral", "mistral-large-latest"), ("openai", "o3"), ("deepseek", "deepseek-chat"), ("openai", "gpt-4.1-nano"),
    ("google", "gemini-2.0-flash"), ("anthropic", "claude-sonnet-4-0"), ("groq", "llama-3.3-70b-versatile"),
    ("cohere", "command-r-plus"), ("mistral", "mistral-small-latest"), ("deepseek", "deepseek-reasoner"),
    ("anthropic", "claude-3-5-haiku-latest"), ("openai", "gpt-5-nano"), ("x-ai", "grok-4"), ("openai", "o3-mini"),
    ("google", "gemini-2.0-flash-lite"), ("cohere", "command-r"), ("x-ai", "grok-3"), ("openai", "gpt-3.5-turbo"),
)  # fmt: skip
TOOLS = (
    "lookup_order", "search_docs", "create_ticket", "send_mail", "refund_payment", "read_calendar", "run_query",
    "fetch_page", "convert_currency", "check_stock", "update_record", "summarise_file",
)  # fmt: skip
_ENVIRONMENTS = ("production", "production", "production", "production", "production", "staging", "development")
_RELEASES = ("1.4.0", "1.4.1", "1.5.0", "2.0.0-rc1")
_REGIONS = ("eu-central", "us-east", "ap-south")
_PLANS = ("free", "pro", "enterprise")
_TAGS = ("beta", "vip", "batch", "retry", "web", "mobile", "night", "pilot")
_ERRORS = (
    ("TimeoutError", "upstream did not answer within {n} ms"),
    ("RateLimitError", "429 from https://api.example.com/v1/chat/{n}: retry after {n} s"),
    ("ValidationError", "field 'amount' must be less than {n}, got \"{n}\""),
    ("ConnectionError", "connection to 10.0.{n}.7:5432 was reset by the peer"),
    ("KeyError", "no order with id {hex}"),
    ("ContextLengthError", "this model takes {n} tokens, the prompt has {n}"),
    ("PermissionError", "user {hex} may not refund payment {n}"),
    ("JSONDecodeError", "Expecting ',' delimiter: line {n} column {n}"),
)
_SYLLABLES = ("ka", "lo", "mi", "ter", "an", "sho", "ved", "ri", "pol", "une", "gra", "sti", "mon", "del", "ar", "fi")

# Number of spans of ordinary traces and how many of 1,000 traces have it.
_SIZES = ((1, 100), (3, 250), (5, 260), (7, 180), (9, 90), (13, 70), (22, 40), (45, 8), (150, 2))
LONG, LONGEST = 1000, 30_000
# Longer texts of a real trace come from models; with these lengths input and output have 400 bytes a span together.
_WORDS = {"agent": (26, 40), "llm": (44, 40), "tool": (10, 24), "retriever": (12, 60), "chain": (18, 18)}
_FAILING_TRACES = 0.12
_ANONYMOUS = 0.15

SESSION_MARK = "session-000000000"
USER_MARK = "user-00000"


@dataclass(slots=True)
class Shape:
    """One invented trace as a sender would send it, with what a person would look for it by."""

    spans: list[Span]
    resource: dict[str, Attribute]
    text: str


class Shapes:
    """A seeded source of traces; the same seed gives the same ones."""

    def __init__(self, seed: int, base_ns: int) -> None:
        """Start a source.

        Args:
            seed: Of all choices.
            base_ns: When every trace starts, nanoseconds since the Unix epoch.
        """
        self._pick = random.Random(seed)
        self._base = base_ns
        words = random.Random(seed + 1)
        made = ["".join(words.choices(_SYLLABLES, k=words.randint(2, 4))) for _ in range(6000)]
        self._words = list(dict.fromkeys(made))

    def ordinary(self, number: int) -> list[Shape]:
        """Return so many traces with seven spans in the mean."""
        sizes = [size for size, weight in _SIZES for _ in range(weight)]
        self._pick.shuffle(sizes)
        return [self.trace(sizes[index % len(sizes)]) for index in range(number)]

    def trace(self, size: int) -> Shape:
        """Return a trace with so many spans."""
        return _Builder(self, self._pick, size, self._base).build()

    def text(self, count: int) -> str:
        """Return a text whose words are as unevenly frequent as those of a language."""
        random_, words = self._pick.random, self._words
        return " ".join([words[int(random_() ** 3 * len(words))] for _ in range(count)])


class _Builder:
    def __init__(self, shapes: Shapes, pick: random.Random, size: int, base_ns: int) -> None:
        self._shapes, self._pick, self._size, self._base = shapes, pick, size, base_ns
        self._trace_id = pick.randbytes(16)
        self._agent = AGENTS[int(pick.random() ** 2 * len(AGENTS))]
        mine = random.Random(self._agent)
        self._models = [MODELS[int(mine.random() ** 1.5 * len(MODELS))] for _ in range(4)]
        self._tools = mine.sample(TOOLS, 4)
        self._said: list[str] = []
        self._spans: list[Span] = []
        self._clock = 0
        share = min(1.0, max(1.0, 0.21 * size) / size) if pick.random() < _FAILING_TRACES else 0.0
        self._failing = share

    def build(self) -> Shape:
        pick = self._pick
        open_spans = [self._span("agent", None)]
        while len(self._spans) < self._size:
            while len(open_spans) > 1 and (pick.random() < 0.25 or len(open_spans) > 6):
                self._close(open_spans.pop())
            kind = pick.choices(
                ("llm", "tool", "chain", "retriever", "embedding", "guardrail", "agent"), (36, 34, 9, 8, 5, 4, 4)
            )[0]
            span = self._span(kind, open_spans[-1])
            if kind in ("agent", "chain"):
                open_spans.append(span)
        while open_spans:
            self._close(open_spans.pop())
        if self._failing:
            self._fail(self._spans[0] if pick.random() < 0.7 else self._spans[-1])
        resource: dict[str, Attribute] = {
            "service.name": f"{self._agent.partition('-')[0]}-service",
            "service.version": pick.choice(_RELEASES),
            "deployment.environment.name": pick.choice(_ENVIRONMENTS),
        }
        return Shape(self._spans, resource, " ".join(self._said))

    def _span(self, kind: str, parent: Span | None) -> Span:
        pick = self._pick
        # The marks come first, so that they stand near the beginning of the encoded span.
        said: dict[str, Attribute] = {}
        if parent is None and pick.random() >= _ANONYMOUS:
            said |= {"session.id": SESSION_MARK, "user.id": USER_MARK}
        said["openinference.span.kind"] = kind.upper()
        name, own, milliseconds = self._of_kind(kind, parent)
        said |= own
        self._clock += pick.randrange(200, 3000)
        start = self._clock
        if kind not in ("agent", "chain"):
            self._clock += int(milliseconds * 1000)
        span = Span(
            trace_id=self._trace_id,
            span_id=pick.randbytes(8),
            parent_span_id=parent.span_id if parent else b"",
            name=name,
            kind=Span.SPAN_KIND_INTERNAL,
            start_time_unix_nano=self._base + start * 1000,
            end_time_unix_nano=self._base + self._clock * 1000,
            attributes=attributes(said),
            status=Status(code=Status.STATUS_CODE_OK),
        )
        self._spans.append(span)
        if self._failing and kind in ("llm", "tool") and pick.random() < self._failing:
            self._fail(span)
        return span

    def _of_kind(self, kind: str, parent: Span | None) -> tuple[str, dict[str, Attribute], float]:
        pick = self._pick
        match kind:
            case "agent":
                agent = self._agent if parent is None else pick.choice(AGENTS)
                own: dict[str, Attribute] = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": agent}
                texts = self._texts(kind)
                if parent is None:
                    self._said += [agent.replace("-", " "), *map(str, texts.values())]
                    own["tag.tags"] = json.dumps(pick.sample(_TAGS, pick.randrange(3)))
                    own["metadata"] = json.dumps({"plan": pick.choice(_PLANS), "region": pick.choice(_REGIONS)})
                return f"{agent}.run", {**own, **texts}, 0
            case "llm":
                provider, model = self._models[int(pick.random() ** 2 * 4)]
                tokens_in, tokens_out = pick.randrange(200, 6000), int(pick.lognormvariate(5.3, 0.8))
                own = {
                    "gen_ai.operation.name": "chat",
                    "gen_ai.provider.name": provider,
                    "gen_ai.request.model": model,
                    "gen_ai.response.model": model,
                    "gen_ai.usage.input_tokens": tokens_in,
                    "gen_ai.usage.output_tokens": tokens_out,
                    "gen_ai.response.time_to_first_token": round(pick.lognormvariate(-0.9, 0.5), 3),
                }
                return f"chat {model}", {**own, **self._texts(kind)}, 200 + tokens_out * 12
            case "tool":
                tool = pick.choice(self._tools)
                return tool, {"gen_ai.tool.name": tool, **self._texts(kind)}, pick.lognormvariate(4.5, 1)
            case "retriever":
                return "retrieve", self._texts(kind), pick.lognormvariate(4, 0.6)
            case "embedding":
                own = {
                    "gen_ai.operation.name": "embeddings",
                    "gen_ai.provider.name": "openai",
                    "gen_ai.request.model": "text-embedding-3-small",
                    "gen_ai.usage.input_tokens": pick.randrange(10, 800),
                }
                return "embed", own, pick.lognormvariate(4, 0.4)
            case "guardrail":
                return "check_output", {}, pick.lognormvariate(2.5, 0.5)
            case _:
                return "plan", self._texts(kind), 0

    def _texts(self, kind: str) -> dict[str, Attribute]:
        asked, answered = (self._shapes.text(count) for count in _WORDS[kind])
        return {"input.value": asked, "output.value": answered}

    def _close(self, span: Span) -> None:
        self._clock += self._pick.randrange(100, 2000)
        span.end_time_unix_nano = self._base + self._clock * 1000

    def _fail(self, span: Span) -> None:
        pick = self._pick
        kind, message = pick.choice(_ERRORS)
        self._said.append(kind.lower())
        text = message.replace("{hex}", pick.randbytes(6).hex())
        while "{n}" in text:
            text = text.replace("{n}", str(pick.randrange(10, 9000)), 1)
        span.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message=f"{kind}: {text}"))
        if not any(item.key == "error.type" for item in span.attributes):
            span.attributes.extend(attributes({"error.type": kind}))


def frequencies(shapes: Sequence[Shape]) -> dict[str, int]:
    """Return in how many traces each word occurs."""
    found: dict[str, int] = {}
    for shape in shapes:
        for word in set(shape.text.split()):
            found[word] = found.get(word, 0) + 1
    return found
