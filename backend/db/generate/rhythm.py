"""When traffic comes: hours of the day, days of the week, and spells in which something is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from random import Random

HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS

# Relative traffic by hour of the day in UTC, and on Saturdays and Sundays against working days.
_HOURS = {
    "office": (
        (1, 1, 1, 1, 1, 2, 4, 10, 22, 30, 32, 28, 20, 27, 31, 29, 24, 16, 8, 5, 4, 3, 2, 1),
        0.12,
    ),
    "consumer": (
        (6, 4, 3, 2, 2, 3, 6, 10, 15, 19, 22, 25, 27, 24, 22, 21, 22, 25, 29, 32, 31, 26, 18, 10),
        1.15,
    ),
    "nightly": (
        (14, 30, 34, 30, 16, 6, 3, 2, 3, 4, 4, 4, 4, 4, 4, 4, 3, 2, 1, 1, 1, 2, 4, 8),
        0.55,
    ),
}
_GROWTH_PER_DAY = 0.012


class Calendar:
    """Draws moments between two times by one of the rhythms, slightly more of them towards the end."""

    def __init__(self, rhythm: str, since_ns: int, until_ns: int) -> None:
        hours, weekend = _HOURS[rhythm]
        self._slots = range(since_ns, until_ns, HOUR_NS)
        self._until_ns = until_ns
        weights = []
        for slot in self._slots:
            moment = datetime.fromtimestamp((slot + HOUR_NS // 2) / 1e9, UTC)
            day = weekend if moment.weekday() >= 5 else 1.0
            growth = 1 + _GROWTH_PER_DAY * (slot - since_ns) / DAY_NS
            weights.append(hours[moment.hour] * day * growth)
        self._cumulative: Sequence[float] = list(accumulate(weights))

    def draw(self, rng: Random) -> int:
        """Return a moment in nanoseconds since the Unix epoch."""
        slot = rng.choices(self._slots, cum_weights=self._cumulative)[0]
        return slot + rng.randrange(min(HOUR_NS, self._until_ns - slot))


@dataclass(frozen=True, slots=True)
class Spell:
    """A time in which what ``target`` names, a provider or ``tools``, is slow or fails."""

    target: str
    start_ns: int
    end_ns: int
    slowness: float
    failures: float


class Weather:
    """The spells of a period; the same seed and period have the same spells."""

    def __init__(self, seed: int, since_ns: int, until_ns: int) -> None:
        rng = Random(f"weather {seed}")
        length = until_ns - since_ns
        self.spells = tuple(
            Spell(target, start, start + int(hours * HOUR_NS), slowness, failures)
            for target, position, hours, slowness, failures in (
                ("openai", 0.70, 5, 3.5, 0.03),
                ("anthropic", 0.86, 3, 1.6, 0.30),
                ("tools", 0.43, 7, 5.0, 0.06),
                ("gcp.gemini", 0.18, 4, 2.5, 0.10),
            )
            if (start := since_ns + int(length * (position + rng.uniform(-0.04, 0.04)))) is not None
        )

    def slowness(self, target: str, at_ns: int) -> float:
        """Return by what factor a call takes longer than usual."""
        return max((spell.slowness for spell in self._now(target, at_ns)), default=1.0)

    def failures(self, target: str, at_ns: int) -> float:
        """Return which share of traces fails because of a spell."""
        return max((spell.failures for spell in self._now(target, at_ns)), default=0.0)

    def _now(self, target: str, at_ns: int) -> list[Spell]:
        return [spell for spell in self.spells if spell.target == target and spell.start_ns <= at_ns < spell.end_ns]
