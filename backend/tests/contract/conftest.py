"""A platform with something in it to read, and credentials for it."""

import asyncio
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from shared.testing.databases import server_folder
from tests.harness.platform import Platform, wait_until

# Limits are tested elsewhere; here they would hide what lies behind them.
_EXTRA = {"PASSWORD_COST": "4", "LIMIT_ANONYMOUS_PER_MINUTE": "1000000", "LIMIT_ANONYMOUS_BURST": "1000000"}
_PASSWORD = "violet kettle 94 rain"


@dataclass
class Populated:
    """A workspace with traces, and ids of what is in it by the names of path parameters."""

    platform: Platform
    owner: dict[str, str]
    key: dict[str, str]
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Return the address of the gateway."""
        return self.platform.url("gateway")

    def stranger(self) -> dict[str, str]:
        """Return the header of a new user with a workspace of their own, for requests that end what they use."""
        with httpx.Client(base_url=self.url, timeout=30) as client:
            return _register(client)[0]


@pytest.fixture(scope="module")
def populated() -> Iterator[Populated]:
    """Yield a running platform whose first workspace holds a little of everything."""
    with server_folder() as folder:
        platform = Platform(folder)
        try:
            asyncio.run(platform.set_up())
            platform.start(extra=_EXTRA)
            yield _populate(platform)
        finally:
            platform.tear_down()


def _register(client: httpx.Client) -> tuple[dict[str, str], dict[str, Any]]:
    body = {
        "email": f"contract-{secrets.token_hex(6)}@people.example",
        "password": _PASSWORD,
        "full_name": "Contract",
        "workspace_name": "Contract",
    }
    answer = client.post("/api/v1/auth/register", json=body)
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}, answer.json()


def _populate(platform: Platform) -> Populated:
    with httpx.Client(base_url=platform.url("gateway"), timeout=30) as client:
        owner, account = _register(client)
        body = {"name": "contract", "scopes": ["ingest", "read", "write", "admin"]}
        key = client.post("/api/v1/api-keys", json=body, headers=owner).json()
        populated = Populated(platform, owner, {"X-API-Key": key["key"]})
        receipts = [_send(client, owner, path, document) for path, document in _requests()]
        populated.ids = {
            "trace_id": "contract-1",
            "session_id": "session",
            "user_id": "user",
            "agent_id": "agent",
            "receipt_id": receipts[0],
            "key_id": key["id"],
            "member_id": account["user"]["id"],
            "workspace_id": account["workspace"]["id"],
        }

        def stored() -> bool:
            answers = [client.get(f"/api/v1/receipts/{receipt}", headers=owner) for receipt in receipts]
            return all(answer.status_code == 200 and answer.json()["state"] == "stored" for answer in answers)

        wait_until(stored, "the data to be stored")
        spans = client.get("/api/v1/traces/contract-1/spans", headers=owner).json()["data"]
        populated.ids["span_id"] = spans[0]["span_id"]
        # Nobody works on it here, so that it stays as it is.
        job = client.post("/api/v1/jobs", json={"type": "cleanup", "params": {}}, headers=owner)
        assert job.status_code == 202, job.text
        populated.ids["job_id"] = job.json()["data"]["id"]
        export = client.post("/api/v1/exports", json={"format": "csv"}, headers=owner)
        assert export.status_code == 202, export.text
        populated.ids["export_id"] = export.json()["data"]["id"]
        rates = {"input": 2, "output": 8, "tiers": [{"above_tokens": 9, "input": 4}]}
        price = client.post("/api/v1/prices", json={"model": "in-house", "prices": rates}, headers=owner)
        assert price.status_code == 201, price.text
        populated.ids["price_id"] = str(price.json()["data"]["id"])
    return populated


def _send(client: httpx.Client, headers: dict[str, str], path: str, document: Any) -> str:
    answer = client.post(path, json=document, headers=headers)
    assert answer.status_code in (200, 202), answer.text
    return answer.headers["X-Receipt-ID"]


def _requests() -> Iterator[tuple[str, Any]]:
    now = datetime.now(UTC)
    for number in range(1, 4):
        yield (
            "/api/v1/traces",
            {
                "trace_id": f"contract-{number}",
                "agent_id": "agent",
                "timestamp": (now - timedelta(minutes=number)).isoformat(),
                "input": "Where is my order?",
                "output": {"text": "On its way."},
                "latency_ms": 100 * number,
                "status": "error" if number == 2 else "success",
                "error": {"type": "TimeoutError", "message": "no answer"} if number == 2 else None,
                "model": "gpt-4o",
                "model_provider": "openai",
                "tokens_input": 900,
                "tokens_output": 80,
                "session_id": "session",
                "user_id": "user",
                "environment": "test",
                "release": "1",
                "tags": ["contract"],
                "metadata": {"plan": "pro"},
            },
        )
    start = time.time_ns() - 60 * 10**9
    trace = secrets.token_hex(16)
    spans = [
        {
            "trace_id": trace,
            "span_id": f"{place:016x}",
            "parent_span_id": None if place == 1 else f"{1:016x}",
            "name": f"{kind} of contract",
            "kind": kind,
            "start_time": (now - timedelta(minutes=1)).isoformat(),
            "duration_ms": 10 * place,
            "agent_id": "agent" if kind == "agent" else None,
            "tool_name": "search" if kind == "tool" else None,
            "model": "gpt-4o" if kind == "llm" else None,
            "session_id": "session",
            "user_id": "user",
        }
        for place, kind in enumerate(("agent", "llm", "tool", "retriever", "other"), 1)
    ]
    yield "/api/v1/spans/batch", {"spans": spans}
    span = {
        "traceId": secrets.token_hex(16),
        "spanId": secrets.token_hex(8),
        "name": "chat",
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + 10**9),
        "attributes": [{"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}],
    }
    yield "/v1/traces", {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    yield "/api/v1/scores", {"trace_id": "contract-1", "name": "helpful", "value": 0.5, "source": "code"}
    yield "/api/v1/feedback", {"trace_id": "contract-1", "rating": 1}
    yield "/api/v1/outcomes", {"trace_id": "contract-1", "success": True, "value_usd": 1}
    yield "/api/v1/client-reports", {"created": 1, "delivered": 1}
