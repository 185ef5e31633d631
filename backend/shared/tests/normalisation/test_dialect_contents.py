"""What the dialects say in messages, tools and scores, beyond the captures."""

import json

import pytest

from shared.normalisation.content import interpret_span
from shared.normalisation.logs import normalise_log
from shared.normalisation.spans import normalise_span
from shared.otlp.source import SourceEvent
from shared.tests.normalisation.builders import START, log, span


class TestMessages:
    def test_raw_openai_messages_and_choices_under_the_conventions_keys(self) -> None:
        content = interpret_span(
            span(
                {
                    "gen_ai.request.model": "gpt-4o",
                    "gen_ai.input.messages": json.dumps(
                        [
                            {"role": "user", "content": "Weather?"},
                            {
                                "role": "assistant",
                                "content": None,
                                "tool_calls": [
                                    {"id": "c1", "type": "function", "function": {"name": "w", "arguments": '{"a":1}'}}
                                ],
                            },
                            {"role": "tool", "tool_call_id": "c1", "content": "18"},
                        ]
                    ),
                    "gen_ai.output.messages": json.dumps(
                        [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "18 °C"}}]
                    ),
                }
            )
        )
        assert content.messages == [
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "name": "w", "arguments": {"a": 1}}]},
            {"role": "tool", "content": "18", "tool_call_id": "c1"},
        ]
        assert content.output_messages == [{"role": "assistant", "content": "18 °C", "finish_reason": "stop"}]
        assert content.finish_reasons == ["stop"]

    def test_parts_with_media_and_tool_responses(self) -> None:
        messages = [
            {"role": "system", "parts": [{"type": "text", "content": "Be brief"}]},
            {
                "role": "user",
                "parts": [
                    {"type": "text", "content": "See"},
                    {"type": "blob", "mime_type": "image/png", "modality": "image", "content": "aGk="},
                    {"type": "uri", "modality": "image", "uri": "https://x/y.png"},
                ],
            },
            {"role": "model", "parts": [{"type": "tool_call", "id": "1", "name": "t", "arguments": '{"q": "x"}'}]},
            {"role": "user", "parts": [{"type": "tool_call_response", "id": "1", "result": {"ok": True}}]},
        ]
        content = interpret_span(span({"gen_ai.operation.name": "chat", "gen_ai.input.messages": json.dumps(messages)}))
        assert content.messages == [
            {"role": "system", "content": "Be brief"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "See"},
                    {"type": "image", "data": "aGk=", "mime_type": "image/png"},
                    {"type": "image", "url": "https://x/y.png"},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "1", "name": "t", "arguments": {"q": "x"}}],
            },
            {"role": "tool", "content": '{"ok":true}', "tool_call_id": "1"},
        ]

    def test_plain_system_instructions(self) -> None:
        content = interpret_span(
            span(
                {
                    "gen_ai.system_instructions": "You are brief",
                    "gen_ai.input.messages": '[{"role":"user","content":"hi"}]',
                }
            )
        )
        assert content.messages[0] == {"role": "system", "content": "You are brief"}

    def test_gemini_requests_of_adk_1(self) -> None:
        request = {
            "model": "gemini-2.5-flash",
            "config": {"system_instruction": "bot", "tools": [{"function_declarations": []}]},
            "contents": [
                {"role": "user", "parts": [{"text": "Weather?"}]},
                {"role": "model", "parts": [{"function_call": {"name": "w", "args": {"c": "Z"}}}]},
                {"role": "user", "parts": [{"function_response": {"name": "w", "response": {"t": 18}}}]},
            ],
        }
        response = {"content": {"role": "model", "parts": [{"text": "18 °C"}]}, "finish_reason": "STOP"}
        content = interpret_span(
            span(
                {
                    "gcp.vertex.agent.llm_request": json.dumps(request),
                    "gcp.vertex.agent.llm_response": json.dumps(response),
                    "gen_ai.request.model": "gemini-2.5-flash",
                },
                scope="gcp.vertex.agent",
                name="call_llm",
            )
        )
        assert [message["role"] for message in content.messages] == ["system", "user", "assistant", "tool"]
        assert (content.input, content.output) == ("Weather?", "18 °C")
        assert content.tool_definitions == [{"function_declarations": []}]

    @pytest.mark.parametrize("hidden", ["<elided>", "__REDACTED__", "[Scrubbed due to 'secret']", "{}", "N/A", ""])
    def test_placeholders_are_no_content(self, hidden: str) -> None:
        source = span({"gen_ai.operation.name": "chat", "input.value": hidden, "output.value": hidden})
        content = interpret_span(source)
        assert (content.input, content.output, content.messages) == (None, None, [])
        assert normalise_span(source).input_preview is None

    def test_strands_bedrock_content_in_span_events(self) -> None:
        events = [
            SourceEvent("gen_ai.user.message", START, {"content": '[{"text": "Weather?"}]'}),
            SourceEvent(
                "gen_ai.assistant.message",
                START + 1,
                {"content": '[{"toolUse": {"toolUseId": "1", "name": "w", "input": {"c": "Z"}}}]'},
            ),
            SourceEvent(
                "gen_ai.tool.message",
                START + 2,
                {"id": "1", "content": '[{"toolResult": {"toolUseId": "1", "content": [{"text": "18"}]}}]'},
            ),
            SourceEvent("gen_ai.choice", START + 3, {"message": '[{"text": "18 °C"}]', "finish_reason": "end_turn"}),
        ]
        content = interpret_span(span({"gen_ai.operation.name": "chat"}, events=events))
        assert [message["role"] for message in content.messages] == ["user", "assistant", "tool"]
        assert content.messages[1]["tool_calls"] == [{"id": "1", "name": "w", "arguments": {"c": "Z"}}]
        assert content.messages[2]["content"] == "18"
        assert content.output_messages == [{"role": "assistant", "content": "18 °C", "finish_reason": "end_turn"}]

    def test_semantic_kernel_logs_have_json_text_and_an_attribute_as_name(self) -> None:
        logs = [
            log("", '{"role": "user", "content": "Weather?"}', {"event.name": "gen_ai.user.message"}),
            log(
                "",
                json.dumps(
                    {
                        "message": {
                            "role": "assistant",
                            "content": None,
                            "tool_calls": [
                                {"id": "1", "function": {"name": "w", "arguments": "{}"}, "type": "function"}
                            ],
                        },
                        "finish_reason": "FinishReason.TOOL_CALLS",
                        "index": 0,
                    }
                ),
                {"event.name": "gen_ai.choice"},
                at=1,
            ),
        ]
        content = interpret_span(span({"gen_ai.operation.name": "chat"}), logs)
        assert content.input == "Weather?"
        assert content.output_messages[0]["finish_reason"] == "tool_calls"
        assert content.finish_reasons == ["tool_calls"]

    def test_the_same_messages_on_span_and_logs_are_shown_once(self) -> None:
        source = span({"gen_ai.operation.name": "chat", "gen_ai.input.messages": '[{"role":"user","content":"hi"}]'})
        content = interpret_span(source, [log("gen_ai.user.message", {"content": "hi"})])
        assert content.messages == [{"role": "user", "content": "hi"}]
        assert len(content.logs) == 1

    def test_details_event_with_structured_messages(self) -> None:
        fields = {
            "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}],
            "gen_ai.output.messages": [
                {"role": "assistant", "parts": [{"type": "text", "content": "yo"}], "finish_reason": "stop"}
            ],
            "user.id": "u",
            "gen_ai.conversation.id": "s",
        }
        record = log("gen_ai.client.inference.operation.details", None, fields)
        facts = normalise_log(record)
        assert (facts.user_id, facts.session_id, facts.input_preview, facts.output_preview) == ("u", "s", "hi", "yo")
        content = interpret_span(span({"gen_ai.operation.name": "chat"}), [record])
        assert (content.input, content.output) == ("hi", "yo")

    def test_an_exception_log_describes_the_failure(self) -> None:
        facts = normalise_log(
            log(
                "gen_ai.client.operation.exception",
                None,
                {"exception.type": "openai.RateLimitError", "exception.message": "slow down"},
            )
        )
        assert (facts.error_type, facts.error_message) == ("openai.RateLimitError", "slow down")

    def test_vercel_4_results(self) -> None:
        content = interpret_span(
            span(
                {
                    "ai.operationId": "ai.generateText.doGenerate",
                    "ai.prompt.messages": '[{"role":"user","content":[{"type":"text","text":"hi"}]}]',
                    "ai.result.text": "yo",
                    "ai.result.toolCalls": '[{"toolCallId":"1","toolName":"t","args":{"a":1}}]',
                    "ai.usage.promptTokens": 3,
                    "ai.usage.completionTokens": 4,
                }
            )
        )
        assert content.output_messages == [
            {"role": "assistant", "content": "yo", "tool_calls": [{"id": "1", "name": "t", "arguments": {"a": 1}}]}
        ]

    def test_openai_responses_items(self) -> None:
        output = {
            "output": [
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
                {"type": "function_call", "call_id": "c", "id": "fc", "name": "t", "arguments": '{"a": 1}'},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "yo"}]},
            ]
        }
        content = interpret_span(
            span(
                {
                    "openinference.span.kind": "LLM",
                    "input.value": '{"model": "gpt-4o", "instructions": "brief", "input": "hi"}',
                    "output.value": json.dumps(output),
                }
            )
        )
        assert content.messages == [{"role": "system", "content": "brief"}, {"role": "user", "content": "hi"}]
        assert content.output_messages == [
            {"role": "assistant", "content": [{"type": "reasoning", "text": "hm"}]},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "name": "t", "arguments": {"a": 1}}]},
            {"role": "assistant", "content": "yo"},
        ]
        assert content.output == "yo"

    def test_anthropic_content_blocks(self) -> None:
        content = interpret_span(
            span(
                {
                    "langfuse.observation.type": "generation",
                    "langfuse.observation.input": json.dumps(
                        {
                            "system": "brief",
                            "messages": [
                                {"role": "user", "content": "hi"},
                                {
                                    "role": "assistant",
                                    "content": [{"type": "tool_use", "id": "1", "name": "t", "input": {"a": 1}}],
                                },
                                {
                                    "role": "user",
                                    "content": [{"type": "tool_result", "tool_use_id": "1", "content": "18"}],
                                },
                            ],
                        }
                    ),
                }
            )
        )
        assert [message["role"] for message in content.messages] == ["system", "user", "assistant", "tool"]
        assert content.messages[3] == {"role": "tool", "content": "18", "tool_call_id": "1"}


