"""From the body of a request to rows: decode, check, normalise, price and encode. No I/O."""

import struct
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from processing.app.items import DecodedRequest, Item, LogItem, Poison, RecordItem, SpanItem
from processing.app.records import read_record
from processing.app.rows import encode_log, encode_span
from shared.domain import PayloadFormat
from shared.ids import span_key
from shared.normalisation.dialects.flat import flat_to_source
from shared.normalisation.dialects.native import native_to_source
from shared.normalisation.logs import normalise_log
from shared.normalisation.model import SpanRow
from shared.normalisation.spans import normalise_span
from shared.otlp.check import check_log, check_span
from shared.otlp.decode import decode_logs, decode_traces
from shared.otlp.frame import frame_logs, frame_spans
from shared.otlp.source import SourceLog, SourceSpan
from shared.pricing.book import PriceBook
from shared.streams.contracts import ItemFormat, PendingRequest

# Between so many items the caller gets a chance to do something else.
ITEMS_A_STEP = 256
# Reason of dead letters that were given up because workers died of them.
KILLED_WORKERS = "worker_crash"

_FORMATS = {
    "otlp_traces": PayloadFormat.OTLP_TRACES,
    "otlp_traces_json": PayloadFormat.OTLP_TRACES,
    "flat": PayloadFormat.FLAT,
    "spans": PayloadFormat.NATIVE,
}
_MAX_ERROR = 500
_NOTHING: dict[str, object] = {}


def decode_steps(decoded: DecodedRequest, body: bytes, book: PriceBook) -> Iterator[None]:
    """Fill a request from its body, giving the caller a turn now and then.

    An item that cannot be decoded or encoded becomes a dead letter of the request; so does the whole request when
    its items cannot be told apart. Nothing is raised.

    Args:
        decoded: The request to fill.
        body: As it stands in the queue.
        book: Prices of the spans.
    """
    item_format = decoded.pending.format
    try:
        match item_format:
            case "otlp_traces" | "otlp_traces_json":
                yield from _decode_spans(decoded, decode_traces(body, json=item_format.endswith("_json")), book)
            case "otlp_logs" | "otlp_logs_json":
                yield from _decode_logs(decoded, decode_logs(body, json=item_format.endswith("_json")))
            case "flat":
                decoded.rejected.update(decoded.pending.rejected)
                received_at = decoded.pending.received_at
                sources = (flat_to_source(item, received_at) for item in orjson.loads(body))
                yield from _decode_spans(decoded, sources, book)
            case "spans":
                decoded.rejected.update(decoded.pending.rejected)
                yield from _decode_spans(decoded, map(native_to_source, orjson.loads(body)), book)
            case _:
                decoded.rejected.update(decoded.pending.rejected)
                yield from _decode_records(decoded, body)
    except Exception as error:
        decoded.items.clear()
        decoded.rejected = dict(decoded.pending.rejected)
        decoded.poison[:] = [whole_request(decoded, body, "undecodable", error)]


def whole_request(decoded: DecodedRequest, body: bytes, reason: str, error: BaseException | str) -> Poison:
    """Return the dead letter of a request whose items cannot be told apart."""
    pending = decoded.pending
    items = max(0, pending.received - sum(pending.rejected.values()))
    return Poison(None, items, reason, describe_error(error), pending.format, body)


def describe_error(error: BaseException | str) -> str:
    """Return one line that says what went wrong."""
    text = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
    return text.replace("\0", "\ufffd")[:_MAX_ERROR]


def _decode_spans(decoded: DecodedRequest, sources: Iterable[SourceSpan], book: PriceBook) -> Iterator[None]:
    pending = decoded.pending
    workspace, received_at, retention = pending.workspace_id, pending.received_at, pending.retention_days
    payload_format = _FORMATS[pending.format]
    items, rejected, price = decoded.items, decoded.rejected, book.price_span
    for index, source in enumerate(sources):
        if not index & (ITEMS_A_STEP - 1):
            yield
        reason = check_span(source.trace_id, source.span_id, source.start_ns, source.end_ns, received_at, retention)
        if reason is not None:
            rejected[reason] = rejected.get(reason, 0) + 1
            continue
        try:
            row = normalise_span(source)
            # What is stored has microseconds; the row must be the same whether it comes from a request or a table.
            row.start_ns -= row.start_ns % 1000
            if row.end_ns is not None:
                row.end_ns -= row.end_ns % 1000
            if row.is_placeholder:
                announce(row, source)
            price(row, workspace)
            items.append(SpanItem(index, row, source, encode_span(workspace, row), payload_format))
            # From here on only the raw bytes are needed; what is freed early is used again while it is in the cache.
            source.attributes = _NOTHING
            source.events = source.links = ()
        except Exception as error:
            decoded.poison.append(poison_span(pending, index, source, reason_of(error), error))


