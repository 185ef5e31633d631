"""What real frameworks sent comes out as correct spans and traces."""

from collections import defaultdict

import orjson
import pytest

from shared.domain import SpanKind, Status
from shared.normalisation.content import interpret_span
from shared.normalisation.logs import normalise_log
from shared.normalisation.model import LogFacts, SpanRow, TraceRow
from shared.normalisation.spans import normalise_span
from shared.normalisation.trace import fold_trace
from shared.otlp.source import SourceLog, SourceSpan
from shared.tests.normalisation.captures import FOLDER, capture_sets, oracle, read_request

SETS = sorted(oracle())
# Model calls whose request or answer the framework itself did not send.
WITHOUT_INPUT = {
    "trl_openai": 1,
    "trl_openai_old": 1,
}
WITHOUT_OUTPUT = {
    # The answer to a stream is on a log span of its own.
    "logfire_pydantic": 1,
    # The outer of two nested calls does not record the stream.
    "oi_llamaindex": 2,
}


def folded(name: str) -> list[TraceRow]:
    spans, logs = capture_sets()[name]
    rows: dict[bytes, list[SpanRow]] = defaultdict(list)
    facts: dict[bytes, list[LogFacts]] = defaultdict(list)
    for source in spans:
        rows[source.trace_id].append(normalise_span(source))
    for log in logs:
        facts[log.trace_id].append(normalise_log(log))
    return [fold_trace(spans_of, facts[trace]) for trace, spans_of in rows.items()]


def logs_of(source: SourceSpan, logs: list[SourceLog]) -> list[SourceLog]:
    return [log for log in logs if log.trace_id == source.trace_id and log.span_id == source.span_id]


@pytest.mark.parametrize("name", SETS)
def test_input_tokens_of_a_set_are_the_sum_over_its_leaves(name: str) -> None:
    assert sum(trace.tokens_input or 0 for trace in folded(name)) == oracle()[name]


@pytest.mark.parametrize("name", SETS)
def test_model_calls_with_messages_are_readable(name: str) -> None:
    spans, logs = capture_sets()[name]
    no_input = no_output = 0
    for source in spans:
        row = normalise_span(source)
        if row.kind is not SpanKind.LLM:
            continue
        content = interpret_span(source, logs_of(source, logs))
        if not content.messages and not content.output_messages:
            continue
        assert row.model, source.name
        assert row.model_provider, source.name
        assert content.input is None or isinstance(content.input, str)
        no_input += not content.input
        no_output += not content.output and row.status is Status.SUCCESS
    assert no_input == WITHOUT_INPUT.get(name, 0)
    assert no_output == WITHOUT_OUTPUT.get(name, 0)


@pytest.mark.parametrize("name", SETS)
def test_content_is_ready_for_json(name: str) -> None:
    spans, logs = capture_sets()[name]
    for source in spans:
        content = interpret_span(source, logs_of(source, logs))
        orjson.dumps(content)
        assert set(content.attributes) == {key for key in source.attributes if not key.startswith("agentobs.")}


# The words in each set's rows: (kinds of all spans), sessions, users, agents, tags, environments.
FACTS: dict[str, dict[str, set[str]]] = {
    "genai_langchain": {"session_id": {"thread-9"}, "agent_id": {"weather_agent"}},
    "google_adk": {"session_id": {"sess-7"}, "agent_id": {"weather_agent"}},
    "google_adk_content": {"session_id": {"sess-7"}, "user_id": {"user-42"}, "agent_id": {"weather_agent"}},
    "langfuse_js": {
        "session_id": {"sess-7"},
        "user_id": {"user-42"},
        "tags": {"prod"},
        "environment": {"staging"},
        "agent_id": {"handle"},
    },
    "langfuse_v5": {
        "session_id": {"sess-7"},
        "user_id": {"user-42"},
        "tags": {"prod", "weather"},
        "environment": {"staging"},
        "release": {"rel-9"},
        "agent_id": {"weather_agent"},
    },
    "langsmith_otel": {
        "session_id": {"sess-7"},
        "user_id": {"user-42"},
        "tags": {"prod", "weather"},
        "agent_id": {"weather_agent"},
    },
    "late_parent_batches": {"session_id": {"sess-7"}, "agent_id": {"slow"}},
    "litellm_otel": {"user_id": {"user-42"}, "environment": {"production"}},
    "logfire_pydantic": {
        "agent_id": {"weather_agent"},
        "environment": {"staging"},
        "user_id": {"user-42"},
        "tags": {"prod", "weather", "LLM"},
        "release": {"1.2.3"},
    },
    "oi_langchain": {
        "session_id": {"sess-7"},
        "user_id": {"user-42"},
        "agent_id": {"weather_agent"},
        "environment": {"staging"},
    },
    "oi_openai": {"session_id": {"sess-7"}, "user_id": {"user-42"}, "tags": {"prod", "weather"}},
    "oi_openai_agents": {"agent_id": {"Triage", "Bad"}},
    "pydantic_ai_04_events": {"agent_id": {"weather_agent"}},
    "strands_latest": {
        "session_id": {"sess-7"},
        "user_id": {"user-42"},
        "agent_id": {"weather_agent", "Strands Agents"},
        "tags": {"prod", "weather"},
    },
    "trl_langchain": {"user_id": {"user-42"}, "agent_id": {"weather_agent"}},
    "trl_openai": {"user_id": {"user-42"}},
    "trl_openai_old": {"user_id": {"user-42"}},
    "vercel_ai6_json": {
        "session_id": {"sess-7"},
        "user_id": {"user-42"},
        "environment": {"staging"},
        "tags": {"prod", "weather"},
        "agent_id": {"weather-agent", "streamer", "objer", "emb", "embm", "err", "toolfail"},
    },
    "vercel_ai7_genai": {"user_id": {"user-42"}, "agent_id": {"weather-agent", "streamer", "agent", "err"}},
}


