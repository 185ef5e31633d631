import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest

from ingestion.tests.conftest import Queue, Workspace

NOW = datetime.now(UTC)
JSON = {"Content-Type": "application/json"}
OTHER_WORKSPACE = "11111111-1111-1111-1111-111111111111"


def flat(**fields: Any) -> dict[str, Any]:
    return {
        "trace_id": "order-4711",
        "agent_id": "support",
        "timestamp": NOW.isoformat(),
        "input": "Where is my parcel?",
        "output": {"answer": "On its way."},
        "latency_ms": 840,
        "status": "success",
        "model": "gpt-4o-mini",
        "model_provider": "openai",
        **fields,
    }


def native(**fields: Any) -> dict[str, Any]:
    return {"trace_id": "t-1", "span_id": "s-1", "name": "chat", "kind": "llm", "start_time": NOW.isoformat(), **fields}


class TestFlatTrace:
    async def test_a_full_trace_is_queued_as_sent(self, client: httpx.AsyncClient, queue: Queue) -> None:
        sent = flat(
            tokens_input=10,
            tokens_output=5,
            tokens_total=15,
            cost_usd=0.0021,
            metadata={"plan": "pro"},
            tags=["a", "b", "a"],
            session_id="s",
            user_id="u",
            environment="production",
            release="1.2",
            error={"type": "Timeout", "message": "late"},
        )
        answer = await client.post("/api/v1/traces", json=sent)
        assert answer.status_code == 202
        receipt_id = answer.headers["x-receipt-id"]
        assert answer.json() == {"status": "accepted", "trace_id": "order-4711", "receipt_id": receipt_id}
        accepted = await queue.one()
        (item,) = accepted.items
        assert item.pop("received_at")
        assert item == {**sent, "tags": ["a", "b"]}
        assert (accepted.request.format, accepted.request.received, accepted.request.digest) == ("flat", 1, None)

    async def test_what_is_missing_is_filled_in(self, client: httpx.AsyncClient, queue: Queue) -> None:
        assert (await client.post("/api/v1/traces", json={"trace_id": "a", "agent_id": "b"})).status_code == 202
        (item,) = (await queue.one()).items
        assert item["timestamp"] == item["received_at"]
        assert abs(datetime.fromisoformat(item["timestamp"]) - datetime.now(UTC)) < timedelta(minutes=1)

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"trace_id": ""}, "trace_id"),
            ({"trace_id": "x" * 129}, "trace_id"),
            ({"trace_id": None}, "trace_id"),
            ({"agent_id": "a" * 1_000_000}, "agent_id"),
            ({"status": "fine"}, "status"),
            ({"latency_ms": -1}, "latency_ms"),
            ({"tokens_input": 1.5}, "tokens_input"),
            ({"tokens_input": 2**60}, "tokens_input"),
            ({"cost_usd": "much"}, "cost_usd"),
            ({"tags": [str(number) for number in range(11)]}, "tags"),
            ({"metadata": ["x"]}, "metadata"),
            ({"metadata": {"x": "y" * 70_000}}, "metadata"),
            ({"timestamp": "yesterday"}, "timestamp"),
        ],
    )
    async def test_invalid_fields_are_named(
        self, client: httpx.AsyncClient, queue: Queue, fields: dict[str, Any], field: str
    ) -> None:
        answer = await client.post("/api/v1/traces", json=flat(**fields))
        assert answer.status_code == 422
        assert answer.json()["error"]["code"] == "invalid_fields"
        assert any(field in problem["field"] for problem in answer.json()["error"]["details"])
        assert await queue.requests() == []

    @pytest.mark.parametrize(
        "timestamp",
        [
            "1970-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "9999-12-31T23:59:59Z",
            (NOW - timedelta(days=91)).isoformat(),
            (NOW + timedelta(hours=2)).isoformat(),
            5,
            2**62,
        ],
        ids=itertools.count(),
    )
    async def test_F38_times_outside_the_window_are_refused(self, client: httpx.AsyncClient, timestamp: Any) -> None:
        answer = await client.post("/api/v1/traces", json=flat(timestamp=timestamp))
        assert answer.status_code == 422
        assert answer.json()["error"]["details"][0]["field"] == "timestamp"

    @pytest.mark.parametrize(
        "timestamp",
        [
            (NOW - timedelta(days=89)).isoformat(),
            (NOW + timedelta(minutes=5)).isoformat(),
            NOW.isoformat().replace("+00:00", "Z"),
            NOW.replace(tzinfo=None).isoformat(),
            int(NOW.timestamp()),
            int(NOW.timestamp() * 1e3),
            int(NOW.timestamp() * 1e6),
            int(NOW.timestamp() * 1e9),
        ],
        ids=itertools.count(),
    )
    async def test_F38_times_within_the_window_are_taken(self, client: httpx.AsyncClient, timestamp: Any) -> None:
        assert (await client.post("/api/v1/traces", json=flat(timestamp=timestamp))).status_code == 202

    async def test_another_workspace_is_refused(self, client: httpx.AsyncClient, workspace: Workspace) -> None:
        answer = await client.post("/api/v1/traces", json=flat(workspace_id=OTHER_WORKSPACE))
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "workspace_mismatch")
        assert (await client.post("/api/v1/traces", json=flat(workspace_id="x", agent_id=5))).status_code == 403
        answer = await client.post("/api/v1/traces", json=flat(workspace_id=workspace.workspace_id))
        assert answer.status_code == 202

    @pytest.mark.parametrize("body", [b"", b"{", b"not json", b'{"trace_id": "a"', b"[" * 100_000])
    async def test_F29_what_is_no_json_is_refused(self, client: httpx.AsyncClient, body: bytes) -> None:
        answer = await client.post("/api/v1/traces", content=body, headers=JSON)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed_request")

    @pytest.mark.parametrize("body", [b"[]", b"5", b"null", b'"x"'])
    async def test_json_that_is_no_trace_is_refused(self, client: httpx.AsyncClient, body: bytes) -> None:
        assert (await client.post("/api/v1/traces", content=body, headers=JSON)).status_code == 422

    async def test_F42_large_texts_are_taken(self, client: httpx.AsyncClient, queue: Queue) -> None:
        answer = await client.post("/api/v1/traces", json=flat(input="x" * 5_000_000))
        assert answer.status_code == 202
        assert len((await queue.one()).items[0]["input"]) == 5_000_000


