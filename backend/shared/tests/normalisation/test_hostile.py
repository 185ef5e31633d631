"""Whatever the attributes hold, normalisation gives an answer that can be stored and shown."""

from dataclasses import fields

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.normalisation.content import interpret_span
from shared.normalisation.dialects.flat import flat_to_source
from shared.normalisation.dialects.native import native_to_source
from shared.normalisation.keytable import KEY_OF
from shared.normalisation.logs import normalise_log
from shared.normalisation.model import SpanRow
from shared.normalisation.spans import normalise_span
from shared.normalisation.values import INT4_MAX, INT8_MAX
from shared.otlp.source import SourceEvent, SourceScope
from shared.tests.normalisation.builders import START, TRACE, log, span
from shared.tests.normalisation.captures import FOLDER, read_request

LIMITS = {"name": 512, "error_message": 1000, "input_preview": 200, "output_preview": 200}
# Words that steer the readers into their branches, where plain noise would not get.
WORDS = st.sampled_from(
    [
        "role",
        "content",
        "parts",
        "type",
        "text",
        "tool_calls",
        "message",
        "messages",
        "choices",
        "kwargs",
        "lc",
        "constructor",
        "id",
        "name",
        "arguments",
        "data",
        "human",
        "ai",
        "reasoning",
        "tool_call",
        "tool_result",
        "function_call",
        "image_url",
        "input",
        "output",
        "generations",
        "event.name",
        "gen_ai.choice",
        "args",
        "inputs",
        "total",
        "prompt_tokens",
        "document",
        "documents",
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(2**70), max_value=2**70),
    st.floats(allow_nan=True, allow_infinity=True),
    st.text(st.characters(codec=None), max_size=20),
    st.binary(max_size=8),
    WORDS,
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(WORDS, st.text(max_size=4)), inner, max_size=5)
    ),
    max_leaves=12,
)


def _as_text(value: object) -> object:
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return repr(value)


ATTRIBUTE_VALUES = st.one_of(VALUES, VALUES.map(_as_text), VALUES.map(repr))
KEYS = st.one_of(
    st.sampled_from(sorted({key.replace(".*", ".0.message.content") for key in KEY_OF.values()})),
    st.builds(
        lambda prefix, index, tail: f"{prefix}.{index}.{tail}",
        st.sampled_from(
            ["llm.input_messages", "llm.output_messages", "gen_ai.prompt", "gen_ai.completion", "llm.tools"]
        ),
        st.one_of(st.integers(0, 3), st.just(10**30), st.text(max_size=3)),
        st.sampled_from(
            [
                "role",
                "content",
                "message",
                "message.role",
                "message.content",
                "message.contents.0.message_content.text",
                "tool_calls.0.name",
                "tool.json_schema",
            ]
        ),
    ),
    st.text(max_size=10),
)
ATTRIBUTES = st.dictionaries(KEYS, ATTRIBUTE_VALUES, max_size=12)


def assert_fit_for_storing(row: SpanRow) -> None:
    for spec in fields(row):
        value = getattr(row, spec.name)
        if isinstance(value, str):
            assert "\0" not in value
            value.encode()
            assert len(value) <= LIMITS.get(spec.name, 256)
        elif isinstance(value, int) and not isinstance(value, bool):
            bound = INT4_MAX if spec.name.startswith("tokens_") else INT8_MAX
            assert -bound - 1 <= value <= bound
    for name, held in row.metadata.items():
        (name + held).encode()
        assert "\0" not in name + held
    assert len(row.tags) <= 20
    assert len(row.metadata) <= 20
    orjson.dumps([row.tags, row.metadata])


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    attributes=ATTRIBUTES,
    event=st.tuples(
        st.sampled_from(
            [
                "exception",
                "gen_ai.choice",
                "gen_ai.user.message",
                "gen_ai.content.prompt",
                "gen_ai.evaluation.result",
                "gen_ai.client.inference.operation.details",
            ]
        ),
        ATTRIBUTES,
    ),
    resource=ATTRIBUTES,
    status=st.integers(0, 3),
    message=st.text(max_size=30),
)
def test_no_attribute_makes_a_span_unreadable(
    attributes: dict[str, object],
    event: tuple[str, dict[str, object]],
    resource: dict[str, object],
    status: int,
    message: str,
) -> None:
    source = span(
        attributes,
        name=message,
        resource=resource,
        status_code=status,
        status_message=message,
        events=[SourceEvent(event[0], START, event[1])],
    )
    assert_fit_for_storing(normalise_span(source))
    content = interpret_span(source, [log("", attributes, event[1]), log(event[0], _as_text(attributes), attributes)])
    orjson.dumps(content)


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from(["", "gen_ai.choice", "gen_ai.tool.message", "gen_ai.evaluation.result"]),
    body=VALUES,
    attributes=ATTRIBUTES,
)
def test_no_log_record_is_unreadable(name: str, body: object, attributes: dict[str, object]) -> None:
    facts = normalise_log(log(name, body, attributes))
    for text in (facts.user_id, facts.session_id, facts.error_message, facts.input_preview, facts.output_preview):
        (text or "").encode()


