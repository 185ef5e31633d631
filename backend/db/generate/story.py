"""A trace in the making: spans along a clock that only runs forward."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

import orjson

from db.generate.catalogue import EMBEDDING, RERANKER, Model
from db.generate.people import injection, personal_data
from db.generate.rhythm import Weather

Value = str | int | float | bool | Sequence[str]
Message = dict[str, object]

SECOND_NS = 1_000_000_000
_CHARACTERS_PER_TOKEN = 4.2
_CACHE_BLOCK = 128
_SMALLEST_CACHED_PROMPT = 1024


@dataclass(slots=True)
class Span:
    """A span; times are nanoseconds since the Unix epoch."""

    span_id: bytes
    parent_id: bytes
    name: str
    start_ns: int
    end_ns: int
    attributes: dict[str, Value]
    failure: "Failure | None" = None


class Failure(Exception):  # noqa: N818
    """Ends a trace; carries what the failing span says."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


@dataclass(slots=True)
class Trace:
    """A finished trace, or the single record of an agent that sends flat traces.

    ``marks`` tells what the generator put into it (``pii``, ``injection``, ``error``, ``timeout``, ``flat``); nothing
    of it is sent.
    """

    trace_id: str
    agent: str
    service: str
    environment: str
    release: str
    session_id: str | None
    user_id: str | None
    start_ns: int
    end_ns: int
    marks: frozenset[str]
    spans: list[Span] = field(default_factory=list)
    flat: dict[str, object] | None = None
    output: str = ""

    def shift(self, nanoseconds: int) -> None:
        """Move the whole trace in time."""
        self.start_ns += nanoseconds
        self.end_ns += nanoseconds
        for span in self.spans:
            span.start_ns += nanoseconds
            span.end_ns += nanoseconds


@dataclass(slots=True)
class Session:
    """What lasts over the turns of one conversation."""

    session_id: str | None
    user_id: str | None
    turns: int
    model: Model
    turn: int = 0
    facts: dict[str, str] = field(default_factory=dict)
    history: list[Message] = field(default_factory=list)

    def redact(self, said: str, plain: str) -> None:
        """Keep the plain wording of what was said, so that a slip or attack belongs to one trace only."""
        self.history = [message("user", plain) if turn == message("user", said) else turn for turn in self.history]


def message(role: str, text: str) -> Message:
    """Return a message with one part of text."""
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def encode(value: object) -> str:
    """Return JSON text."""
    return orjson.dumps(value).decode()


