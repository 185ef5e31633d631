"""What the tests share."""

import os
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from fake_platform import FakePlatform, fake_platform
from opentelemetry import trace as otel_trace
from opentelemetry.util._once import Once
from stack import Platform, Workspace

from agent_observability import AgentObservability
from agent_observability.guard import Guard


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Let tests interrupt programs: what a script runs in its background inherits that SIGINT is ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def own_mistakes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Exception]]:
    """Fail the test when the package caught a mistake of its own, which in an application it would only count."""
    caught: list[Exception] = []
    monkeypatch.setattr(Guard, "failed", lambda _self, error: caught.append(error))
    yield caught
    assert caught == []


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("AGENTOBS_") and name != "AGENTOBS_TEST_GATEWAY":
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def fresh_opentelemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test an OpenTelemetry that nobody has set up."""
    monkeypatch.setattr(otel_trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(otel_trace, "_TRACER_PROVIDER_SET_ONCE", Once())


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    running = Platform()
    running.start()
    yield running
    running.stop()
    running.remove()


@pytest.fixture
def workspace(platform: Platform) -> Workspace:
    return platform.new_workspace()


@pytest.fixture
def spool_dir(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def fake() -> Iterator[FakePlatform]:
    with fake_platform() as platform:
        yield platform


class MakeClient(Protocol):
    def __call__(self, endpoint: str | None = None, **settings: Any) -> AgentObservability: ...


@pytest.fixture
def make_client(fake: FakePlatform, spool_dir: Path) -> Iterator[MakeClient]:
    """Return a function that makes clients of the fake platform, each with a key of its own unless one is given."""
    clients: list[AgentObservability] = []

    def make(endpoint: str | None = None, **settings: Any) -> AgentObservability:
        settings = {"spool_dir": str(spool_dir), "api_key": f"key-{secrets.token_hex(8)}", **settings}
        clients.append(AgentObservability(endpoint=endpoint or fake.url, **settings))
        return clients[-1]

    yield make
    for client in clients:
        client.shutdown(0)
