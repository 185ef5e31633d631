import os

from processing.tests.support import Bench, llm_span, make_span, trace_body


async def test_request_becomes_spans_trace_payload_and_receipt(bench: Bench) -> None:
    trace_id = os.urandom(16)
    pending = await bench.send(
        trace_body(
            make_span(trace_id, 1, gen_ai__agent__name="helper", openinference__span__kind="AGENT"),
            llm_span(trace_id, 2, 1),
        )
    )
    await bench.process()
    spans = await bench.rows("spans", "span_id")
    assert [row["span_id"] for row in spans] == [1, 2]
    assert spans[1]["tokens_input"] == 100
    (trace,) = await bench.rows("traces")
    assert trace["trace_id"].bytes == trace_id
    assert trace["span_count"] == 2
    assert trace["agent_id"] == "helper"
    (payload,) = await bench.rows("span_payloads")
    assert payload["span_ids"] == [1, 2]
    assert await bench.counts(pending) == (2, 2, 0, 0, 0)
    assert await bench.pending() == 0
    assert await bench.rows("outbox") == []
    await bench.check_sums()