class Scene:
    """Records one trace while an agent's play is performed.

    A trace that is to fail does so at one of its first steps; the failure passes through the open spans up to the root,
    as an exception does in a program.
    """

    def __init__(
        self, rng: Random, session: Session, weather: Weather, start_ns: int, marks: frozenset[str], tools: str
    ) -> None:
        self.rng = rng
        self.session = session
        self.spans: list[Span] = []
        self.now_ns = start_ns
        self.marks = marks
        self.answer = ""
        self._weather = weather
        self._tools = tools
        self._open: list[Span] = []
        self._steps_left = rng.randint(1, 4) if marks & {"error", "timeout"} else -1
        self._prompt_tokens = 0
        self._said = ("", "")

    def hear(self, text: str, attacks: bool = True) -> str:
        """Return what comes in, with whatever personal data or attack this trace is to hold; the root shows it.

        Without ``attacks`` the play puts the attack elsewhere, for example into a page that the agent reads.
        """
        plain = text
        if attacks and "injection" in self.marks:
            text = f"{text} {injection(self.rng)}" if self.rng.random() < 0.7 else injection(self.rng)
        if "pii" in self.marks:
            text = f"{text} {personal_data(self.rng)}"
        self.spans[0].attributes["gen_ai.input.messages"] = encode([message("user", text)])
        self._said = (text, plain)
        return text

    def perform(self, name: str, agent: str, play: Callable[["Scene"], None], attributes: Mapping[str, Value]) -> None:
        """Run a play under its root span; a failure ends it and is kept on the spans that were open."""
        try:
            with self.agent(agent, name=name, **attributes) as root:
                play(self)
                if self._steps_left >= 0:
                    raise self._failure("The answer did not match the expected schema", "OutputValidationError")
                root.attributes["gen_ai.output.messages"] = encode([message("assistant", self.answer)])
        except Failure:
            pass
        finally:
            self.session.redact(*self._said)

    @contextmanager
    def span(self, name: str, attributes: Mapping[str, Value]) -> Iterator[Span]:
        """Open a span around what the block records."""
        parent = self._open[-1].span_id if self._open else b""
        span = Span(self.rng.randbytes(8), parent, name, self.now_ns, 0, dict(attributes))
        self.spans.append(span)
        self._open.append(span)
        self.wait(0.001, 0.004)
        try:
            yield span
        except Failure as failure:
            span.failure = failure
            raise
        finally:
            self.wait(0.001, 0.003)
            span.end_ns = self.now_ns
            self._open.pop()

    @contextmanager
    def agent(self, agent: str, name: str | None = None, **attributes: Value) -> Iterator[Span]:
        """Open the span of an agent, the root's or that of one it hands over to."""
        own: dict[str, Value] = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": agent,
            **self._whose(),
            **attributes,
        }
        with self.span(name or f"invoke_agent {agent}", own) as span:
            yield span

    @contextmanager
    def chain(self, name: str) -> Iterator[Span]:
        """Open a span around several steps of a workflow."""
        with self.span(name, {"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": name}) as span:
            yield span

    def llm(
        self,
        system: str,
        messages: Sequence[Message],
        reply: str | tuple[str, dict[str, object]],
        *,
        model: Model | None = None,
        hidden_tokens: int = 600,
        temperature: float = 0.2,
    ) -> None:
        """Record a call of a model.

        Args:
            system: Its instructions.
            messages: What it is given.
            reply: Text, or the name and arguments of the tool it wants to be called.
            model: Which one; the session's unless given.
            hidden_tokens: Tokens of the prompt beyond the messages, such as tool definitions.
            temperature: As sent.
        """
        model = model or self.session.model
        given = encode(messages)
        output = self._output_message(reply)
        tokens_input = hidden_tokens + int((len(system) + len(given)) / _CHARACTERS_PER_TOKEN)
        visible = max(8, int(len(encode(output)) / _CHARACTERS_PER_TOKEN))
        reasoning = int(visible * model.thinks / (1 - model.thinks) * self.rng.uniform(0.5, 1.8)) if model.thinks else 0
        tokens_output = visible + reasoning
        attributes: dict[str, Value] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": model.provider,
            "gen_ai.request.model": model.requested,
            "gen_ai.request.temperature": temperature,
            "gen_ai.request.max_tokens": 4096,
            "gen_ai.system_instructions": encode([{"type": "text", "content": system}]),
            "gen_ai.input.messages": given,
            **self._whose(),
        }
        if self._tools:
            attributes["gen_ai.tool.definitions"] = self._tools
        slowness = self._weather.slowness(model.provider, self.now_ns) * self.rng.lognormvariate(0, 0.25)
        with self.span(f"chat {model.requested}", attributes) as span:
            self._step(model.provider)
            self.wait(model.first_token * slowness * 0.7, model.first_token * slowness * 1.4)
            first_token = (self.now_ns - span.start_ns) / SECOND_NS
            self.wait(tokens_output / model.pace * slowness, tokens_output / model.pace * slowness * 1.1)
            span.attributes |= self._usage(model, tokens_input, tokens_output, reasoning)
            span.attributes["gen_ai.response.model"] = model.answered
            span.attributes["gen_ai.response.id"] = f"resp_{self.rng.getrandbits(96):024x}"
            span.attributes["gen_ai.response.finish_reasons"] = [str(output["finish_reason"])]
            span.attributes["gen_ai.response.time_to_first_chunk"] = first_token
            span.attributes["gen_ai.output.messages"] = encode([output])

    def tool(
        self, name: str, arguments: Mapping[str, object], result: object, seconds: float, error: Failure | None = None
    ) -> None:
        """Record the call of a tool; an ``error`` is shown on it and survived by the agent."""
        attributes: dict[str, Value] = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": name,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.id": f"call_{self.rng.getrandbits(64):016x}",
            "gen_ai.tool.call.arguments": encode(arguments),
        }
        with self.span(f"execute_tool {name}", attributes) as span:
            self._step("tools")
            self._work(seconds)
            span.failure = error
            if error is None:
                span.attributes["gen_ai.tool.call.result"] = result if isinstance(result, str) else encode(result)

    def retrieve(self, source: str, query: str, documents: Sequence[str]) -> None:
        """Record a search for documents, with the embedding of its query and the sorting of what was found."""
        attributes: dict[str, Value] = {
            "gen_ai.operation.name": "retrieval",
            "gen_ai.data_source.id": source,
            "gen_ai.retrieval.query.text": query,
        }
        with self.span(f"retrieval {source}", attributes) as span:
            embedding: dict[str, Value] = {
                "gen_ai.operation.name": "embeddings",
                "gen_ai.provider.name": EMBEDDING.provider,
                "gen_ai.request.model": EMBEDDING.requested,
                "gen_ai.response.model": EMBEDDING.answered,
                "gen_ai.usage.input_tokens": max(3, int(len(query) / _CHARACTERS_PER_TOKEN)),
                "input.value": query,
            }
            with self.span(f"embeddings {EMBEDDING.requested}", embedding):
                self._step(EMBEDDING.provider)
                self._work(EMBEDDING.first_token)
            self._work(0.06)
            found = [
                {"id": f"{source}-{self.rng.randint(100, 999)}", "score": round(0.93 - 0.07 * rank, 3), "content": text}
                for rank, text in enumerate(documents)
            ]
            span.attributes["gen_ai.retrieval.documents"] = encode(found)

    def rerank(self, query: str, documents: Sequence[str]) -> None:
        """Record the sorting of documents by a model made for it."""
        attributes: dict[str, Value] = {
            "openinference.span.kind": "RERANKER",
            "reranker.model_name": RERANKER.requested,
            "llm.provider": RERANKER.provider,
            "reranker.query": query,
            "reranker.top_k": len(documents),
        }
        for rank, text in enumerate(documents):
            attributes[f"reranker.output_documents.{rank}.document.content"] = text
            attributes[f"reranker.output_documents.{rank}.document.score"] = round(0.98 - 0.11 * rank, 3)
        with self.span("rerank", attributes):
            self._step("tools")
            self._work(RERANKER.first_token)

    def guardrail(self, name: str, text: str, verdict: str = "passed") -> None:
        """Record a check of a text."""
        attributes: dict[str, Value] = {"openinference.span.kind": "GUARDRAIL", "input.value": text}
        with self.span(name, attributes) as span:
            self._work(0.02)
            span.attributes["output.value"] = verdict

    def wait(self, shortest: float, longest: float) -> None:
        """Let between so many seconds pass."""
        self.now_ns += int(self.rng.uniform(shortest, longest) * SECOND_NS)

    def _work(self, seconds: float) -> None:
        seconds *= self._weather.slowness("tools", self.now_ns) * self.rng.lognormvariate(0, 0.4)
        self.wait(seconds * 0.9, seconds * 1.1)

    def _step(self, target: str) -> None:
        if self._steps_left < 0:
            return
        if self._steps_left > 1:
            self._steps_left -= 1
            return
        message, kind = self.rng.choice(_TOOL_FAILURES if target == "tools" else _MODEL_FAILURES)
        raise self._failure(message, kind)

    def _failure(self, message: str, kind: str) -> Failure:
        self._steps_left = -1
        if "timeout" in self.marks:
            self.wait(29.5, 31.0)
            return Failure("timeout", "No answer within 30 s")
        self.wait(0.1, 1.5)
        return Failure(kind, message)

    def _whose(self) -> dict[str, Value]:
        whose = {"gen_ai.conversation.id": self.session.session_id, "user.id": self.session.user_id}
        return {key: value for key, value in whose.items() if value is not None}

    def _output_message(self, reply: str | tuple[str, dict[str, object]]) -> Message:
        if isinstance(reply, str):
            return {**message("assistant", reply), "finish_reason": "stop"}
        name, arguments = reply
        call = {"type": "tool_call", "id": f"call_{self.rng.getrandbits(64):016x}", "name": name}
        return {"role": "assistant", "parts": [{**call, "arguments": arguments}], "finish_reason": "tool_calls"}

    def _usage(self, model: Model, tokens_input: int, tokens_output: int, reasoning: int) -> dict[str, Value]:
        usage: dict[str, Value] = {
            "gen_ai.usage.input_tokens": tokens_input,
            "gen_ai.usage.output_tokens": tokens_output,
        }
        if reasoning:
            usage["gen_ai.usage.reasoning.output_tokens"] = reasoning
        if model.caches and tokens_input >= _SMALLEST_CACHED_PROMPT:
            seen = min(self._prompt_tokens, tokens_input) // _CACHE_BLOCK * _CACHE_BLOCK
            if seen:
                usage["gen_ai.usage.cache_read.input_tokens"] = seen
            if model.provider == "anthropic" and tokens_input - seen > _CACHE_BLOCK:
                usage["gen_ai.usage.cache_creation.input_tokens"] = (tokens_input - seen) // 2
            self._prompt_tokens = tokens_input
        if model.gateway_usd is not None:
            usage["gen_ai.cost.total_cost"] = round(
                (tokens_input * model.gateway_usd[0] + tokens_output * model.gateway_usd[1]) / 1_000_000, 8
            )
        return usage


_MODEL_FAILURES = (
    ("Rate limit reached for tokens per minute; try again in 6 s", "RateLimitError"),
    ("The server is overloaded", "OverloadedError"),
    ("Connection reset by peer", "APIConnectionError"),
    ("This request exceeds the maximum context length", "ContextLengthExceeded"),
)
_TOOL_FAILURES = (
    ("Upstream answered 502", "ToolExecutionError"),
    ("Missing required argument", "ToolArgumentError"),
    ("Permission denied for the service account", "PermissionError"),
)
