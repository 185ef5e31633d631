"""Requests of real frameworks go in through the gateway and come back as correct traces."""

from typing import Any

import pytest

from tests.harness.verdict import wait_until_drained
from tests.pipeline.captures import Captured, capture_sets, oracle, synthetic_requests
from tests.pipeline.workspace import Workspace

SETS = capture_sets()
SYNTHETIC = synthetic_requests()
ORACLE = oracle()
# Streams whose answer the framework keeps on another span, or nowhere: the set, and how many calls lack their output.
_OUTPUT_NOT_SENT = {"logfire_pydantic": 1, "oi_llamaindex": 2}
_SPANS = "select count(*) from spans where workspace_id = $1"
_STATE = """
select md5(coalesce((select string_agg(s::text, '|' order by trace_id, span_id)
         from spans s where workspace_id = $1), ''))
    || md5(coalesce((select string_agg((t.trace_id, t.start_time, t.name, t.status, t.span_count, t.tokens_input,
         t.tokens_output, t.cost_nano, t.models, t.input_preview, t.output_preview)::text, '|' order by trace_id)
         from traces t where workspace_id = $1), ''))
    || (select count(*) from span_payloads where workspace_id = $1)::text
    || (select count(*) from span_logs where workspace_id = $1)::text
"""


@pytest.mark.parametrize("name", sorted(SETS))
async def test_capture_comes_back_as_correct_traces(workspace: Workspace, name: str) -> None:
    expected_spans, expected_tokens = ORACLE[name]
    _send_all(workspace, SETS[name])
    assert await workspace.ask(_SPANS) == expected_spans
    state = await workspace.ask(_STATE)
    for _ in range(2):
        _send_all(workspace, SETS[name])
    assert await workspace.ask(_STATE) == state, "sending again changed something"
    traces = workspace.traces()
    assert sum(trace["tokens_input"] or 0 for trace in traces) == expected_tokens
    assert sum(trace["span_count"] for trace in traces) == expected_spans
    calls = [
        workspace.get(f"/api/v1/traces/{span['trace_id']}/spans/{span['span_id']}")
        for span in workspace.spans()
        if span["kind"] == "llm"
    ]
    told = [call for call in calls if call["messages"]]
    for call in told:
        _check_model_call(call)
    silent = [call for call in told if call["status"] == "success" and not call["output_messages"]]
    assert len(silent) == _OUTPUT_NOT_SENT.get(name, 0), [call["attributes"] for call in silent]


def _send_all(workspace: Workspace, requests: list[Captured]) -> None:
    for request in requests:
        answer = workspace.send(request)
        assert answer.status_code == 200, f"{request.name}: {answer.text}"
    wait_until_drained(workspace.platform)


def _check_model_call(span: dict[str, Any]) -> None:
    assert span["model"] or span["model_requested"], span["attributes"]
    assert span["model_provider"], span["attributes"]
    for message in [*span["messages"], *span["output_messages"]]:
        assert message["role"] in ("system", "developer", "user", "assistant", "tool"), message
    # Some frameworks repeat the conversation with turns that say nothing, so one that can be read is asked for.
    for messages in (span["messages"], span["output_messages"]):
        assert not messages or any(message.get("content") or message.get("tool_calls") for message in messages), (
            messages
        )


def test_logs_are_joined_to_their_spans(workspace: Workspace) -> None:
    _send_all(workspace, SETS["otel_openai_v2_events"])
    calls = [span for span in workspace.spans() if span["kind"] == "llm"]
    contents = [workspace.get(f"/api/v1/traces/{span['trace_id']}/spans/{span['span_id']}") for span in calls]
    assert any(content["messages"] and content["output_messages"] and content["logs"] for content in contents)


_STATUS = {
    "gzip_bomb_200mb": {400, 413},
    "gzip_corrupt": {400},
    "invalid_utf8": {200, 400},
    "json_truncated": {400},
    "proto_garbage": {400},
    "proto_truncated": {400},
    "proto_ct_application_protobuf": {200},
}
_STORED = {
    "dup_in_request": 1,
    "dup_resend": 1,
    "empty_proto": 0,
    "empty_scope_spans": 0,
    "ids_missing_ids": 1,
    "ids_zero_ids": 1,
    "json_ct_charset": 1,
    "json_hex_ids": 1,
    "json_instrumentation_library_spans": 0,
    "json_ints_as_numbers": 1,
    "json_unknown_fields": 1,
    "many_spans_20k_gzip": 20_000,
    "multi_resource_scope_links": 3,
    "nul_byte_in_string": 1,
    "proto_deflate": 1,
    "proto_ok": 1,
    "semconv_1_27_content_events": 1,
}


@pytest.mark.parametrize("name", sorted(SYNTHETIC))
async def test_synthetic_request_is_answered_as_expected(workspace: Workspace, name: str) -> None:
    request = SYNTHETIC[name]
    for _ in range(2 if name == "dup_resend" else 1):
        answer = workspace.send(request)
    assert answer.status_code in _STATUS.get(name, {200}), f"{request.expect}: {answer.status_code} {answer.text}"
    assert answer.headers["content-type"].split(";")[0] in (
        request.headers["content-type"].split(";")[0],
        "application/x-protobuf",
    )
    wait_until_drained(workspace.platform)
    if name in _STORED:
        assert await workspace.ask(_SPANS) == _STORED[name], request.expect
    if name.startswith("ids_"):
        assert b"\x08\x01" in answer.content, "partial_success names one rejected span"
    spans = list(workspace.spans()) if name != "many_spans_20k_gzip" else []
    for span in spans:
        assert span["duration_ms"] is None or span["duration_ms"] >= 0


async def test_content_in_span_events_is_read(workspace: Workspace) -> None:
    workspace.send(SYNTHETIC["semconv_1_27_content_events"])
    wait_until_drained(workspace.platform)
    [span] = list(workspace.spans())
    content = workspace.get(f"/api/v1/traces/{span['trace_id']}/spans/{span['span_id']}")
    assert content["messages"]
    assert content["output_messages"]


async def test_evaluation_event_becomes_a_score(workspace: Workspace) -> None:
    workspace.send(SYNTHETIC["logs_evaluation_event"])
    wait_until_drained(workspace.platform)
    assert await workspace.ask("select count(*) from scores where workspace_id = $1") == 1
