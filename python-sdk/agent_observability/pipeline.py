"""From finished spans to the platform: one queue, one store and two threads for each key and endpoint of a process."""

import atexit
import multiprocessing
import os
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import util as multiprocessing_util
from typing import Protocol

from opentelemetry import context as otel_context
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

from agent_observability.account import Account, DeliveryReport
from agent_observability.batches import RUN_DIGITS
from agent_observability.config import Settings
from agent_observability.delivery import Deliverer
from agent_observability.guard import guard, notices
from agent_observability.http import Connection
from agent_observability.memory import MemoryStore, Store
from agent_observability.queueing import Queue, Record
from agent_observability.redaction import Redactor
from agent_observability.spool import Spool, find_folder, workspace_folder
from agent_observability.writer import Writer

_pipelines: dict[tuple[str, str], "Pipeline"] = {}
_registry_lock = threading.RLock()


def _renew_registry_lock() -> None:
    # A thread that does not exist in the child may hold it.
    global _registry_lock
    _registry_lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_registry_lock)


def pipeline_for(settings: Settings) -> "Pipeline":
    """Return the pipeline of a key and endpoint, which clients in one process share so that nothing is sent twice."""
    identity = (settings.endpoint, settings.api_key or "")
    with _registry_lock:
        pipeline = _pipelines.get(identity)
        if pipeline is None or pipeline.is_shut_down:
            pipeline = _pipelines[identity] = Pipeline(settings)
        return pipeline


class Delivery(Protocol):
    """What a client needs of the way to the platform."""

    account: Account

    def put_record(self, record: Record) -> None:
        """Take a score, feedback or outcome."""

    def report(self) -> DeliveryReport:
        """Return what became of every item so far."""

    def flush(self, timeout: float) -> DeliveryReport:
        """Send everything now and wait."""

    def finish(self, timeout: float, *, until_stored: bool) -> DeliveryReport:
        """Bring everything to safety and end."""


