"""What keeps mistakes of this package out of the application that it observes."""

import logging
import os
import threading
import time
from collections.abc import Callable
from types import TracebackType

logger = logging.getLogger("agent_observability")

_EVERY_SECONDS = 60.0


class Notices:
    """Says each kind of thing at most once a minute, so that an outage does not fill the log."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._said: dict[str, float] = {}
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew_lock)

    def _renew_lock(self) -> None:
        # A thread that does not exist in the child may hold it.
        self._lock = threading.RLock()

    def warn(self, kind: str, message: str, *values: object) -> None:
        """Log a warning unless one of this kind was logged within the last minute."""
        with self._lock:
            now = time.monotonic()
            if now - self._said.get(kind, -_EVERY_SECONDS) < _EVERY_SECONDS:
                return
            self._said[kind] = now
        logger.warning(message, *values)


class Guard:
    """Catches what goes wrong in this package, counts it and says so; used as ``with guard:`` or ``guard.failed()``.

    ``KeyboardInterrupt``, ``SystemExit`` and cancellation pass: they belong to the application.
    """

    def __init__(self, notices: Notices) -> None:
        self._notices = notices
        self.count = 0

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        self.failed(error)
        return True

    def failed(self, error: Exception) -> None:
        """Take note of an error that was caught."""
        self.count += 1
        # The message may hold what the application traces, so only its type and place are said.
        self._notices.warn(
            "internal_error", "Tracing failed with %s at %s; the application is not affected.", *_describe(error)
        )

    def call(self, function: Callable[[], object]) -> None:
        """Call a function and take note of what it raises."""
        with self:
            function()


def _describe(error: Exception) -> tuple[str, str]:
    place, traceback = "an unknown place", error.__traceback__
    while traceback is not None:
        place = f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return type(error).__name__, place


notices = Notices()
guard = Guard(notices)
