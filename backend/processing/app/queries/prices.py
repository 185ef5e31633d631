"""Prices in the traces database."""

from shared.database import Pool
from shared.pricing.book import PriceBook, load_book


async def load_prices(pool: Pool) -> PriceBook:
    """Return all prices."""
    async with pool.acquire() as connection:
        return await load_book(connection)


async def refresh_prices(pool: Pool, book: PriceBook) -> bool:
    """Read the prices again if any changed; return whether they did."""
    async with pool.acquire() as connection:
        return await book.refresh(connection)
