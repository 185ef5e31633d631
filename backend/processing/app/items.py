"""What a request of the queue consists of once it is decoded."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from shared.domain import PayloadFormat
from shared.normalisation.model import LogFacts, SpanRow
from shared.otlp.source import SourceLog, SourceSpan
from shared.streams.contracts import ItemFormat, PendingRequest


@dataclass(slots=True, eq=False)
class SpanItem:
    """A span that was accepted; ``copy`` is its row in COPY format."""

    index: int
    row: SpanRow
    source: SourceSpan
    copy: bytes
    payload_format: PayloadFormat


@dataclass(slots=True, eq=False)
class LogItem:
    """A log record that was accepted; ``copy`` is its row in COPY format."""

    index: int
    facts: LogFacts
    source: SourceLog
    copy: bytes


@dataclass(slots=True)
class ScoreRecord:
    """A row of ``scores``; exactly one of the three values is set."""

    score_id: bytes
    workspace_id: int
    trace_id: bytes
    span_id: int | None
    name: str
    value_number: float | None
    value_boolean: bool | None
    value_label: str | None
    source: str
    comment: str | None
    author_id: str | None
    created_us: int


@dataclass(slots=True)
class FeedbackRecord:
    """A row of ``feedback``."""

    feedback_id: bytes
    workspace_id: int
    trace_id: bytes
    rating: int
    comment: str | None
    user_id: str | None
    created_us: int


@dataclass(slots=True)
class OutcomeRecord:
    """A row of ``outcomes``."""

    outcome_id: bytes
    workspace_id: int
    trace_id: bytes | None
    session_id: str | None
    name: str
    success: bool
    value_nano: int | None
    created_us: int


@dataclass(slots=True)
class ReportRecord:
    """A row of ``client_reports``: what a client says it made, delivered, sampled and dropped."""

    receipt_id: bytes
    workspace_id: int
    key_id: bytes | None
    reported_us: int
    created: int
    delivered: int
    sampled: int
    dropped: dict[str, int]


Record = ScoreRecord | FeedbackRecord | OutcomeRecord | ReportRecord


@dataclass(slots=True, eq=False)
class RecordItem:
    """An accepted item that becomes one row beside the traces; ``document`` is the item as it was sent."""

    index: int
    record: Record
    document: object


Item = SpanItem | LogItem | RecordItem


@dataclass(frozen=True, slots=True)
class Poison:
    """What cannot be stored and goes to the dead letters: one item, or a whole request when ``index`` is None."""

    index: int | None
    items: int
    reason: str
    error: str
    format: ItemFormat
    body: bytes
    trace_id: bytes | None = None
    span_id: int | None = None


@dataclass(slots=True, eq=False)
class DecodedRequest:
    """A request with its accepted items; ``rejected`` counts by reason what was refused, at the door or here.

    ``is_repeated`` says that the very same body was stored before, so that every item counts as a duplicate.
    """

    pending: PendingRequest
    items: list[Item] = field(default_factory=list)
    poison: list[Poison] = field(default_factory=list)
    rejected: dict[str, int] = field(default_factory=dict)
    is_repeated: bool = False

    def without(self, bad: Sequence[tuple[Item, Poison]]) -> "DecodedRequest":
        """Return the request with some items turned into dead letters."""
        gone = {id(item) for item, _ in bad}
        return replace(
            self,
            items=[item for item in self.items if id(item) not in gone],
            poison=[*self.poison, *(poison for _, poison in bad)],
        )

    def only(self, items: Sequence[Item]) -> "DecodedRequest":
        """Return the request with some of its items and no dead letters."""
        return replace(self, items=list(items), poison=[])
