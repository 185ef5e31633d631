"""Scores, feedback, outcomes and client reports: from the items of a request to rows."""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from math import isfinite
from typing import Any
from uuid import UUID

from processing.app.items import FeedbackRecord, OutcomeRecord, Record, ReportRecord, ScoreRecord
from shared.domain import NANO_PER_USD
from shared.ids import span_key, trace_key
from shared.normalisation.model import Score
from shared.streams.contracts import PendingRequest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def derive_id(*parts: object) -> bytes:
    """Return 16 bytes that are the same for the same parts, so that a row made twice is one row."""
    return blake2b(":".join(str(part) for part in parts).encode(), digest_size=16).digest()


def read_record(pending: PendingRequest, index: int, item: Mapping[str, Any]) -> Record:
    """Return the row of one item.

    Raises:
        KeyError: A field is missing.
        TypeError, ValueError: A field is not of its kind.
    """
    if pending.format == "client_report":
        return _read_report(pending, item)
    created_us = _created_us(pending, item)
    identifier = derive_id(pending.workspace_id, pending.receipt_id, pending.first_index + index)
    if pending.format == "scores":
        span_id = item.get("span_id")
        return _score(
            identifier,
            pending.workspace_id,
            trace_key(item["trace_id"]),
            None if span_id is None else span_key(span_id),
            Score(item["name"], item["value"], item.get("source") or "code", item.get("comment")),
            created_us,
            item.get("author_id"),
        )
    if pending.format == "feedback":
        return FeedbackRecord(
            identifier,
            pending.workspace_id,
            trace_key(item["trace_id"]),
            int(item["rating"]),
            item.get("comment"),
            item.get("user_id"),
            created_us,
        )
    if pending.format != "outcomes":
        raise ValueError(f"no record has the format {pending.format}")
    trace_id, value = item.get("trace_id"), item.get("value_usd")
    return OutcomeRecord(
        identifier,
        pending.workspace_id,
        None if trace_id is None else trace_key(trace_id),
        item.get("session_id"),
        item.get("name") or "outcome",
        bool(item["success"]),
        None if value is None else round(float(value) * NANO_PER_USD),
        created_us,
    )


def read_attached_score(
    workspace: int, trace_id: bytes, span_id: int | None, score: Score, position: int, time_ns: int
) -> ScoreRecord:
    """Return the row of a score that a span or log record carries.

    Args:
        workspace: Number of the workspace.
        trace_id: Key of the trace.
        span_id: Key of the span, if the score belongs to one.
        score: The score.
        position: Which of the carrier's scores it is.
        time_ns: Time of the carrier, nanoseconds since the Unix epoch.
    """
    identifier = derive_id(workspace, trace_id.hex(), span_id, score.name, position)
    return _score(identifier, workspace, trace_id, span_id, score, time_ns // 1000, None)


def _score(
    identifier: bytes,
    workspace: int,
    trace_id: bytes,
    span_id: int | None,
    score: Score,
    created_us: int,
    author_id: str | None,
) -> ScoreRecord:
    value: object = score.value
    if not isinstance(value, (int, float, str)):
        raise ValueError("a score is a number, a truth value or a label")
    number = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    if number is not None and not isfinite(number):
        raise ValueError("a score is a finite number")
    return ScoreRecord(
        identifier,
        workspace,
        trace_id,
        span_id,
        score.name,
        number,
        value if isinstance(value, bool) else None,
        value if isinstance(value, str) else None,
        score.source,
        score.comment,
        None if author_id is None else str(UUID(author_id)),
        created_us,
    )


def _read_report(pending: PendingRequest, item: Mapping[str, Any]) -> ReportRecord:
    dropped = item.get("dropped") or {}
    return ReportRecord(
        UUID(pending.receipt_id).bytes,
        pending.workspace_id,
        None if pending.key_id is None else UUID(pending.key_id).bytes,
        pending.received_at // 1000,
        int(item.get("created") or 0),
        int(item.get("delivered") or 0),
        int(item.get("sampled") or 0),
        {str(reason): int(count) for reason, count in dropped.items()},
    )


def _created_us(pending: PendingRequest, item: Mapping[str, Any]) -> int:
    stated = item.get("timestamp") or item.get("created_at")
    if stated is None:
        return pending.received_at // 1000
    delta = datetime.fromisoformat(stated) - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
