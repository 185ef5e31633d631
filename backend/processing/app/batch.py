"""From decoded requests to what one transaction writes: spans by trace, versions merged, trace rows folded. No I/O."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID

import zstandard

from processing.app.items import DecodedRequest, LogItem, RecordItem, ScoreRecord, SpanItem
from processing.app.records import read_attached_score
from processing.app.rows import encode_outbox, encode_payload, encode_receipt, encode_stats, finish_span
from shared.changes import days_between
from shared.domain import PayloadFormat
from shared.normalisation.model import LogFacts, SpanRow, TraceRow
from shared.normalisation.trace import fold_trace, wins
from shared.otlp.frame import frame_logs, frame_spans

MAX_SPANS_A_CHUNK = 256
MAX_TRACES_A_MESSAGE = 500
MAX_LAGS_A_ROW = 32
MINUTE_NS = 60_000_000_000
DAY_US = 86_400_000_000

_EPOCH_DAY = date(1970, 1, 1)
_compress = zstandard.ZstdCompressor(level=1).compress

TraceKey = tuple[int, bytes]


@dataclass(slots=True)
class Group:
    """What a batch holds for one trace; times are microseconds since the Unix epoch.

    A span or log record is kept beside the position, in the batch, of the request that brought it first and whose
    receipt therefore counts it.
    """

    workspace: int
    trace_id: bytes
    first_us: int
    last_us: int
    spans: dict[int, tuple[int, SpanItem]] = field(default_factory=dict)
    logs: dict[tuple[int, int], tuple[int, LogItem]] = field(default_factory=dict)
    fresh: "Rendered | None" = None


@dataclass(slots=True)
class Known:
    """What is stored of a trace that a batch adds to."""

    spans: Sequence[SpanRow] = ()
    logs: Sequence[LogFacts] = ()


@dataclass(slots=True)
class Rendered:
    """Rows in COPY format; ``trace`` is None while only log records of the trace have arrived."""

    spans: list[bytes]
    payloads: list[bytes]
    logs: list[bytes]
    trace: TraceRow | None


@dataclass(slots=True)
class Batch:
    """Decoded requests, grouped for one transaction; lists of counts have one number a request."""

    requests: Sequence[DecodedRequest]
    groups: dict[TraceKey, Group]
    duplicates: list[int]
    records: list[tuple[int, RecordItem]]
    scores: list[ScoreRecord]
    days: set[date]

    def sorted_keys(self) -> list[TraceKey]:
        """Return the traces in the order in which every writer locks them."""
        return sorted(self.groups)


def group_requests(requests: Sequence[DecodedRequest]) -> Batch:
    """Group the items of requests by trace; of several versions of one span the winner stays."""
    workspaces: dict[int, dict[bytes, Group]] = {}
    duplicates = [0] * len(requests)
    records: list[tuple[int, RecordItem]] = []
    scores: list[ScoreRecord] = []
    days: set[int] = set()
    for position, request in enumerate(requests):
        workspace = request.pending.workspace_id
        groups = workspaces.setdefault(workspace, {})
        days.add(request.pending.received_at // 1000 // DAY_US)
        for item in request.items:
            if isinstance(item, SpanItem):
                row = item.row
                start_us = row.start_ns // 1000
                days.add(start_us // DAY_US)
                group = groups.get(row.trace_id)
                if group is None:
                    group = groups[row.trace_id] = Group(workspace, row.trace_id, start_us, start_us)
                elif start_us < group.first_us:
                    group.first_us = start_us
                elif start_us > group.last_us:
                    group.last_us = start_us
                held = group.spans.get(row.span_id)
                if held is None:
                    group.spans[row.span_id] = (position, item)
                else:
                    duplicates[position] += 1
                    if wins(row, held[1].row):
                        group.spans[row.span_id] = (held[0], item)
                if row.scores:
                    scores += _attached_scores(workspace, row)
            elif isinstance(item, LogItem):
                facts = item.facts
                time_us = facts.time_ns // 1000
                days.add(time_us // DAY_US)
                group = groups.get(facts.trace_id)
                if group is None:
                    group = groups[facts.trace_id] = Group(workspace, facts.trace_id, time_us, time_us)
                group.first_us = min(group.first_us, time_us)
                group.last_us = max(group.last_us, time_us)
                if (facts.digest, time_us) in group.logs:
                    duplicates[position] += 1
                else:
                    group.logs[facts.digest, time_us] = (position, item)
                if facts.scores:
                    scores += _attached_scores(workspace, facts)
            else:
                records.append((position, item))
    grouped = {
        (workspace, trace_id): group for workspace, groups in workspaces.items() for trace_id, group in groups.items()
    }
    return Batch(requests, grouped, duplicates, records, scores, {_EPOCH_DAY + timedelta(days=day) for day in days})


def _attached_scores(workspace: int, carrier: SpanRow | LogFacts) -> Iterator[ScoreRecord]:
    time_ns = carrier.time_ns if isinstance(carrier, LogFacts) else carrier.start_ns
    for position, score in enumerate(carrier.scores):
        yield read_attached_score(workspace, carrier.trace_id, carrier.span_id, score, position, time_ns)


def render(group: Group, known: Known | None = None) -> Rendered:
    """Return the rows of a group.

    Args:
        group: What is new; the caller has taken out what is stored already.
        known: What is stored and stays.
    """
    items = [item for _, item in group.spans.values()]
    records = [item for _, item in group.logs.values()]
    spans = [item.row for item in items]
    facts = [item.facts for item in records]
    if known is not None:
        spans += known.spans
        facts += known.logs
    payloads = _span_payloads(group, items)
    if records:
        payloads += _log_payloads(group, records)
    trace = fold_trace(spans, facts) if spans else None
    counted = trace.counted if trace is not None else ()
    return Rendered(
        [finish_span(item.copy, item.row.span_id in counted) for item in items],
        payloads,
        [item.copy for item in records],
        trace,
    )


def _span_payloads(group: Group, items: Sequence[SpanItem]) -> list[bytes]:
    formats = {item.payload_format for item in items}
    if len(formats) == 1 and len(items) <= MAX_SPANS_A_CHUNK:
        return [_span_payload(group, items)]
    payloads = []
    for payload_format in formats:
        listed = [item for item in items if item.payload_format is payload_format]
        starts = range(0, len(listed), MAX_SPANS_A_CHUNK)
        payloads += [_span_payload(group, listed[start : start + MAX_SPANS_A_CHUNK]) for start in starts]
    return payloads


def _span_payload(group: Group, chunk: Sequence[SpanItem]) -> bytes:
    """Return the payload row of at most ``MAX_SPANS_A_CHUNK`` spans of one format."""
    payload_format = chunk[0].payload_format
    sources = [item.source for item in chunk]
    if payload_format is PayloadFormat.OTLP_TRACES:
        body = frame_spans(sources)
    else:
        body = b"[" + b",".join([source.raw for source in sources]) + b"]"
    rows = [item.row for item in chunk]
    return encode_payload(
        group.workspace,
        group.trace_id,
        min([row.start_ns for row in rows]),
        [row.span_id for row in rows],
        payload_format,
        _compress(body),
    )


def _log_payloads(group: Group, records: Sequence[LogItem]) -> Iterator[bytes]:
    for start in range(0, len(records), MAX_SPANS_A_CHUNK):
        chunk = records[start : start + MAX_SPANS_A_CHUNK]
        yield encode_payload(
            group.workspace,
            group.trace_id,
            min(item.facts.time_ns for item in chunk),
            sorted({item.facts.span_id for item in chunk if item.facts.span_id is not None}),
            PayloadFormat.OTLP_LOGS,
            _compress(frame_logs([item.source for item in chunk])),
        )


@dataclass(slots=True)
class Counts:
    """What became of the items of one request."""

    received: int
    stored: int
    duplicate: int
    rejected: int
    dead_lettered: int
    reasons: dict[str, int]

    def values(self) -> tuple[int, int, int, int, int]:
        """Return the counts in the order of the tables' columns."""
        return self.received, self.stored, self.duplicate, self.rejected, self.dead_lettered


