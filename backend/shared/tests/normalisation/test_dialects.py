"""Rules of single dialects that the captures do not show, built from what their sources and conventions say."""

import json

import pytest

from shared.domain import CostSource, SpanKind, Status
from shared.normalisation.content import interpret_span
from shared.normalisation.providers import canonical_provider
from shared.normalisation.spans import normalise_span
from shared.otlp.source import SourceEvent
from shared.tests.normalisation.builders import START, span


def usage(attributes: dict[str, object], scope: str = "test") -> tuple[int | None, ...]:
    row = normalise_span(span(attributes, scope=scope))
    return (row.tokens_input, row.tokens_output, row.tokens_total, row.tokens_cached, row.tokens_reasoning)


class TestUsage:
    def test_langfuse_langchain_handler_takes_details_out_of_the_counts(self) -> None:
        details = {"input": 210, "output": 40, "total": 1290, "input_cache_read": 1024, "output_reasoning": 16}
        attributes: dict[str, object] = {"langfuse.observation.usage_details": json.dumps(details)}
        assert usage(attributes) == (1234, 56, 1290, 1024, 16)
        details.pop("total")
        attributes = {"langfuse.observation.usage_details": json.dumps(details)}
        assert usage(attributes) == (1234, 56, 1290, 1024, 16)

    def test_langfuse_counts_that_add_up_to_the_total_are_inclusive(self) -> None:
        details = {"input": 1234, "output": 56, "total": 1290, "input_cached_tokens": 1024}
        assert usage({"langfuse.observation.usage_details": json.dumps(details)}) == (1234, 56, 1290, 1024, None)

    def test_adk_1_leaves_thoughts_out_of_the_output(self) -> None:
        attributes: dict[str, object] = {
            "gcp.vertex.agent.event_id": "e",
            "gen_ai.usage.input_tokens": 1234,
            "gen_ai.usage.output_tokens": 40,
            "gen_ai.usage.experimental.reasoning_tokens": 16,
        }
        assert usage(attributes) == (1234, 56, 1290, None, 16)

    def test_adk_before_1_39_states_thoughts_in_the_response_only(self) -> None:
        response = {
            "content": {"role": "model", "parts": [{"text": "Rain"}]},
            "usage_metadata": {"prompt_token_count": 1234, "candidates_token_count": 40, "thoughts_token_count": 16},
        }
        attributes: dict[str, object] = {
            "gen_ai.usage.input_tokens": 1234,
            "gen_ai.usage.output_tokens": 40,
            "gcp.vertex.agent.llm_response": json.dumps(response),
        }
        assert usage(attributes, "gcp.vertex.agent") == (1234, 56, 1290, None, 16)

    def test_cached_tokens_beyond_the_input_were_counted_apart(self) -> None:
        attributes: dict[str, object] = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.cache_read.input_tokens": 500}
        assert usage(attributes) == (510, None, 510, 500, None)

    @pytest.mark.parametrize("value", ["1234", 1234.0, "1234.0", 1234])
    def test_counts_are_coerced(self, value: object) -> None:
        assert usage({"gen_ai.usage.input_tokens": value})[0] == 1234

    @pytest.mark.parametrize("value", ["many", -1, True, None, float("nan"), [], "None"])
    def test_what_is_no_count_is_absent(self, value: object) -> None:
        assert usage({"gen_ai.usage.input_tokens": value})[0] is None

    def test_langsmith_details_are_python_reprs(self) -> None:
        attributes: dict[str, object] = {
            "gen_ai.usage.input_tokens": 1234,
            "gen_ai.usage.output_tokens": 56,
            "gen_ai.usage.input_token_details": "{'audio': 0, 'cache_read': 1024}",
            "gen_ai.usage.output_token_details": "{'audio': 0, 'reasoning': 16}",
        }
        assert usage(attributes) == (1234, 56, 1290, 1024, 16)

    @pytest.mark.parametrize(
        ("attributes", "nano"),
        [
            ({"gen_ai.cost.total_cost": 0.0001419}, 141_900),
            ({"operation.cost": "0.5"}, 500_000_000),
            ({"llm.cost.total": 2}, 2_000_000_000),
            ({"langfuse.observation.cost_details": '{"input": 0.001, "output": 0.002}'}, 3_000_000),
        ],
    )
    def test_reported_costs(self, attributes: dict[str, object], nano: int) -> None:
        row = normalise_span(span({**attributes, "gen_ai.usage.input_tokens": 1}))
        assert (row.cost_nano, row.cost_source) == (nano, CostSource.REPORTED)

    @pytest.mark.parametrize("cost", [-1, float("inf"), "free", True])
    def test_what_is_no_cost_leaves_the_span_unpriced(self, cost: object) -> None:
        row = normalise_span(span({"operation.cost": cost}))
        assert (row.cost_nano, row.cost_source) == (None, CostSource.UNPRICED)


