"""What clients may say on a socket: little, briefly and seldom."""

import time
from dataclasses import dataclass
from typing import Any

import orjson

from shared.streams.events import EVENTS

PER_SECOND = 5.0
BURST = 20.0


class MisbehavedError(Exception):
    """A client said what it may not; the text tells it so."""


@dataclass(frozen=True, slots=True)
class Ping:
    """Asks for an answer."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Asks for these kinds of events and no others."""

    events: tuple[str, ...]


class Requests:
    """Reads what one client says."""

    def __init__(self) -> None:
        self._left = BURST
        self._counted = time.monotonic()

    def read(self, text: str | None) -> Ping | Subscribe:
        """Return what a message asks for.

        Args:
            text: The message, None when it is binary.

        Raises:
            MisbehavedError: It is none of those that are known, or one too many.
        """
        now = time.monotonic()
        self._left = min(BURST, self._left + (now - self._counted) * PER_SECOND) - 1
        self._counted = now
        if self._left < 0:
            raise MisbehavedError("too many messages")
        try:
            document: Any = orjson.loads(text or "")
        except orjson.JSONDecodeError as error:
            raise MisbehavedError("messages are JSON") from error
        if document == {"type": "ping"}:
            return Ping()
        if isinstance(document, dict) and document.keys() == {"type", "events"} and document["type"] == "subscribe":
            events = document["events"]
            if isinstance(events, list) and all(isinstance(name, str) and name in EVENTS for name in events):
                return Subscribe(tuple(dict.fromkeys(events)))
            raise MisbehavedError(f"events are a list of {', '.join(EVENTS)}")
        raise MisbehavedError("a message is a ping or a subscribe")