FIELDS = st.sampled_from(
    ["trace_id", "span_id", "timestamp", "start_time", "end_time", "latency_ms", "duration_ms", "input", "output",
     "error", "status", "model", "tags", "metadata", "events", "links", "attributes", "messages", "documents", "kind",
     "tokens_input", "cost_usd", "parent_span_id", "name", "tool_arguments"]
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(item=st.dictionaries(FIELDS, VALUES, max_size=10))
def test_no_item_of_our_own_formats_is_unreadable(item: dict[str, object]) -> None:
    for source in (flat_to_source(item, START), native_to_source(item)):
        assert_fit_for_storing(normalise_span(source))
        orjson.dumps(interpret_span(source))


@pytest.mark.parametrize(
    "name", ["hostile_attributes", "nul_byte_in_string", "odd_times", "multi_resource_scope_links"]
)
def test_hostile_requests_are_read(name: str) -> None:
    spans, _ = read_request(FOLDER / "synthetic" / f"{name}.bin")
    assert spans
    for source in spans:
        assert_fit_for_storing(normalise_span(source))
        orjson.dumps(interpret_span(source))


def test_a_huge_number_of_keys_nobody_knows_does_not_grow_the_memory_of_keys() -> None:
    from shared.normalisation import keytable

    for start in range(0, 60_000, 500):
        normalise_span(span({f"unknown.{index}": 1 for index in range(start, start + 500)}))
    assert len(keytable.known) < 40_000


def test_deep_nesting_ends_visibly() -> None:
    deep: object = "bottom"
    for _ in range(500):
        deep = {"next": deep}
    content = interpret_span(span({"deep": deep, "input.value": _as_text(deep)}))
    assert b"nested deeper" in orjson.dumps(content.attributes)


def test_values_json_cannot_hold_keep_their_meaning() -> None:
    content = interpret_span(
        span({"big": 2**60, "nan": float("nan"), "inf": float("-inf"), "raw": b"\x00\xff", "nul": "a\0b\ud800c"})
    )
    assert content.attributes == {
        "big": str(2**60),
        "nan": "NaN",
        "inf": "-Infinity",
        "raw": {"type": "bytes", "base64": "AP8="},
        "nul": "abc",
    }


def test_long_texts_are_cut_with_a_visible_mark() -> None:
    row = normalise_span(
        span(
            {"session.id": "s" * 300, "input.value": "word " * 100, "exception.message": "e" * 2000},
            name="n" * 600,
            status_code=2,
        )
    )
    assert row.session_id == "s" * 255 + "…"
    assert row.name == "n" * 511 + "…"
    assert row.error_message == "e" * 999 + "…"
    assert row.input_preview is not None
    assert len(row.input_preview) == 200
    assert row.input_preview.endswith("…")


def test_a_span_without_a_resource_has_no_service() -> None:
    source = span({})
    source.scope = SourceScope({}, "", "")
    assert normalise_span(source).service is None
    assert normalise_span(source).trace_id == TRACE
