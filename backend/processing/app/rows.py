"""Rows as PostgreSQL's binary COPY format takes them, built without an object for every value.

Every integer is big-endian and every field is preceded by its length, -1 for NULL:
https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-BINARY-FORMAT
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from struct import Struct
from typing import Any

import orjson

from shared.domain import SpanKind
from shared.normalisation.model import LogFacts, SpanRow, TraceRow

SPAN_COLUMNS = (
    "workspace_id", "trace_id", "span_id", "start_time", "parent_span_id", "duration_us", "kind", "status", "name",
    "agent_id", "session_id", "user_id", "model", "model_requested", "model_provider", "tokens_input", "tokens_output",
    "tokens_total", "tokens_cached", "tokens_cache_write", "tokens_reasoning", "cost_nano", "cost_source", "price_id",
    "ttft_us", "tool_name", "service", "environment", "release", "tags", "error_type", "error_message", "response_id",
    "input_preview", "output_preview", "metadata", "attribute_count", "digest", "counted",
)  # fmt: skip
TRACE_COLUMNS = (
    "workspace_id", "trace_id", "start_time", "external_id", "name", "agent_id", "session_id", "user_id", "status",
    "duration_us", "span_count", "llm_call_count", "tool_call_count", "error_count", "tokens_input", "tokens_output",
    "tokens_total", "tokens_cached", "tokens_cache_write", "tokens_reasoning", "cost_nano", "cost_source", "ttft_us",
    "models", "providers", "environment", "release", "service", "tags", "metadata", "input_preview", "output_preview",
    "error_type", "error_message", "kinds", "tools", "services", "revision",
)  # fmt: skip
PAYLOAD_COLUMNS = ("workspace_id", "trace_id", "start_time", "span_ids", "format", "body")
LOG_COLUMNS = (
    "workspace_id", "trace_id", "span_id", "log_time", "digest", "event_name", "agent_id", "session_id", "user_id",
    "error_type", "error_message", "input_preview", "output_preview",
)  # fmt: skip
RECEIPT_COLUMNS = (
    "receipt_id", "workspace_id", "key_id", "received_at", "stored_at", "format", "received", "stored", "duplicate",
    "rejected", "dead_lettered", "reasons", "digest",
)  # fmt: skip
STATS_COLUMNS = (
    "workspace_id", "key_id", "bucket", "received", "stored", "duplicate", "rejected", "dead_lettered", "reasons",
    "lag_us",
)  # fmt: skip
OUTBOX_COLUMNS = ("workspace_id", "workspace", "trace_ids", "revisions", "days")

NULL = b"\xff\xff\xff\xff"
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"

# PostgreSQL counts microseconds from the start of 2000.
EPOCH_2000_US = 946_684_800_000_000
_INT8_OID, _INT2_OID, _TEXT_OID, _DATE_OID, _UUID_OID = 20, 21, 25, 1082, 2950
_FIRST_DAY = date(2000, 1, 1)
_REPLACEMENT = "\ufffd"
_CACHED_TEXTS = 16_384
_CACHED_LENGTH = 200

_int4 = Struct(">ii").pack
_int8 = Struct(">iq").pack
_uuid = Struct(">i16s").pack
_two_int2 = Struct(">ihih").pack
_six_int4 = Struct(">12i").pack
_length = Struct(">i").pack
_span_head = Struct(">hiii16siqiq").pack
_trace_head = Struct(">hiii16siq").pack
_span_tail = Struct(">iiiq").pack
_counts = Struct(">8i").pack
_array_head = Struct(">iiiii").pack

_NO_TOKENS = NULL * 6
_texts: dict[str | None, bytes] = {None: NULL}
_lists: dict[tuple[str, ...], bytes] = {(): NULL}


def _sanitise(value: str) -> bytes:
    """Return UTF-8 without what PostgreSQL refuses: NUL and lone surrogates become U+FFFD."""
    try:
        data = value.encode()
    except UnicodeEncodeError:
        data = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
    return data.replace(b"\0", _REPLACEMENT.encode()) if b"\0" in data else data


def _text(value: str | None) -> bytes:
    """Return a text that is likely to come again."""
    if value is None:
        return NULL
    data = _sanitise(value)
    field = _length(len(data)) + data
    if len(field) <= _CACHED_LENGTH:
        if len(_texts) >= _CACHED_TEXTS:
            _texts.clear()
            _texts[None] = NULL
        _texts[value] = field
    return field


def _long_text(value: str | None) -> bytes:
    """Return a text that is likely to be the only one of its kind."""
    if value is None:
        return NULL
    data = _sanitise(value)
    return _length(len(data)) + data


def _bytes(value: bytes | None) -> bytes:
    return NULL if value is None else _length(len(value)) + value


def _array(oid: int, fields: Sequence[bytes]) -> bytes:
    body = b"".join((_array_head(1, 0, oid, len(fields), 1), *fields))
    return _length(len(body)) + body


def _text_list(values: Sequence[str]) -> bytes:
    """Return an array of texts, NULL when it is empty."""
    if not values:
        return NULL
    key = tuple(values)
    found = _lists.get(key)
    if found is None:
        found = _array(_TEXT_OID, [_long_text(value) for value in key])
        if len(found) <= _CACHED_LENGTH:
            if len(_lists) >= _CACHED_TEXTS:
                _lists.clear()
            _lists[key] = found
    return found


@cache
def _kind_list(kinds: tuple[SpanKind, ...]) -> bytes:
    """Return an array of kinds in the order of their numbers, of which there are few."""
    return _array(_INT2_OID, [b"\0\0\0\2\0" + bytes((kind,)) for kind in kinds])


def encode_json(value: object) -> bytes:
    """Return JSON that a jsonb column takes, with U+FFFD for NUL and lone surrogates."""
    try:
        document = orjson.dumps(value)
    except TypeError:
        document = orjson.dumps(_clean(value))
    if b"\\u0000" in document:
        document = orjson.dumps(_clean(value))
    return document


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _sanitise(value).decode()
    if isinstance(value, Mapping):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(item) for item in value]
    return value


def _jsonb(value: object) -> bytes:
    """Return a jsonb value, NULL when it is empty; the first byte is the format's version."""
    if not value:
        return NULL
    document = encode_json(value)
    return _length(len(document) + 1) + b"\x01" + document


