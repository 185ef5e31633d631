"""The narrow facts of one span, whatever dialect it came in: the storing path."""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import Any

from shared.domain import CostSource, SpanKind, Status
from shared.ids import content_digest
from shared.normalisation.dialects import (
    genai,
    genai_events,
    google_adk,
    laminar,
    langfuse,
    langsmith,
    microsoft,
    openinference,
    pydantic_logfire,
    traceloop,
    vercel,
)
from shared.normalisation.errors import describe_error, is_timeout
from shared.normalisation.keytable import CODE_OF, KEY_OF, SHIFT, family, first_code, known, learn
from shared.normalisation.kinds import read_entity_kind, read_kind
from shared.normalisation.labels import read_metadata, read_tags
from shared.normalisation.measures import add_usage, read_ttft, set_cost, set_usage
from shared.normalisation.model import Score, SpanRow
from shared.normalisation.precedence import RESOURCE_PRECEDENCE, SERVICE_KEYS, Fact
from shared.normalisation.preview import conversation_preview, preview
from shared.normalisation.providers import canonical_provider
from shared.normalisation.values import ID_LIMIT, INT4_MAX, INT8_MAX, NAME_LIMIT, clean, integer, mapping, text
from shared.otlp.source import SourceScope, SourceSpan

# Looking up a member of an enumeration takes longer than reading the fact, so the storing path uses these.
_AGENT = int(Fact.AGENT)
_ENVIRONMENT = int(Fact.ENVIRONMENT)
_ERROR_MESSAGE = int(Fact.ERROR_MESSAGE)
_ERROR_TYPE = int(Fact.ERROR_TYPE)
_KIND = int(Fact.KIND)
_LEVEL = int(Fact.LEVEL)
_MODEL = int(Fact.MODEL)
_MODEL_REQUESTED = int(Fact.MODEL_REQUESTED)
_PARAMETERS = int(Fact.PARAMETERS)
_PROVIDER = int(Fact.PROVIDER)
_RELEASE = int(Fact.RELEASE)
_RESPONSE_ID = int(Fact.RESPONSE_ID)
_SESSION = int(Fact.SESSION)
_SPAN_TYPE = int(Fact.SPAN_TYPE)
_TOOL_NAME = int(Fact.TOOL_NAME)
_USER = int(Fact.USER)
_OK = Status.SUCCESS
_LLM_KIND = SpanKind.LLM
_AGENT_KIND = SpanKind.AGENT
_TOOL_KIND = SpanKind.TOOL
_CONTENT_CODES = first_code(Fact.SYSTEM)
_INPUT_CODES = first_code(Fact.INPUT)
_OUTPUT_CODES = first_code(Fact.OUTPUT)
_DOCUMENT_CODES = first_code(Fact.DOCUMENTS)
_FACTS = max(Fact) + 1
_SLOW_STARTS = frozenset('"[<_ \n\t\r')
_PLAIN_MODEL_KEYS = ("model", "model_name")
_STATUS_WORDS = {"ERROR": Status.ERROR, "error": Status.ERROR, "timeout": Status.TIMEOUT, "success": Status.SUCCESS}
_SPEAKERS = (SpanKind.AGENT, SpanKind.LLM)


def _read_text(value: object) -> str | None:
    if type(value) is str and value and len(value) <= ID_LIMIT and value.isascii() and value[-1] != " ":
        start = value[0]
        if start not in _SLOW_STARTS and (len(value) > 9 or start not in "nNuU") and "\0" not in value:
            return value
    return text(value)


