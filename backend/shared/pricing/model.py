"""What a price is and what it makes of a usage: exact integer arithmetic, no I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

TOKEN_KINDS = ("input", "output", "cached_input", "cache_write", "reasoning")
REQUEST = "request"
DAILY = "daily"

_DAY_NS = 86_400_000_000_000
_MAX_DECIMALS = 24
# Five times the largest token count at this price still fits 64 bits of nano-dollars.
_MAX_PRICE = Decimal(100_000)


@dataclass(slots=True)
class PriceVersion:
    """A row of ``price_versions``: what one model cost during one span of time.

    ``prices`` holds USD per million tokens under the names of ``TOKEN_KINDS`` (a number, or a list of
    ``{"start", "price"}`` by context length), USD per thousand requests under ``request``, and under ``daily``
    a list of ``{"from", "to", "prices"}`` that replace the others between two times of day (UTC).
    ``match`` is a clause that recognises ids of the model; None means the id itself and nothing else.
    """

    provider: str
    model: str
    prices: dict[str, object]
    source: str
    match: dict[str, object] | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    workspace_id: int | None = None
    price_id: int | None = None


class _Rates(NamedTuple):
    """Scaled prices of one token of each kind and of one request."""

    input: int
    output: int
    cached_input: int
    cache_write: int
    reasoning: int
    request: int


@dataclass(frozen=True, slots=True)
class Tariff:
    """Rates by context length, as integers of 10⁻³ / ``divisor`` nano-dollars' worth of a million tokens.

    ``tiers`` are sorted by falling threshold; the whole request is charged at the rates of the highest
    threshold that its input exceeds, as providers bill and genai-prices computes it.
    """

    base: _Rates
    tiers: tuple[tuple[int, _Rates], ...]
    divisor: int
    prices_input: bool
    prices_output: bool

    def cost_nano(self, tokens_input: int, tokens_output: int, cached: int, cache_write: int, reasoning: int) -> int:
        """Return the cost in nano-dollars, rounded half to even once, at the end.

        ``tokens_input`` includes ``cached`` and ``cache_write``, ``tokens_output`` includes ``reasoning``; parts
        that exceed their whole are charged as reported and the remainder counts as zero.
        """
        rates = self.base
        for start, tier in self.tiers:
            if tokens_input > start:
                rates = tier
                break
        plain_input = tokens_input - cached - cache_write
        plain_output = tokens_output - reasoning
        amount = (
            (plain_input if plain_input > 0 else 0) * rates.input
            + (plain_output if plain_output > 0 else 0) * rates.output
            + rates.request
        )
        if cached:
            amount += cached * rates.cached_input
        if cache_write:
            amount += cache_write * rates.cache_write
        if reasoning:
            amount += reasoning * rates.reasoning
        quotient, remainder = divmod(amount, self.divisor)
        doubled = remainder * 2
        if doubled > self.divisor or (doubled == self.divisor and quotient & 1):
            return quotient + 1
        return quotient


@dataclass(frozen=True, slots=True)
class Price:
    """A compiled price: the usual tariff and those that hold between two times of day."""

    tariff: Tariff
    daily: tuple[tuple[int, int, Tariff], ...] = ()

    def tariff_at(self, at_ns: int) -> Tariff:
        """Return the tariff that holds at this time (nanoseconds since the Unix epoch)."""
        if self.daily:
            now = at_ns % _DAY_NS
            for start, end, tariff in self.daily:
                if start <= now < end or (end < start and (now >= start or now < end)):
                    return tariff
        return self.tariff


def compile_price(prices: Mapping[str, object]) -> Price:
    """Compile the ``prices`` of a row; also the validation of prices that a person enters.

    Raises:
        ValueError: A price is no finite number of at least 0, or a tier or time of day is malformed.
    """
    daily = prices.get(DAILY, [])
    if not isinstance(daily, Sequence) or isinstance(daily, str):
        raise ValueError(f"{DAILY} is not a list")
    return Price(_compile_tariff(prices), tuple(_compile_daily(entry) for entry in daily))


def _compile_daily(entry: object) -> tuple[int, int, Tariff]:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("prices"), Mapping):
        raise ValueError(f"an entry of {DAILY} needs from, to and prices")
    return _time_of_day(entry.get("from")), _time_of_day(entry.get("to")), _compile_tariff(entry["prices"])


def _time_of_day(value: object) -> int:
    moment = time.fromisoformat(str(value))
    return (moment.hour * 3600 + moment.minute * 60 + moment.second) * 1_000_000_000 + moment.microsecond * 1000


def _compile_tariff(prices: Mapping[str, object]) -> Tariff:
    tiered = {kind: _tiers(kind, prices[kind]) for kind in TOKEN_KINDS if prices.get(kind) is not None}
    request = _number(REQUEST, prices.get(REQUEST) or 0)
    figures = [request, *(price for tiers in tiered.values() for _, price in tiers)]
    decimals = max(3, *(-int(figure.as_tuple().exponent) for figure in figures))
    scale = Decimal(10) ** decimals

    def rates(context: int) -> _Rates:
        scaled = {
            kind: int(next(price for start, price in reversed(tiers) if start <= context) * scale)
            for kind, tiers in tiered.items()
        }
        plain_input, plain_output = scaled.get("input", 0), scaled.get("output", 0)
        return _Rates(
            plain_input,
            plain_output,
            scaled.get("cached_input", plain_input),
            scaled.get("cache_write", plain_input),
            scaled.get("reasoning", plain_output),
            int(request * 1000 * scale),
        )

    starts = sorted({start for tiers in tiered.values() for start, _ in tiers} - {0}, reverse=True)
    free = not prices.keys() - {DAILY}
    return Tariff(
        rates(0),
        tuple((start, rates(start)) for start in starts),
        10 ** (decimals - 3),
        free or bool({"input", "cached_input", "cache_write"} & tiered.keys()),
        free or bool({"output", "reasoning"} & tiered.keys()),
    )


def _tiers(kind: str, value: object) -> list[tuple[int, Decimal]]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return [(0, _number(kind, value))]
    tiers: list[tuple[int, Decimal]] = []
    for tier in value:
        start = tier.get("start") if isinstance(tier, Mapping) else None
        if not isinstance(start, int) or isinstance(start, bool) or start < 0:
            raise ValueError(f"a tier of {kind} needs a start of at least 0 tokens and a price")
        tiers.append((start, _number(kind, tier.get("price"))))
    tiers.sort(key=lambda tier: tier[0])
    if not tiers or tiers[0][0] != 0 or len({start for start, _ in tiers}) != len(tiers):
        raise ValueError(f"the tiers of {kind} must begin at 0 and differ in their start")
    return tiers


def _number(kind: str, value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise ValueError(f"{kind} is not a number")
    try:
        # The shortest text of a float is the figure that its author wrote.
        figure = value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError(f"{kind} is not a number") from error
    if not figure.is_finite() or not 0 <= figure <= _MAX_PRICE or -int(figure.as_tuple().exponent) > _MAX_DECIMALS:
        raise ValueError(f"{kind} is not a price between 0 and {_MAX_PRICE} with at most {_MAX_DECIMALS} decimals")
    return figure