def count(request: DecodedRequest, stored: int, duplicate: int) -> Counts:
    """Return the account of a request, in which what was received is the sum of the rest.

    Items that were counted at the door and cannot be found in the body are rejected as unreadable.
    """
    pending = request.pending
    reasons = dict(request.rejected)
    dead = 0
    for poison in request.poison:
        dead += poison.items
        reasons[poison.reason] = reasons.get(poison.reason, 0) + poison.items
    accounted = stored + duplicate + sum(request.rejected.values()) + dead
    missing = pending.received - accounted
    if missing > 0:
        reasons["unreadable"] = missing
    return Counts(
        max(pending.received, accounted),
        stored,
        duplicate,
        sum(request.rejected.values()) + max(0, missing),
        dead,
        reasons,
    )


def receipt_row(request: DecodedRequest, counts: Counts, stored_ns: int) -> bytes:
    """Return the row of ``ingest_receipts`` of a request.

    The digest of a body is kept only if all of it is stored, so that to find it means there is nothing left to do.
    """
    pending = request.pending
    is_clean = counts.stored + counts.duplicate == counts.received
    return encode_receipt(
        UUID(pending.receipt_id).bytes,
        pending.workspace_id,
        None if pending.key_id is None else UUID(pending.key_id).bytes,
        pending.received_at,
        stored_ns,
        pending.format,
        counts.values(),
        counts.reasons,
        bytes.fromhex(pending.digest) if pending.digest is not None and is_clean else None,
    )


