"""The requests of real frameworks, and hand-made ones, at the door; what becomes of them is the pipeline's test."""

import httpx
import pytest

from ingestion.tests.conftest import Queue
from shared.otlp.decode import decode_logs, decode_traces
from tests.pipeline.captures import Captured, capture_sets, synthetic_requests

CAPTURES = {request.name: request for requests in capture_sets().values() for request in requests}
SYNTHETIC = synthetic_requests()
_REFUSED = {
    "gzip_bomb_200mb": 413,
    "gzip_corrupt": 400,
    "json_truncated": 400,
    "proto_garbage": 400,
    "proto_truncated": 400,
}
_REJECTED = {"ids_missing_ids": 1, "ids_zero_ids": 1}
_RECEIVED = {"many_spans_20k_gzip": 20_000, "multi_resource_scope_links": 3, "empty_proto": 0, "empty_scope_spans": 0}


async def send(client: httpx.AsyncClient, request: Captured) -> httpx.Response:
    return await client.post(request.path, content=request.body, headers=request.headers)


async def test_every_captured_request_is_taken_whole(client: httpx.AsyncClient, queue: Queue) -> None:
    for request in CAPTURES.values():
        answer = await send(client, request)
        assert answer.status_code == 200, request.name
        assert answer.content in (b"", b"{}"), f"{request.name}: nothing is refused"
        assert answer.headers["content-type"] == request.headers["content-type"].partition(";")[0]
    accepted = await queue.requests()
    assert len(accepted) == sum(not name.path.endswith("/metrics") for name in CAPTURES.values())
    for item in accepted:
        decode = decode_logs if item.request.format.startswith("otlp_logs") else decode_traces
        assert item.request.received == len(list(decode(item.body, json=item.request.format.endswith("json"))))
        assert item.request.received > 0


@pytest.mark.parametrize("name", sorted(SYNTHETIC))
async def test_synthetic_requests_are_answered_as_expected(client: httpx.AsyncClient, queue: Queue, name: str) -> None:
    request = SYNTHETIC[name]
    answer = await send(client, request)
    assert answer.status_code == _REFUSED.get(name, 200), request.expect
    accepted = await queue.requests()
    assert len(accepted) == (answer.status_code == 200)
    if name in _RECEIVED:
        assert accepted[0].request.received == _RECEIVED[name]
    if name in _REJECTED:
        assert sum(accepted[0].request.rejected.values()) == _REJECTED[name]
        assert answer.content
