"""Percentiles from histograms whose bins grow by a constant factor."""

import math
from collections.abc import Sequence

# The factor between the bounds of a bin, (1 + a) / (1 - a) for a relative error of a = 2 %: Masson, Rim and Lee,
# "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees", PVLDB 12(12), 2019, section 2.
GAMMA = 1.02 / 0.98
FIRST_TTFT_BIN = 1000

_HALF = 1 << 39
_LOG_GAMMA = math.log(GAMMA)
_SCALE = 2 / (GAMMA + 1)


def percentiles(items: Sequence[int] | None, shares: Sequence[float], *, ttft: bool = False) -> list[float | None]:
    """Return the value in microseconds below which each share of the values lies, within 2 %.

    The value of a share is the smallest at or below which at least that share lies, as ``percentile_disc`` of SQL.

    Args:
        items: Elements as ``hist_item`` packs them, each bin once; None or empty when there are none.
        shares: Shares between 0 and 1 in rising order.
        ttft: Whether to look at the times to the first token rather than at the durations.
    """
    bins: list[tuple[int, int]] = []
    total = 0
    # The bin is what is packed highest.
    for item in sorted(items or ()):
        bin_number = (item + _HALF) >> 40
        if (bin_number >= FIRST_TTFT_BIN) == ttft:
            count = item - (bin_number << 40)
            bins.append((bin_number - FIRST_TTFT_BIN if ttft else bin_number, count))
            total += count
    if total <= 0:
        return [None] * len(shares)
    answer: list[float | None] = []
    seen = 0
    wanted = iter([max(1, math.ceil(share * total)) for share in shares])
    rank = next(wanted, None)
    for bin_number, count in bins:
        seen += count
        while rank is not None and seen >= rank:
            answer.append(_SCALE * math.exp(bin_number * _LOG_GAMMA))
            rank = next(wanted, None)
        if rank is None:
            break
    return answer


def count_of(items: Sequence[int] | None, *, ttft: bool = False) -> int:
    """Return how many values a histogram holds."""
    return sum(
        item - (((item + _HALF) >> 40) << 40)
        for item in items or ()
        if (((item + _HALF) >> 40) >= FIRST_TTFT_BIN) == ttft
    )
