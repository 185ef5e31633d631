"""Everything a person reads when a span is opened: the reading path."""

from collections.abc import Iterable, Mapping, Sequence

from shared.domain import SpanKind
from shared.ids import span_hex
from shared.normalisation.conversation import Conversation, read_conversation
from shared.normalisation.dialects import (
    agno,
    genai,
    genai_events,
    mlflow,
    openinference,
    pydantic_logfire,
    traceloop,
    vercel,
)
from shared.normalisation.documents import documents_in
from shared.normalisation.jsonready import iso_time, json_mapping, json_ready
from shared.normalisation.messages import message_text
from shared.normalisation.model import SpanContent
from shared.normalisation.parts import Message
from shared.normalisation.precedence import PRECEDENCE, Fact
from shared.normalisation.spans import normalise_span
from shared.normalisation.values import first, is_blank, mapping, parse_structure, sequence, text, unwrap_call
from shared.otlp.source import SourceEvent, SourceLink, SourceLog, SourceSpan

OWN_PREFIX = "agentobs."
_PARAMETER_KEYS = (
    "agentobs.parameters",
    "langfuse.observation.model.parameters",
    "llm.invocation_parameters",
    "embedding.invocation_parameters",
    "langsmith.metadata.ls_invocation_params",
    "gen_ai.request.additional_parameters",
)
# What instrumentations record among the parameters that is shown elsewhere.
_NOT_PARAMETERS = frozenset(
    {"messages", "tools", "functions", "input", "prompt", "model", "model_name", "instructions"}
)
_PROMPT_NAMES = (
    "agentobs.prompt_name",
    "gen_ai.prompt.name",
    "langfuse.observation.prompt.name",
    "traceloop.prompt.key",
    "prompt.id",
    "llm.prompt_template.name",
)
_PROMPT_VERSIONS = (
    "agentobs.prompt_version",
    "gen_ai.prompt.version",
    "langfuse.observation.prompt.version",
    "traceloop.prompt.version_name",
    "traceloop.prompt.version",
    "llm.prompt_template.version",
)


def interpret_span(source: SourceSpan, logs: Sequence[SourceLog] = ()) -> SpanContent:
    """Return what a span says, in values ready for JSON; never raises, whatever the attributes hold.

    Args:
        source: The span as sent.
        logs: Log records that name this span.
    """
    attributes = source.attributes
    kind = normalise_span(source).kind
    conversation = read_conversation(source, logs, kind)
    given = _value(attributes, Fact.INPUT, conversation, kind)
    answered = _value(attributes, Fact.OUTPUT, conversation, kind)
    prompt_name, prompt_version = _prompt(attributes)
    return SpanContent(
        input=json_ready(given),
        output=json_ready(answered),
        messages=[json_mapping(message) for message in conversation.messages],
        output_messages=[json_mapping(message) for message in conversation.output],
        tool_arguments=json_ready(given) if kind is SpanKind.TOOL else None,
        tool_result=json_ready(answered) if kind is SpanKind.TOOL else None,
        tool_definitions=[json_ready(item) for item in _tool_definitions(attributes)],
        documents=[json_mapping(item) for item in _documents(attributes, answered, kind)],
        parameters=json_mapping(_parameters(attributes)),
        finish_reasons=_finish_reasons(attributes, conversation),
        attributes=json_mapping({key: attributes[key] for key in attributes if not key.startswith(OWN_PREFIX)}),
        events=[_event(event) for event in _without_chunks(source.events)],
        links=[_link(link) for link in source.links],
        resource=json_mapping(source.scope.resource),
        scope=json_mapping(
            {"name": source.scope.name, "version": source.scope.version, "attributes": dict(source.scope.attributes)}
        ),
        logs=[_log(log) for log in sorted(logs, key=lambda record: record.time_ns)],
        prompt_name=prompt_name,
        prompt_version=prompt_version,
        dropped_attributes_count=source.dropped_attributes_count,
    )


def _value(attributes: Mapping[str, object], fact: Fact, conversation: Conversation, kind: SpanKind) -> object:
    """Return input or output: what was said last if it was a conversation, else the value as sent."""
    role, messages = ("user", conversation.messages) if fact is Fact.INPUT else ("assistant", conversation.output)
    if kind is not SpanKind.TOOL:
        said = _last_said(messages, role)
        if said is not None:
            return said
    for key in PRECEDENCE[fact]:
        value = attributes.get(key)
        if is_blank(value) or key in pydantic_logfire.RUN_KEYS:
            continue
        parsed = _parsed(key, value)
        if not is_blank(parsed):
            return parsed
    if fact is Fact.INPUT:
        texts = openinference.read_embedding_texts(attributes)
        if texts:
            return texts
    return _last_said(messages, role)


