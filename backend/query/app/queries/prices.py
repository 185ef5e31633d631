"""Prices in the traces database: listed for a workspace, and its own changed."""

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from query.app.presentation import Row
from query.app.prices import MOST_PRICES, NewPrice, Wanted
from shared.database import Connection, Pool
from shared.errors import ConflictError, NotFoundError

# What is the source of each price of a workspace, beside the catalogue's name.
_OWN = "workspace"
_BEGINNING = (None, None, None, None)

# Of a workspace's prices for the same model and provider the one that began last counts.
_COLUMNS = """p.price_id, p.workspace_id, p.provider, p.model, p.match::text as match, p.prices::text as prices,
  p.source, p.valid_from, p.valid_to, p.created_at, p.created_by, p.replaced_at,
  case
    when p.replaced_at is not null then 'replaced'
    when p.valid_from > now() then 'scheduled'
    when p.valid_to <= now() then 'ended'
    when p.workspace_id is not null and exists (
      select from price_versions later
      where coalesce(later.workspace_id, 0) = p.workspace_id and later.replaced_at is null
        and later.provider = p.provider and later.model = p.model
        and later.valid_from > coalesce(p.valid_from, '-infinity') and later.valid_from <= now()
        and coalesce(later.valid_to, 'infinity') > now()
    ) then 'superseded'
    else 'in_force'
  end as state"""
_SELECT_PRICES = f"""
select * from (
  select {_COLUMNS} from price_versions p
  where coalesce(p.workspace_id, 0) in (0, $1) and (p.replaced_at is null or $2::text is null or $2 = 'replaced')
    and ($3::bool is null or (p.workspace_id is null) = $3)
    and ($4::text is null or p.provider = $4)
    and ($5::text is null or position($5 in lower(p.model)) > 0)
    and ($6::bool is null
      or (p.workspace_id is null, p.provider, p.model, -p.price_id) > ($6, $7::text, $8::text, -$9::int4))
) found
where $2::text is null or state = $2
order by workspace_id is null, provider, model, price_id desc
limit $10
"""  # noqa: S608


async def list_prices(workspace: int, traces: Pool, wanted: Wanted, limit: int) -> list[Row]:
    """Return a workspace's own prices and then those of the catalogue, by provider and model, newest first."""
    filters = (wanted.state, wanted.is_common, wanted.provider, wanted.model)
    rows: Any = await traces.fetch(_SELECT_PRICES, workspace, *filters, *(wanted.after or _BEGINNING), limit)
    return list(rows)


_SELECT_PRICE = f"""
select {_COLUMNS} from price_versions p where coalesce(p.workspace_id, 0) in (0, $1) and p.price_id = $2
"""  # noqa: S608


async def read_price(workspace: int, traces: Pool | Connection, price_id: int) -> Row:
    """Return a price, replaced or not.

    Raises:
        NotFoundError: The workspace sees no such price.
    """
    row = await traces.fetchrow(_SELECT_PRICE, workspace, price_id)
    if row is None:
        raise NotFoundError
    return dict(row)


# Written before the change is committed, so that nothing changes without a line in the audit log.
Record = Callable[[Row], Awaitable[None]]

_LOCK = "select pg_advisory_xact_lock(hashtext('price_versions'), $1)"
_COUNT = "select count(*) from price_versions where coalesce(workspace_id, 0) = $1 and replaced_at is null"
_INSERT = """
insert into price_versions (workspace_id, provider, model, prices, valid_from, valid_to, source, created_by)
values ($1, $2, $3, $4::text::jsonb, $5, $6, $7, $8)
on conflict do nothing returning price_id
"""


async def add_price(workspace: int, traces: Pool, author: uuid.UUID, price: NewPrice, record: Record) -> Row:
    """Store a price of a workspace and return it.

    Raises:
        ConflictError: It has one for the same provider, model and beginning, or as many as it may.
    """
    async with traces.acquire() as connection, connection.transaction():
        # Callers count one after the other.
        await connection.execute(_LOCK, workspace)
        if await connection.fetchval(_COUNT, workspace) >= MOST_PRICES:
            raise ConflictError(
                f"The workspace has {MOST_PRICES} prices of its own; delete some first.", code="too_many_prices"
            )
        row = await _insert(workspace, connection, author, price)
        await record(row)
    return row


async def _insert(workspace: int, connection: Connection, author: uuid.UUID, price: NewPrice) -> Row:
    values = (price.provider, price.model, price.prices, price.valid_from, price.valid_to, _OWN, author)
    price_id = await connection.fetchval(_INSERT, workspace, *values)
    if price_id is None:
        raise ConflictError(
            "The workspace has a price for this provider, model and beginning; change that one.", code="duplicate_price"
        )
    return await read_price(workspace, connection, price_id)


_LOCK_PRICE = """
select price_id, workspace_id, provider, model, replaced_at from price_versions
where coalesce(workspace_id, 0) in (0, $1) and price_id = $2 for update
"""
_REPLACE = "update price_versions set replaced_at = now() where workspace_id = $1 and price_id = $2"


async def change_price(
    workspace: int,
    traces: Pool,
    author: uuid.UUID,
    price_id: int,
    change: Callable[[Row], NewPrice],
    record: Record,
) -> Row:
    """Put a corrected price in the place of one, which stays as history, and return the new one.

    Raises:
        NotFoundError: The workspace sees no such price.
        ConflictError: It is the catalogue's, was replaced already, or collides with another.
    """
    async with traces.acquire() as connection, connection.transaction():
        old = await _retire(workspace, connection, price_id)
        row = await _insert(workspace, connection, author, change(old))
        await record(row)
    return row


async def delete_price(workspace: int, traces: Pool, price_id: int, record: Record) -> Row:
    """Let a price hold no more and return it as it stays in history.

    Raises:
        NotFoundError: The workspace sees no such price.
        ConflictError: It is the catalogue's, or was replaced already.
    """
    async with traces.acquire() as connection, connection.transaction():
        await _retire(workspace, connection, price_id)
        row = await read_price(workspace, connection, price_id)
        await record(row)
    return row


async def _retire(workspace: int, connection: Connection, price_id: int) -> Row:
    await connection.execute(_LOCK, workspace)
    old = await connection.fetchrow(_LOCK_PRICE, workspace, price_id)
    if old is None:
        raise NotFoundError
    if old["workspace_id"] is None:
        raise ConflictError(
            "A price of the catalogue stays as it is; add one of the workspace's own.", code="catalogue_price"
        )
    if old["replaced_at"] is not None:
        raise ConflictError("The price has been replaced or deleted already.", code="price_replaced")
    await connection.execute(_REPLACE, workspace, price_id)
    return dict(old)
