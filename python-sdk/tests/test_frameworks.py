"""Real frameworks against a server of fake models: each call is one span, in its place, with tokens and price."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import programs
import pytest
from fake_models import ANSWER, TOKENS_IN, TOKENS_OUT, fake_models
from stack import Workspace

_PRELUDE = """
import asyncio, contextvars, json
runner = asyncio.Runner()
on = obs.instrument(*sys.argv[1:])
traces = {}
def scenario(name):
    def begin(work):
        with obs.trace_context(name, user_id="u-1", session_id="s-1") as span:
            traces[name] = span.trace_id
            try:
                if asyncio.iscoroutinefunction(work):
                    runner.run(work(), context=contextvars.copy_context())
                else:
                    work()
            except Exception as error:
                print("failed", name, type(error).__name__)
    return begin
"""
_END = """
report = obs.flush(60)
assert report.complete and report.stored == report.created, report
print(json.dumps({"on": on, "traces": traces}))
"""


@pytest.fixture(scope="module")
def models() -> Iterator[str]:
    with fake_models() as url:
        yield url


class Traces:
    """What the platform shows of the scenarios of a program."""

    def __init__(self, workspace: Workspace, output: str) -> None:
        said: dict[str, Any] = json.loads(output.splitlines()[-1])
        self.on: list[str] = said["on"]
        self.output = output
        self._traces = {name: workspace.get(f"/api/v1/traces/{trace_id}") for name, trace_id in said["traces"].items()}

    def __getitem__(self, name: str) -> dict[str, Any]:
        trace: dict[str, Any] = self._traces[name]
        return trace

    def assert_calls(self, name: str, calls: int, *, tools: int = 0, price: float = 0.0045) -> None:
        """Check that a scenario has so many calls, each counted once and priced, and all its spans in one tree."""
        trace = self[name]
        spans = trace["spans"]
        shown = [(span["name"], span["kind"], span["status"]) for span in spans]
        assert [span["kind"] for span in spans].count("llm") == calls, shown
        assert [span["kind"] for span in spans].count("tool") == tools, shown
        assert trace["tokens_input"] == calls * TOKENS_IN, shown
        assert trace["tokens_output"] == calls * TOKENS_OUT, shown
        assert trace["cost_usd"] == pytest.approx(calls * price)
        identifiers = {span["span_id"] for span in spans}
        assert [span["name"] for span in spans if span["parent_span_id"] not in identifiers] == [name]
        assert {span["user_id"] for span in spans} == {"u-1"}
        assert {span["session_id"] for span in spans} == {"s-1"}
        assert trace["status"] == "success"


def run(workspace: Workspace, models: str, spool_dir: Path, source: str, *instrumented: str) -> Traces:
    output = programs.run(
        _PRELUDE + source + _END,
        workspace.platform.gateway,
        workspace.key,
        spool_dir,
        *instrumented,
        OPENAI_API_KEY="sk-none",
        OPENAI_BASE_URL=f"{models}/v1",
        ANTHROPIC_API_KEY="none",
        ANTHROPIC_BASE_URL=models,
    )
    return Traces(workspace, output)


def test_openai(workspace: Workspace, models: str, spool_dir: Path) -> None:
    traces = run(
        workspace,
        models,
        spool_dir,
        """
import openai
client = openai.OpenAI(max_retries=0)
asked = dict(model="gpt-4o", messages=[{"role": "user", "content": "Where is my order?"}])
streamed = dict(stream=True, stream_options={"include_usage": True})

@scenario("plain")
def _():
    client.chat.completions.create(**asked)

@scenario("stream")
def _():
    assert len(list(client.chat.completions.create(**asked, **streamed))) > 3

@scenario("responses")
def _():
    client.responses.create(model="gpt-4o", input="Where is my order?")

@scenario("async")
async def _():
    later = openai.AsyncOpenAI(max_retries=0)
    async def stream():
        async for _ in await later.chat.completions.create(**asked, **streamed): pass
    await asyncio.gather(later.chat.completions.create(**asked), stream())

@scenario("error")
def _():
    client.chat.completions.create(**{**asked, "model": "broken"})

@scenario("cancelled")
async def _():
    later = openai.AsyncOpenAI(max_retries=0)
    async with asyncio.timeout(0.5):
        await later.chat.completions.create(**{**asked, "model": "slow"})
""",
        "openai",
    )
    assert "openai" in traces.on
    for name, calls in (("plain", 1), ("stream", 1), ("responses", 1), ("async", 2)):
        traces.assert_calls(name, calls)
    assert traces["plain"]["output_preview"] == ANSWER
    (call,) = (span for span in traces["stream"]["spans"] if span["kind"] == "llm")
    assert call["ttft_ms"] > 0
    assert "failed error BadRequestError" in traces.output
    assert "failed cancelled TimeoutError" in traces.output
    for name in ("error", "cancelled"):
        statuses = {span["name"]: span["status"] for span in traces[name]["spans"] if span["kind"] == "llm"}
        assert len(statuses) == 1, traces[name]["spans"]
        assert set(statuses.values()) == {"error"}
    assert traces["error"]["error"]["type"] == "openai.BadRequestError"


def test_anthropic(workspace: Workspace, models: str, spool_dir: Path) -> None:
    traces = run(
        workspace,
        models,
        spool_dir,
        """
import anthropic
client, later = anthropic.Anthropic(max_retries=0), anthropic.AsyncAnthropic(max_retries=0)
asked = dict(model="claude-3-5-haiku-20241022", max_tokens=100, messages=[{"role": "user", "content": "Where is it?"}])