def _decode_logs(decoded: DecodedRequest, sources: Iterable[SourceLog]) -> Iterator[None]:
    pending = decoded.pending
    rejected = decoded.rejected
    for index, source in enumerate(sources):
        if not index & (ITEMS_A_STEP - 1):
            yield
        reason = check_log(source.trace_id, source.time_ns, pending.received_at, pending.retention_days)
        if reason is not None:
            rejected[reason] = rejected.get(reason, 0) + 1
            continue
        try:
            facts = normalise_log(source)
            facts.time_ns -= facts.time_ns % 1000
            decoded.items.append(LogItem(index, facts, source, encode_log(pending.workspace_id, facts)))
        except Exception as error:
            decoded.poison.append(poison_log(index, source, reason_of(error), error))


def announce(row: SpanRow, source: SourceSpan) -> None:
    """Turn a placeholder into an open version of the span it announces, which the real one replaces.

    Logfire sends the placeholder as a child of the span that it stands for and names the real parent in an attribute.
    """
    if row.parent_span_id is None:
        row.end_ns = None
        return
    row.span_id = row.parent_span_id
    parent = source.attributes.get("logfire.pending_parent_id")
    row.parent_span_id = span_key(parent) or None if isinstance(parent, str) else None
    row.end_ns = None


def poison_span(
    pending: PendingRequest, index: int, source: SourceSpan, reason: str, error: BaseException | str
) -> Poison:
    """Return the dead letter of one span, whose body is a valid request of its own."""
    item_format: ItemFormat = pending.format
    if _FORMATS[item_format] is PayloadFormat.OTLP_TRACES:
        item_format, body = "otlp_traces", frame_spans([source])
    else:
        body = b"[" + source.raw + b"]"
    return Poison(index, 1, reason, describe_error(error), item_format, body, source.trace_id, source.span_id)


def poison_log(index: int, source: SourceLog, reason: str, error: BaseException | str) -> Poison:
    """Return the dead letter of one log record, whose body is a valid request of its own."""
    body = frame_logs([source])
    return Poison(index, 1, reason, describe_error(error), "otlp_logs", body, source.trace_id, source.span_id)


def reason_of(error: BaseException) -> str:
    """Return the stable word for an error of an item."""
    if isinstance(error, struct.error):
        return "numeric_overflow"
    return "normalisation_failed"


def poison_item(pending: PendingRequest, item: Item, reason: str, error: BaseException | str) -> Poison:
    """Return the dead letter of an item that could be decoded and not be stored."""
    match item:
        case SpanItem():
            return poison_span(pending, item.index, item.source, reason, error)
        case LogItem():
            return poison_log(item.index, item.source, reason, error)
        case RecordItem():
            return poison_record(pending, item.index, item.document, reason, error)


def _decode_records(decoded: DecodedRequest, body: bytes) -> Iterator[None]:
    document: Any = orjson.loads(body)
    pending = decoded.pending
    listed = [document] if pending.format == "client_report" else document
    for index, item in enumerate(listed):
        if not index & (ITEMS_A_STEP - 1):
            yield
        try:
            decoded.items.append(RecordItem(index, read_record(pending, index, item), item))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            decoded.poison.append(poison_record(pending, index, item, "invalid_fields", error))


def poison_record(pending: PendingRequest, index: int, item: object, reason: str, error: BaseException | str) -> Poison:
    """Return the dead letter of one score, feedback, outcome or client report."""
    body = orjson.dumps(item if pending.format == "client_report" else [item])
    return Poison(index, 1, reason, describe_error(error), pending.format, body)
