"""Whatever is sent, the answer is never a 5xx."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.app.config import Settings
from ingestion.app.main import create_app
from ingestion.tests.conftest import SECRETS, client_of, make_workspace
from shared.tests.otlp.messages import log, logs, pairs, span, traces

SLOW = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
PATHS = [
    "/v1/traces",
    "/v1/logs",
    "/api/v1/traces",
    "/api/v1/traces/batch",
    "/api/v1/spans/batch",
    "/api/v1/scores",
    "/api/v1/feedback",
    "/api/v1/outcomes",
    "/api/v1/client-reports",
]
GOOD = [
    traces(span(attributes=pairs({"a": [1, {"b": "c"}], "d": 1.5})), span()).SerializeToString(),
    logs(log(severity_text="INFO")).SerializeToString(),
]
FIELDS = st.sampled_from(
    [
        "trace_id",
        "span_id",
        "agent_id",
        "name",
        "value",
        "rating",
        "success",
        "traces",
        "spans",
        "start_time",
        "timestamp",
        "metadata",
        "tags",
        "error",
        "kind",
        "status",
        "latency_ms",
        "input",
        "events",
        "links",
        "attributes",
        "workspace_id",
        "dropped",
        "created",
        "resourceSpans",
        "scopeSpans",
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(["success", "llm", "2026-11-21T10:00:00Z", "\x00", "\ud800", "NaN"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(FIELDS | st.text(max_size=5), inner, max_size=6),
    max_leaves=25,
)


class Sender:
    """A client that can be used from synchronous test functions."""

    def __init__(self, runner: asyncio.Runner, client: httpx.AsyncClient) -> None:
        self._runner = runner
        self._client = client

    def send(self, path: str, body: bytes, **headers: str) -> httpx.Response:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._runner.run(self._client.post(path, content=body, headers=names))


@pytest.fixture
def sender(metadata_url: str, redis_url: str) -> Iterator[Sender]:
    with asyncio.Runner() as runner:
        workspace = runner.run(make_workspace(metadata_url))
        key = runner.run(workspace.add_key("ingest"))
        values: dict[str, Any] = {
            "timescale_url": "postgresql://nobody@127.0.0.1:1/none",
            "postgres_url": metadata_url,
            "redis_url": redis_url,
            "otlp_grpc_port": 0,
            **SECRETS,
        }
        app = create_app(Settings(**values))
        lifespan = app.router.lifespan_context(app)
        runner.run(lifespan.__aenter__())
        client = client_of(app, key)
        yield Sender(runner, client)
        runner.run(client.aclose())
        runner.run(lifespan.__aexit__(None, None, None))


@SLOW
@given(
    path=st.sampled_from(PATHS),
    body=st.binary(max_size=300),
    content_type=st.sampled_from(["application/x-protobuf", "application/json", "text/plain"]),
    encoding=st.sampled_from(["", "gzip", "deflate", "zstd", "identity", "br"]),
)
def test_F45_any_bytes(sender: Sender, path: str, body: bytes, content_type: str, encoding: str) -> None:
    answer = sender.send(path, body, content_type=content_type, content_encoding=encoding)
    assert answer.status_code in (200, 202, 400, 413, 415, 422)


@SLOW
@given(path=st.sampled_from(PATHS), value=VALUES)
def test_F30_any_json(sender: Sender, path: str, value: Any) -> None:
    body = orjson.dumps(_encodable(value))
    answer = sender.send(path, body, content_type="application/json")
    assert answer.status_code in (200, 202, 400, 403, 422)


@SLOW
@given(
    path=st.sampled_from(["/v1/traces", "/v1/logs"]),
    good=st.sampled_from(GOOD),
    damages=st.lists(st.tuples(st.integers(0, 5000), st.binary(min_size=1, max_size=3)), max_size=5),
)
def test_F45_damaged_requests(sender: Sender, path: str, good: bytes, damages: list[tuple[int, bytes]]) -> None:
    body = bytearray(good)
    for position, replacement in damages:
        at = position % len(body)
        body[at : at + len(replacement)] = replacement
    assert sender.send(path, bytes(body), content_type="application/x-protobuf").status_code in (200, 400)


@SLOW
@given(
    name=st.sampled_from(["authorization", "x-api-key", "content-length", "content-encoding", "x-request-id"]),
    value=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=80),
)
def test_any_header(sender: Sender, name: str, value: str) -> None:
    headers = {"content_type": "application/json", name.replace("-", "_"): value}
    assert sender.send("/api/v1/traces", b"{}", **headers).status_code < 500


def _encodable(value: Any) -> Any:
    """Return a value that JSON can be written of: what it has no form for becomes text."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return str(value)
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    return value
