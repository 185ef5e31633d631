"""Traced functions behave as they did, in results, errors, signatures and generators, and nest as they are called."""

import asyncio
import gc
import inspect
import random
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry import context as otel_context
from opentelemetry import propagate
from opentelemetry import trace as otel_trace

from agent_observability import AgentObservability
from agent_observability.testing import Recording, record


@pytest.fixture
def obs() -> AgentObservability:
    return AgentObservability()


@pytest.fixture
def recording(obs: AgentObservability) -> Iterator[Recording]:
    with record(obs) as recorded:
        yield recorded


def test_a_function(obs: AgentObservability, recording: Recording) -> None:
    @obs.trace()
    def add(first: int, second: int = 2, *more: int, **named: int) -> int:
        """Add numbers."""
        return first + second + sum(more) + sum(named.values())

    assert add(1, 2, 3, extra=4) == 10
    assert add.__doc__ == "Add numbers."
    assert list(inspect.signature(add).parameters) == ["first", "second", "more", "named"]
    (span,) = recording.spans
    assert (span.name, span.kind) == ("add", "agent")
    assert span.input == {"first": 1, "second": 2, "args": [3], "extra": 4}
    assert span.output == 10


def test_without_parentheses(obs: AgentObservability, recording: Recording) -> None:
    @obs.trace
    def hello() -> str:
        return "hello"

    assert hello() == "hello"
    assert recording.names() == ["hello"]


def test_methods(obs: AgentObservability, recording: Recording) -> None:
    class Agent:
        @obs.trace()
        def run(self, question: str) -> str:
            return question

        @obs.trace("made")
        @classmethod
        def make(cls, name: str) -> str:
            return cls.__name__ + name

        @staticmethod
        @obs.trace("helped")
        def help(name: str) -> str:
            return name

        @obs.trace("inner-static")
        @staticmethod
        def other(name: str) -> str:
            return name

    agent = Agent()
    assert (agent.run("q"), agent.make("x"), Agent.help("y"), agent.other("z")) == ("q", "Agentx", "y", "z")
    assert recording.names() == ["Agent.run", "made", "helped", "inner-static"]
    assert [span.input for span in recording.spans] == [{"question": "q"}, {"name": "x"}, {"name": "y"}, {"name": "z"}]


def test_what_is_set_wins_over_what_is_returned(obs: AgentObservability, recording: Recording) -> None:
    @obs.trace()
    def answer() -> str:
        obs.set_output("shown")
        return "returned"

    assert answer() == "returned"
    assert recording.span("answer").output == "shown"


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), SystemExit(3), StopIteration(1)])
def test_errors_pass(obs: AgentObservability, recording: Recording, error: BaseException) -> None:
    @obs.trace()
    def fails() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        fails()
    assert raised.value is error
    (span,) = recording.spans
    assert span.attributes["error.type"] == type(error).__name__
    assert span.error is not None
    assert otel_trace.get_current_span() is otel_trace.INVALID_SPAN


