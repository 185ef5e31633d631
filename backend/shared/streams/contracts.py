"""Owner of every stream, its messages and the keys beside it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

import orjson

TRACES_PENDING = "traces:pending"
TRACES_STORED = "traces:stored"
PROCESSING_GROUP = "processing"
SEARCH_GROUP = "search"

MESSAGE_VERSION = 1
# Fields of an entry in traces:pending.
HEADER_FIELD = b"h"
DATA_FIELD = b"d"

ItemFormat = Literal[
    "otlp_traces",
    "otlp_traces_json",
    "otlp_logs",
    "otlp_logs_json",
    "flat",
    "spans",
    "scores",
    "feedback",
    "outcomes",
    "client_report",
]


def pending_streams(shards: int) -> list[str]:
    """Return the names of the streams of accepted requests; the braces keep a shard's keys in one cluster slot."""
    if shards == 1:
        return [TRACES_PENDING]
    return [f"{TRACES_PENDING}:{{{shard}}}" for shard in range(shards)]


def backlog_key(stream: str) -> str:
    """Return the hash that counts what waits in a stream: entries, items and bytes."""
    return f"{stream}:backlog"


def receipts_key(stream: str) -> str:
    """Return the hash that maps the receipt of each waiting request to its workspace number."""
    return f"{stream}:receipts"


def workspace_channel(workspace: str) -> str:
    """Return the publish/subscribe channel of a workspace's live events."""
    return f"ws:{workspace}"


def events_stream(workspace: str) -> str:
    """Return the stream that keeps a workspace's last live events."""
    return f"events:{workspace}"


@dataclass(slots=True)
class PendingRequest:
    """One accepted request inside an entry of ``traces:pending``.

    ``received`` counts the items the client sent, ``rejected`` those refused at the door by reason. ``size`` is the
    length of the request's body in the entry's data, ``digest`` what ``body_digest`` makes of that body.
    A replayed dead letter names itself in ``replay_of``; ``first_index`` is then the place of its first item in the
    request it came from.
    """

    receipt_id: str
    workspace_id: int
    workspace: str
    received_at: int
    format: ItemFormat
    size: int
    received: int
    retention_days: int
    key_id: str | None = None
    request_id: str | None = None
    digest: str | None = None
    rejected: dict[str, int] = field(default_factory=dict)
    attempts: int = 0
    replay_of: str | None = None
    first_index: int = 0


def encode_header(requests: Sequence[PendingRequest]) -> bytes:
    """Return the header field of an entry."""
    return orjson.dumps({"v": MESSAGE_VERSION, "requests": list(requests)})


def decode_header(header: bytes) -> list[PendingRequest]:
    """Return the requests of an entry; unknown fields of a newer sender are ignored.

    Raises:
        ValueError: The header is not one of this platform.
    """
    document: Any = orjson.loads(header)
    if not isinstance(document, dict) or not isinstance(document.get("requests"), list):
        raise ValueError("entry header without requests")
    return [_read_request(item) for item in document["requests"]]


_is_uuid = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
_is_hexadecimal = re.compile(r"[0-9a-f]{32}").fullmatch
_FORMATS = frozenset(get_args(ItemFormat))
_INT8_END = 2**63


def _read_request(item: Any) -> PendingRequest:
    known = PendingRequest.__dataclass_fields__
    try:
        request = PendingRequest(**{name: value for name, value in item.items() if name in known})
        is_sound = _is_sound(request)
    except (TypeError, AttributeError) as error:
        raise ValueError("entry header with incomplete request") from error
    if not is_sound:
        raise ValueError("entry header with a request that cannot be")
    return request


def _is_sound(request: PendingRequest) -> bool:
    """Return whether a request is what its fields say; a worker that trusted it would die, and so would the next.

    Raises:
        TypeError, AttributeError: It is not.
    """
    numbers = (
        request.workspace_id,
        request.received_at,
        request.size,
        request.received,
        request.retention_days,
        request.attempts,
        request.first_index,
        *request.rejected.values(),
    )
    return bool(
        _is_uuid(request.receipt_id)
        and _is_uuid(request.workspace)
        and (request.key_id is None or _is_uuid(request.key_id))
        and (request.replay_of is None or _is_uuid(request.replay_of))
        and (request.digest is None or _is_hexadecimal(request.digest))
        and (request.request_id is None or isinstance(request.request_id, str))
        and request.format in _FORMATS
        and set(map(type, numbers)) == {int}
        and min(numbers) >= 0
        and max(numbers) < _INT8_END
    )


@dataclass(slots=True)
class TracesStored:
    """Message of ``traces:stored``: traces of one workspace that reached these revisions. Delivered at least once.

    ``days`` are the days (UTC, ISO 8601) in which rows of these traces lie or lay.
    """

    workspace_id: int
    workspace: str
    trace_ids: list[str]
    revisions: list[int]
    days: list[str] = field(default_factory=list)

    def encode(self) -> dict[str, bytes]:
        """Return the fields of the stream entry."""
        return {"m": orjson.dumps(asdict(self))}

    @classmethod
    def decode(cls, fields: Mapping[bytes, bytes]) -> "TracesStored":
        """Return the message of a stream entry.

        Raises:
            ValueError: It is not a message of this platform.
        """
        try:
            message = cls(**orjson.loads(fields[b"m"]))
        except (KeyError, TypeError) as error:
            raise ValueError("not a message of stored traces") from error
        if type(message.workspace_id) is not int or not isinstance(message.trace_ids, list):
            raise ValueError("not a message of stored traces")
        if not all(isinstance(trace_id, str) and _is_hexadecimal(trace_id) for trace_id in message.trace_ids):
            raise ValueError("a message of stored traces with an id that is none")
        return message
