"""From two lines in an application to what the platform shows."""

from pathlib import Path

import pytest
from stack import Workspace

from agent_observability import AgentObservability


@pytest.fixture
def obs(workspace: Workspace, spool_dir: Path) -> AgentObservability:
    return AgentObservability(
        workspace.key, workspace.platform.gateway, spool_dir=str(spool_dir), environment="staging", release="1.2.3"
    )


def test_two_lines_make_a_trace(obs: AgentObservability, workspace: Workspace) -> None:
    @obs.trace()
    def answer(question: str) -> str:
        return f"An answer to {question}"

    assert answer("Where is my order?") == "An answer to Where is my order?"
    report = obs.flush(30)
    assert (report.created, report.stored, report.complete) == (1, 1, True)
    (trace,) = workspace.traces()
    assert trace["name"].endswith("answer")
    assert trace["agent_id"].endswith("answer")
    assert trace["input_preview"] == "Where is my order?"
    assert trace["output_preview"] == "An answer to Where is my order?"
    assert trace["status"] == "success"


def test_everything_said_arrives(obs: AgentObservability, workspace: Workspace) -> None:
    with obs.trace_context(
        agent_id="support-bot",
        user_id="u-1",
        session_id="s-1",
        environment="production",
        tags=["beta"],
        metadata={"plan": "pro"},
    ) as context:
        with obs.span("search", "tool", input={"q": "order"}) as tool:
            tool.set_output(["found"])
        with obs.span("ask", "llm", input=[{"role": "user", "content": "Where is my order?"}]) as call:
            call.set_usage(1000, 500, cached_tokens=100, reasoning_tokens=50, model="gpt-4o", provider="openai")
            call.set_output("On its way.")
        obs.handoff("billing")
        with obs.span("pay", "agent", agent_id="billing") as agent:
            agent.set_cost(0.0023)
        obs.tag("gold")
        obs.set_output("On its way.")
        obs.score("helpful", 0.9, comment="quick")
        obs.feedback(1, comment="thanks")
        obs.outcome(True, value_usd=12.5, name="sale")
    report = obs.flush(30)
    assert (report.created, report.stored) == (8, 8)
    assert context.trace_id is not None
    trace = workspace.get(f"/api/v1/traces/{context.trace_id}")
    assert {name: trace[name] for name in ("name", "agent_id", "user_id", "session_id", "environment", "release")} == {
        "name": "support-bot",
        "agent_id": "support-bot",
        "user_id": "u-1",
        "session_id": "s-1",
        "environment": "production",
        "release": "1.2.3",
    }
    assert trace["metadata"] == {"plan": "pro"}
    assert sorted(trace["tags"]) == ["beta", "gold"]
    assert trace["scores"] == {"helpful": 0.9}
    assert trace["output_preview"] == "On its way."
    assert (trace["tokens_input"], trace["tokens_output"], trace["tokens_cached"], trace["tokens_reasoning"]) == (
        1000,
        500,
        100,
        50,
    )
    spans = {span["name"]: span for span in trace["spans"]}
    root = spans["support-bot"]["span_id"]
    assert {name: span["kind"] for name, span in spans.items() if not name.startswith("handoff")} == {
        "support-bot": "agent",
        "search": "tool",
        "ask": "llm",
        "pay": "agent",
    }
    assert {span["parent_span_id"] for name, span in spans.items() if name != "support-bot"} == {root}
    assert {span["user_id"] for span in spans.values()} == {"u-1"}
    assert spans["ask"]["model"] == "gpt-4o"
    assert spans["ask"]["cost_usd"] > 0
    assert (spans["pay"]["agent_id"], spans["pay"]["cost_usd"]) == ("billing", 0.0023)
    graph = workspace.get(f"/api/v1/traces/{context.trace_id}/graph")
    assert any(edge["kind"] == "handoff" for edge in graph["edges"]), graph


def test_errors_and_timeouts_are_told_apart(obs: AgentObservability, workspace: Workspace) -> None:
    @obs.trace("fails")
    def fails() -> None:
        raise KeyError("no such order")

    @obs.trace("waits")
    async def waits() -> None:
        raise TimeoutError("too slow")

    import asyncio

    with pytest.raises(KeyError, match="no such order"):
        fails()
    with pytest.raises(TimeoutError, match="too slow"):
        asyncio.run(waits())
    assert obs.flush(30).stored == 2
    found = {trace["name"]: trace for trace in workspace.traces()}
    assert (found["fails"]["status"], found["fails"]["error"]["type"]) == ("error", "KeyError")
    assert found["waits"]["status"] == "timeout"
