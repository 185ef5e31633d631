"""The fields of traces and spans that filters may name, and what may be asked of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from shared.domain import NANO_PER_USD, CostSource, SpanKind, Status

METADATA_PREFIX = "metadata."
SCORE_PREFIX = "score."

_MICROSECONDS = 1000
_EQUALITY = ("eq", "ne", "in", "not_in")
_ORDER = ("gt", "gte", "lt", "lte")
_PARTS = ("contains", "starts_with")

OPS = (*_EQUALITY, *_ORDER, *_PARTS, "exists")


class FieldType(Enum):
    """What the values of a field are."""

    TEXT = auto()
    LIST = auto()
    CHOICE = auto()
    CHOICES = auto()
    NUMBER = auto()
    FLAG = auto()
    TIME = auto()
    TRACE_ID = auto()
    SCORE = auto()
    METADATA = auto()

    @property
    def ops(self) -> tuple[str, ...]:
        """Return the comparisons that make sense for such values."""
        return _OPS[self]


_OPS = {
    FieldType.TEXT: (*_EQUALITY, *_PARTS, "exists"),
    FieldType.LIST: (*_EQUALITY, *_PARTS, "exists"),
    FieldType.CHOICE: _EQUALITY,
    FieldType.CHOICES: _EQUALITY,
    FieldType.NUMBER: (*_EQUALITY, *_ORDER, "exists"),
    FieldType.FLAG: ("eq", "ne"),
    FieldType.TIME: _ORDER,
    FieldType.TRACE_ID: _EQUALITY,
    FieldType.SCORE: (*_EQUALITY, *_ORDER, "exists"),
    FieldType.METADATA: OPS,
}

Words = type[Status] | type[SpanKind] | type[CostSource]


@dataclass(frozen=True, slots=True)
class Field:
    """A field by its public name; ``unit`` is what one of the public unit is stored as."""

    name: str
    type: FieldType
    unit: int = 1
    words: Words | None = None


def _table(*fields: Field, **aliases: str) -> Mapping[str, Field]:
    by_name = {field.name: field for field in fields}
    return by_name | {alias: by_name[name] for alias, name in aliases.items()}


def _numbers(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, FieldType.NUMBER) for name in names)


def _texts(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, FieldType.TEXT) for name in names)


_TOKENS = _numbers("tokens_input", "tokens_output", "tokens_total", "tokens_cached", "tokens_reasoning")
_MEASURES = (
    Field("duration_ms", FieldType.NUMBER, _MICROSECONDS),
    Field("ttft_ms", FieldType.NUMBER, _MICROSECONDS),
    Field("cost_usd", FieldType.NUMBER, NANO_PER_USD),
    *_TOKENS,
)

TRACE_FILTERS = _table(
    Field("trace_id", FieldType.TRACE_ID),
    *_texts("name", "agent_id", "session_id", "user_id", "environment", "release"),
    *_texts("error_type", "error_message", "input_preview", "output_preview"),
    Field("status", FieldType.CHOICE, words=Status),
    Field("cost_source", FieldType.CHOICE, words=CostSource),
    Field("start_time", FieldType.TIME),
    *_MEASURES,
    *_numbers("span_count", "llm_call_count", "tool_call_count", "error_count", "feedback"),
    *(Field(name, FieldType.LIST) for name in ("models", "providers", "tags")),
    *(Field(name, FieldType.FLAG) for name in ("has_error", "has_feedback", "has_score", "has_user", "has_session")),
    Field("kinds", FieldType.CHOICES, words=SpanKind),
    *(Field(name, FieldType.LIST) for name in ("tools", "services")),
    model="models",
    provider="providers",
    kind="kinds",
    tool_name="tools",
    service="services",
)
SPAN_FILTERS = _table(
    Field("kind", FieldType.CHOICE, words=SpanKind),
    Field("status", FieldType.CHOICE, words=Status),
    Field("cost_source", FieldType.CHOICE, words=CostSource),
    *_texts("name", "model", "model_requested", "model_provider", "tool_name", "service", "agent_id", "session_id"),
    *_texts("user_id", "environment", "release", "error_type", "error_message", "input_preview", "output_preview"),
    Field("start_time", FieldType.TIME),
    *_MEASURES,
    provider="model_provider",
)

FACETS = (
    "status", "agent_id", "model", "provider", "environment", "release", "tags", "user_id", "session_id", "service",
    "tool_name", "kind", "cost_source", "error_type",
)  # fmt: skip