class TestReplacements:
    async def send(self, client: httpx.AsyncClient, queue: Queue, tail: bytes) -> Any:
        body = b'{"trace_id":"t","agent_id":"a",' + tail + b"}"
        answer = await client.post("/api/v1/traces", content=body, headers=JSON)
        assert answer.status_code == 202, answer.text
        return (await queue.one()).items[0]

    @pytest.mark.parametrize(
        ("sent", "queued"),
        [
            (b'"a\\u0000b"', "a\ufffdb"),
            (b'"cut \\ud83d"', "cut \ufffd"),
            (b'"\xff\xc0\xaf"', "\ufffd\ufffd\ufffd"),
            (b'{"k\\u0000":[NaN,-Infinity,1]}', {"k\ufffd": [None, None, 1]}),
            (b"9" * 400, "9" * 400),
            (b"-9223372036854775809", "-9223372036854775809"),
        ],
    )
    async def test_F30_what_cannot_be_stored_is_replaced_and_marked(
        self, client: httpx.AsyncClient, queue: Queue, sent: bytes, queued: Any
    ) -> None:
        item = await self.send(client, queue, b'"input":' + sent)
        assert item["input"] == queued
        if b"\xff" not in sent:
            assert item["metadata"] == {"_sanitized": True}

    @pytest.mark.parametrize(
        ("sent", "queued"),
        [
            (b"1e308", 1e308),
            (b"-0.0", -0.0),
            (b"5e-324", 5e-324),
            (b"9007199254740993", 2**53 + 1),
            (b"9223372036854775808", 2**63),
            (b'{"a":1,"a":2}', {"a": 2}),
            (b'{"__proto__":{"x":1}}', {"__proto__": {"x": 1}}),
            (b'"\\ud83d\\ude80"', "\U0001f680"),
        ],
    )
    async def test_F30_what_can_be_stored_comes_through(
        self, client: httpx.AsyncClient, queue: Queue, sent: bytes, queued: Any
    ) -> None:
        item = await self.send(client, queue, b'"input":' + sent)
        assert item["input"] == queued
        assert "metadata" not in item

    async def test_F30_a_byte_order_mark_is_skipped(self, client: httpx.AsyncClient) -> None:
        body = b"\xef\xbb\xbf" + orjson.dumps(flat())
        assert (await client.post("/api/v1/traces", content=body, headers=JSON)).status_code == 202

    async def test_F30_nan_in_a_number_field_is_no_number(self, client: httpx.AsyncClient, queue: Queue) -> None:
        item = await self.send(client, queue, b'"latency_ms":NaN,"metadata":{"a":1}')
        assert item["latency_ms"] is None
        assert item["metadata"] == {"a": 1, "_sanitized": True}

    async def test_F29_deep_values_are_cut(self, client: httpx.AsyncClient, queue: Queue) -> None:
        item = await self.send(client, queue, b'"input":' + b"[" * 300 + b"]" * 300)
        assert "truncated" in str(item["input"])


