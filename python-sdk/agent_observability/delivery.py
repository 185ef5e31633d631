"""The thread that brings batches from the spool to the platform and follows them until they are stored."""

import heapq
import http.client
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from agent_observability.account import Account
from agent_observability.batches import REPORTS_PATH, TRACES_PATH, Batch, Content, DamagedError
from agent_observability.encoding import encode_report, halve
from agent_observability.guard import guard, notices
from agent_observability.http import Answer, Connection
from agent_observability.memory import Store
from agent_observability.receipts import read_receipt, retry_pause
from agent_observability.spool import GoneError

_NO_ANSWER = (OSError, http.client.HTTPException)
# 409: the same request of a process that was killed is still under way.
_LATER = frozenset({408, 409, 425, 429})
# The key or the address is wrong, which whoever runs the application mends.
_NOT_THE_BATCH = frozenset({401, 403, 404, 405, 407})
_ADOPT_SECONDS = 10.0
_LONGEST_RETRY_AFTER = 600.0
_REFUSED_PAUSE = 60.0
_FIRST_QUESTION, _LAST_QUESTION = 0.2, 30.0
_RECEIPT_DAYS = 7
_KEY_HOURS = 24
_HOUR_MS = 3_600_000


class Deliverer:
    """Sends batches, oldest first, asks for their receipts and reports their accounts."""

    def __init__(
        self,
        connection: Connection,
        account: Account,
        store: Store,
        is_own: Callable[[Batch], bool],
        suppressed: Callable[[], AbstractContextManager[object]],
    ) -> None:
        """Build a deliverer.

        Args:
            connection: Connection to the platform, for the thread that runs this.
            account: Where items are counted.
            store: Where batches are kept.
            is_own: Whether this process counts the items of a batch.
            suppressed: Context in which requests are not traced themselves.
        """
        self._connection, self._account, self._store = connection, account, store
        self._is_own, self._suppressed = is_own, suppressed
        self._changed = threading.Condition(threading.RLock())
        # Batches to send by age, each with the time from which it may be sent.
        self._outgoing: list[tuple[str, Batch]] = []
        self._later: list[tuple[float, str, Batch]] = []
        self._questions: list[tuple[float, str, Batch, int]] = []
        self._busy: Batch | None = None
        self._pause_until = 0.0
        self._failures = 0
        self._attempts: dict[str, int] = {}
        self._adopt_at = 0.0
        self._hurried = 0
        self._stopping = False

    def add(self, batch: Batch) -> None:
        """Take on a batch."""
        with self._changed:
            self._enqueue(batch)
            self._changed.notify_all()

    def _enqueue(self, batch: Batch) -> None:
        if batch.receipt is None:
            heapq.heappush(self._outgoing, (batch.id, batch))
        else:
            heapq.heappush(self._questions, (0.0, batch.id, batch, 0))

    def run(self) -> None:
        """Deliver until ``stop``."""
        with self._suppressed():
            while not self._stopping:
                with guard:
                    self._wait()
                    if not self._stopping:
                        self.step()
        self._connection.close()

    def _wait(self) -> None:
        with self._changed:
            if not self._stopping:
                pause = self._next_due() - time.monotonic()
                if pause > 0:
                    self._changed.wait(pause)

    def _next_due(self) -> float:
        due = [self._adopt_at]
        if self._outgoing:
            due.append(self._pause_until)
        if self._later:
            due.append(max(self._pause_until, self._later[0][0]))
        if self._questions:
            due.append(max(self._pause_until, self._questions[0][0]))
        return min(due)

    def stop(self) -> None:
        """End the thread after the request under way."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def hurry(self, *, until_stored: bool, deadline: float) -> bool:
        """Try at once what waits for another try, and wait for the batches of this process.

        Args:
            until_stored: Wait until the platform has said what became of them; else until it has them or is away.
            deadline: Time of ``time.monotonic`` to wait until.

        Returns:
            Whether nothing is left to wait for.
        """
        with self._changed:
            self._hurried += 1
            failures = self._failures
            self._try_now()
            try:
                while self._has_own(until_stored) and not self._stopping:
                    remaining = deadline - time.monotonic()
                    if remaining <= 0 or (not until_stored and self._failures > failures):
                        return False
                    self._changed.wait(min(remaining, threading.TIMEOUT_MAX))
                return not self._has_own(until_stored)
            finally:
                self._hurried -= 1

    def _try_now(self) -> None:
        self._pause_until = 0.0
        for _, _, batch in self._later:
            heapq.heappush(self._outgoing, (batch.id, batch))
        self._later.clear()
        self._questions = [(0.0, identifier, batch, 0) for _, identifier, batch, _ in self._questions]
        heapq.heapify(self._questions)
        self._changed.notify_all()

    def _has_own(self, until_stored: bool) -> bool:
        if self._busy is not None and self._is_own(self._busy) and (until_stored or self._busy.receipt is None):
            return True
        waiting = [batch for _, batch in self._outgoing] + [batch for _, _, batch in self._later]
        if until_stored:
            waiting += [batch for _, _, batch, _ in self._questions]
        return any(self._is_own(batch) for batch in waiting)

    def step(self) -> None:
        """Do what is due: adopt, send one batch, ask for the receipts that are due."""
        now = time.monotonic()
        if now >= self._adopt_at:
            self._adopt_at = now + _ADOPT_SECONDS
            for batch in self._store.adopt():
                self.add(batch)
        self._store.beat()
        due = self._next_outgoing(now)
        if due is not None:
            self._during(due, self._send)
        for _ in range(len(self._questions)):
            question = self._next_question(time.monotonic())
            if question is None:
                break
            asked, times = question
            self._during(asked, lambda asked, times=times: self._ask(asked, times))  # type: ignore[misc]

    def _next_outgoing(self, now: float) -> Batch | None:
        with self._changed:
            if now < self._pause_until:
                return None
            while self._later and self._later[0][0] <= now:
                batch = heapq.heappop(self._later)[2]
                heapq.heappush(self._outgoing, (batch.id, batch))
            if not self._outgoing:
                return None
            self._busy = heapq.heappop(self._outgoing)[1]
            return self._busy

    def _next_question(self, now: float) -> tuple[Batch, int] | None:
        with self._changed:
            if now < self._pause_until or not self._questions or self._questions[0][0] > now:
                return None
            _, _, batch, times = heapq.heappop(self._questions)
            self._busy = batch
            return batch, times

    def _during(self, batch: Batch, work: Callable[[Batch], None]) -> None:
        try:
            work(batch)
        except GoneError:
            pass
        except DamagedError:
            self._account.damage(batch.items, is_own=self._is_own(batch), was_accepted=batch.receipt is not None)
        except Exception as error:
            guard.failed(error)
            self._defer(batch)
        finally:
            with self._changed:
                self._busy = None
                self._changed.notify_all()

    def _send(self, batch: Batch) -> None:
        content = self._store.read(batch)
        headers = {"Content-Type": content.content_type}
        if content.content_encoding:
            headers["Content-Encoding"] = content.content_encoding
        if content.path != TRACES_PATH:
            headers["Idempotency-Key"] = batch.id
        try:
            answer = self._connection.request("POST", content.path, content.body, headers)
        except _NO_ANSWER as error:
            self._unreachable(type(error).__name__)
            self._requeue(batch)
            return
        if answer.is_ok:
            self._accepted(batch, content, answer)
        elif answer.status < 400 or answer.status in _NOT_THE_BATCH:
            self._refused(answer)
            self._requeue(batch)
        elif answer.status == 413 and (halves := halve(content)) is not None:
            for half in self._store.split(batch, *halves):
                self.add(half)
        elif answer.status in _LATER or answer.status >= 500:
            self._put_off(batch, answer)
        else:
            self._reached()
            self._settle(batch, content, 0, {answer.reason: batch.items}, was_accepted=False, is_counted=False)

    def _requeue(self, batch: Batch) -> None:
        with self._changed:
            self._enqueue(batch)

    def _accepted(self, batch: Batch, content: Content, answer: Answer) -> None:
        self._reached()
        self._attempts.pop(batch.id, None)
        receipt = answer.headers.get("x-receipt-id")
        if receipt is None or not receipt.replace("-", "").isalnum():
            self._settle(batch, content, batch.items, {}, was_accepted=False)
            return
        accepted = self._store.change(batch, receipt)
        if self._is_own(batch):
            self._account.accept(batch.items)
        with self._changed:
            heapq.heappush(self._questions, (time.monotonic() + self._question_pause(0), batch.id, accepted, 0))

    def _put_off(self, batch: Batch, answer: Answer) -> None:
        """Try again later: all batches when the platform is busy, this one when it may be the batch's own fault."""
        wait = min(answer.retry_after, _LONGEST_RETRY_AFTER)
        if answer.status in (429, 503):
            self._unreachable(f"status {answer.status}", wait)
            self._requeue(batch)
            return
        self._reached()
        self._defer(batch, wait)

    def _defer(self, batch: Batch, wait: float = 0.0) -> None:
        attempts = self._attempts[batch.id] = self._attempts.get(batch.id, 0) + 1
        due = time.monotonic() + max(wait, retry_pause(attempts))
        with self._changed:
            if batch.receipt is None:
                heapq.heappush(self._later, (due, batch.id, batch))
            else:
                heapq.heappush(self._questions, (due, batch.id, batch, attempts))

    def _unreachable(self, why: str, wait: float = 0.0) -> None:
        with self._changed:
            self._failures += 1
            self._pause_until = time.monotonic() + max(wait, retry_pause(self._failures))
        notices.warn("unreachable", "The platform does not take traces (%s); they are kept and sent later.", why)

    def _reached(self) -> None:
        with self._changed:
            self._failures = 0

    def _refused(self, answer: Answer) -> None:
        with self._changed:
            self._failures += 1
            self._pause_until = time.monotonic() + _REFUSED_PAUSE
        what = "API key" if answer.status in (401, 403) else "address of the platform"
        notices.warn("refused", "Traces are kept until the %s is right (status %s).", what, answer.status)

    def _question_pause(self, times: int) -> float:
        longest = 0.5 if self._hurried else _LAST_QUESTION
        return min(longest, _FIRST_QUESTION * 2.0**times)

    def _ask(self, batch: Batch, times: int) -> None:
        try:
            answer = self._connection.request("GET", f"/api/v1/receipts/{batch.receipt}")
        except _NO_ANSWER as error:
            self._unreachable(type(error).__name__)
            self._ask_later(batch, times)
            return
        if answer.status in (401, 403):
            self._refused(answer)
            self._ask_later(batch, times)
            return
        if answer.status == 404:
            self._reached()
            self._without_receipt(batch)
            return
        receipt = answer.json()
        if not answer.is_ok or not isinstance(receipt, dict):
            self._unreachable(f"status {answer.status}", min(answer.retry_after, _LONGEST_RETRY_AFTER))
            self._ask_later(batch, times)
            return
        self._reached()
        if receipt.get("state") == "queued":
            if time.time() * 1000 - batch.time_ms > _RECEIPT_DAYS * 24 * _HOUR_MS:
                self._without_receipt(batch)
            else:
                self._ask_later(batch, times + 1)
            return
        content = self._store.read(batch)
        stored, rejected = read_receipt(receipt, batch.items)
        self._settle(batch, content, stored, rejected, was_accepted=True)

    def _ask_later(self, batch: Batch, times: int) -> None:
        with self._changed:
            heapq.heappush(self._questions, (time.monotonic() + self._question_pause(times), batch.id, batch, times))

    def _without_receipt(self, batch: Batch) -> None:
        """Send again what the platform knows nothing of, unless that could double it."""
        content = self._store.read(batch)
        if content.path != TRACES_PATH and time.time() * 1000 - batch.time_ms > _KEY_HOURS * _HOUR_MS:
            self._settle(batch, content, batch.items, {}, was_accepted=True)
            return
        again = self._store.change(batch, None)
        if self._is_own(batch):
            self._account.accept(-batch.items)
        self._defer(again)

    def _settle(
        self,
        batch: Batch,
        content: Content,
        stored: int,
        rejected: dict[str, int],
        *,
        was_accepted: bool,
        is_counted: bool = True,
    ) -> None:
        """Report the account of a batch, then forget it.

        Args:
            batch: The batch.
            content: What it holds.
            stored: Items that are stored.
            rejected: Items that are not, by reason.
            was_accepted: Whether they were accepted before.
            is_counted: Whether the platform has counted those that were rejected.
        """
        if content.account is not None and content.path != REPORTS_PATH:
            dropped = dict(content.account["dropped"])
            if not is_counted:
                for reason, items in rejected.items():
                    dropped[reason] = dropped.get(reason, 0) + items
            body = encode_report(content.account["created"], stored, content.account["sampled"], dropped)
            headers = {"Content-Type": "application/json", "Idempotency-Key": f"{batch.id}-report"}
            try:
                answer = self._connection.request("POST", REPORTS_PATH, body, headers)
            except _NO_ANSWER as error:
                self._unreachable(type(error).__name__)
                self._defer(batch)
                return
            if not answer.is_ok and (answer.status in _LATER or answer.status >= 500 or answer.status in (401, 403)):
                self._defer(batch, min(answer.retry_after, _LONGEST_RETRY_AFTER))
                return
        self._store.delete(batch)
        self._attempts.pop(batch.id, None)
        if self._is_own(batch):
            self._account.settle(batch.items, stored, rejected, was_accepted=was_accepted)
