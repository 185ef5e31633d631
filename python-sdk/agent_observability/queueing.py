"""Finished spans and records in memory, bounded by number and by size."""

import threading
from collections import deque
from dataclasses import dataclass
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan

from agent_observability.account import Account
from agent_observability.context import attributes_of

WAKE_AT = 512
# What a span takes in memory besides the text of its attributes, roughly.
_SPAN_BYTES = 2_000


@dataclass(frozen=True, slots=True)
class Record:
    """A score, feedback or outcome on its way to an address of the platform."""

    path: str
    content: dict[str, Any]


class Queue:
    """What the application has finished and nobody has written yet."""

    def __init__(self, account: Account, max_items: int, max_bytes: int) -> None:
        """Build an empty queue.

        Args:
            account: Where items are counted.
            max_items: Most items.
            max_bytes: Most bytes of text of all items together.
        """
        self.wake = threading.Event()
        self._account = account
        self._max_items, self._max_bytes = max_items, max_bytes
        self._items: deque[tuple[ReadableSpan | Record, int]] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._items)

    def put_span(self, span: ReadableSpan) -> None:
        """Add a finished span, or count it as dropped when there is no room."""
        size = _SPAN_BYTES
        for value in attributes_of(span).values():
            if type(value) is str:
                size += len(value)
        self.put(span, size)

    def put(self, item: ReadableSpan | Record, size: int = _SPAN_BYTES) -> None:
        """Add an item of so many bytes, or count it as dropped when there is no room."""
        account = self._account
        with account.lock:
            account.created += 1
            items = self._items
            if len(items) < self._max_items and self._bytes + size <= self._max_bytes:
                items.append((item, size))
                self._bytes += size
                waiting = len(items)
            else:
                waiting = 0
        if waiting == 0:
            account.drop("queue_full")
        elif waiting == 1 or waiting == WAKE_AT:
            self.wake.set()

    def take(self, max_items: int, max_bytes: int) -> list[ReadableSpan | Record]:
        """Remove and return the oldest items, at least one if there is any, within the bounds."""
        with self._account.lock:
            taken: list[ReadableSpan | Record] = []
            size = 0
            while self._items and len(taken) < max_items:
                item, item_size = self._items[0]
                if taken and size + item_size > max_bytes:
                    break
                self._items.popleft()
                taken.append(item)
                size += item_size
            self._bytes -= size
            return taken