@scenario("plain")
def _():
    client.messages.create(**asked)

@scenario("stream")
def _():
    with client.messages.stream(**asked) as stream:
        assert "".join(stream.text_stream)

@scenario("events")
def _():
    assert list(client.messages.create(**asked, stream=True))

@scenario("async")
async def _():
    await asyncio.gather(*(later.messages.create(**asked) for _ in range(3)))

@scenario("error")
def _():
    client.messages.create(**{**asked, "model": "broken"})
""",
        "anthropic",
    )
    assert "anthropic" in traces.on
    for name, calls in (("plain", 1), ("stream", 1), ("events", 1), ("async", 3)):
        traces.assert_calls(name, calls, price=0.0016)
    assert traces["plain"]["output_preview"] == ANSWER
    assert "failed error BadRequestError" in traces.output
    assert [span["status"] for span in traces["error"]["spans"] if span["kind"] == "llm"] == ["error"]


def test_langgraph(workspace: Workspace, models: str, spool_dir: Path) -> None:
    traces = run(
        workspace,
        models,
        spool_dir,
        """
from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

@tool
def search(query: str) -> str:
    "Search orders."
    if query != "order": raise ValueError("no such order")
    return "found"

agent = create_agent(ChatOpenAI(model="gpt-4o", max_retries=0), [search])
asked = {"messages": [("user", "Where is my order?")]}

@scenario("invoke")
def _():
    agent.invoke(asked)

@scenario("stream")
def _():
    assert list(agent.stream(asked, stream_mode="messages"))

@scenario("async")
async def _():
    await asyncio.gather(agent.ainvoke(asked), agent.ainvoke(asked))

@scenario("error")
def _():
    create_agent(ChatOpenAI(model="broken", max_retries=0), [search]).invoke(asked)
""",
        "langchain",
        "openai",
    )
    assert "langchain" in traces.on
    traces.assert_calls("invoke", 2, tools=1)
    traces.assert_calls("stream", 2, tools=1)
    traces.assert_calls("async", 4, tools=2)
    assert "failed error OpenAIInvalidRequestError" in traces.output
    assert [span["status"] for span in traces["error"]["spans"] if span["kind"] == "llm"] == ["error"]


def test_openai_agents(workspace: Workspace, models: str, spool_dir: Path) -> None:
    traces = run(
        workspace,
        models,
        spool_dir,
        """
import agents

@agents.function_tool
def search(query: str) -> str:
    "Search orders."
    return "found"

support = agents.Agent(name="support", instructions="Help.", tools=[search], model="gpt-4o")
billing = agents.Agent(name="billing", instructions="Bill.", model="gpt-4o")
triage = agents.Agent(name="triage", instructions="Sort.", handoffs=[billing], model="gpt-4o")
asked = "Where is my order?"

@scenario("run")
async def _():
    await agents.Runner.run(support, asked)

@scenario("handoff")
async def _():
    await agents.Runner.run(triage, asked)

@scenario("error")
async def _():
    await agents.Runner.run(agents.Agent(name="broken", model="broken"), asked)

import openai
agents.set_default_openai_api("chat_completions")
agents.set_default_openai_client(openai.AsyncOpenAI(max_retries=0), use_for_tracing=False)

@scenario("stream")
async def _():
    async for _ in agents.Runner.run_streamed(support, asked).stream_events(): pass
""",
        "openai-agents",
        "openai",
    )
    assert "openai-agents" in traces.on
    traces.assert_calls("run", 2, tools=1)
    traces.assert_calls("stream", 2, tools=1)
    traces.assert_calls("handoff", 2, tools=1)
    agents = {span["agent_id"] for span in traces["handoff"]["spans"]}
    assert {"triage", "billing"} <= agents
    assert "failed error BadRequestError" in traces.output
    assert any(span["status"] == "error" for span in traces["error"]["spans"])


def test_pydantic_ai(workspace: Workspace, models: str, spool_dir: Path) -> None:
    traces = run(
        workspace,
        models,
        spool_dir,
        """
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel

agent = Agent(OpenAIChatModel("gpt-4o"), name="support")

@agent.tool_plain
def search(query: str) -> str:
    return "found"

@scenario("run")
def _():
    agent.run_sync("Where is my order?")

@scenario("stream")
async def _():
    async with agent.run_stream("Where is my order?") as result:
        async for _ in result.stream_text(): pass

@scenario("error")
def _():
    Agent(OpenAIChatModel("broken"), name="broken").run_sync("Where is it?")
""",
        "pydantic-ai",
        "openai",
    )
    assert "pydantic-ai" in traces.on
    traces.assert_calls("run", 2, tools=1)
    traces.assert_calls("stream", 2, tools=1)
    assert "failed error ModelRequestRejectedError" in traces.output
    assert [span["status"] for span in traces["error"]["spans"] if span["kind"] == "llm"] == ["error"]


def test_what_is_switched_on_and_what_is_not(workspace: Workspace, models: str, spool_dir: Path) -> None:
    traces = run(
        workspace,
        models,
        spool_dir,
        """
assert obs.instrument("openai") == ["openai"]
assert obs.instrument("openai", "no-such-thing") == ["openai"]
import openai

@scenario("once")
def _():
    openai.OpenAI(max_retries=0).chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}])
""",
    )
    assert traces.on == ["openai", "anthropic", "langchain", "openai-agents", "pydantic-ai"]
    assert "There is no instrumentation no-such-thing" in traces.output
    traces.assert_calls("once", 1)