class TestTools:
    def test_agno_puts_the_arguments_where_others_put_the_schema(self) -> None:
        agno = interpret_span(span({"openinference.span.kind": "TOOL", "tool.parameters": '{"city": "Z"}'}))
        other = interpret_span(
            span({"openinference.span.kind": "TOOL", "tool.parameters": '{"type": "object", "properties": {}}'})
        )
        assert (agno.tool_arguments, other.tool_arguments) == ({"city": "Z"}, None)

    def test_langchain_wraps_calls_in_traceloop(self) -> None:
        content = interpret_span(
            span(
                {
                    "traceloop.span.kind": "tool",
                    "traceloop.entity.name": "get_weather",
                    "traceloop.entity.input": '{"input_str": "{\'city\': \'Zürich\'}", "tags": []}',
                    "traceloop.entity.output": '{"output": {"kwargs": {"content": "18 °C"}}, "kwargs": {}}',
                }
            )
        )
        assert (content.tool_arguments, content.tool_result) == ({"city": "Zürich"}, "18 °C")

    def test_documents_of_a_retriever(self) -> None:
        content = interpret_span(
            span(
                {
                    "langsmith.span.kind": "retriever",
                    "gen_ai.completion": '{"documents": [{"page_content": "rain", "metadata": {"s": 1}, "id": null}]}',
                }
            )
        )
        assert content.documents == [{"content": "rain", "metadata": {"s": 1}}]


class TestScores:
    def test_of_annotations_and_evaluations(self) -> None:
        row = normalise_span(
            span(
                {
                    "annotations.0.annotation.name": "quality",
                    "annotations.0.annotation.score": "0.5",
                    "annotations.0.annotation.annotator_kind": "HUMAN",
                    "evaluations.0.evaluation.name": "tone",
                    "evaluations.0.evaluation.label": "kind",
                    "evaluations.1.evaluation.name": "empty",
                }
            )
        )
        assert [(score.name, score.value, score.source) for score in row.scores] == [
            ("quality", 0.5, "human"),
            ("tone", "kind", "code"),
        ]

    def test_of_an_event(self) -> None:
        event = SourceEvent(
            "gen_ai.evaluation.result",
            START,
            {"gen_ai.evaluation.name": "Relevance", "gen_ai.evaluation.score.value": 0.9},
        )
        (score,) = normalise_span(span(events=[event])).scores
        assert (score.name, score.value) == ("Relevance", 0.9)
