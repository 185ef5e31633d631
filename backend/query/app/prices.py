"""Prices as people give and read them, and as they are stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import orjson

from query.app.models.prices import PriceBody, PriceChange, PriceParameters, RatesBody
from query.app.presentation import Row
from shared.http.cursor import decode_cursor, encode_cursor, read_integer, read_text
from shared.pricing.model import DAILY, REQUEST, TOKEN_KINDS
from shared.pricing.providers import own_provider

# Prices of a workspace's own that count at the same time.
MOST_PRICES = 1_000
_CURSOR = "prices"


@dataclass(frozen=True, slots=True)
class NewPrice:
    """A price of a workspace as it is stored; ``prices`` is JSON."""

    provider: str
    model: str
    prices: str
    valid_from: datetime | None
    valid_to: datetime | None


class Place(NamedTuple):
    """Where a page of the list of prices begins: behind the price of these."""

    is_common: bool
    provider: str
    model: str
    price_id: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which prices to list; None takes all. ``model`` is a part of an id in lower case."""

    state: str | None
    is_common: bool | None
    provider: str | None
    model: str | None
    after: Place | None


def read_wanted(parameters: PriceParameters) -> Wanted:
    """Return which prices a request asks for.

    Raises:
        InvalidFieldsError: The cursor is not one of this list.
    """
    after = None
    if parameters.cursor is not None:
        readers = (read_integer, read_text, read_text, read_integer)
        is_common, provider, model, price_id = decode_cursor(parameters.cursor, _CURSOR, readers)
        after = Place(bool(is_common), provider, model, max(0, min(price_id, 2**31 - 1)))
    return Wanted(
        None if parameters.state == "all" else parameters.state,
        None if parameters.source is None else parameters.source == "catalogue",
        None if parameters.provider is None else own_provider(parameters.provider, ""),
        None if parameters.model is None else parameters.model.lower(),
        after,
    )


def cursor_after(row: Row) -> str:
    """Return the cursor of the page behind a price."""
    return encode_cursor(_CURSOR, int(row["workspace_id"] is None), row["provider"], row["model"], row["price_id"])


def new_price(body: PriceBody) -> NewPrice:
    """Return a price as it is stored: under the names that pricing looks it up by."""
    model = body.model.lower()
    return changed_price(body, own_provider(body.provider, model), model)


def changed_price(body: PriceChange, provider: str, model: str) -> NewPrice:
    """Return a correction as it is stored.

    Args:
        body: The correction.
        provider: Whose price it is, as stored.
        model: What it is the price of, as stored.
    """
    return NewPrice(provider, model, orjson.dumps(_stored(body.prices)).decode(), body.valid_from, body.valid_to)


def _stored(rates: RatesBody) -> dict[str, object]:
    tiers = sorted(rates.tiers, key=lambda tier: tier.above_tokens)
    stored: dict[str, object] = {}
    for kind in TOKEN_KINDS:
        base: Decimal | None = getattr(rates, kind)
        if base is None:
            continue
        steps = [(tier.above_tokens, price) for tier in tiers if (price := getattr(tier, kind)) is not None]
        listed = [{"start": start, "price": float(price)} for start, price in [(0, base), *steps]]
        stored[kind] = listed if steps else float(base)
    if rates.request is not None:
        stored[REQUEST] = float(rates.request)
    return stored


def price_view(row: Row) -> dict[str, object]:
    """Return the public form of a price."""
    is_common = row["workspace_id"] is None
    prices = orjson.loads(row["prices"])
    created_by = row["created_by"]
    return {
        "id": row["price_id"],
        "provider": row["provider"],
        "model": row["model"],
        "source": "catalogue" if is_common else "workspace",
        "catalogue": row["source"] if is_common else None,
        "match": {"equals": row["model"]} if row["match"] is None else orjson.loads(row["match"]),
        "cost_sources": ["exact", "pattern"] if is_common else ["override"],
        "prices": {
            **_rates(prices),
            "daily": [
                {**_rates(entry["prices"]), "from": entry["from"], "to": entry["to"]} for entry in prices.get(DAILY, ())
            ],
            "other": {name: value for name, value in prices.items() if name not in (*TOKEN_KINDS, REQUEST, DAILY)},
        },
        "valid_from": row["valid_from"],
        "valid_to": row["valid_to"],
        "state": row["state"],
        "created_at": row["created_at"],
        "created_by": None if created_by is None else str(created_by),
        "replaced_at": row["replaced_at"],
    }


def _rates(prices: Mapping[str, Any]) -> dict[str, object]:
    steps = {kind: _steps(prices.get(kind)) for kind in TOKEN_KINDS}
    starts = sorted({start for found in steps.values() for start in found} - {0})
    return {
        **{kind: found.get(0) for kind, found in steps.items()},
        REQUEST: prices.get(REQUEST),
        "tiers": [
            {"above_tokens": start, **{kind: found.get(start) for kind, found in steps.items()}} for start in starts
        ],
    }


def _steps(value: Any) -> dict[int, float]:
    if value is None:
        return {}
    return {step["start"]: step["price"] for step in value} if isinstance(value, list) else {0: value}
