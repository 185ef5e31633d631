"""Owner of live events: what happens in a workspace, told to whoever watches it and kept for those who come back."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from shared.streams.contracts import events_stream, workspace_channel

TRACES_STORED_EVENT = "traces.stored"
JOB_UPDATED = "job.updated"
ALERT_CHANGED = "alert.changed"
PRICES_CHANGED = "prices.changed"
DATA_DELETED = "data.deleted"
EVENTS = (TRACES_STORED_EVENT, JOB_UPDATED, ALERT_CHANGED, PRICES_CHANGED, DATA_DELETED)

MAX_TRACE_IDS = 100
KEPT_EVENTS = 1_000
KEPT_SECONDS = 3_600

_ID = re.compile(r"(\d{1,15})-(\d{1,15})\Z")

# Appending and telling is one step, so that what is heard has the ids, and the order, of what is kept.
_PUBLISH = """
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'e', ARGV[4], 'd', ARGV[5])
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('PUBLISH', ARGV[1], '{"id":"' .. id .. '","event":"' .. ARGV[4] .. '","data":' .. ARGV[5] .. '}')
return id
"""

# Returns the server's time in milliseconds, whether the stream exists, its first and last id, how many entries were
# ever added and are there, and the entries after ARGV[1] up to ARGV[2].
READ_SCRIPT = """
local time = redis.call('TIME')
local now = time[1] .. string.format('%03d', math.floor(time[2] / 1000))
if redis.call('EXISTS', KEYS[1]) == 0 then return {now, 0, '', '', 0, 0, {}} end
local info, facts = redis.call('XINFO', 'STREAM', KEYS[1]), {}
for i = 1, #info, 2 do facts[info[i]] = info[i + 1] end
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)
local entries = {}
if ARGV[1] ~= '' then entries = redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], ARGV[2]) end
return {now, 1, first[1] and first[1][1] or '', facts['last-generated-id'], facts['entries-added'] or -1,
  facts['length'], entries}
"""


@dataclass(frozen=True, order=True, slots=True)
class EventId:
    """Place of an event in its workspace's stream: milliseconds since the Unix epoch, and a number within them."""

    milliseconds: int
    number: int

    @classmethod
    def parse(cls, text: str) -> "EventId":
        """Return the id that a text names.

        Raises:
            ValueError: It is none.
        """
        match = _ID.match(text)
        if match is None:
            raise ValueError("not the id of an event")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.milliseconds}-{self.number}"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a workspace."""

    id: EventId
    name: str
    data: dict[str, Any]

    @property
    def time(self) -> datetime:
        """Return when the event was published, by the clock of Redis."""
        return datetime.fromtimestamp(self.id.milliseconds / 1000, UTC)

    @classmethod
    def decode(cls, message: bytes) -> "Event":
        """Return the event of a message on a workspace's channel.

        Raises:
            ValueError: It is not a message of this platform.
        """
        document: Any = orjson.loads(message)
        try:
            return cls(EventId.parse(document["id"]), document["event"], document["data"])
        except (KeyError, TypeError) as error:
            raise ValueError("not an event") from error


@dataclass(frozen=True, slots=True)
class Kept:
    """What a workspace's stream held at one moment.

    ``position`` is after everything published before that moment. ``events`` are those asked for, in order, and
    ``complete`` says that none between the id asked from and ``position`` is missing.
    """

    position: EventId
    events: list[Event]
    complete: bool


def traces_stored(trace_ids: Sequence[str]) -> dict[str, Any]:
    """Return the data of ``traces.stored``: the first ids of these traces, and their number."""
    return {"trace_ids": list(trace_ids[:MAX_TRACE_IDS]), "count": len(trace_ids)}


async def publish_event(redis: Redis, workspace: str, event: str, data: Mapping[str, Any]) -> None:
    """Tell whoever watches a workspace that something happened, and keep it for those who come back within the hour.

    Args:
        redis: Client of the queue server (``REDIS_URL``).
        workspace: Public id of the workspace.
        event: One of ``EVENTS``.
        data: What happened, as far as JSON can say it; everybody who may read the workspace sees it.

    Raises:
        ValueError: Nobody knows an event of this name.
        redis.exceptions.RedisError: The event may or may not have been published.
    """
    await _publish(redis, workspace, event, data)


def add_event(pipeline: Pipeline, workspace: str, event: str, data: Mapping[str, Any]) -> None:
    """Like ``publish_event``, as a command of a pipeline.

    Raises:
        ValueError: Nobody knows an event of this name.
    """
    _publish(pipeline, workspace, event, data)


def _publish(client: Any, workspace: str, event: str, data: Mapping[str, Any]) -> Any:
    if event not in EVENTS:
        raise ValueError(f"{event!r} is not an event")
    return client.eval(
        _PUBLISH,
        1,
        events_stream(workspace),
        workspace_channel(workspace),
        KEPT_EVENTS,
        KEPT_SECONDS,
        event,
        orjson.dumps(data),
    )


def read_command(workspace: str, after: EventId | None = None, until: EventId | None = None) -> tuple[Any, ...]:
    """Return the command whose answer ``decode_kept`` reads; without ``after`` it asks for the position alone."""
    return ("EVAL", READ_SCRIPT, 1, events_stream(workspace), str(after or ""), str(until or "+"))


def decode_kept(answer: Sequence[Any], after: EventId | None = None) -> Kept:
    """Return what a workspace's stream held, from the answer to ``read_command``.

    An id younger than the stream's life in silence can have lost nothing but what was trimmed: whatever was published
    after it has kept the stream alive. Ids from the future are of another server.
    """
    now, exists, first, last, added, length = int(answer[0]), *answer[1:6]
    if not exists:
        # The next event may still get this very millisecond.
        position, trimmed_to = EventId(now - 1, 0), None
    else:
        position = EventId.parse(last.decode())
        trimmed_to = EventId.parse(first.decode()) if first and added != length else None
    events = [_decode_entry(identifier, fields) for identifier, fields in answer[6]]
    if after is None:
        return Kept(position, events, complete=True)
    is_young = now - KEPT_SECONDS * 1000 < after.milliseconds <= max(now, position.milliseconds)
    return Kept(position, events, complete=is_young and (trimmed_to is None or trimmed_to <= after))


def _decode_entry(identifier: bytes, fields: Sequence[bytes]) -> Event:
    values = dict(zip(fields[::2], fields[1::2], strict=True))
    return Event(EventId.parse(identifier.decode()), values[b"e"].decode(), orjson.loads(values[b"d"]))
