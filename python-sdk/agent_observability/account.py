"""What became of every item: the account that the application, the spool and the platform agree on."""

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class DeliveryReport:
    """What became of the spans, scores, feedback and outcomes of this process, and where the rest is.

    Attributes:
        created: Items made.
        queued: Items in memory.
        spooled: Items on disk, which survive the end of the process and are sent again until the platform has them.
        accepted: Items in the platform's durable queue, not known to be stored yet.
        stored: Items of which the platform says that they are stored.
        rejected: Items that the platform refused, by reason.
        sampled: Items left out by sampling.
        dropped: Items given up, by reason.
        complete: Whether nothing is on the way any more: created is the sum of stored, rejected, sampled and dropped.
    """

    created: int = 0
    queued: int = 0
    spooled: int = 0
    accepted: int = 0
    stored: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    sampled: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether nothing is on the way any more."""
        return not (self.queued or self.spooled or self.accepted)


@dataclass
class Delta:
    """What has happened since the last batch of a run, as its header carries it; see docs/sdk/delivery.md."""

    created: int = 0
    sampled: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    def __bool__(self) -> bool:
        return bool(self.created or self.sampled or self.dropped)

    def to_json(self) -> dict[str, Any]:
        """Return the form that headers have."""
        return {"created": self.created, "sampled": self.sampled, "dropped": dict(self.dropped)}


class Account:
    """Counts items from their making to their end; every method may be called from any thread."""

    def __init__(self) -> None:
        # Re-entrant, since collecting garbage can end a span in the middle of any of these. The queue, which counts
        # what is made, uses it too: a second lock for each span would cost the application time.
        self.lock = threading.RLock()
        self.created = 0
        self._sampled = self._spooled = self._accepted = self._stored = 0
        self._rejected: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._delta = Delta()

    def sample(self) -> None:
        """Count a span that sampling leaves out."""
        with self.lock:
            self.created += 1
            self._sampled += 1
            self._delta.created += 1
            self._delta.sampled += 1

    def drop(self, reason: str, items: int = 1) -> None:
        """Count items that are given up before they were spooled."""
        with self.lock:
            self._dropped[reason] += items
            self._delta.created += items
            self._delta.dropped[reason] += items

    def damage(self, items: int, *, is_own: bool, was_accepted: bool) -> None:
        """Count items of a file that cannot be read; the account in its header is lost with it."""
        with self.lock:
            self._delta.created += items
            self._delta.dropped["damaged"] += items
            if is_own:
                if was_accepted:
                    self._accepted -= items
                else:
                    self._spooled -= items
                self._dropped["damaged"] += items

    def take_delta(self, items: int = 0) -> Delta:
        """Return what a batch of so many items is to carry, which counts as carried from now on."""
        with self.lock:
            delta, self._delta = self._delta, Delta()
            delta.created += items
            return delta

    def give_back(self, delta: Delta, items: int = 0) -> None:
        """Take back what a batch of so many items could not carry."""
        with self.lock:
            self._delta.created += delta.created - items
            self._delta.sampled += delta.sampled
            self._delta.dropped.update(delta.dropped)

    def has_delta(self) -> bool:
        """Return whether something waits for a batch to carry it."""
        with self.lock:
            return bool(self._delta)

    def spool(self, items: int) -> None:
        """Count items that were written to the spool, or taken back from what was accepted if negative."""
        with self.lock:
            self._spooled += items

    def accept(self, items: int) -> None:
        """Count spooled items that the platform has accepted; a negative number takes that back."""
        with self.lock:
            self._spooled -= items
            self._accepted += items

    def settle(self, items: int, stored: int, rejected: Mapping[str, int], *, was_accepted: bool) -> None:
        """Count items of which the platform has said the last word."""
        with self.lock:
            if was_accepted:
                self._accepted -= items
            else:
                self._spooled -= items
            self._stored += stored
            self._rejected.update(rejected)

    def give_up(self, reason: str, items: int) -> None:
        """Count items that were kept in memory for want of a spool and are given up."""
        with self.lock:
            self._spooled -= items
            self._dropped[reason] += items

    def report(self) -> DeliveryReport:
        """Return the account as it is now."""
        with self.lock:
            rejected, dropped = sum(self._rejected.values()), sum(self._dropped.values())
            settled = self._stored + rejected + self._sampled + dropped
            return DeliveryReport(
                created=self.created,
                queued=self.created - settled - self._spooled - self._accepted,
                spooled=self._spooled,
                accepted=self._accepted,
                stored=self._stored,
                rejected=dict(self._rejected),
                sampled=self._sampled,
                dropped=dict(self._dropped),
            )
