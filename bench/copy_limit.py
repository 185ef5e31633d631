"""How fast PostgreSQL takes the very rows that the platform stored, when nothing else has to be done."""

import struct
import time
from collections.abc import AsyncIterator

import asyncpg
from db.migrate import migrate_traces
from shared.database import Connection

# In the order in which one transaction of the platform writes them.
TABLES = ("trace_heads", "spans", "span_payloads", "traces", "ingest_receipts", "ingest_stats")
SPANS_PER_COMMIT = 1000
_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
_TRAILER = struct.pack("!h", -1)


async def read_rows(connection: Connection) -> dict[str, list[bytes]]:
    """Return the stored rows of each table as tuples in PostgreSQL's binary COPY format."""
    rows = {}
    for table in TABLES:
        received = bytearray()

        async def collect(data: bytes, into: bytearray = received) -> None:
            into += data

        columns = await _writable_columns(connection, table)
        names = ", ".join(columns)
        await connection.copy_from_query(f"select {names} from {table}", output=collect, format="binary")  # noqa: S608
        rows[table] = _split(bytes(received))
    return rows


async def _writable_columns(connection: Connection, table: str) -> list[str]:
    records = await connection.fetch(
        "select attname from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped"
        " and attidentity = '' order by attnum",
        table,
    )
    return [record["attname"] for record in records]


def _split(data: bytes) -> list[bytes]:
    extension = struct.unpack_from("!i", data, 15)[0]
    position = 19 + extension
    rows = []
    while (fields := struct.unpack_from("!h", data, position)[0]) != -1:
        start = position
        position += 2
        for _ in range(fields):
            length = struct.unpack_from("!i", data, position)[0]
            position += 4 + max(0, length)
        rows.append(data[start:position])
    return rows


async def measure(url: str, days: AsyncIterator[None] | None, rows: dict[str, list[bytes]]) -> float:
    """Return spans a second for one connection that copies a thousand spans, with all that belongs to them, a commit.

    Args:
        url: An empty database of the same server, owned by the caller.
        days: Awaited once after migration to create the partitions that the rows need.
        rows: What ``read_rows`` returned.
    """
    connection = await asyncpg.connect(url)
    try:
        await migrate_traces(connection)
        if days is not None:
            async for _ in days:
                pass
        columns = {table: await _writable_columns(connection, table) for table in TABLES}
        commits = max(1, round(len(rows["spans"]) / SPANS_PER_COMMIT))
        started = time.perf_counter()
        for commit in range(commits):
            async with connection.transaction():
                for table in TABLES:
                    part = rows[table][
                        len(rows[table]) * commit // commits : len(rows[table]) * (commit + 1) // commits
                    ]
                    if part:
                        await connection.copy_to_table(
                            table, source=_source(part), columns=columns[table], format="binary"
                        )
        return len(rows["spans"]) / (time.perf_counter() - started)
    finally:
        await connection.close()


async def _source(rows: list[bytes]) -> AsyncIterator[bytes]:
    yield _SIGNATURE + b"".join(rows) + _TRAILER
