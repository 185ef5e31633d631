"""Frames: what a socket is sent, and which of them can stand for others."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from shared.streams.events import (
    DATA_DELETED,
    JOB_UPDATED,
    MAX_TRACE_IDS,
    PRICES_CHANGED,
    TRACES_STORED_EVENT,
    Event,
    EventId,
)

READY = "ready"
RESYNC = "resync"
DEGRADED = "degraded"
RECOVERED = "recovered"
SUBSCRIBED = "subscribed"
PONG = "pong"
HEARTBEAT = "heartbeat"


class Frame:
    """A frame, written once for all sockets that get it."""

    __slots__ = ("_text", "data", "event", "id", "time")

    def __init__(
        self, event: str, data: Mapping[str, Any], identifier: EventId | None = None, time: datetime | None = None
    ) -> None:
        """Describe a frame.

        Args:
            event: What it tells.
            data: What JSON says of it.
            identifier: The place in the stream that a client has reached with it, None when it stays where it was.
            time: When it happened, now unless given.
        """
        self.event = event
        self.data = data
        self.id = identifier
        self.time = time or datetime.now(UTC)
        self._text: str | None = None

    @classmethod
    def of(cls, event: Event) -> "Frame":
        """Return the frame of something that happened."""
        return cls(event.name, event.data, event.id, event.time)

    @property
    def text(self) -> str:
        """Return the frame as it is sent."""
        if self._text is None:
            document = {
                "id": str(self.id) if self.id is not None else None,
                "event": self.event,
                "data": self.data,
                "time": self.time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            }
            self._text = orjson.dumps(document, default=str).decode()
        return self._text

    @property
    def is_traces(self) -> bool:
        """Return whether it tells of stored traces, of which several can be told at once."""
        return self.event == TRACES_STORED_EVENT

    @property
    def supersedes(self) -> tuple[str, object] | None:
        """Return what it tells the last of, so that earlier frames of the same tell nothing more; None when they do."""
        if self.event == JOB_UPDATED:
            return self.event, self.data.get("job_id")
        if self.event in (PRICES_CHANGED, DATA_DELETED):
            return self.event, orjson.dumps(self.data, default=str)
        return None

    def joined(self, later: "Frame") -> "Frame":
        """Return one frame for two neighbours that tell of stored traces."""
        ids = list(dict.fromkeys([*self.data["trace_ids"], *later.data["trace_ids"]]))
        # Beyond the ids of which each frame names some, it cannot be known which were counted twice.
        count = self.data["count"] + later.data["count"]
        if len(self.data["trace_ids"]) == self.data["count"] and len(later.data["trace_ids"]) == later.data["count"]:
            count = len(ids)
        return Frame(self.event, {"trace_ids": ids[:MAX_TRACE_IDS], "count": count}, later.id, later.time)