class TestKinds:
    @pytest.mark.parametrize(
        ("attributes", "kind"),
        [
            ({"langfuse.observation.type": "generation", "openinference.span.kind": "CHAIN"}, SpanKind.LLM),
            ({"openinference.span.kind": "TOOL", "gen_ai.operation.name": "chat"}, SpanKind.TOOL),
            ({"openinference.span.kind": "UNKNOWN", "gen_ai.operation.name": "chat"}, SpanKind.LLM),
            ({"langsmith.span.kind": "parser"}, SpanKind.CHAIN),
            ({"mlflow.spanType": '"RERANKER"'}, SpanKind.RERANKER),
            ({"traceloop.span.kind": "task", "gen_ai.operation.name": "vector_db_retrieve"}, SpanKind.RETRIEVER),
            ({"traceloop.span.kind": "task"}, SpanKind.CHAIN),
            ({"traceloop.span.kind": "agent"}, SpanKind.AGENT),
            ({"gen_ai.operation.name": "RETRIEVER"}, SpanKind.RETRIEVER),
            ({"gen_ai.operation.name": "create_agent"}, SpanKind.AGENT),
            ({"gen_ai.operation.name": "embeddings"}, SpanKind.EMBEDDING),
            ({"ai.operationId": "ai.streamText.doStream"}, SpanKind.LLM),
            ({"ai.operationId": "ai.embed.doEmbed"}, SpanKind.EMBEDDING),
            ({"llm.request.type": "rerank"}, SpanKind.RERANKER),
            ({"gen_ai.tool.name": "x", "gen_ai.request.model": "m"}, SpanKind.TOOL),
            ({"gen_ai.request.model": "gpt-4o"}, SpanKind.LLM),
            ({"lmnr.span.type": "DEFAULT"}, SpanKind.OTHER),
            ({"lmnr.span.type": "EXECUTOR"}, SpanKind.CHAIN),
            ({"model": "tesla"}, SpanKind.OTHER),
            ({"http.request.method": "GET"}, SpanKind.OTHER),
            ({"logfire.span_type": "log", "gen_ai.operation.name": "chat"}, SpanKind.OTHER),
        ],
    )
    def test_of_keys(self, attributes: dict[str, object], kind: SpanKind) -> None:
        assert normalise_span(span(attributes)).kind is kind

    @pytest.mark.parametrize(
        ("scope", "name", "kind"),
        [
            ("gcp.vertex.agent", "invocation", SpanKind.CHAIN),
            ("gcp.vertex.agent", "agent_run [weather]", SpanKind.AGENT),
            ("gcp.vertex.agent", "call_llm", SpanKind.LLM),
            ("gcp.vertex.agent", "execute_tool get_weather", SpanKind.TOOL),
            ("logfire.openai_agents", "Function: {name}", SpanKind.TOOL),
            ("app", "call_llm", SpanKind.OTHER),
        ],
    )
    def test_of_names(self, scope: str, name: str, kind: SpanKind) -> None:
        assert normalise_span(span(scope=scope, name=name)).kind is kind

    def test_adk_1_names_its_agent_in_the_span(self) -> None:
        assert normalise_span(span(scope="gcp.vertex.agent", name="agent_run [weather]")).agent_id == "weather"

    def test_adk_1_names_its_tool_in_the_span(self) -> None:
        row = normalise_span(span(scope="gcp.vertex.agent", name="execute_tool get_weather"))
        assert row.tool_name == "get_weather"