class TestBatch:
    async def test_bad_items_do_not_sink_good_ones(self, client: httpx.AsyncClient, queue: Queue) -> None:
        sent = [flat(trace_id="1"), flat(trace_id="2", latency_ms=-1), "nonsense", flat(trace_id="4", timestamp=5)]
        answer = await client.post("/api/v1/traces/batch", json={"traces": [*sent, flat(trace_id="5")]})
        assert answer.status_code == 202
        body = answer.json()
        assert (body["accepted"], body["rejected"], body["receipt_id"]) == (2, 3, answer.headers["x-receipt-id"])
        assert [(result["index"], result["trace_id"], result["status"]) for result in body["results"]] == [
            (0, "1", "accepted"),
            (1, "2", "rejected"),
            (2, None, "rejected"),
            (3, "4", "rejected"),
            (4, "5", "accepted"),
        ]
        assert body["results"][1]["error"]["code"] == "invalid_fields"
        assert "latency_ms" in body["results"][1]["error"]["message"]
        assert body["results"][3]["error"]["code"] == "time_too_old"
        accepted = await queue.one()
        assert [item["trace_id"] for item in accepted.items] == ["1", "5"]
        assert accepted.request.received == 5
        assert accepted.request.rejected == {"invalid_fields": 2, "time_too_old": 1}
        assert accepted.request.digest

    async def test_a_good_batch(self, client: httpx.AsyncClient, queue: Queue) -> None:
        answer = await client.post(
            "/api/v1/traces/batch", json={"traces": [flat(trace_id=str(number)) for number in range(100)]}
        )
        assert (answer.json()["accepted"], answer.json()["rejected"]) == (100, 0)
        assert len((await queue.one()).items) == 100

    @pytest.mark.parametrize("body", [{"traces": []}, {"traces": [flat()] * 101}, {}, {"traces": "x"}, [flat()]])
    async def test_what_is_no_batch_is_refused(self, client: httpx.AsyncClient, queue: Queue, body: Any) -> None:
        assert (await client.post("/api/v1/traces/batch", json=body)).status_code == 422
        assert await queue.requests() == []

    @pytest.mark.parametrize(
        "body",
        [
            {"workspace_id": OTHER_WORKSPACE, "traces": [flat()]},
            {"traces": [flat(), flat(workspace_id=OTHER_WORKSPACE)]},
            {"traces": [flat(latency_ms=-1), flat(workspace_id=OTHER_WORKSPACE)]},
        ],
    )
    async def test_S01_another_workspace_refuses_the_whole(
        self, client: httpx.AsyncClient, queue: Queue, body: Any
    ) -> None:
        assert (await client.post("/api/v1/traces/batch", json=body)).status_code == 403
        assert await queue.requests() == []

    async def test_F30_only_the_replaced_item_is_marked(self, client: httpx.AsyncClient, queue: Queue) -> None:
        await client.post("/api/v1/traces/batch", json={"traces": [flat(), flat(input="\x00")]})
        first, second = (await queue.one()).items
        assert "metadata" not in first
        assert second["metadata"] == {"_sanitized": True}


