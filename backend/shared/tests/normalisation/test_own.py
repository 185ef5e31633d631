"""Flat traces and native spans, the platform's own formats."""

from shared.domain import CostSource, SpanKind, Status
from shared.ids import flat_span_key, span_key, trace_key
from shared.normalisation.content import interpret_span
from shared.normalisation.dialects.flat import flat_to_source
from shared.normalisation.dialects.native import native_to_source
from shared.normalisation.spans import normalise_span

START = 1_795_224_000_000_000_000


def flat(**changes: object) -> dict[str, object]:
    return {
        "trace_id": "order-1",
        "agent_id": "support-bot",
        "timestamp": "2026-11-21T01:20:00Z",
        "input": "Where is my order?",
        "output": "On its way",
        "latency_ms": 1250.5,
        "status": "success",
        "model": "gpt-4o",
        "model_provider": "openai",
        "tokens_input": 100,
        "tokens_output": 20,
        "cost_usd": 0.0123,
        "metadata": {"plan": "pro", "seats": 3},
        "tags": ["prod", "eu"],
        "session_id": "s",
        "user_id": "u",
        "environment": "production",
        "release": "1.2",
        **changes,
    }


def test_a_flat_trace_is_one_span() -> None:
    source = flat_to_source(flat(), 0)
    row = normalise_span(source)
    assert (row.trace_id, row.external_trace_id) == (trace_key("order-1"), "order-1")
    assert (row.span_id, row.parent_span_id) == (flat_span_key("order-1"), None)
    assert (row.kind, row.status, row.name) == (SpanKind.LLM, Status.SUCCESS, "support-bot")
    assert (row.start_ns, row.end_ns) == (START, START + 1_250_500_000)
    assert (row.tokens_input, row.tokens_output, row.tokens_total) == (100, 20, 120)
    assert (row.cost_nano, row.cost_source) == (12_300_000, CostSource.REPORTED)
    assert (row.agent_id, row.session_id, row.user_id) == ("support-bot", "s", "u")
    assert (row.model, row.model_provider, row.environment, row.release) == ("gpt-4o", "openai", "production", "1.2")
    assert row.tags == ["prod", "eu"]
    assert row.metadata == {"plan": "pro", "seats": "3"}
    assert (row.input_preview, row.output_preview) == ("Where is my order?", "On its way")
    content = interpret_span(source)
    assert (content.input, content.output, content.attributes) == ("Where is my order?", "On its way", {})


def test_a_flat_trace_may_hold_json() -> None:
    content = interpret_span(flat_to_source(flat(model=None, input={"q": 1}, output=[1, 2]), 0))
    assert (content.input, content.output) == ({"q": 1}, [1, 2])


def test_a_hexadecimal_trace_id_is_its_own_key() -> None:
    row = normalise_span(flat_to_source(flat(trace_id="AB" * 16), 0))
    assert (row.trace_id, row.external_trace_id) == (b"\xab" * 16, None)


def test_errors_of_flat_traces_are_text_or_objects() -> None:
    for error in ("no stock", {"type": "StockError", "message": "no stock"}):
        row = normalise_span(flat_to_source(flat(status="error", error=error), 0))
        assert (row.status, row.error_message) == (Status.ERROR, "no stock")
    assert row.error_type == "StockError"
    assert normalise_span(flat_to_source(flat(status="timeout"), 0)).status is Status.TIMEOUT


def test_a_flat_trace_without_a_time_starts_when_it_came() -> None:
    source = flat_to_source(flat(timestamp=None, latency_ms=None), START)
    assert (source.start_ns, source.end_ns) == (START, None)


def test_the_same_flat_trace_has_the_same_digest_in_any_order_of_fields() -> None:
    item = flat()
    turned = dict(reversed(item.items()))
    assert normalise_span(flat_to_source(item, 0)) == normalise_span(flat_to_source(turned, 5))


def native(**changes: object) -> dict[str, object]:
    return {
        "trace_id": "0123456789abcdef0123456789abcdef",
        "span_id": "0123456789abcdef",
        "parent_span_id": "fedcba9876543210",
        "name": "lookup",
        "kind": "tool",
        "start_time": "2026-11-21T01:20:00Z",
        "end_time": "2026-11-21T01:20:01Z",
        "status": "success",
        **changes,
    }


def test_a_native_tool_call() -> None:
    source = native_to_source(
        native(
            tool_name="lookup_order",
            tool_arguments={"id": 7},
            tool_result={"state": "late"},
            service="shop",
            attributes={"own": 1},
            events=[{"name": "retry", "time": "2026-11-21T01:20:00.5Z", "attributes": {"n": 1}}],
            links=[{"trace_id": "ff" * 16, "span_id": "ee" * 8, "attributes": {}}],
        )
    )
    row = normalise_span(source)
    assert (row.kind, row.tool_name, row.service) == (SpanKind.TOOL, "lookup_order", "shop")
    assert (row.span_id, row.parent_span_id) == (span_key("0123456789abcdef"), span_key("fedcba9876543210"))
    assert (row.start_ns, row.end_ns) == (START, START + 1_000_000_000)
    content = interpret_span(source)
    assert (content.tool_arguments, content.tool_result) == ({"id": 7}, {"state": "late"})
    assert content.attributes == {"own": 1}
    assert content.events == [{"name": "retry", "time": "2026-11-21T01:20:00.500000Z", "attributes": {"n": 1}}]
    assert content.links == [{"trace_id": "ff" * 16, "span_id": "ee" * 8, "attributes": {}}]


def test_a_native_model_call_with_messages() -> None:
    source = native_to_source(
        native(
            kind="llm",
            model="claude-sonnet-4",
            messages=[{"role": "user", "content": "hi"}],
            output_messages=[{"role": "assistant", "content": "yo"}],
            parameters={"temperature": 0.2},
            tokens_input=10,
            tokens_cached=4,
            ttft_ms=120,
            end_time=None,
            duration_ms=2000,
        )
    )
    row = normalise_span(source)
    assert (row.kind, row.model_provider, row.ttft_us, row.tokens_cached) == (SpanKind.LLM, "anthropic", 120_000, 4)
    assert row.end_ns == START + 2_000_000_000
    content = interpret_span(source)
    assert (content.input, content.output, content.parameters) == ("hi", "yo", {"temperature": 0.2})


def test_an_open_native_span_has_no_end() -> None:
    assert native_to_source(native(end_time=None)).end_ns is None


def test_fields_of_a_native_span_win_over_its_attributes() -> None:
    source = native_to_source(native(session_id="mine", attributes={"session.id": "other", "user.id": "u"}))
    row = normalise_span(source)
    assert (row.session_id, row.user_id) == ("mine", "u")
