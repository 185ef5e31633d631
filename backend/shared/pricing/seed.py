"""The price table's rows from the data of genai-prices, and their upkeep when that package changes."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib.metadata import version

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import (
    ClauseAnd,
    ClauseOr,
    ConditionalPrice,
    MatchLogic,
    ModelPrice,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)

from shared.database import Connection
from shared.pricing import queries
from shared.pricing.model import DAILY, PriceVersion

_KEYS = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cached_input",
    "cache_write_mtok": "cache_write",
    "output_reasoning_mtok": "reasoning",
    "requests_kcount": "request",
}
_BEGINNING = datetime.min.replace(tzinfo=UTC)
_ENDLESS = datetime.max.replace(tzinfo=UTC)


def seed_rows() -> list[PriceVersion]:
    """Return what the installed genai-prices package knows, one row a model and time of validity.

    A model is recognised by the first row in the order of provider and model whose clause matches, which is the
    order the package tries them in. Prices of units that spans do not count (audio hours, searches, pages …)
    keep the package's names. Prices for service tiers and batches are left out: no span tells which it used.
    """
    source = f"genai-prices {version('genai-prices')}"
    return [
        PriceVersion(
            provider=provider.id,
            model=model.id,
            prices=prices,
            source=source,
            match=_clause(model.match),
            valid_from=start,
            valid_to=end,
        )
        for provider in get_snapshot().providers
        for model in provider.models
        for start, end, prices in _intervals(model.prices)
    ]


def _clause(logic: MatchLogic) -> dict[str, object]:
    if isinstance(logic, ClauseOr):
        return {"or": [_clause(part) for part in logic.or_]}
    if isinstance(logic, ClauseAnd):
        return {"and": [_clause(part) for part in logic.and_]}
    return dict(vars(logic))


def _intervals(
    prices: ModelPrice | Sequence[ConditionalPrice],
) -> list[tuple[datetime | None, datetime | None, dict[str, object]]]:
    """Cut a model's conditional prices into spans of time; in each the last one that is active counts."""
    if isinstance(prices, ModelPrice):
        return [(None, None, _figures(prices))]
    dates = {price.constraint.start_date for price in prices if isinstance(price.constraint, StartDateConstraint)}
    starts: list[date | None] = [None, *sorted(dates)]
    intervals: list[tuple[datetime | None, datetime | None, dict[str, object]]] = []
    for position, start in enumerate(starts):
        figures = _figures_since(prices, start)
        if intervals and intervals[-1][2] == figures:
            intervals[-1] = (intervals[-1][0], _midnight(starts, position + 1), figures)
        else:
            intervals.append((_midnight(starts, position), _midnight(starts, position + 1), figures))
    return intervals


def _midnight(starts: Sequence[date | None], position: int) -> datetime | None:
    start = starts[position] if position < len(starts) else None
    return None if start is None else datetime.combine(start, time(), UTC)


def _figures_since(prices: Sequence[ConditionalPrice], start: date | None) -> dict[str, object]:
    usual, daily = prices[0].prices, []
    for price in reversed(prices):
        constraint = price.constraint
        if isinstance(constraint, TimeOfDateConstraint):
            daily.append(
                {
                    "from": _utc(constraint.start_time),
                    "to": _utc(constraint.end_time),
                    "prices": _figures(price.prices),
                }
            )
        elif constraint is None or (start is not None and constraint.start_date <= start):
            usual = price.prices
            break
    return {**_figures(usual), DAILY: daily} if daily else _figures(usual)


def _utc(moment: time) -> str:
    if moment.tzinfo is not None:
        moment = datetime.combine(date(1970, 1, 2), moment).astimezone(UTC).time()
    return moment.isoformat()


def _figures(prices: ModelPrice) -> dict[str, object]:
    return {_KEYS.get(key, key): _figure(value) for key, value in vars(prices).items() if value is not None}