def _optional_int8(value: int | None) -> bytes:
    return NULL if value is None else _int8(8, value)


def _optional_int4(value: int | None) -> bytes:
    return NULL if value is None else _int4(4, value)


def _time(time_ns: int) -> bytes:
    return _int8(8, time_ns // 1000 - EPOCH_2000_US)


def encode_span(workspace: int, row: SpanRow) -> bytes:
    """Return one row of ``spans`` but for its last column, which ``finish_span`` adds once its trace is folded.

    Raises:
        struct.error: A number does not fit into its column.
        AttributeError: A text is none.
    """
    texts = _texts.get
    start_us = row.start_ns // 1000
    tokens_input, tokens_output, tokens_total = row.tokens_input, row.tokens_output, row.tokens_total
    cached, cache_write, reasoning = row.tokens_cached, row.tokens_cache_write, row.tokens_reasoning
    if tokens_input is None and tokens_output is None and tokens_total is None and cached is None:
        if cache_write is None and reasoning is None:
            tokens = _NO_TOKENS
        else:
            tokens = NULL * 4 + _optional_int4(cache_write) + _optional_int4(reasoning)
    else:
        tokens = b"".join(
            [
                _optional_int4(value)
                for value in (tokens_input, tokens_output, tokens_total, cached, cache_write, reasoning)
            ]
        )
    parent, cost, end = row.parent_span_id, row.cost_nano, row.end_ns
    return b"".join(
        (
            _span_head(39, 4, workspace, 16, row.trace_id, 8, row.span_id, 8, start_us - EPOCH_2000_US),
            NULL if parent is None else _int8(8, parent),
            NULL if end is None else _int8(8, max(0, (end - row.start_ns) // 1000)),
            _two_int2(2, row.kind, 2, row.status),
            texts(row.name) or _text(row.name),
            texts(row.agent_id) or _text(row.agent_id),
            texts(row.session_id) or _text(row.session_id),
            texts(row.user_id) or _text(row.user_id),
            texts(row.model) or _text(row.model),
            texts(row.model_requested) or _text(row.model_requested),
            texts(row.model_provider) or _text(row.model_provider),
            tokens,
            NULL if cost is None else _int8(8, cost),
            b"\0\0\0\2\0" + bytes((row.cost_source,)),
            NULL if row.price_id is None else _int4(4, row.price_id),
            NULL if row.ttft_us is None else _int8(8, row.ttft_us),
            texts(row.tool_name) or _text(row.tool_name),
            texts(row.service) or _text(row.service),
            texts(row.environment) or _text(row.environment),
            texts(row.release) or _text(row.release),
            _text_list(row.tags) if row.tags else NULL,
            texts(row.error_type) or _text(row.error_type),
            NULL if row.error_message is None else _long_text(row.error_message),
            NULL if row.response_id is None else _long_text(row.response_id),
            NULL if row.input_preview is None else _long_text(row.input_preview),
            NULL if row.output_preview is None else _long_text(row.output_preview),
            _jsonb(row.metadata) if row.metadata else NULL,
            _span_tail(4, row.attribute_count, 8, row.digest),
        )
    )


def finish_span(row: bytes, counted: bool) -> bytes:
    """Return a row of ``spans`` with its last column."""
    return row + (b"\0\0\0\1\1" if counted else b"\0\0\0\1\0")


def encode_trace(workspace: int, row: TraceRow, revision: int) -> bytes:
    """Return one row of ``traces``.

    Raises:
        struct.error: A number does not fit into its column.
        AttributeError: A text is none.
    """
    texts = _texts.get
    service = row.services[0] if row.services else None
    return b"".join(
        (
            _trace_head(38, 4, workspace, 16, row.trace_id, 8, row.start_ns // 1000 - EPOCH_2000_US),
            _long_text(row.external_trace_id),
            texts(row.name) or _text(row.name),
            texts(row.agent_id) or _text(row.agent_id),
            texts(row.session_id) or _text(row.session_id),
            texts(row.user_id) or _text(row.user_id),
            b"\0\0\0\2\0" + bytes((row.status,)),
            _optional_int8(row.duration_us),
            _counts(4, row.span_count, 4, row.llm_call_count, 4, row.tool_call_count, 4, row.error_count),
            _optional_int8(row.tokens_input),
            _optional_int8(row.tokens_output),
            _optional_int8(row.tokens_total),
            _optional_int8(row.tokens_cached),
            _optional_int8(row.tokens_cache_write),
            _optional_int8(row.tokens_reasoning),
            _optional_int8(row.cost_nano),
            b"\0\0\0\2\0" + bytes((row.cost_source,)),
            _optional_int8(row.ttft_us),
            _text_list(row.models),
            _text_list(row.providers),
            texts(row.environment) or _text(row.environment),
            texts(row.release) or _text(row.release),
            texts(service) or _text(service),
            _text_list(row.tags),
            _jsonb(row.metadata),
            _long_text(row.input_preview),
            _long_text(row.output_preview),
            texts(row.error_type) or _text(row.error_type),
            _long_text(row.error_message),
            _kind_list(tuple(row.kinds)),
            _text_list(row.tools),
            _text_list(row.services),
            _int8(8, revision),
        )
    )


def encode_payload(
    workspace: int, trace_id: bytes, start_ns: int, span_ids: Sequence[int], payload_format: int, body: bytes
) -> bytes:
    """Return one row of ``span_payloads``."""
    identifiers = _array(_INT8_OID, [_int8(8, span_id) for span_id in span_ids])
    return b"".join(
        (
            _trace_head(6, 4, workspace, 16, trace_id, 8, start_ns // 1000 - EPOCH_2000_US),
            identifiers,
            b"\0\0\0\2\0" + bytes((payload_format,)),
            _length(len(body)),
            body,
        )
    )


def encode_log(workspace: int, facts: LogFacts) -> bytes:
    """Return one row of ``span_logs``."""
    texts = _texts.get
    return b"".join(
        (
            b"\0\x0d",
            _int4(4, workspace),
            _uuid(16, facts.trace_id),
            _optional_int8(facts.span_id),
            _time(facts.time_ns),
            _int8(8, facts.digest),
            texts(facts.event_name) or _text(facts.event_name),
            texts(facts.agent_id) or _text(facts.agent_id),
            texts(facts.session_id) or _text(facts.session_id),
            texts(facts.user_id) or _text(facts.user_id),
            texts(facts.error_type) or _text(facts.error_type),
            _long_text(facts.error_message),
            _long_text(facts.input_preview),
            _long_text(facts.output_preview),
        )
    )


def encode_receipt(
    receipt_id: bytes,
    workspace: int,
    key_id: bytes | None,
    received_ns: int,
    stored_ns: int,
    item_format: str,
    counts: Sequence[int],
    reasons: Mapping[str, int],
    digest: bytes | None,
) -> bytes:
    """Return one row of ``ingest_receipts``; ``counts`` are received, stored, duplicate, rejected, dead-lettered."""
    return b"".join(
        (
            b"\0\x0d",
            _uuid(16, receipt_id),
            _int4(4, workspace),
            _bytes(key_id),
            _time(received_ns),
            _time(stored_ns),
            _texts.get(item_format) or _text(item_format),
            *[_int4(4, count) for count in counts],
            _jsonb(reasons),
            _bytes(digest),
        )
    )


def encode_stats(
    workspace: int,
    key_id: bytes | None,
    bucket_ns: int,
    counts: Sequence[int],
    reasons: Mapping[str, int],
    lag_us: Sequence[int],
) -> bytes:
    """Return one row of ``ingest_stats``; ``counts`` as in ``encode_receipt``."""
    return b"".join(
        (
            b"\0\x0a",
            _int4(4, workspace),
            _bytes(key_id),
            _time(bucket_ns),
            *[_int8(8, count) for count in counts],
            _jsonb(reasons),
            _array(_INT8_OID, [_int8(8, lag) for lag in lag_us]) if lag_us else NULL,
        )
    )


def encode_outbox(
    workspace: int, public_id: bytes, trace_ids: Sequence[bytes], revisions: Sequence[int], days: Iterable[date]
) -> bytes:
    """Return one row of ``outbox``."""
    return b"".join(
        (
            b"\0\x05",
            _int4(4, workspace),
            _uuid(16, public_id),
            _array(_UUID_OID, [_uuid(16, trace_id) for trace_id in trace_ids]),
            _array(_INT8_OID, [_int8(8, revision) for revision in revisions]),
            _array(_DATE_OID, [_int4(4, (day - _FIRST_DAY).days) for day in days]),
        )
    )


def copy_document(rows: Iterable[bytes]) -> bytes:
    """Return a whole COPY document of these rows."""
    return b"".join((HEADER, *rows, TRAILER))
