import asyncio
import os
import sys
from pathlib import Path

import asyncpg
import pytest

from db.migrate import MigrationError, migrate, migrate_metadata, migrate_traces
from db.migrate.files import MIGRATIONS, Engine, read_sequence
from db.migrate.runner import apply, exclusive
from shared.database import Connection

BACKEND = Path(__file__).parents[2]
GATE = 4711
SELECT_HISTORY = "select version, name, checksum, applied_at from schema_migrations order by version"
APPLY = """
import asyncio, asyncpg, sys
from pathlib import Path
from db.migrate.files import Engine, read_sequence
from db.migrate.runner import apply, exclusive

async def main():
    connection = await asyncpg.connect(sys.argv[1])
    async with exclusive(connection):
        await apply(connection, read_sequence(Path(sys.argv[2])), Engine.PLAIN)

asyncio.run(main())
"""


async def run(connection: Connection, folder: Path) -> list[str]:
    async with exclusive(connection):
        return await apply(connection, read_sequence(folder), Engine.PLAIN)


async def tables(connection: Connection) -> set[str]:
    rows = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
    return {row["tablename"] for row in rows}


async def test_both_databases_reach_the_newest_version_and_a_second_run_does_nothing(
    traces_url: str, metadata_url: str, traces: Connection, metadata: Connection
) -> None:
    before = [await traces.fetch(SELECT_HISTORY), await metadata.fetch(SELECT_HISTORY)]
    prices = await traces.fetchval("select count(*) from price_versions")
    reports: list[str] = []

    await migrate(traces_url, metadata_url, reports.append)

    assert [await traces.fetch(SELECT_HISTORY), await metadata.fetch(SELECT_HISTORY)] == before
    assert [row["name"] for row in before[0]] == [item.name for item in read_sequence(MIGRATIONS / "traces")]
    assert [row["name"] for row in before[1]] == [item.name for item in read_sequence(MIGRATIONS / "metadata")]
    assert await traces.fetchval("select count(*) from price_versions") == prices > 2000
    assert reports == ["traces (plain): up to date", "metadata: up to date"]


async def test_migrations_that_start_together_apply_once(empty: Connection, empty_database_url: str) -> None:
    others = [await asyncpg.connect(empty_database_url) for _ in range(3)]

    await asyncio.gather(*(migrate_traces(connection) for connection in [empty, *others]))

    assert len(await empty.fetch(SELECT_HISTORY)) == len(read_sequence(MIGRATIONS / "traces"))
    for other in others:
        await other.close()


async def test_a_file_edited_after_it_was_applied_is_refused(empty: Connection, tmp_path: Path) -> None:
    file = tmp_path / "0001_first.sql"
    file.write_text("create table first ();")
    await run(empty, tmp_path)
    file.write_text("create table first (); -- edited")

    with pytest.raises(MigrationError, match=r"0001_first\.sql was edited"):
        await run(empty, tmp_path)


async def test_a_database_of_a_newer_release_is_refused(empty: Connection, tmp_path: Path) -> None:
    (tmp_path / "0001_first.sql").write_text("create table first ();")
    (tmp_path / "0002_second.sql").write_text("create table second ();")
    await run(empty, tmp_path)
    (tmp_path / "0002_second.sql").unlink()

    with pytest.raises(MigrationError, match="0002_second was applied by a newer release"):
        await run(empty, tmp_path)


async def test_the_two_sequences_do_not_share_a_database(traces: Connection) -> None:
    with pytest.raises(MigrationError, match="0001_traces was applied, but the file is 0001_metadata"):
        await migrate_metadata(traces)


async def test_a_failing_file_leaves_nothing_behind(empty: Connection, tmp_path: Path) -> None:
    (tmp_path / "0001_first.sql").write_text("create table first ();")
    (tmp_path / "0002_second.sql").write_text("create table second (); select 1 / 0;")

    with pytest.raises(asyncpg.DivisionByZeroError):
        await run(empty, tmp_path)

    assert await tables(empty) == {"schema_migrations", "first"}
    (tmp_path / "0002_second.sql").write_text("create table second ();")
    assert await run(empty, tmp_path) == ["0002_second"]


async def test_a_file_without_transaction_may_do_what_none_allows(empty: Connection, tmp_path: Path) -> None:
    (tmp_path / "0001_first.sql").write_text("create table first (a int4);")
    (tmp_path / "0002_index.sql").write_text(
        "-- migrate: no-transaction\nset lock_timeout = '5s';\n"
        "create index concurrently if not exists first_a on first (a);"
    )

    assert await run(empty, tmp_path) == ["0001_first", "0002_index"]
    assert await empty.fetchval("select indisvalid from pg_index where indexrelid = 'first_a'::regclass")
    assert await empty.fetchval("show lock_timeout") == "0"


@pytest.mark.parametrize("directive", ["", "-- migrate: no-transaction\n"])
async def test_F57_a_migration_killed_half_way_is_completed_by_the_next_run(
    empty: Connection, empty_database_url: str, tmp_path: Path, directive: str
) -> None:
    (tmp_path / "0001_first.sql").write_text("create table first ();")
    (tmp_path / "0002_second.sql").write_text(
        f"{directive}create table if not exists second ();\n"
        f"select pg_advisory_lock({GATE}); select pg_advisory_unlock({GATE});\n"
        "create table third ();"
    )
    await empty.execute("select pg_advisory_lock($1)", GATE)
    arguments = ("-c", APPLY, empty_database_url, str(tmp_path))
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=BACKEND)
    waiting = "select count(*) from pg_stat_activity where wait_event = 'advisory' and datname = current_database()"
    while not await empty.fetchval(waiting):
        await asyncio.sleep(0.05)
    process.kill()
    await process.wait()
    await empty.execute("select pg_advisory_unlock($1)", GATE)

    await run(empty, tmp_path)

    assert await tables(empty) == {"schema_migrations", "first", "second", "third"}
    assert len(await empty.fetch(SELECT_HISTORY)) == 2


async def test_the_command_says_what_it_did_and_fails_with_a_message(
    empty: Connection, empty_database_url: str, metadata_url: str
) -> None:
    secrets = {name: os.urandom(32).hex() for name in ("JWT_SECRET", "API_KEY_SALT", "INTERNAL_TOKEN_SECRET")}
    environment = os.environ | secrets | {"POSTGRES_URL": metadata_url, "REDIS_URL": "redis://127.0.0.1:1"}

    async def command(timescale_url: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "db.migrate"),
            cwd=BACKEND,
            env=environment | {"TIMESCALE_URL": timescale_url},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return process.returncode, output.decode()

    labels = ", ".join(item.label for item in read_sequence(MIGRATIONS / "traces"))
    assert await command(empty_database_url) == (0, f"traces (plain): {labels}\nmetadata: up to date\n")
    await empty.execute("update schema_migrations set checksum = 'x'")
    code, output = await command(empty_database_url)
    assert code == 1
    assert output.startswith("migration failed: 0001_traces.sql was edited")


@pytest.mark.parametrize(
    "statement", ["update audit_log set action = 'x'", "delete from audit_log", "truncate audit_log"]
)
async def test_the_audit_log_can_only_grow_even_for_its_owner(metadata: Connection, statement: str) -> None:
    await metadata.execute("insert into audit_log (actor_type, action, result) values ('system', 'a', 'success')")
    assert await metadata.fetchval("select tableowner = current_user from pg_tables where tablename = 'audit_log'"), (
        "the test must run as the owner"
    )

    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await metadata.execute(statement)

    assert await metadata.fetchval("select action from audit_log") == "a"