def _read_tokens(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= INT4_MAX else integer(value, INT4_MAX)


def _read_level(value: object) -> Status | None:
    return _STATUS_WORDS.get(value) if isinstance(value, str) else None


def _read_if_present(value: object) -> object:
    return value or None


_DEFAULT_READERS: dict[Fact, Callable[[object], object] | None] = {
    Fact.KIND: read_kind,
    Fact.TOKENS_INPUT: _read_tokens,
    Fact.TOKENS_OUTPUT: _read_tokens,
    Fact.TOKENS_TOTAL: _read_tokens,
    Fact.TOKENS_CACHED: _read_tokens,
    Fact.TOKENS_CACHE_WRITE: _read_tokens,
    Fact.TOKENS_REASONING: _read_tokens,
    Fact.LEVEL: _read_level,
    Fact.PARAMETERS: _read_if_present,
    Fact.ERROR_MESSAGE: lambda value: value if isinstance(value, str) and value else None,
    # Read together after the pass.
    Fact.USAGE: None,
    Fact.COST: None,
    Fact.TTFT: None,
    Fact.ENTITY_NAME: None,
    Fact.TAGS: None,
    Fact.METADATA: None,
    Fact.SCORES: None,
}
_READERS: dict[int, Callable[[object], object] | None] = {
    code: _DEFAULT_READERS.get(fact, _read_text) for (fact, _), code in CODE_OF.items()
}
_READERS[CODE_OF[Fact.KIND, "lmnr.span.type"]] = laminar.read_type
_READERS[CODE_OF[Fact.KIND, "traceloop.span.kind"]] = read_entity_kind
_READERS[CODE_OF[Fact.TOKENS_CACHED, "gen_ai.usage.input_token_details"]] = langsmith.read_cached
_READERS[CODE_OF[Fact.TOKENS_CACHE_WRITE, "gen_ai.usage.input_token_details"]] = langsmith.read_cache_write
_READERS[CODE_OF[Fact.TOKENS_REASONING, "gen_ai.usage.output_token_details"]] = langsmith.read_reasoning


# Codes of the keys in reading order; what to read into which slot; codes that are read together after the pass.
_Plan = tuple[list[int], tuple[tuple[int, Callable[[object], object], str], ...], list[int]]

# Spans of one kind from one instrumentation carry the same keys in the same order, so few plans serve most spans.
_plans: dict[tuple[str, ...], _Plan] = {}
_PLAN_LIMIT = 2048
_PLAN_CHARACTERS = 8192


def _make_plan(shape: tuple[str, ...]) -> _Plan:
    hits: list[int] = []
    for key in shape:
        codes = known.get(key)
        hits += learn(key) if codes is None else codes
    hits.sort()
    steps: list[tuple[int, Callable[[object], object], str]] = []
    collected: list[int] = []
    last = 0
    for code in hits:
        if code >= _DOCUMENT_CODES:
            break
        if code == last:
            continue
        last = code
        reader = _READERS[code]
        if reader is None:
            collected.append(code)
        else:
            steps.append((code >> SHIFT, reader, KEY_OF[code]))
    plan = (hits, tuple(steps), collected)
    if sum(map(len, shape)) <= _PLAN_CHARACTERS:
        if len(_plans) >= _PLAN_LIMIT:
            _plans.clear()
        _plans[shape] = plan
    return plan


def normalise_span(source: SourceSpan) -> SpanRow:
    """Return the narrow facts of a span; never raises, whatever the attributes hold."""
    attributes = source.attributes
    shape = tuple(attributes)
    plan = _plans.get(shape)
    if plan is None:
        plan = _make_plan(shape)
    hits, steps, collected = plan
    values: list[Any] = [None] * _FACTS
    for slot, reader, key in steps:
        if values[slot] is None:
            values[slot] = reader(attributes[key])
    row = SpanRow(
        source.trace_id,
        source.span_id,
        source.parent_span_id,
        min(source.start_ns, INT8_MAX),
        None if source.end_ns is None else min(max(source.end_ns, source.start_ns), INT8_MAX),
        clean(source.name, NAME_LIMIT),
        _kind(source, values, hits),
        _OK,
        external_trace_id=source.external_trace_id,
        attribute_count=source.attribute_count,
        digest=content_digest(source.raw),
        is_placeholder=values[_SPAN_TYPE] == "pending_span",
    )
    _set_texts(row, values, source.scope)
    if collected:
        _read_collected(row, values, collected, source)
    set_usage(row, values, attributes)
    if row.cost_nano == 0 and not row.tokens_total:
        # Langfuse writes zeros for calls that failed before they cost anything.
        row.cost_nano, row.cost_source = None, CostSource.UNPRICED
    if source.events:
        row.ttft_us = row.ttft_us or genai_events.first_token_us(source.events, source.start_ns)
        row.scores += genai_events.read_event_scores(source.events)
    if row.agent_id is None and row.kind is _AGENT_KIND:
        row.agent_id = _agent_of_name(source)
    if row.tool_name is None and row.kind is _TOOL_KIND:
        row.tool_name = clean(source.name.removeprefix("execute_tool "), ID_LIMIT) or None
    level = values[_LEVEL]
    if source.status_code == 2 or (level is not None and level is not _OK):
        _set_error(row, values, source, level)
    if row.parent_span_id is None or row.kind in _SPEAKERS:
        _set_previews(row, attributes, hits, source)
    return row


def _kind(source: SourceSpan, values: list[Any], hits: list[int]) -> SpanKind:
    if values[_SPAN_TYPE] == "log":
        return SpanKind.OTHER
    kind: SpanKind | None = values[_KIND]
    if kind is _AGENT_KIND or kind is SpanKind.CHAIN:
        if "openinference.span.kind" in source.attributes:
            # The LangChain instrumentor labels by name; what the span holds is surer.
            at = bisect_left(hits, _DOCUMENT_CODES)
            if at < len(hits) and hits[at] < _CONTENT_CODES:
                return SpanKind.RETRIEVER
            if kind is _AGENT_KIND and values[_PARAMETERS] and values[_MODEL]:
                return SpanKind.LLM
        return kind
    if kind is not None:
        return kind
    kind = _kind_of_name(source)
    if kind is not None:
        return kind
    if values[_TOOL_NAME]:
        return _TOOL_KIND
    if "agent_name" in source.attributes:
        return _AGENT_KIND
    requested = values[_MODEL_REQUESTED]
    if values[_MODEL] or (requested and not any(key in source.attributes for key in _PLAIN_MODEL_KEYS)):
        return SpanKind.LLM
    return SpanKind.CHAIN if "traceloop.span.kind" in source.attributes else SpanKind.OTHER


def _kind_of_name(source: SourceSpan) -> SpanKind | None:
    scope = source.scope.name
    if scope == google_adk.SCOPE:
        return google_adk.kind_from_name(source.name)
    if scope.startswith(pydantic_logfire.AGENTS_SCOPE):
        return pydantic_logfire.kind_from_name(source.name)
    return microsoft.kind_from_name(source.name, source.attributes)


def _set_texts(row: SpanRow, values: list[Any], scope: SourceScope) -> None:
    shared = _scope_facts(scope)
    row.service = shared.get("service")
    row.agent_id = values[_AGENT]
    row.session_id = values[_SESSION] or shared.get(Fact.SESSION)
    row.user_id = values[_USER] or shared.get(Fact.USER)
    row.environment = values[_ENVIRONMENT] or shared.get(Fact.ENVIRONMENT)
    row.release = values[_RELEASE] or shared.get(Fact.RELEASE)
    row.tool_name = values[_TOOL_NAME]
    row.response_id = values[_RESPONSE_ID]
    requested = values[_MODEL_REQUESTED]
    if requested is None and values[_MODEL] is None and values[_PARAMETERS]:
        # OpenInference leaves the model of a failed call in its parameters only.
        parameters = mapping(values[_PARAMETERS])
        requested = text(parameters.get("model")) or text(parameters.get("model_name"))
    if row.kind is not SpanKind.OTHER or values[_MODEL] or values[_PROVIDER]:
        row.model_requested = requested
        row.model = values[_MODEL] or requested
    if row.model or values[_PROVIDER]:
        row.model_provider = canonical_provider(values[_PROVIDER], row.model_requested or row.model)


_scope_memo: tuple[SourceScope | None, dict[object, str]] = (None, {})


def _scope_facts(scope: SourceScope) -> dict[object, str]:
    """Return what the resource states for all its spans; spans of one scope come in a row, so one is remembered."""
    global _scope_memo
    held, facts = _scope_memo
    if held is scope:
        return facts
    facts = {}
    resource = scope.resource
    for key in SERVICE_KEYS:
        service = text(resource.get(key))
        if service and not service.startswith("unknown_service"):
            facts["service"] = service
            break
    for fact, keys in RESOURCE_PRECEDENCE.items():
        for key in keys:
            found = text(resource.get(key))
            if found:
                facts[fact] = found
                break
    _scope_memo = (scope, facts)
    return facts


def _read_collected(row: SpanRow, values: list[Any], collected: list[int], source: SourceSpan) -> None:
    attributes = source.attributes
    tags: list[object] = []
    metadata_keys: list[str] = []
    metadata_prefixes: list[str] = []
    for code in collected:
        fact = code >> 8
        key = KEY_OF[code]
        if fact == Fact.USAGE:
            add_usage(values, key, attributes[key])
        elif fact == Fact.COST:
            if row.cost_nano is None:
                set_cost(row, langfuse.read_cost(attributes[key]))
        elif fact == Fact.TTFT:
            if row.ttft_us is None:
                row.ttft_us = read_ttft(key, attributes[key], source.start_ns)
        elif fact == Fact.ENTITY_NAME:
            _set_entity(row, key, attributes[key])
        elif fact == Fact.TAGS:
            tags.append(attributes[key])
        elif fact == Fact.METADATA:
            prefix = family(code)
            if prefix is None:
                metadata_keys.append(key)
            else:
                metadata_prefixes.append(prefix)
    if tags:
        row.tags = read_tags(tags)
    if metadata_keys or metadata_prefixes:
        row.metadata = read_metadata(attributes, metadata_keys, tuple(metadata_prefixes))
        if "metadata" in metadata_keys:
            _set_from_metadata(row, mapping(attributes["metadata"]))
    if collected[-1] >= first_code(Fact.SCORES):
        row.scores = _read_scores(attributes)


def _read_scores(attributes: Mapping[str, object]) -> list[Score]:
    scores = openinference.read_scores(attributes)
    evaluation = genai.read_evaluation(attributes)
    return [*scores, evaluation] if evaluation else scores


def _set_from_metadata(row: SpanRow, metadata: dict[str, object]) -> None:
    """Take what LangChain's run metadata says about the run when no attribute says it."""
    row.agent_id = row.agent_id or text(metadata.get("lc_agent_name"))
    row.user_id = row.user_id or text(metadata.get("user_id"))
    for key in ("session_id", "thread_id", "conversation_id"):
        row.session_id = row.session_id or text(metadata.get(key))


def _set_entity(row: SpanRow, key: str, value: object) -> None:
    name = text(value)
    if row.kind is _AGENT_KIND and row.agent_id is None and not key.startswith(("langsmith.", "mlflow.")):
        row.agent_id = name
    elif row.kind is _TOOL_KIND and row.tool_name is None and not key.startswith("graph."):
        row.tool_name = name


def _agent_of_name(source: SourceSpan) -> str | None:
    """Return the agent's name where the dialect states it in the span's name only."""
    name = google_adk.agent_from_name(source.name)
    if name is None:
        for prefix in ("invoke_agent ", "create_agent "):
            if source.name.startswith(prefix):
                name = source.name[len(prefix) :]
    attributes = source.attributes
    if name is None and ("langfuse.observation.type" in attributes or "mlflow.spanType" in attributes):
        name = source.name
    return text(name)


def _set_error(row: SpanRow, values: list[Any], source: SourceSpan, level: object) -> None:
    row.error_type, row.error_message = describe_error(
        values[_ERROR_TYPE], values[_ERROR_MESSAGE], source.status_message, source.events
    )
    timeout = level is Status.TIMEOUT or is_timeout(row.error_type)
    row.status = Status.TIMEOUT if timeout else Status.ERROR


def _set_previews(row: SpanRow, attributes: Mapping[str, object], hits: list[int], source: SourceSpan) -> None:
    at = bisect_left(hits, _INPUT_CODES)
    last = 0
    for code in hits[at:]:
        if code == last:
            continue
        last = code
        if code < _OUTPUT_CODES:
            if row.input_preview is None:
                row.input_preview = _preview(code, attributes, "user")
        elif row.output_preview is None:
            row.output_preview = _preview(code, attributes, "assistant")
    open_side = row.input_preview is None or row.output_preview is None
    if open_side and genai_events.carries_content(source.events):
        content = genai_events.read_events(source.events)
        row.input_preview = row.input_preview or conversation_preview(list(content.messages), "user")
        row.output_preview = row.output_preview or conversation_preview(list(content.output), "assistant")


def _preview(code: int, attributes: Mapping[str, object], role: str) -> str | None:
    prefix = family(code)
    if prefix is None:
        key = KEY_OF[code]
        if key in vercel.CALL_KEYS:
            return vercel.preview_calls(attributes[key])
        if key in pydantic_logfire.RUN_KEYS:
            given, answered = pydantic_logfire.split_run(attributes[key])
            return conversation_preview(list(given if role == "user" else answered), role)
        return preview(attributes[key], role)
    if prefix.startswith("llm."):
        return openinference.indexed_preview(attributes, prefix, role)
    return traceloop.indexed_preview(attributes, prefix, role)