@pytest.mark.parametrize("name", sorted(FACTS))
def test_labels_of_traces(name: str) -> None:
    traces = folded(name)
    for fact, expected in FACTS[name].items():
        found = {
            word
            for trace in traces
            for word in (trace.tags if fact == "tags" else [getattr(trace, fact)])
            if word is not None
        }
        assert found == expected, fact


KINDS = {
    "genai_openai": {"llm": 6, "embedding": 1, "other": 1},
    "google_adk": {"llm": 4, "tool": 2, "agent": 2, "chain": 2},
    "langfuse_v5": {
        "retriever": 1,
        "embedding": 1,
        "guardrail": 1,
        "llm": 5,
        "tool": 1,
        "agent": 1,
        "evaluator": 1,
        "other": 2,
    },
    "mlflow": {"retriever": 1, "llm": 5, "tool": 1, "embedding": 1},
    # One retriever and one failed model call are labelled as agents by the instrumentor.
    "oi_langchain": {"llm": 6, "chain": 7, "tool": 2, "agent": 3, "retriever": 1},
    "oi_openai_agents": {"guardrail": 1, "llm": 6, "tool": 3, "chain": 10, "agent": 6},
    "pydantic_ai_04_events": {"llm": 2, "tool": 1, "agent": 1, "other": 1},
    "strands_latest": {"llm": 3, "tool": 1, "chain": 3, "agent": 2},
    "trl_langchain": {"agent": 3, "llm": 6, "chain": 10, "tool": 2, "retriever": 1},
    "vercel_ai6_json": {"llm": 8, "tool": 2, "agent": 5, "embedding": 2, "chain": 2},
}


@pytest.mark.parametrize("name", sorted(KINDS))
def test_kinds_of_spans(name: str) -> None:
    found: dict[str, int] = defaultdict(int)
    for source in capture_sets()[name][0]:
        found[normalise_span(source).kind.word] += 1
    assert found == KINDS[name]


@pytest.mark.parametrize("name", SETS)
def test_details_of_usage_are_read_where_they_are_sent(name: str) -> None:
    for source in capture_sets()[name][0]:
        row = normalise_span(source)
        if row.tokens_cached and row.tokens_input == 1234:
            assert (row.tokens_output, row.tokens_total, row.tokens_cached) == (56, 1290, 1024)
            assert row.tokens_reasoning in (None, 16)


def test_a_failed_call_names_its_error() -> None:
    for name, error_type in (
        ("langsmith_otel", "InternalServerError"),
        ("mlflow", "InternalServerError"),
        ("oi_openai", "openai.InternalServerError"),
        ("strands_latest", "openai.InternalServerError"),
        ("vercel_ai7_genai", "AI_APICallError"),
        ("litellm_otel", "InternalServerError"),
    ):
        failed = [row for source in capture_sets()[name][0] if (row := normalise_span(source)).error_type]
        assert {row.error_type for row in failed} >= {error_type}, name
        assert all("Traceback" not in (row.error_message or "") for row in failed), name


def test_logs_that_came_before_the_span_fill_its_messages() -> None:
    spans, logs = capture_sets()["otel_openai_v2_events"]
    call = next(source for source in spans if any(log.span_id == source.span_id for log in logs))
    content = interpret_span(call, logs_of(call, logs))
    assert [message["role"] for message in content.messages] == ["system", "user"]
    assert content.messages[0]["content"] == "You are a weather bot. Antworte höflich."
    calls = content.output_messages[0]["tool_calls"]
    assert isinstance(calls, list)
    assert calls[0]["arguments"] == {"city": "Zürich"}
    assert content.finish_reasons == ["tool_calls"]


def test_first_indices_taken_by_the_attribute_limit_leave_the_rest_readable() -> None:
    (source,) = capture_sets()["oi_attr_limit"][0]
    content = interpret_span(source)
    assert content.messages[0]["content"] == "turn 22"
    assert content.dropped_attributes_count == 53
    assert normalise_span(source).input_preview == "turn 78"


def test_a_pending_span_is_only_a_placeholder() -> None:
    (source,), _ = read_request(FOLDER / "synthetic" / "logfire_pending_span.bin")
    assert normalise_span(source).is_placeholder


def test_content_events_of_semconv_1_27_are_messages() -> None:
    (source,), _ = read_request(FOLDER / "synthetic" / "semconv_1_27_content_events.bin")
    content = interpret_span(source)
    assert (content.input, content.output) == ("hi ü", "yo")


def test_an_evaluation_event_is_a_score() -> None:
    _, logs = read_request(FOLDER / "synthetic" / "logs_evaluation_event.bin")
    scores = [score for log in logs for score in normalise_log(log).scores]
    assert [(score.name, score.value, score.comment) for score in scores] == [("Relevance", 0.9, "gut")]