class TestNativeSpans:
    async def test_spans_are_queued_as_sent(self, client: httpx.AsyncClient, queue: Queue) -> None:
        sent = native(
            parent_span_id="s-0",
            end_time=(NOW + timedelta(seconds=1)).isoformat(),
            messages=[{"role": "user", "content": "hi"}],
            attributes={"custom": [1, {"a": None}]},
            events=[{"name": "e", "time": NOW.isoformat(), "attributes": {"x": 1}}],
            links=[{"trace_id": "t-0", "span_id": "s-9"}],
            ttft_ms=12.5,
        )
        answer = await client.post("/api/v1/spans/batch", json={"spans": [sent]})
        assert answer.status_code == 202
        assert answer.json()["results"] == [{"index": 0, "trace_id": "t-1", "span_id": "s-1", "status": "accepted"}]
        accepted = await queue.one()
        (item,) = accepted.items
        assert item.pop("received_at")
        assert item == sent
        assert accepted.request.format == "spans"

    async def test_bad_spans_are_refused_one_by_one(self, client: httpx.AsyncClient, queue: Queue) -> None:
        bad = [
            native(kind="banana"),
            native(start_time=None),
            native(end_time="2999-01-01T00:00:00Z"),
            native(span_id=""),
        ]
        answer = await client.post("/api/v1/spans/batch", json={"spans": [native(), *bad]})
        assert [result["status"] for result in answer.json()["results"]] == ["accepted"] + ["rejected"] * 4
        assert (await queue.one()).request.rejected == {"invalid_fields": 3, "time_in_future": 1}

    async def test_F35_an_end_before_the_start_is_taken(self, client: httpx.AsyncClient) -> None:
        answer = await client.post("/api/v1/spans/batch", json={"spans": [native(end_time="2001-01-01T00:00:00Z")]})
        assert answer.json()["accepted"] == 1


@pytest.mark.parametrize(
    ("path", "kind", "sent"),
    [
        ("scores", "scores", {"trace_id": "t", "name": "quality", "value": 0.5, "source": "judge", "comment": "ok"}),
        ("scores", "scores", {"trace_id": "t", "span_id": "s", "name": "safe", "value": True}),
        ("scores", "scores", {"trace_id": "t", "name": "tone", "value": "polite"}),
        ("feedback", "feedback", {"trace_id": "t", "rating": -1, "comment": "no", "user_id": "u"}),
        ("outcomes", "outcomes", {"session_id": "s", "success": True, "value_usd": 12.5, "name": "sale"}),
        ("client-reports", "client_report", {"created": 9, "delivered": 5, "sampled": 3, "dropped": {"queue_full": 1}}),
    ],
)
async def test_records_are_queued(
    client: httpx.AsyncClient, queue: Queue, path: str, kind: str, sent: dict[str, Any]
) -> None:
    answer = await client.post(f"/api/v1/{path}", json=sent)
    assert answer.status_code == 202
    assert answer.json() == {"status": "accepted", "receipt_id": answer.headers["x-receipt-id"]}
    accepted = await queue.one()
    assert (accepted.request.format, accepted.request.received) == (kind, 1)
    item = accepted.items if kind == "client_report" else accepted.items[0]
    assert {**item, **sent} == item
    if kind != "client_report":
        assert datetime.fromisoformat(item["timestamp"]).tzinfo is not None


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("scores", {"trace_id": "t", "name": "quality"}),
        ("scores", {"trace_id": "t", "name": "quality", "value": None}),
        ("scores", {"trace_id": "t", "name": "q", "value": 1, "source": "alien"}),
        ("feedback", {"trace_id": "t", "rating": 6}),
        ("feedback", {"trace_id": "t", "rating": "great"}),
        ("outcomes", {"success": True}),
        ("outcomes", {"trace_id": "t", "success": "perhaps"}),
        ("client-reports", {"created": -1}),
        ("client-reports", {"dropped": {"x": "y"}}),
    ],
)
async def test_invalid_records_are_refused(client: httpx.AsyncClient, path: str, sent: dict[str, Any]) -> None:
    assert (await client.post(f"/api/v1/{path}", json=sent)).status_code == 422


@pytest.mark.parametrize("path", ["scores", "feedback", "outcomes", "client-reports"])
async def test_S01_records_for_another_workspace_are_refused(client: httpx.AsyncClient, path: str) -> None:
    sent = {"trace_id": "t", "name": "n", "value": 1, "rating": 1, "success": True, "workspace_id": OTHER_WORKSPACE}
    assert (await client.post(f"/api/v1/{path}", json=sent)).status_code == 403