def _figure(value: Decimal | TieredPrices) -> object:
    if isinstance(value, TieredPrices):
        tiers = [{"start": 0, "price": _figure(value.base)}]
        return [*tiers, *({"start": tier.start, "price": _figure(tier.price)} for tier in value.tiers)]
    figure = float(value)
    return int(figure) if figure.is_integer() else figure


async def seed_prices(connection: Connection) -> None:
    """Bring the common prices of the table up to the installed package; without a difference, nothing changes.

    A row's price never changes, since spans refer to it: a price that the package dates takes effect from its
    date, one that the package altered without a date from now on, and what they replace ends there. A model
    that the package dropped ends now.
    """
    async with connection.transaction():
        await queries.lock_prices(connection)
        stored = await queries.read_prices(connection, [queries.COMMON])
        changed, new = plan_changes(stored, seed_rows(), datetime.now(UTC))
        if changed:
            await queries.update_prices(connection, changed)
        if new:
            await queries.insert_prices(connection, new)


def plan_changes(
    stored: Iterable[PriceVersion], wanted: Iterable[PriceVersion], now: datetime
) -> tuple[list[PriceVersion], list[PriceVersion]]:
    """Return the stored rows that end at another time or recognise other ids than before, and the new rows."""
    by_model: defaultdict[tuple[str, str], tuple[list[PriceVersion], list[PriceVersion]]] = defaultdict(
        lambda: ([], [])
    )
    for row in stored:
        if _end(row) > _start(row):
            by_model[row.provider, row.model][0].append(row)
    for row in wanted:
        by_model[row.provider, row.model][1].append(row)
    changed: list[PriceVersion] = []
    new: list[PriceVersion] = []
    for old, package in by_model.values():
        kept: dict[int | None, PriceVersion] = {}
        for row, start, end in _timeline(sorted(old, key=_start), sorted(package, key=_start), now):
            match = package[0].match if package else row.match
            spell = replace(
                row,
                match=match,
                valid_from=None if start == _BEGINNING else start,
                valid_to=None if end == _ENDLESS else end,
            )
            if row.price_id is not None and _start(row) == start:
                kept[row.price_id] = spell
            else:
                new.append(replace(spell, price_id=None))
        ended = {row.price_id: replace(row, valid_to=_start(row)) for row in old}
        changed += [spell for row in old if (spell := kept.get(row.price_id, ended[row.price_id])) != row]
    return changed, new


def _timeline(
    stored: list[PriceVersion], package: list[PriceVersion], now: datetime
) -> list[tuple[PriceVersion, datetime, datetime]]:
    """Return the rows of one model as they should hold from now on, without gaps or overlaps."""
    if not stored:
        return [(row, _start(row), _end(row)) for row in package]
    if not package:
        return _clip(stored, _BEGINNING, now)
    undated, dated = package[0], package[1:]
    since = _start(dated[0]) if dated else _ENDLESS
    past = _clip(stored, _BEGINNING, since)
    current = [row for row, start, end in past if start <= now < end]
    if since > now and not any(_fingerprint(row) == _fingerprint(undated) for row in current):
        past = [*_clip(stored, _BEGINNING, now), (undated, now, since)]
    held = {(_start(row), _fingerprint(row)): row for row in stored}
    return past + [(held.get((_start(row), _fingerprint(row)), row), _start(row), _end(row)) for row in dated]


def _clip(
    rows: Iterable[PriceVersion], start: datetime, end: datetime
) -> list[tuple[PriceVersion, datetime, datetime]]:
    spans = [(row, max(_start(row), start), min(_end(row), end)) for row in rows]
    return [span for span in spans if span[1] < span[2]]


def _start(row: PriceVersion) -> datetime:
    return row.valid_from or _BEGINNING


def _end(row: PriceVersion) -> datetime:
    return row.valid_to or _ENDLESS


def _fingerprint(row: PriceVersion) -> str:
    return json.dumps(row.prices, sort_keys=True, default=float)
