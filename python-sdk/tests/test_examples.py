"""The examples run as they are, and what they promise is on the platform."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_models import fake_models
from stack import Workspace, free_port

EXAMPLES = Path(__file__).parents[1] / "examples"
Trace = dict[str, Any]


def environment(workspace: Workspace, spool_dir: Path, models: str) -> dict[str, str]:
    return {
        **os.environ,
        "AGENTOBS_ENDPOINT": workspace.platform.gateway,
        "AGENTOBS_API_KEY": workspace.key,
        "AGENTOBS_SPOOL_DIR": str(spool_dir),
        "OPENAI_API_KEY": "sk-none",
        "OPENAI_BASE_URL": f"{models}/v1",
    }


@pytest.fixture(scope="module")
def models() -> Iterator[str]:
    with fake_models() as url:
        yield url


def kinds(trace: Trace) -> list[str]:
    return sorted(span["kind"] for span in trace["spans"])


def check_basic(trace: Trace) -> None:
    assert (trace["agent_id"], trace["user_id"], trace["cost_usd"]) == ("support-bot", "u-123", 0.0023)
    # FastAPI adds spans of its own.
    assert [kind for kind in kinds(trace) if kind != "other"] == ["agent", "chain"]


def check_async(trace: Trace) -> None:
    assert kinds(trace) == ["chain"] * 4 + ["retriever"] * 6


def check_streaming(trace: Trace) -> None:
    assert trace["tokens_output"] == 8
    (call,) = (span for span in trace["spans"] if span["kind"] == "llm")
    assert call["cost_usd"] > 0


def check_tools(trace: Trace) -> None:
    assert trace["scores"] == {"grounded": 1.0} or trace["scores"] == {"grounded": True}
    assert trace["tags"] == ["corrected", "example"] or trace["tags"] == ["example", "corrected"]
    assert [span["status"] for span in trace["spans"] if span["kind"] == "tool"] == ["error", "success"]


def check_multi_agent(trace: Trace) -> None:
    agents = {span["name"]: span["agent_id"] for span in trace["spans"]}
    assert (agents["triage"], agents["billing"]) == ("triage", "billing")
    spans = {span["name"]: span for span in trace["spans"]}
    assert spans["billing"]["parent_span_id"] == spans["triage"]["span_id"]


def check_openai(trace: Trace) -> None:
    assert kinds(trace) == ["agent", "llm"]
    assert trace["cost_usd"] == pytest.approx(0.0045)


def check_langgraph(trace: Trace) -> None:
    assert (kinds(trace).count("llm"), kinds(trace).count("tool")) == (2, 1)
    assert trace["cost_usd"] == pytest.approx(0.009)


_CHECKS: dict[str, Callable[[Trace], None]] = {
    "basic": check_basic,
    "async_agents": check_async,
    "streaming": check_streaming,
    "tools": check_tools,
    "multi_agent": check_multi_agent,
    "openai_compatible": check_openai,
    "langgraph_agent": check_langgraph,
}


@pytest.mark.parametrize("name", _CHECKS)
def test_example(workspace: Workspace, spool_dir: Path, models: str, name: str) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py")],
        env=environment(workspace, spool_dir, models),
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "dropped={}" in done.stdout
    (trace,) = workspace.traces()
    _CHECKS[name](workspace.get(f"/api/v1/traces/{trace['trace_id']}"))


def test_fastapi(workspace: Workspace, spool_dir: Path, models: str) -> None:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLES / "fastapi_app.py")],
        env={**environment(workspace, spool_dir, models), "PORT": str(port)},
    )
    try:
        address = f"http://127.0.0.1:{port}"
        query = urllib.parse.urlencode({"question": "Where is my order?", "user": "u-9"})
        while True:
            try:
                with urllib.request.urlopen(f"{address}/ask?{query}", timeout=10) as answer:
                    said = json.loads(answer.read())
                break
            except urllib.error.URLError:
                assert process.poll() is None
                time.sleep(0.1)
        asked = urllib.request.Request(f"{address}/thumbs-up?trace_id={said['trace_id']}", method="POST")
        urllib.request.urlopen(asked, timeout=10).close()
    finally:
        process.terminate()
        process.wait(timeout=60)
    trace = workspace.get(f"/api/v1/traces/{said['trace_id']}")
    assert (trace["user_id"], trace["agent_id"]) == ("u-9", "support-bot")
    assert {span["service"] for span in trace["spans"]} == {"support-api"}
    # FastAPI adds spans of its own.
    assert [kind for kind in kinds(trace) if kind != "other"] == ["agent", "chain"]


def test_every_example_is_run() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {*_CHECKS, "fastapi_app"}