class Pipeline:
    """Takes what is finished and brings it to the platform; its threads begin with the first item."""

    def __init__(self, settings: Settings) -> None:
        """Build a pipeline that has not begun."""
        self._settings = settings
        self.is_shut_down = False
        self.providers: weakref.WeakSet[TracerProvider] = weakref.WeakSet()
        self._reset()
        reference = weakref.ref(self)

        def after_fork() -> None:
            pipeline = reference()
            if pipeline is not None:
                guard.call(pipeline._after_fork)

        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=after_fork)
        multiprocessing_util.register_after_fork(self, Pipeline._finish_with_child)
        if multiprocessing.parent_process() is not None:
            self._finish_with_child()
        atexit.register(_at_exit, reference)

    def _reset(self) -> None:
        settings = self._settings
        self.account = Account()
        self._queue = Queue(self.account, settings.queue_max_items, settings.queue_max_bytes)
        self._start_lock = threading.RLock()
        self._is_started = False
        self._threads: list[threading.Thread] = []
        self._writer: Writer | None = None
        self._deliverer: Deliverer | None = None
        self._store: Store | None = None

    def _after_fork(self) -> None:
        # What the parent holds in memory is the parent's to deliver; locks may be held by threads that are not here.
        self._reset()

    def _finish_with_child(self) -> None:
        # Children of multiprocessing end without the functions of ``atexit``.
        multiprocessing_util.Finalize(self, _at_exit, args=(weakref.ref(self),), exitpriority=10)

    def put_span(self, span: ReadableSpan) -> None:
        """Take a finished span."""
        if self.is_shut_down:
            return
        self._queue.put_span(span)
        if not self._is_started:
            self._start()

    def put_record(self, record: Record) -> None:
        """Take a score, feedback or outcome."""
        if self.is_shut_down:
            return
        self._queue.put(record)
        if not self._is_started:
            self._start()

    def _start(self) -> None:
        with self._start_lock:
            if self._is_started or self.is_shut_down:
                return
            writer, deliverer = self._build()
            for name, run in (("writer", writer.run), ("sender", deliverer.run)):
                thread = threading.Thread(target=run, name=f"agentobs-{name}", daemon=True)
                try:
                    thread.start()
                    self._threads.append(thread)
                except RuntimeError:
                    # The interpreter is ending: what is there is written by ``finish``.
                    break
            self._is_started = True

    def _build(self) -> tuple[Writer, Deliverer]:
        if self._writer is not None and self._deliverer is not None:
            return self._writer, self._deliverer
        settings = self._settings
        key = settings.api_key or ""
        run, store = self._open_store()
        connection = Connection(settings.endpoint, key)
        self._store = store
        self._deliverer = Deliverer(
            connection, self.account, store, lambda batch: run is None or batch.run == run, _suppressed
        )
        self._writer = Writer(self._queue, self.account, store, Redactor(settings.mask), self._deliverer.add)
        return self._writer, self._deliverer

    def _open_store(self) -> tuple[str | None, Store]:
        settings = self._settings
        if settings.spool:
            folder = find_folder(settings.spool_dir, workspace_folder(settings.endpoint, settings.api_key or ""))
            if folder is not None:
                spool = Spool(folder, settings.spool_max_bytes)
                return spool.run_id[:RUN_DIGITS], spool
            notices.warn("no_spool", "No folder can be written for the spool: traces are kept in memory only.")
        return None, MemoryStore(settings.queue_max_bytes)

    @property
    def is_durable(self) -> bool:
        """Whether batches survive the end of the process."""
        return not isinstance(self._store, MemoryStore)

    def report(self) -> DeliveryReport:
        """Return what became of every item so far."""
        return self.account.report()

    def flush(self, timeout: float) -> DeliveryReport:
        """Write and send everything now, and wait until the platform says what became of it.

        Args:
            timeout: Longest wait, seconds.
        """
        deadline = time.monotonic() + timeout
        if not self._is_started and len(self._queue):
            self._start()
        if self._writer is not None and self._deliverer is not None:
            self._writer.drain(deadline)
            self._writer.write_account()
            self._deliverer.hurry(until_stored=True, deadline=deadline)
        elif self.account.has_delta():
            self._start_with_account()
        return self.report()

    def _start_with_account(self) -> None:
        self._start()
        if self._writer is not None:
            self._writer.write_account()

    def finish(self, timeout: float, *, until_stored: bool) -> DeliveryReport:
        """Bring everything to safety, end the threads, and leave what is left to other processes.

        Args:
            timeout: Longest wait, seconds.
            until_stored: Wait until it is stored; else until it is accepted, or spooled while the platform is away.
        """
        deadline = time.monotonic() + timeout
        if self.is_shut_down:
            return self.report()
        if len(self._queue) or self.account.has_delta():
            self._start()
        writer, deliverer = self._writer, self._deliverer
        if writer is not None and deliverer is not None and self._store is not None:
            writer.drain(deadline)
            writer.write_account()
            deliverer.hurry(until_stored=until_stored, deadline=deadline)
            self.is_shut_down = True
            writer.stop()
            deliverer.stop()
            for thread in self._threads:
                thread.join(max(0.0, deadline - time.monotonic()))
            writer.write_account()
            self._store.release()
            if not self.is_durable:
                self._give_up()
        self.is_shut_down = True
        return self.report()

    def _give_up(self) -> None:
        left = self.account.report().spooled
        if left:
            self.account.give_up("exit", left)
            notices.warn("exit", "%d items could not be sent before the end and were kept in memory only.", left)


def _at_exit(reference: "weakref.ref[Pipeline]") -> None:
    pipeline = reference()
    if pipeline is not None:
        guard.call(lambda: pipeline.finish(pipeline._settings.exit_timeout, until_stored=False))


@contextmanager
def _suppressed() -> Iterator[None]:
    token = otel_context.attach(otel_context.set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
    try:
        yield
    finally:
        otel_context.detach(token)
