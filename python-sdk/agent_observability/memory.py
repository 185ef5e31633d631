"""Batches in memory, for where no folder can be written: what a spool does, as long as the process lives."""

import secrets
import threading
import time
from typing import Protocol

from agent_observability.batches import RUN_DIGITS, Batch, Content
from agent_observability.spool import GoneError, SpoolFullError


class Store(Protocol):
    """Keeps batches until the platform has them; see ``Spool`` for what each method promises."""

    def write(self, content: Content) -> Batch:
        """Keep a new batch."""

    def split(self, batch: Batch, first: Content, second: Content) -> tuple[Batch, Batch]:
        """Replace a batch by two."""

    def read(self, batch: Batch) -> Content:
        """Return what a batch holds."""

    def change(self, batch: Batch, receipt: str | None) -> Batch:
        """Note the receipt of a batch, or that it is to be sent again."""

    def delete(self, batch: Batch) -> None:
        """Forget a batch."""

    def beat(self) -> None:
        """Say that this process is alive."""

    def release(self) -> None:
        """Leave what is left to other processes."""

    def adopt(self) -> list[Batch]:
        """Take over and return what processes that have ended left."""


class MemoryStore:
    """A store that nothing survives."""

    def __init__(self, max_bytes: int) -> None:
        """Build an empty store of at most so many bytes of bodies."""
        self._max_bytes = max_bytes
        self._run = secrets.token_hex(RUN_DIGITS // 2)
        self._lock = threading.Lock()
        self._sequence = 0
        self._bytes = 0
        self._contents: dict[str, Content] = {}

    def write(self, content: Content) -> Batch:
        """Keep a new batch.

        Raises:
            SpoolFullError: There is no room for it.
        """
        with self._lock:
            if self._bytes + len(content.body) > self._max_bytes:
                raise SpoolFullError
            self._sequence += 1
            now = time.time_ns() // 1_000_000
            batch = Batch(f"{now:013d}-{self._run}-{self._sequence:08d}", now, self._run, content.items)
            self._put(batch, content)
            return batch

    def _put(self, batch: Batch, content: Content) -> None:
        self._contents[batch.id] = content
        self._bytes += len(content.body)

    def split(self, batch: Batch, first: Content, second: Content) -> tuple[Batch, Batch]:
        """Replace a batch by two, which keep its age."""
        halves = (
            Batch(f"{batch.id}a", batch.time_ms, batch.run, first.items),
            Batch(f"{batch.id}b", batch.time_ms, batch.run, second.items),
        )
        self.delete(batch)
        with self._lock:
            for half, content in zip(halves, (first, second), strict=True):
                self._put(half, content)
        return halves

    def read(self, batch: Batch) -> Content:
        """Return what a batch holds.

        Raises:
            GoneError: It is not here any more.
        """
        content = self._contents.get(batch.id)
        if content is None:
            raise GoneError
        return content

    def change(self, batch: Batch, receipt: str | None) -> Batch:
        """Return the batch with another receipt."""
        return batch.accepted(receipt)

    def delete(self, batch: Batch) -> None:
        """Forget a batch."""
        with self._lock:
            content = self._contents.pop(batch.id, None)
            if content is not None:
                self._bytes -= len(content.body)

    def beat(self) -> None:
        """Do nothing: nobody shares this store."""

    def release(self) -> None:
        """Do nothing: what is here ends with the process."""

    def adopt(self) -> list[Batch]:
        """Return nothing: nobody shares this store."""
        return []
