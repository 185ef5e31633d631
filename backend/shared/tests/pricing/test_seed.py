"""The price table through seedings with the same and with newer packages."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
import pytest_asyncio

from shared.database import Connection as Database
from shared.domain import CostSource
from shared.pricing import seed
from shared.pricing.book import load_book
from shared.pricing.model import PriceVersion
from shared.pricing.queries import insert_prices, read_prices

JUNE, JULY = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
FAR = datetime(2999, 1, 1, tzinfo=UTC)


@pytest_asyncio.fixture
async def database(traces_url: str) -> AsyncIterator[Database]:
    connection = await asyncpg.connect(traces_url)
    await connection.execute("truncate price_versions")
    yield connection
    await connection.close()


Spell = tuple[float, datetime | None, datetime | None]


def package(*spells: Spell, release: str = "1", model: str = "m") -> list[PriceVersion]:
    return [
        PriceVersion("openai", model, {"input": price}, f"list {release}", {"equals": model}, start, end)
        for price, start, end in spells
    ]


async def install(monkeypatch: pytest.MonkeyPatch, connection: Database, rows: list[PriceVersion]) -> list[Spell]:
    """Seed from a made-up package and return the spells that hold afterwards."""
    monkeypatch.setattr(seed, "seed_rows", lambda: rows)
    await seed.seed_prices(connection)
    before = await connection.fetch("select price_id, xmin::text, * from price_versions order by price_id")
    await seed.seed_prices(connection)
    assert await connection.fetch("select price_id, xmin::text, * from price_versions order by price_id") == before
    stored = [row for row in await read_prices(connection) if row.valid_to is None or row.valid_to != row.valid_from]
    stored = [row for row in stored if row.valid_to is None or row.valid_to.year > 1]
    ordered = sorted(stored, key=lambda row: row.valid_from or datetime.min.replace(tzinfo=UTC))
    return [(float(str(row.prices["input"])), row.valid_from, row.valid_to) for row in ordered]


async def test_seeding_the_installed_package_twice_changes_nothing(database: Database) -> None:
    await seed.seed_prices(database)
    rows = await database.fetch("select xmin::text, * from price_versions order by price_id")
    assert len(rows) > 2000
    await seed.seed_prices(database)
    assert await database.fetch("select xmin::text, * from price_versions order by price_id") == rows


async def test_the_table_holds_the_package_exactly(database: Database) -> None:
    await seed.seed_prices(database)
    stored = {(row.provider, row.model, row.valid_from): row for row in await read_prices(database)}
    for row in seed.seed_rows():
        found = stored[row.provider, row.model, row.valid_from]
        assert (found.match, found.valid_to, found.source) == (row.match, row.valid_to, row.source)
        assert seed._fingerprint(found) == seed._fingerprint(row)


async def test_concurrent_seedings_store_each_price_once(database: Database, traces_url: str) -> None:
    async def one() -> None:
        connection = await asyncpg.connect(traces_url)
        await seed.seed_prices(connection)
        await connection.close()

    await asyncio.gather(*(one() for _ in range(3)))
    assert await database.fetchval("select count(*) from price_versions") == len(seed.seed_rows())


async def test_a_dated_change_closes_the_old_price_at_its_date(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await install(monkeypatch, database, package((1, None, None))) == [(1, None, None)]
    newer = package((1, None, JUNE), (2, JUNE, None), release="2")
    assert await install(monkeypatch, database, newer) == [(1, None, JUNE), (2, JUNE, None)]
    newest = package((1, None, JUNE), (2, JUNE, JULY), (3, JULY, None), release="3")
    assert await install(monkeypatch, database, newest) == [(1, None, JUNE), (2, JUNE, JULY), (3, JULY, None)]


async def test_an_undated_change_holds_from_now_on(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await install(monkeypatch, database, package((1, None, None)))
    before = datetime.now(UTC)
    (old, start, end), new = await install(monkeypatch, database, package((2, None, None), release="2"))
    assert (old, start, new) == (1, None, (2, end, None))
    assert end is not None
    assert before - timedelta(seconds=5) < end < datetime.now(UTC) + timedelta(seconds=5)


async def test_an_undated_change_before_an_announced_one(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await install(monkeypatch, database, package((1, None, None)))
    spells = await install(monkeypatch, database, package((2, None, FAR), (3, FAR, None), release="2"))
    assert [(price, end) for price, _, end in spells] == [(1, spells[1][1]), (2, FAR), (3, None)]


async def test_a_corrected_dated_price_leaves_the_old_row_for_spans_that_refer_to_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await install(monkeypatch, database, package((1, None, JUNE), (2, JUNE, None)))
    corrected = package((1, None, JUNE), (2.5, JUNE, None), release="2")
    assert await install(monkeypatch, database, corrected) == [(1, None, JUNE), (2.5, JUNE, None)]
    assert await database.fetchval("select count(*) from price_versions where prices = '{\"input\": 2}'") == 1


async def test_a_dropped_model_ends_and_may_return(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    other = package((9, None, None), model="other")
    await install(monkeypatch, database, package((1, None, None)) + other)
    await install(monkeypatch, database, other)
    ended = await database.fetchval("select valid_to from price_versions where model = 'm'")
    assert ended is not None
    assert ended <= datetime.now(UTC)
    await install(monkeypatch, database, package((1, None, None), release="3") + other)
    book = await load_book(database)
    now_ns = int(datetime.now(UTC).timestamp() * 1e9) + 10**9
    assert book.resolve("openai", "m", now_ns, 1) is not None
    assert book.resolve("openai", "m", 0, 1) is not None


async def test_a_wider_pattern_is_stored_without_a_new_price(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = package((1, None, None))
    await install(monkeypatch, database, rows)
    await install(monkeypatch, database, [replace(rows[0], match={"starts_with": "m"}, source="list 2")])
    assert await database.fetchval("select count(*) from price_versions") == 1
    resolved = (await load_book(database)).resolve("openai", "m-2", 0, 1)
    assert resolved is not None
    assert resolved.source is CostSource.PATTERN


async def test_workspace_prices_survive_seeding(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await install(monkeypatch, database, package((1, None, None)))
    await add_override(database)
    await install(monkeypatch, database, package((2, None, None), release="2"))
    row = await database.fetchrow("select * from price_versions where workspace_id = 5")
    assert row is not None
    assert row["valid_to"] is None


async def add_override(connection: Database) -> None:
    await connection.execute(
        "insert into price_versions (workspace_id, provider, model, prices, source)"
        " values (5, 'openai', 'm', '{\"input\": 0.1}', 'workspace')"
    )


async def test_a_book_notices_every_change_of_the_table(database: Database) -> None:
    await insert_prices(database, package((1, None, None)))
    book = await load_book(database)
    assert not await book.refresh(database)
    for statement, source in (
        ("update price_versions set valid_to = '1960-01-01'", None),
        ("update price_versions set valid_to = null", CostSource.EXACT),
        (
            "insert into price_versions (workspace_id, provider, model, prices, source)"
            " values (5, 'openai', 'm', '{\"input\": 0.1}', 'workspace')",
            CostSource.OVERRIDE,
        ),
        ("update price_versions set replaced_at = now() where workspace_id = 5", CostSource.EXACT),
        ("update price_versions set replaced_at = null where workspace_id = 5", CostSource.OVERRIDE),
        ("delete from price_versions where workspace_id = 5", CostSource.EXACT),
        ("delete from price_versions", None),
    ):
        await database.execute(statement)
        assert await book.refresh(database), statement
        assert not await book.refresh(database), statement
        resolved = book.resolve("openai", "m", 0, 5)
        assert (None if resolved is None else resolved.source) is source, statement


def test_pricing_spans_does_not_load_the_package() -> None:
    program = "import sys, shared.pricing.book; sys.exit('genai_prices' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
