"""Bodies of requests and answers."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

ReceiptState = Literal["queued", "stored", "partial", "rejected", "dead_lettered"]
LetterState = Literal["dead", "replaying", "replayed"]

MAX_REPLAYED = 1000


class Receipt(BaseModel):
    """What became of the items of one request; while it is queued, nothing has been counted yet."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "state": "partial",
                    "received": 3,
                    "stored": 2,
                    "duplicate": 0,
                    "rejected": 1,
                    "dead_lettered": 0,
                    "reasons": {"time_too_old": 1},
                }
            ]
        }
    )

    state: ReceiptState
    received: int = 0
    stored: int = 0
    duplicate: int = 0
    rejected: int = 0
    dead_lettered: int = 0
    reasons: dict[str, int] = {}

    @classmethod
    def of_counts(
        cls, received: int, stored: int, duplicate: int, rejected: int, dead_lettered: int, reasons: dict[str, int]
    ) -> Self:
        """Return the receipt of a request that was processed."""
        state: ReceiptState = "partial"
        if stored + duplicate == received:
            state = "stored"
        elif rejected == received:
            state = "rejected"
        elif dead_lettered == received:
            state = "dead_lettered"
        return cls(
            state=state,
            received=received,
            stored=stored,
            duplicate=duplicate,
            rejected=rejected,
            dead_lettered=dead_lettered,
            reasons=reasons,
        )


class ReasonCount(BaseModel):
    """How many items were rejected or dead-lettered for a reason."""

    reason: str
    count: int


class KeyCounts(BaseModel):
    """Counters of one API key; ``key_id`` is None for what users sent themselves."""

    key_id: str | None
    received_spans: int
    stored_spans: int
    duplicate_spans: int
    rejected_spans: int
    dead_lettered_spans: int


class ClientReported(BaseModel):
    """What clients say of themselves: made, delivered, left out by sampling, dropped by reason."""

    created: int
    delivered: int
    sampled: int
    dropped: dict[str, int]


class LagSeconds(BaseModel):
    """Time from arrival to stored, over the range and of the oldest item that waits; None without any item."""

    p50: float | None
    p95: float | None
    now: float = 0.0


class IngestionHealth(BaseModel):
    """Counters of items by what became of them; log records and scores count as spans do.

    ``backlog_spans`` and ``lag_seconds.now`` are of the whole platform, whose queue workspaces share.
    """

    received_spans: int
    stored_spans: int
    duplicate_spans: int
    rejected_spans: int
    dead_lettered_spans: int
    by_reason: list[ReasonCount]
    by_key: list[KeyCounts]
    client_reported: ClientReported
    lag_seconds: LagSeconds
    backlog_spans: int = 0
    throughput_spans_per_s: float


class DeadLetter(BaseModel):
    """An item that could not be stored; secrets in ``payload`` and ``error`` are not shown."""

    id: str
    state: LetterState
    reason: str
    error: str
    attempts: int
    format: str
    receipt_id: str | None
    key_id: str | None
    item_index: int | None
    trace_id: str | None
    span_id: str | None
    received_at: datetime
    created_at: datetime
    replayed_at: datetime | None
    payload_bytes: int
    payload: Any = Field(description="The item as it was sent; text that says why where it cannot be shown")


class LetterFilter(BaseModel):
    """Which dead letters to replay; fields that are given must all agree."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(max_length=100)] | None = None
    receipt_id: UUID | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None


class ReplayRequest(BaseModel):
    """Names dead letters one by one or by a filter; an empty filter means all."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"filter": {"reason": "undecodable"}}]})

    ids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_REPLAYED)] | None = None
    filter: LetterFilter | None = None

    @model_validator(mode="after")
    def _either(self) -> Self:
        if (self.ids is None) == (self.filter is None):
            raise ValueError("give either ids or filter")
        return self


class ReplayResult(BaseModel):
    """What a replay began; ``skipped`` letters were under way or replayed before, ``remaining`` want another call."""

    replayed: int
    skipped: int
    remaining: int
    ids: list[str]