def _parsed(key: str, value: object) -> object:
    if key in ("ai.value", "ai.values"):
        return vercel.read_values({key: value})
    if key == "tool.parameters":
        return agno.read_tool_arguments(value)
    if key in ("gen_ai.tool.call.arguments", "traceloop.entity.input"):
        return traceloop.read_tool_arguments(value)
    if key in ("gen_ai.tool.call.result", "traceloop.entity.output"):
        return traceloop.read_tool_result(value)
    return unwrap_call(parse_structure(value))


def _last_said(messages: list[Message], role: str) -> str | None:
    texts = [(message["role"], said) for message in messages if (said := message_text(message))]
    own = [said for speaker, said in texts if speaker == role]
    return own[-1] if own else texts[-1][1] if texts else None


def _documents(attributes: Mapping[str, object], output: object, kind: SpanKind) -> list[dict[str, object]]:
    held = documents_in(attributes.get("agentobs.documents"))
    found = held or openinference.read_documents(attributes) or genai.read_documents(attributes)
    return found or (documents_in(output) if kind in (SpanKind.RETRIEVER, SpanKind.RERANKER) else [])


def _tool_definitions(attributes: Mapping[str, object]) -> list[object]:
    for key in ("agentobs.tool_definitions", "gen_ai.tool.definitions"):
        stated = sequence(attributes.get(key))
        if stated:
            return stated
    found = (
        openinference.read_tool_definitions(attributes)
        or traceloop.read_tool_definitions(attributes)
        or vercel.read_tool_definitions(attributes)
        or mlflow.read_tool_definitions(attributes)
    )
    if found:
        return found
    for key in ("langfuse.observation.input", "gen_ai.prompt", "input.value", "gcp.vertex.agent.llm_request"):
        request = mapping(attributes[key]) if key in attributes else {}
        config = request.get("config")
        tools = request.get("tools") or (config.get("tools") if isinstance(config, dict) else None)
        if isinstance(tools, list) and tools:
            return tools
    return []


def _parameters(attributes: Mapping[str, object]) -> dict[str, object]:
    parameters = {
        **mlflow.read_parameters(attributes),
        **vercel.read_parameters(attributes),
    }
    for key in reversed(_PARAMETER_KEYS):
        if key in attributes:
            parameters.update(mapping(attributes[key]))
    parameters.update(genai.read_parameters(attributes))
    return {key: value for key, value in parameters.items() if key not in _NOT_PARAMETERS and value is not None}


def _finish_reasons(attributes: Mapping[str, object], conversation: Conversation) -> list[str]:
    reasons = genai.read_finish_reasons(attributes)
    stated = (message.get("finish_reason") for message in conversation.output)
    return reasons or [reason for reason in stated if isinstance(reason, str)]


def _prompt(attributes: Mapping[str, object]) -> tuple[str | None, str | None]:
    name = text(first({**attributes}, _PROMPT_NAMES))
    if name is not None:
        return name, text(first({**attributes}, _PROMPT_VERSIONS))
    linked = mapping(attributes.get("ai.telemetry.metadata.langfusePrompt"))
    if linked:
        return text(linked.get("name")), text(linked.get("version"))
    return mlflow.read_prompt(attributes)


def _without_chunks(events: Iterable[SourceEvent]) -> list[SourceEvent]:
    """Return the events without the pieces of a streamed answer but for the first, which marks its beginning."""
    kept: list[SourceEvent] = []
    began = False
    for event in events:
        if event.name.startswith(genai_events.CHUNK_PREFIXES):
            if began:
                continue
            began = True
        kept.append(event)
    return kept


def _event(event: SourceEvent) -> dict[str, object]:
    return {
        "name": json_ready(event.name),
        "time": iso_time(event.time_ns),
        "attributes": json_mapping(event.attributes),
    }


def _link(link: SourceLink) -> dict[str, object]:
    return {
        "trace_id": link.trace_id.hex(),
        "span_id": link.span_id.hex(),
        "attributes": json_mapping(link.attributes),
    }


def _log(log: SourceLog) -> dict[str, object]:
    return {
        "time": iso_time(log.time_ns),
        "event_name": json_ready(genai_events.event_name(log)) or None,
        "severity": json_ready(log.severity_text) or None,
        "body": json_ready(parse_structure(log.body)),
        "attributes": json_mapping(log.attributes),
        "span_id": None if log.span_id is None else span_hex(log.span_id),
    }
