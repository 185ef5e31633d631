"""What a receipt says of a batch, and how long to wait when there is none."""

import random
from collections.abc import Mapping

_LONGEST_PAUSE = 60.0


def retry_pause(failures: int) -> float:
    """Return seconds to wait after so many failures in a row: 1, 2, 4 … 60, at random between half and whole."""
    longest: float = min(_LONGEST_PAUSE, 2.0 ** min(failures - 1, 10))
    return longest * random.uniform(0.5, 1.0)


def read_receipt(receipt: Mapping[str, object], items: int) -> tuple[int, dict[str, int]]:
    """Return how many of a batch's items are stored, and how many are not by reason; they add up to the items."""
    counts = {
        name: count
        for name in ("stored", "duplicate", "rejected", "dead_lettered")
        if isinstance(count := receipt.get(name), int)
    }
    stored = min(items, counts.get("stored", 0) + counts.get("duplicate", 0))
    left = items - stored
    rejected: dict[str, int] = {}
    reasons = receipt.get("reasons")
    stated = list(reasons.items()) if isinstance(reasons, dict) else []
    named = sum(count for _, count in stated if isinstance(count, int))
    refused, dead = counts.get("rejected", 0), counts.get("dead_lettered", 0)
    unnamed = [("rejected", refused - named), ("dead_lettered", dead - max(0, named - refused))]
    for reason, count in [*stated, *unnamed]:
        taken = min(count, left) if isinstance(count, int) else 0
        if taken > 0:
            rejected[str(reason)] = rejected.get(str(reason), 0) + taken
            left -= taken
    if left:
        rejected["unaccounted"] = left
    return stored, rejected