class Statistics:
    """Collects what a batch adds to ``ingest_stats``: one row a workspace, key and minute of arrival."""

    def __init__(self) -> None:
        self._rows: dict[tuple[int, str | None, int], tuple[list[int], dict[str, int], list[int]]] = {}

    def add(self, request: DecodedRequest, counts: Counts, lag_ns: int | None) -> None:
        """Count a request; ``lag_ns`` is the time from its arrival until it was stored, None to leave it out."""
        pending = request.pending
        bucket = pending.received_at - pending.received_at % MINUTE_NS
        sums, reasons, lags = self._rows.setdefault((pending.workspace_id, pending.key_id, bucket), ([0] * 5, {}, []))
        for column, value in enumerate(counts.values()):
            sums[column] += value
        for reason, number in counts.reasons.items():
            reasons[reason] = reasons.get(reason, 0) + number
        if lag_ns is not None:
            lags.append(max(0, lag_ns) // 1000)

    def rows(self) -> list[bytes]:
        """Return the rows in COPY format."""
        return [
            encode_stats(workspace, None if key is None else UUID(key).bytes, bucket, sums, reasons, sample(lags))
            for (workspace, key, bucket), (sums, reasons, lags) in self._rows.items()
        ]


def sample(lags: list[int]) -> list[int]:
    """Return at most ``MAX_LAGS_A_ROW`` values at even ranks, which have about the same quantiles."""
    if len(lags) <= MAX_LAGS_A_ROW:
        return lags
    lags = sorted(lags)
    step = len(lags) / MAX_LAGS_A_ROW
    return [lags[int((rank + 0.5) * step)] for rank in range(MAX_LAGS_A_ROW)]


def outbox_rows(workspaces: Mapping[int, str], changed: Iterable[tuple[int, bytes, int, date, date]]) -> list[bytes]:
    """Return rows of ``outbox`` for changed traces.

    Args:
        workspaces: Public id of each workspace by number.
        changed: Workspace number, trace key, revision, first and last day of each trace.
    """
    by_workspace: dict[int, list[tuple[bytes, int, date, date]]] = {}
    for workspace, trace_id, revision, first, last in changed:
        by_workspace.setdefault(workspace, []).append((trace_id, revision, first, last))
    rows = []
    for workspace, traces in by_workspace.items():
        public_id = UUID(workspaces[workspace]).bytes
        for start in range(0, len(traces), MAX_TRACES_A_MESSAGE):
            part = traces[start : start + MAX_TRACES_A_MESSAGE]
            days = sorted({day for _, _, first, last in part for day in days_between(first, last)})
            keys, revisions = [trace[0] for trace in part], [trace[1] for trace in part]
            rows.append(encode_outbox(workspace, public_id, keys, revisions, days))
    return rows
