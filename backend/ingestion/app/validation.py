"""From JSON bodies to the items that are queued: what is taken, what is refused item by item, what is replaced.

PostgreSQL and JSON cannot hold everything that clients send. NUL and lone surrogates become U+FFFD, NaN and infinities
null, integers beyond 64 bits text, and values nested deeper than 64 levels a marker; traces and spans in which that
happened carry ``_sanitized`` in their metadata.
"""

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from ingestion.app.models import (
    CLIENT_REPORT,
    FEEDBACK,
    FLAT_TRACE,
    MAX_BATCH_SPANS,
    MAX_BATCH_TRACES,
    NATIVE_SPAN,
    OUTCOME,
    SCORE,
    SPAN_BATCH,
    TRACE_BATCH,
)
from shared.auth.context import AuthContext
from shared.errors import FieldProblem, InvalidFieldsError, MalformedRequestError
from shared.normalisation.dialects.own import moment_of
from shared.otlp.check import REASONS, check_time
from shared.otlp.json_text import clean_text, read_json
from shared.otlp.wire import DEPTH_MARKER, MAX_DEPTH

MAX_METADATA_BYTES = 64 * 1024
MAX_ITEMS = {"traces": MAX_BATCH_TRACES, "spans": MAX_BATCH_SPANS}
_MAX_PROBLEMS = 50
_INT64, _UINT64 = -(1 << 63), 1 << 64

Item = dict[str, Any]


@dataclass(slots=True)
class Arrival:
    """When a request arrived, and from whom."""

    received_at_ns: int
    context: AuthContext


@dataclass(frozen=True, slots=True)
class Shape:
    """How one kind of item is read.

    ``times`` are its time fields, the first of which is filled in when it is missing and ``needs_time`` is not set.
    ``keeps_times`` says that the sender's form of a time is queued as it is; it becomes RFC 3339 otherwise.
    """

    item: TypeAdapter[Any]
    times: tuple[str, ...] = ("timestamp",)
    keeps_times: bool = False
    has_metadata: bool = False
    batch: TypeAdapter[Any] | None = None
    list_field: str = ""
    ids: tuple[str, ...] = ()


@dataclass(slots=True)
class Items:
    """Items of a request: the JSON array of those to queue, and what to say of each that was sent."""

    body: bytes = b"[]"
    accepted: list[Item] = field(default_factory=list)
    results: list[Item] = field(default_factory=list)
    rejected: dict[str, int] = field(default_factory=dict)


SHAPES = {
    "flat": Shape(
        FLAT_TRACE, keeps_times=True, has_metadata=True, batch=TRACE_BATCH, list_field="traces", ids=("trace_id",)
    ),
    "spans": Shape(
        NATIVE_SPAN,
        times=("start_time", "end_time"),
        keeps_times=True,
        has_metadata=True,
        batch=SPAN_BATCH,
        list_field="spans",
        ids=("trace_id", "span_id"),
    ),
    "scores": Shape(SCORE),
    "feedback": Shape(FEEDBACK),
    "outcomes": Shape(OUTCOME),
    "client_report": Shape(CLIENT_REPORT, times=()),
}


class _RefusedError(Exception):
    """An item that is not taken."""

    def __init__(self, reason: str, problems: list[FieldProblem]) -> None:
        super().__init__(reason)
        self.reason = reason
        self.problems = problems


def read_item(body: bytes, shape: Shape, arrival: Arrival) -> Items:
    """Return the one item of a body.

    Raises:
        MalformedRequestError: The body is not JSON.
        InvalidFieldsError: The item is not valid.
        ForbiddenError: The item names another workspace.
    """
    try:
        try:
            return _read_clean_item(body, shape, arrival)
        except (ValidationError, TypeError):
            pass
        item = _read_doubtful_item(_read_json(body), shape, arrival)
        return Items(orjson.dumps([item]), [item])
    except _RefusedError as error:
        raise InvalidFieldsError("Some fields are not valid.", details=error.problems) from error


def read_batch(body: bytes, shape: Shape, arrival: Arrival) -> Items:
    """Return the items of a batch; those that are not valid are refused one by one.

    Raises:
        MalformedRequestError: The body is not JSON.
        InvalidFieldsError: The body is not a batch, or holds none or too many items.
        ForbiddenError: An item names another workspace.
    """
    try:
        return _read_clean_batch(body, shape, arrival)
    except (ValidationError, TypeError, _RefusedError):
        pass
    document = _read_json(body)
    sent = document.get(shape.list_field) if isinstance(document, dict) else None
    if not isinstance(sent, list) or not 1 <= len(sent) <= MAX_ITEMS[shape.list_field]:
        limit = MAX_ITEMS[shape.list_field]
        raise InvalidFieldsError(
            "The body is not a batch.",
            details=[FieldProblem(shape.list_field, f"Should be a list of 1 to {limit} items")],
        )
    arrival.context.check_workspace(document.get("workspace_id"))
    result = Items()
    for index, value in enumerate(sent):
        try:
            item = _read_doubtful_item(value, shape, arrival)
        except _RefusedError as error:
            result.rejected[error.reason] = result.rejected.get(error.reason, 0) + 1
            result.results.append(_refusal(index, value, shape, error))
        else:
            result.accepted.append(item)
            result.results.append(_acceptance(index, item, shape))
    result.body = orjson.dumps(result.accepted)
    return result