class TestLabels:
    def test_scrubbed_and_empty_values_are_no_labels(self) -> None:
        row = normalise_span(
            span(
                {"session_id": "[Scrubbed due to 'session']", "user.id": "None", "langfuse.user.id": "", "user_id": 42}
            )
        )
        assert (row.session_id, row.user_id) == (None, "42")

    def test_an_explicit_session_goes_before_a_conversation(self) -> None:
        attributes = {"gen_ai.conversation.id": "run-uuid", "session.id": "mine"}
        assert normalise_span(span(attributes)).session_id == "mine"

    def test_langsmith_tags_are_one_comma_string(self) -> None:
        row = normalise_span(span({"langsmith.span.tags": "weather, prod, graph:step:1, prod"}))
        assert row.tags == ["weather", "prod"]

    def test_langsmith_does_not_leak_the_environment(self) -> None:
        row = normalise_span(
            span({"langsmith.metadata.LANGSMITH_ENDPOINT": "http://x", "langsmith.metadata.plan": "pro"})
        )
        assert row.metadata == {"plan": "pro"}

    def test_langfuse_3_and_5_write_metadata_differently(self) -> None:
        raw = normalise_span(span({"langfuse.trace.metadata.plan": "pro"}))
        quoted = normalise_span(span({"langfuse.trace.metadata.plan": '"pro"'}))
        assert raw.metadata == quoted.metadata == {"plan": "pro"}

    def test_a_default_service_name_is_none(self) -> None:
        resource = {"service.name": "unknown_service:node", "openinference.project.name": "weather"}
        assert normalise_span(span(resource=resource)).service == "weather"

    def test_environment_and_release_of_the_span_win_over_the_resource(self) -> None:
        resource = {"deployment.environment": "prod", "service.version": "1"}
        row = normalise_span(span({"langfuse.environment": "staging"}, resource=resource))
        assert (row.environment, row.release) == ("staging", "1")

    def test_agents_keep_the_spelling_that_was_sent(self) -> None:
        decomposed = "Cafe\u0301"
        assert normalise_span(span({"gen_ai.agent.name": decomposed})).agent_id == decomposed

    @pytest.mark.parametrize(
        ("sent", "model", "expected"),
        [
            ("OpenAI", None, "openai"),
            ("openai.chat", "gpt-4o", "openai"),
            ("openai.responses", None, "openai"),
            ("google.generative-ai", None, "gcp.gemini"),
            ("google", "gemini-2.5-flash", "google"),
            ("gcp.gemini", None, "gcp.gemini"),
            ("vertex_ai", "claude-sonnet-4", "gcp.vertex_ai"),
            ("az.ai.openai", None, "azure.ai.openai"),
            ("amazon-bedrock", None, "aws.bedrock"),
            ("mistralai", None, "mistral_ai"),
            ("langchain", "gpt-4o-mini", "openai"),
            ("strands-agents", "some-model", "strands-agents"),
            ("langchain", None, None),
            (None, "o3-mini", "openai"),
            (None, "claude-sonnet-4-5", "anthropic"),
            (None, "models/gemini-2.5-pro", "google"),
            (None, "deepseek-chat", "deepseek"),
            (None, "command-r-plus", "cohere"),
            (None, "anthropic/claude-3-opus", "anthropic"),
            (None, "us.anthropic.claude-sonnet-4-v1:0", "aws.bedrock"),
            (None, "llama-3.1-70b", None),
            (None, "my-own", None),
        ],
    )
    def test_providers(self, sent: str | None, model: str | None, expected: str | None) -> None:
        assert canonical_provider(sent, model) == expected


class TestFirstToken:
    @pytest.mark.parametrize(
        ("attributes", "microseconds"),
        [
            ({"gen_ai.response.time_to_first_chunk": 0.25}, 250_000),
            ({"ai.response.msToFirstChunk": 105.5}, 105_500),
            ({"gen_ai.server.time_to_first_token": 850}, 850_000),
            ({"gen_ai.server.time_to_first_token": 0.85}, 850_000),
            ({"langfuse.observation.completion_start_time": '"2026-11-21T01:20:00.250000Z"'}, 250_000),
        ],
    )
    def test_of_keys(self, attributes: dict[str, object], microseconds: int) -> None:
        assert normalise_span(span(attributes)).ttft_us == microseconds

    def test_of_the_first_chunk_event(self) -> None:
        events = [
            SourceEvent("llm.content.completion.chunk", START + 3_000_000, {}),
            SourceEvent("llm.content.completion.chunk", START + 9_000_000, {}),
        ]
        source = span({}, events=events)
        assert normalise_span(source).ttft_us == 3_000
        assert len(interpret_span(source).events) == 1


class TestErrors:
    def test_langfuse_level_marks_a_failure(self) -> None:
        row = normalise_span(
            span({"langfuse.observation.level": "ERROR", "langfuse.observation.status_message": "TimeoutError: slow"})
        )
        assert (row.status, row.error_type, row.error_message) == (Status.TIMEOUT, "TimeoutError", "TimeoutError: slow")

    def test_a_warning_is_none(self) -> None:
        assert normalise_span(span({"langfuse.observation.level": "WARNING"})).status is Status.SUCCESS

    def test_the_type_is_dug_out_of_the_message(self) -> None:
        event = SourceEvent(
            "exception",
            START,
            {
                "exception.type": "Exception",
                "exception.message": "RateLimitError('Too many')\n\nTraceback (most recent call last):\n File",
            },
        )
        row = normalise_span(span(status_code=2, events=[event]))
        assert (row.error_type, row.error_message) == ("RateLimitError", "Too many")

    def test_the_status_message_is_the_last_resort(self) -> None:
        row = normalise_span(span(status_code=2, status_message="ToolTimeout: upstream"))
        assert (row.status, row.error_type, row.error_message) == (
            Status.TIMEOUT,
            "ToolTimeout",
            "ToolTimeout: upstream",
        )

    def test_unset_is_success_even_with_an_exception_that_was_handled(self) -> None:
        event = SourceEvent("exception", START, {"exception.type": "KeyError"})
        row = normalise_span(span(events=[event]))
        assert (row.status, row.error_type) == (Status.SUCCESS, None)