async def test_a_coroutine_and_its_cancellation(obs: AgentObservability, recording: Recording) -> None:
    @obs.trace()
    async def waits(seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "done"

    assert inspect.iscoroutinefunction(waits)
    assert await waits(0) == "done"
    task = asyncio.create_task(waits(60))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()
    assert [span.attributes.get("error.type") for span in recording.spans] == [None, "CancelledError"]


def test_a_generator_is_current_while_it_runs_only(obs: AgentObservability, recording: Recording) -> None:
    @obs.trace("tokens")
    def tokens() -> Iterator[str]:
        for token in ("a", "b"):
            with obs.span(f"make-{token}"):
                pass
            yield token

    assert inspect.isgeneratorfunction(tokens)
    for token in tokens():
        with obs.span(f"use-{token}"):
            pass
    tokens_span = recording.span("tokens")
    assert [span.name for span in recording.children(tokens_span)] == ["make-a", "make-b"]
    assert recording.span("use-a").parent_id is None
    assert tokens_span.output == "ab"


def conversation(obs: AgentObservability, traced: bool) -> Callable[[], Any]:
    def talk() -> Any:
        log: list[Any] = []
        try:
            while True:
                try:
                    log.append((yield list(log)))
                except ValueError as error:
                    log.append(str(error))
                    if str(error) == "end":
                        return "ended"
        finally:
            log.append("finally")

    return obs.trace("talk")(talk) if traced else talk


@pytest.mark.parametrize("traced", [False, True])
def test_generators_keep_send_throw_close_and_return(
    obs: AgentObservability, recording: Recording, traced: bool
) -> None:
    talk = conversation(obs, traced)()
    assert next(talk) == []
    assert talk.send("x") == ["x"]
    assert talk.throw(ValueError("oops")) == ["x", "oops"]
    assert next(talk) == ["x", "oops", None]
    with pytest.raises(StopIteration) as ended:
        talk.throw(ValueError("end"))
    assert ended.value.value == "ended"
    closed = conversation(obs, traced)()
    next(closed)
    closed.close()
    assert next(closed, "exhausted") == "exhausted"
    failing = conversation(obs, traced)()
    next(failing)
    with pytest.raises(KeyError):
        failing.throw(KeyError("k"))
    assert len(recording.spans) == (3 if traced else 0)
    if traced:
        assert [span.error is None for span in recording.spans] == [True, True, False]


async def test_async_generators_keep_send_throw_and_close(obs: AgentObservability, recording: Recording) -> None:
    @obs.trace("stream")
    async def stream(parts: int) -> Any:
        got = []
        for part in range(parts):
            await asyncio.sleep(0)
            with obs.span(f"part-{part}"):
                try:
                    got.append((yield part))
                except ValueError as error:
                    got.append(str(error))
        yield got

    assert inspect.isasyncgenfunction(stream)
    talk = stream(3)
    assert await anext(talk) == 0
    assert await talk.asend("x") == 1
    assert await talk.athrow(ValueError("oops")) == 2
    assert await anext(talk) == ["x", "oops", None]
    with pytest.raises(StopAsyncIteration):
        await anext(talk)
    early = stream(3)
    async for _ in early:
        break
    await early.aclose()
    spans = [span for span in recording.spans if span.name == "stream"]
    assert [span.error for span in spans] == [None, None]
    assert {span.parent_id for span in recording.spans if span.name.startswith("part")} == {
        span.span_id for span in spans
    }


async def test_a_hundred_thousand_tasks_keep_their_parents(obs: AgentObservability, recording: Recording) -> None:
    chosen = random.Random(7)
    pauses = [chosen.random() < 0.3 for _ in range(100_000)]
    parents: dict[str, str | None] = {}

    @obs.trace("leaf", capture=False)
    async def leaf(number: int) -> None:
        await asyncio.sleep(0)
        obs.tag(str(number))

    async def task(number: int) -> None:
        with obs.span(f"task-{number}") as span:
            parents[str(number)] = span.span_id
            if pauses[number]:
                await asyncio.sleep(0)
            await leaf(number)

    for begin in range(0, 100_000, 10_000):
        await asyncio.gather(*(task(number) for number in range(begin, begin + 10_000)))
    leaves = [span for span in recording.spans if span.name == "leaf"]
    assert len(leaves) == 100_000
    assert len({span.trace_id for span in leaves}) == 100_000
    assert all(span.parent_id == parents[span.attributes["agentobs.tags"][0]] for span in leaves)


async def test_tasks_begun_within_a_span_belong_to_it(obs: AgentObservability, recording: Recording) -> None:
    async def step(number: int) -> None:
        with obs.span(f"step-{number}"):
            await asyncio.sleep(0)

    async with obs.trace_context("plan", agent_id="planner", user_id="u-1"):
        await asyncio.gather(*(step(number) for number in range(20)))
    plan = recording.span("plan")
    assert len(recording.children(plan)) == 20
    assert {span.attributes["user.id"] for span in recording.spans} == {"u-1"}
    assert {span.attributes["gen_ai.agent.name"] for span in recording.spans} == {"planner"}


def test_threads_take_the_context_that_they_are_given(obs: AgentObservability, recording: Recording) -> None:
    def step(number: int, context: Any) -> None:
        token = otel_context.attach(context)
        try:
            with obs.span(f"step-{number}"):
                obs.tag(str(number))
        finally:
            otel_context.detach(token)

    with ThreadPoolExecutor(8) as pool:
        with obs.trace_context("first"):
            context = otel_context.get_current()
            list(pool.map(lambda number: step(number, context), range(200)))
        with obs.trace_context("second"):
            context = otel_context.get_current()
            list(pool.map(lambda number: step(number, context), range(200, 300)))
    assert len(recording.children(recording.span("first"))) == 200
    assert len(recording.children(recording.span("second"))) == 100
    for span in recording.spans:
        if span.name.startswith("step"):
            assert span.attributes["agentobs.tags"] == (span.name.removeprefix("step-"),)


def test_w3c_headers_join_processes(obs: AgentObservability, recording: Recording) -> None:
    headers: dict[str, str] = {}
    with obs.trace_context("caller"):
        propagate.inject(headers)
    token = otel_context.attach(propagate.extract(headers))
    try:
        with obs.span("called"):
            pass
    finally:
        otel_context.detach(token)
    assert recording.span("called").parent_id == recording.span("caller").span_id
    assert recording.span("called").trace_id == recording.span("caller").trace_id


def test_below_the_span_of_a_server_a_function_is_an_agent(obs: AgentObservability, recording: Recording) -> None:
    @obs.trace("answer")
    def answer() -> None:
        look_up()

    @obs.trace("look-up")
    def look_up() -> None:
        """Do nothing."""

    remote = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
    token = otel_context.attach(propagate.extract(remote))
    try:
        answer()
    finally:
        otel_context.detach(token)
    spans = [(span.name, span.kind, span.attributes.get("gen_ai.agent.name")) for span in recording.spans]
    assert spans == [("answer", "agent", "answer"), ("look-up", "chain", None)]


def test_contexts_within_contexts(obs: AgentObservability, recording: Recording) -> None:
    with obs.trace_context(agent_id="outer", user_id="u-1", session_id="s-1"):
        with obs.trace_context(agent_id="inner"), obs.span("deep"):
            pass
        with obs.span("shallow"):
            pass
    deep, shallow = recording.span("deep"), recording.span("shallow")
    assert (deep.attributes["gen_ai.agent.name"], deep.attributes["user.id"]) == ("inner", "u-1")
    assert shallow.attributes["gen_ai.agent.name"] == "outer"


def test_nothing_is_recorded_without_a_key(obs: AgentObservability) -> None:
    @obs.trace()
    def answer() -> str:
        return "yes"

    with obs.span("x") as span:
        assert answer() == "yes"
        assert span.trace_id is None


async def test_a_generator_that_is_left_unread_ends_in_silence(
    obs: AgentObservability, recording: Recording, caplog: pytest.LogCaptureFixture
) -> None:
    @obs.trace("left")
    async def left() -> AsyncIterator[int]:
        with obs.span("within"):
            yield 1

    async def read() -> None:
        async for _ in left():
            return

    await asyncio.create_task(read())
    gc.collect()
    while len(recording.spans) < 2:
        await asyncio.sleep(0.01)
    assert caplog.text == ""


async def test_streams_of_agents_nest(obs: AgentObservability, recording: Recording) -> None:
    """Two generators that are read in turn keep their spans apart."""

    @obs.trace("agent")
    async def agent(name: str) -> AsyncIterator[str]:
        with obs.span(f"outer-{name}"):
            yield f"{name}-1"
            with obs.span(f"inner-{name}"):
                yield f"{name}-2"

    first, second = agent("a"), agent("b")
    for _ in range(2):
        pair = await anext(first) + await anext(second)
        with obs.span(pair):
            pass
    assert await anext(first, "exhausted") == await anext(second, "exhausted") == "exhausted"
    for name in "ab":
        assert recording.span(f"inner-{name}").parent_id == recording.span(f"outer-{name}").span_id
    assert recording.span("a-1b-1").parent_id is None
