"""The thread that takes what is finished from memory and writes it to the spool."""

import random
import threading
import time
from collections.abc import Callable

from opentelemetry.sdk.trace import ReadableSpan

from agent_observability.account import Account
from agent_observability.batches import Batch, Content
from agent_observability.encoding import clean_span, encode_record, encode_traces, report_content
from agent_observability.guard import guard, notices
from agent_observability.memory import Store
from agent_observability.queueing import WAKE_AT, Queue, Record
from agent_observability.redaction import Redactor
from agent_observability.spool import HEARTBEAT_SECONDS, SpoolFullError

INTERVAL_SECONDS = 1.0
_BATCH_ITEMS = 1_000
_BATCH_BYTES = 4 * 1024 * 1024
_REPORT_SECONDS = 30.0


class Writer:
    """Writes batches; ``drain`` may also be called from another thread."""

    def __init__(
        self, queue: Queue, account: Account, store: Store, redactor: Redactor, on_batch: Callable[[Batch], None]
    ) -> None:
        """Build a writer.

        Args:
            queue: Where finished items wait.
            account: Where items are counted.
            store: Where batches are kept.
            redactor: What cleans them before.
            on_batch: Is told of each batch that was written.
        """
        self._queue, self._account, self._store = queue, account, store
        self._redactor, self._on_batch = redactor, on_batch
        self._lock = threading.Lock()
        self._stopping = False
        self._reported_at = time.monotonic()

    def run(self) -> None:
        """Write until ``stop``."""
        while not self._stopping:
            with guard:
                self._wait()
                self.drain()
                if time.monotonic() - self._reported_at > _REPORT_SECONDS:
                    self.write_account()
                self._store.beat()

    def _wait(self) -> None:
        """Wait for something to do: for the first item, then for more until there are enough or it is old enough."""
        wake = self._queue.wake
        if wake.wait(HEARTBEAT_SECONDS):
            wake.clear()
            if len(self._queue) < WAKE_AT and not self._stopping:
                wake.wait(INTERVAL_SECONDS * random.uniform(0.8, 1.0))
                wake.clear()

    def stop(self) -> None:
        """End the thread soon."""
        self._stopping = True
        self._queue.wake.set()

    def drain(self, deadline: float = float("inf")) -> bool:
        """Write all that waits; return whether that was done before the deadline, a time of ``time.monotonic``."""
        if not self._lock.acquire(timeout=min(max(0.0, deadline - time.monotonic()), threading.TIMEOUT_MAX)):
            return False
        try:
            while len(self._queue):
                if time.monotonic() > deadline:
                    return False
                self._write_items(self._queue.take(_BATCH_ITEMS, _BATCH_BYTES))
            return True
        finally:
            self._lock.release()

    def _write_items(self, items: list[ReadableSpan | Record]) -> None:
        spans: list[ReadableSpan] = []
        for item in items:
            if isinstance(item, Record):
                self._write_record(item)
                continue
            try:
                spans.append(clean_span(item, self._redactor))
            except Exception as error:
                guard.failed(error)
                self._account.drop("not_encodable")
        if not spans:
            return
        contents = encode_traces(spans)
        missing = len(spans) - sum(content.items for content in contents)
        if missing:
            self._account.drop("too_large", missing)
        for content in contents:
            self._write(content)

    def _write_record(self, record: Record) -> None:
        try:
            content = encode_record(record, self._redactor)
        except Exception as error:
            guard.failed(error)
            self._account.drop("not_encodable")
            return
        self._write(content)

    def write_account(self) -> None:
        """Write what has happened without a batch to carry it."""
        self._reported_at = time.monotonic()
        if not self._account.has_delta():
            return
        delta = self._account.take_delta()
        try:
            self._on_batch(self._store.write(report_content(delta.created, delta.sampled, dict(delta.dropped))))
        except (SpoolFullError, OSError):
            self._account.give_back(delta)

    def _write(self, content: Content) -> None:
        delta = self._account.take_delta(content.items)
        content.account = delta.to_json()
        reason = "spool_full"
        try:
            batch = self._store.write(content)
        except SpoolFullError:
            notices.warn("spool_full", "The spool is full: new spans are dropped until the platform takes some.")
        except OSError as error:
            reason = "spool_failed"
            notices.warn("spool_failed", "The spool cannot be written (%s): new spans are dropped.", error.strerror)
        else:
            self._account.spool(content.items)
            self._on_batch(batch)
            return
        self._account.give_back(delta, content.items)
        self._account.drop(reason, content.items)
