"""GenAI messages carried by span events or log records: per-message events, details events, content events."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from shared.normalisation.dialects.genai import read_evaluation
from shared.normalisation.dialects.microsoft import finish_reason
from shared.normalisation.messages import has_substance, read_message, read_messages, system_text
from shared.normalisation.model import Score
from shared.normalisation.parts import Message, read_tool_calls
from shared.normalisation.values import mapping, parse_json, parse_structure
from shared.otlp.source import SourceEvent, SourceLog

DETAILS_EVENTS = frozenset({"gen_ai.client.inference.operation.details", "gen_ai.client.operation.details"})
EXCEPTION_EVENT = "gen_ai.client.operation.exception"
EVALUATION_EVENT = "gen_ai.evaluation.result"
_ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
    "gen_ai.system_message": "system",
    "gen_ai.user_message": "user",
    "gen_ai.assistant_message": "assistant",
}
_CHOICE = "gen_ai.choice"
_FIRST_TOKEN_EVENTS = frozenset(
    {
        "First Token Stream Event",
        "gen_ai.content.completion.chunk",
        "llm.content.completion.chunk",
        "ai.stream.firstChunk",
        "mlflow.chunk.item.0",
        "new_token",
    }
)
_CONTENT_EVENTS = frozenset(_ROLES) | DETAILS_EVENTS | {_CHOICE, "gen_ai.content.prompt", "gen_ai.content.completion"}
# Chunk events repeat the output piece by piece; the first one gives the time to the first token.
CHUNK_PREFIXES = ("gen_ai.content.completion.chunk", "llm.content.completion.chunk", "mlflow.chunk.item.", "new_token")


@dataclass(slots=True)
class EventContent:
    """Messages gathered from events or log records."""

    messages: list[Message] = field(default_factory=list)
    output: list[Message] = field(default_factory=list)
    system: str | None = None


def first_token_us(events: Sequence[SourceEvent], start_ns: int) -> int | None:
    """Return microseconds from the span's start until the first chunk event, or None."""
    for event in events:
        if event.name in _FIRST_TOKEN_EVENTS and event.time_ns >= start_ns:
            return (event.time_ns - start_ns) // 1000
    return None


def carries_content(events: Iterable[SourceEvent]) -> bool:
    """Return whether any event carries messages."""
    return any(event.name in _CONTENT_EVENTS for event in events)


def read_event_scores(events: Iterable[SourceEvent]) -> list[Score]:
    """Return the evaluation results among a span's events."""
    scores = [read_evaluation(event.attributes) for event in events if event.name == EVALUATION_EVENT]
    return [score for score in scores if score is not None]


def read_events(events: Iterable[SourceEvent]) -> EventContent:
    """Return the messages in a span's events."""
    content = EventContent()
    for event in events:
        _add(content, event.name, event.attributes, None)
    return content


def read_logs(logs: Iterable[SourceLog]) -> EventContent:
    """Return the messages in log records, in the order of their times."""
    content = EventContent()
    for log in sorted(logs, key=lambda record: record.time_ns):
        _add(content, event_name(log), log.attributes, log.body)
    return content


def event_name(log: SourceLog) -> str:
    """Return the name of a log event, from its field or from the attribute older senders use."""
    if log.event_name:
        return log.event_name
    name = log.attributes.get("event.name")
    return name if isinstance(name, str) else ""


def _add(content: EventContent, name: str, attributes: Mapping[str, object], body: object) -> None:
    if name in DETAILS_EVENTS:
        _add_details(content, {**attributes, **mapping(body)})
    elif name == "gen_ai.content.prompt":
        content.messages.extend(read_messages(attributes.get("gen_ai.prompt", body), "user"))
    elif name == "gen_ai.content.completion":
        content.output.extend(read_messages(attributes.get("gen_ai.completion", body), "assistant"))
    elif name in _ROLES or name == _CHOICE:
        raw = _event_body(attributes, body)
        if name == _CHOICE:
            messages = _read_choice(raw)
            content.output.extend(messages)
        else:
            content.messages.extend(read_message({"role": _ROLES[name], **raw}, _ROLES[name]))


def _add_details(content: EventContent, fields: dict[str, object]) -> None:
    system = system_text(fields.get("gen_ai.system_instructions"))
    content.system = content.system or system
    for key in ("gen_ai.input.messages", "gen_ai.input_messages"):
        content.messages.extend(read_messages(fields[key], "user") if fields.get(key) else ())
    for key in ("gen_ai.output.messages", "gen_ai.output_messages"):
        content.output.extend(read_messages(fields[key], "assistant") if fields.get(key) else ())


def _event_body(attributes: Mapping[str, object], body: object) -> dict[str, object]:
    """Return the event's own fields: its body (a mapping or JSON text), else its attributes without their prefix."""
    parsed = parse_structure(body)
    if isinstance(parsed, dict) and parsed:
        return parsed
    raw: dict[str, object] = {}
    for key in ("role", "content", "tool_calls", "id", "name", "message", "finish_reason", "index", "tool.result"):
        value = attributes.get(key, attributes.get(f"gen_ai.event.{key}"))
        if value is not None:
            raw[key] = parse_json(value)
    event_content = attributes.get("gen_ai.event.content")
    if not raw and event_content is not None:
        held = parse_json(event_content)
        raw = held if isinstance(held, dict) else {"content": held}
    if isinstance(parsed, str) and parsed:
        raw.setdefault("content", parsed)
    return raw


def _read_choice(raw: dict[str, object]) -> list[Message]:
    message = raw.get("message")
    reason = raw.get("finish_reason")
    if isinstance(message, dict):
        messages = read_message({"role": "assistant", **message}, "assistant")
    elif message is not None:
        # Strands puts the content of the message here, as text or as Bedrock's parts.
        messages = read_message({"role": "assistant", "content": message}, "assistant")
    else:
        messages = read_message({"role": "assistant", **raw}, "assistant")
    if messages and raw.get("tool_calls") and not messages[0].get("tool_calls"):
        messages[0]["tool_calls"] = read_tool_calls(raw["tool_calls"])
    if messages and isinstance(reason, str):
        messages[0].setdefault("finish_reason", finish_reason(reason))
    return messages if has_substance(messages) else []