def _read_clean_item(body: bytes, shape: Shape, arrival: Arrival) -> Items:
    _look_for_suspects(body)
    item: Item = shape.item.validate_json(body)
    arrival.context.check_workspace(item.pop("workspace_id", None))
    _finish(item, shape, arrival)
    return Items(orjson.dumps([item]), [item])


def _read_clean_batch(body: bytes, shape: Shape, arrival: Arrival) -> Items:
    _look_for_suspects(body)
    assert shape.batch is not None
    document: Item = shape.batch.validate_json(body)
    arrival.context.check_workspace(document.get("workspace_id"))
    items: list[Item] = document[shape.list_field]
    for item in items:
        arrival.context.check_workspace(item.pop("workspace_id", None))
        _finish(item, shape, arrival)
    return Items(orjson.dumps(items), items, [_acceptance(index, item, shape) for index, item in enumerate(items)])


def _look_for_suspects(body: bytes) -> None:
    """Refuse to read fast what may hold something that has to be replaced."""
    if b"\\u0000" in body or b"NaN" in body or b"Infinity" in body:
        raise TypeError("something may have to be replaced")


def _read_json(body: bytes) -> Any:
    try:
        return read_json(body, exact=True)
    except ValueError as error:
        raise MalformedRequestError("The body is not valid JSON.") from error


def _read_doubtful_item(value: Any, shape: Shape, arrival: Arrival) -> Item:
    if not isinstance(value, dict):
        raise _RefusedError("invalid_fields", [FieldProblem("", "Should be an object")])
    arrival.context.check_workspace(value.get("workspace_id"))
    cleaner = _Cleaner()
    cleaned = cleaner.clean(value, 0)
    try:
        item: Item = shape.item.validate_python(cleaned)
    except ValidationError as error:
        raise _RefusedError("invalid_fields", _problems(error)) from error
    item.pop("workspace_id", None)
    if cleaner.has_changed and shape.has_metadata:
        item["metadata"] = {**(item.get("metadata") or {}), "_sanitized": True}
    _finish(item, shape, arrival)
    return item


def _finish(item: Item, shape: Shape, arrival: Arrival) -> None:
    """Check times and sizes and fill in what is missing."""
    received = rfc3339(arrival.received_at_ns)
    for name in shape.times:
        stated = item.get(name)
        if stated is None:
            if name == shape.times[0]:
                item[name] = received
            continue
        moment = moment_of(stated) or 0
        reason = check_time(moment, arrival.received_at_ns, arrival.context.retention_days)
        # An item that ends before it starts has no duration; how long before does not matter.
        if reason is not None and (name == shape.times[0] or reason != "time_too_old"):
            raise _RefusedError(reason, [FieldProblem(name, REASONS[reason].capitalize())])
        if not shape.keeps_times:
            item[name] = rfc3339(moment)
    metadata = item.get("metadata")
    if metadata and len(orjson.dumps(metadata)) > MAX_METADATA_BYTES:
        problem = FieldProblem("metadata", f"Should have at most {MAX_METADATA_BYTES} bytes")
        raise _RefusedError("metadata_too_large", [problem])
    item["received_at"] = received


def _acceptance(index: int, item: Item, shape: Shape) -> Item:
    return {"index": index, **{name: item[name] for name in shape.ids}, "status": "accepted"}


def _refusal(index: int, value: Any, shape: Shape, error: _RefusedError) -> Item:
    sent = value if isinstance(value, dict) else {}
    ids = {name: clean_text(text)[:256] if isinstance(text := sent.get(name), str) else None for name in shape.ids}
    problems = [{"field": problem.field, "message": problem.message} for problem in error.problems]
    message = "; ".join(f"{problem.field}: {problem.message}".removeprefix(": ") for problem in error.problems)
    return {
        "index": index,
        **ids,
        "status": "rejected",
        "error": {"code": error.reason, "message": message[:500], "details": problems},
    }


def _problems(error: ValidationError) -> list[FieldProblem]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [
        FieldProblem(clean_text(".".join(str(part) for part in problem["loc"]))[:200], problem["msg"])
        for problem in found[:_MAX_PROBLEMS]
    ]


class _Cleaner:
    def __init__(self) -> None:
        self.has_changed = False

    def clean(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, float):
            return value if math.isfinite(value) else self._replace(None)
        if isinstance(value, int):
            return value if _INT64 <= value < _UINT64 else self._replace(_digits(value))
        if isinstance(value, (list, dict)):
            if depth > MAX_DEPTH:
                return self._replace(DEPTH_MARKER)
            if isinstance(value, list):
                return [self.clean(item, depth + 1) for item in value]
            return {self._text(key): self.clean(item, depth + 1) for key, item in value.items()}
        return value

    def _text(self, text: str) -> str:
        cleaned = clean_text(text.replace("\x00", "\ufffd"))
        return text if cleaned == text else self._replace(cleaned)

    def _replace(self, replacement: Any) -> Any:
        self.has_changed = True
        return replacement


def _digits(number: int) -> str:
    try:
        return str(number)
    except ValueError:
        # Python refuses to write numbers of more than 4,300 digits.
        return hex(number)


def rfc3339(time_ns: int) -> str:
    """Return a time as RFC 3339 text in UTC, to the microsecond."""
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return f"{_second_text(seconds)}.{rest // 1000:06d}Z"


@lru_cache(maxsize=64)
def _second_text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
