"""SQL on ``price_versions``."""

import json
from collections.abc import Sequence
from decimal import Decimal

from shared.database import Connection
from shared.pricing.model import PriceVersion

COMMON = 0
"""Stands for no workspace: prices that hold for all of them."""

# Every insert and update changes a row's xmin, so that any change of the table shows without reading the rows.
_REVISION = """
select coalesce(workspace_id, 0) as workspace, count(*) as rows, sum(xmin::text::int8)::int8 as changes
from price_versions group by 1
"""


async def read_revision(connection: Connection) -> dict[int, tuple[int, int]]:
    """Return, by workspace, a value that differs whenever its rows do."""
    return {row["workspace"]: (row["rows"], row["changes"]) for row in await connection.fetch(_REVISION)}


_SELECT = """
select price_id, workspace_id, provider, model, match::text as match, valid_from, valid_to,
       prices::text as prices, source
from price_versions
where ($1::int4[] is null or coalesce(workspace_id, 0) = any($1)) and replaced_at is null
"""


async def read_prices(connection: Connection, workspaces: Sequence[int] | None = None) -> list[PriceVersion]:
    """Return the rows that count, of all workspaces unless some are named, numbers as exact decimals."""
    return [
        PriceVersion(
            provider=row["provider"],
            model=row["model"],
            prices=json.loads(row["prices"], parse_float=Decimal),
            source=row["source"],
            match=None if row["match"] is None else json.loads(row["match"]),
            valid_from=row["valid_from"],
            valid_to=row["valid_to"],
            workspace_id=row["workspace_id"],
            price_id=row["price_id"],
        )
        for row in await connection.fetch(_SELECT, workspaces)
    ]


_INSERT = """
insert into price_versions (workspace_id, provider, model, match, valid_from, valid_to, prices, source)
select null, provider, model, match::jsonb, valid_from, valid_to, prices::jsonb, source
from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::text[])
  as row(provider, model, match, valid_from, valid_to, prices, source)
"""


async def insert_prices(connection: Connection, rows: Sequence[PriceVersion]) -> None:
    """Insert prices that hold for every workspace."""
    await connection.execute(
        _INSERT,
        [row.provider for row in rows],
        [row.model for row in rows],
        [None if row.match is None else json.dumps(row.match) for row in rows],
        [row.valid_from for row in rows],
        [row.valid_to for row in rows],
        [json.dumps(row.prices) for row in rows],
        [row.source for row in rows],
    )


_UPDATE = """
update price_versions set valid_to = change.valid_to, match = change.match::jsonb
from unnest($1::int4[], $2::timestamptz[], $3::text[]) as change(price_id, valid_to, match)
where price_versions.price_id = change.price_id
"""


async def update_prices(connection: Connection, rows: Sequence[PriceVersion]) -> None:
    """Store anew when these rows stop to hold and which ids they recognise; nothing else of a row ever changes."""
    await connection.execute(
        _UPDATE,
        [row.price_id for row in rows],
        [row.valid_to for row in rows],
        [None if row.match is None else json.dumps(row.match) for row in rows],
    )


_LOCK = "select pg_advisory_xact_lock(hashtext('price_versions'))"


async def lock_prices(connection: Connection) -> None:
    """Keep other seedings out until the transaction ends."""
    await connection.execute(_LOCK)
