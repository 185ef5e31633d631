"""Stored data of a benchmark: written once into a folder, kept, and used again by later runs."""

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
from db.maintenance import ensure_partitions
from db.migrate import migrate_traces
from db.migrate.files import MIGRATIONS
from launcher.config import PROJECT
from launcher.deployment import TRACES_DATABASE, Deployment
from launcher.postgres import EmbeddedPostgres
from shared.database import Connection
from shared.rollups.spec import Level

from bench.filling import DAYS, LONG_EVERY, Plan, trace_id, write_chunk
from bench.shapes import AGENTS, LONG, LONGEST
from bench.stack import Account, running_stack
from bench.templates import SCHEMA, write_templates
from bench.totals import add_totals, expire_finest, needs_finest

# To be raised with every change of what is generated.
VERSION = 2
WORKSPACES = 5
FOLDER = PROJECT / ".bench"
_MANIFEST = "manifest.json"
# Free space that a copy takes, as a multiple of its size: what is stored on top, and its log.
_ROOM = 1.3
_CONNECTIONS = 2
# Nothing but the generated data is in the folder, and a killed generation starts anew.
_LOADING = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "shared_buffers": "512MB",
    "max_wal_size": "8GB",
    "maintenance_work_mem": "512MB",
}
_SESSION = {"work_mem": "192MB", "temp_buffers": "256MB", "statement_timeout": "0"}


@dataclass(frozen=True)
class Dataset:
    """What is known of the data in a folder; times are RFC 3339."""

    folder: str
    version: int
    schema: str
    spans: int
    traces: int
    end: str
    account: Account
    workspaces: list[int]
    agents: list[str]
    words: dict[str, int]
    thousand: list[str]
    longest: str
    sample: list[str]
    order_words: list[str]
    seconds: dict[str, float]
    gigabytes: float

    @property
    def until(self) -> datetime:
        """Return when the newest trace started."""
        return datetime.fromisoformat(self.end)


def folder_of(spans: int) -> Path:
    """Return where data of so many spans are kept unless another place is named."""
    return FOLDER / f"query-{spans}"


def open_dataset(folder: Path) -> Dataset | None:
    """Return the data of a folder, None when they are not complete or of another version."""
    try:
        known = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        found = Dataset(**{**known, "account": Account(**known["account"]), "folder": str(folder)})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return found if (found.version, found.schema) == (VERSION, _schema_version()) else None


async def stored_dataset(folder: Path, spans: int) -> Dataset:
    """Return the data of a folder, written now unless they are there, and print what they are."""
    dataset = open_dataset(folder)
    if dataset is None:
        print(f"writing {spans:,} spans into {folder}", flush=True)
        dataset = await make_dataset(folder, spans)
    print(f"{dataset.spans:,} spans in {dataset.traces:,} traces, {dataset.gigabytes} GB, up to {dataset.end}")
    return dataset


@contextmanager
def copied(folder: Path) -> Iterator[Path]:
    """Yield a copy of stored data that is removed afterwards, so that they stay as they were written.

    Args:
        folder: Where the data are.

    Raises:
        ValueError: A database is running on them, or there is no room for a copy and what comes to it.
    """
    source = folder / "postgres"
    FOLDER.mkdir(exist_ok=True)
    if EmbeddedPostgres(source, 0).running_pid() is not None:
        raise ValueError(f"{folder} is in use")
    size = sum(path.stat().st_size for path in source.rglob("*") if path.is_file())
    if shutil.disk_usage(FOLDER).free < _ROOM * size:
        raise ValueError(f"{FOLDER} has no room for a copy of {folder}")
    with tempfile.TemporaryDirectory(prefix="mixed-", dir=FOLDER) as name:
        # The files belong to the account of the database, which a copy by Python's means would not keep.
        subprocess.run(["cp", "-a", "--reflink=auto", source, name], check=True)  # noqa: S603, S607
        yield Path(name)


def note_added(dataset: Dataset, spans: int, traces: int) -> None:
    """Write down that so many spans and traces came to the data."""
    _write_manifest(replace(dataset, spans=dataset.spans + spans, traces=dataset.traces + traces))


def _write_manifest(dataset: Dataset) -> None:
    manifest = Path(dataset.folder) / _MANIFEST
    manifest.touch(mode=0o600)
    manifest.write_text(json.dumps(asdict(dataset), indent=1) + "\n", encoding="utf-8")


def _schema_version() -> str:
    """Return what differs whenever the tables of the traces database do."""
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted((MIGRATIONS / "traces").glob("*.sql")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


async def make_dataset(folder: Path, spans: int) -> Dataset:
    """Write the data into a folder, which is emptied first.

    Args:
        folder: Where to.
        spans: How many, to within a few per cent.

    Raises:
        ValueError: The folder holds something else.
    """
    if folder.exists():
        if any(folder.iterdir()) and not (folder / "postgres").is_dir():
            raise ValueError(f"{folder} holds something else")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    # The database runs under an account of its own when root starts it.
    folder.chmod(0o755)
    async with running_stack(folder=folder) as stack:
        account, numbers = await stack.register(WORKSPACES)
        deployment = stack.deployment
    postgres = _loader(deployment)
    await asyncio.to_thread(postgres.start)
    try:
        found = await _Generator(postgres.dsn(TRACES_DATABASE), spans, numbers).run(folder, account)
    finally:
        await asyncio.to_thread(postgres.stop, 300)
    os.sync()
    size = sum(path.stat().st_size for path in (folder / "postgres" / "data" / "base").rglob("*") if path.is_file())
    found = Dataset(**{**asdict(found), "account": account, "gigabytes": round(size / 1e9, 2)})
    _write_manifest(found)
    return found


def _loader(deployment: Deployment) -> EmbeddedPostgres:
    """Return the server of a deployment with settings for writing much."""
    server = deployment.postgres
    assert server is not None
    return EmbeddedPostgres(server.root, server.port, _LOADING, password=server.password)


class _Generator:
    def __init__(self, url: str, spans: int, workspaces: list[int]) -> None:
        self._url, self._spans, self._workspaces = url, spans, workspaces
        self._seconds: dict[str, float] = {}

    async def run(self, folder: Path, account: Account) -> Dataset:
        connections = [await asyncpg.connect(self._url, server_settings=_SESSION) for _ in range(_CONNECTIONS)]
        try:
            return await self._run(folder, account, connections)
        finally:
            for connection in connections:
                await connection.close()

    async def _run(self, folder: Path, account: Account, connections: list[Connection]) -> Dataset:
        first = connections[0]
        await migrate_traces(first)
        started = time.perf_counter()
        templates = await write_templates(first)
        self._note("templates", started)
        end = datetime.now(UTC).replace(microsecond=0)
        mean = templates.spans_a_trace + LONG / LONG_EVERY
        traces = max(1000, round((self._spans - LONGEST) / mean))
        plan = Plan(traces, end, tuple(self._workspaces), templates)
        days = [(end - timedelta(days=day)).date() for day in range(-2, DAYS + 1)]
        await ensure_partitions(first, days)
        await self._write(plan, connections)
        started = time.perf_counter()
        await expire_finest(first, self._workspaces, end)
        await self._vacuum(connections)
        self._note("vacuum and statistics", started)
        return await self._describe(folder, account, plan, first)

    async def _write(self, plan: Plan, connections: list[Connection]) -> None:
        chunks = iter(range(DAYS))
        rows = [0.0, 0.0]

        async def work(connection: Connection) -> None:
            for number in chunks:
                first, last = plan.chunk(number, DAYS)
                begun = time.perf_counter()
                async with connection.transaction():
                    await write_chunk(connection, plan, first, last)
                written = time.perf_counter()
                heads = await connection.fetch(_SELECT_HEADS, first, last)
                newest = max(head["last_start"] for head in heads)
                await add_totals(connection, map(tuple, heads), finest=needs_finest(newest, plan.end))
                rows[0] += written - begun
                rows[1] += time.perf_counter() - written
                print(f"  day {number + 1} of {DAYS}: {last + 1:,} of {plan.traces:,} traces", flush=True)

        started = time.perf_counter()
        await asyncio.gather(*(work(connection) for connection in connections))
        self._note("rows and totals", started)
        self._seconds |= {
            "rows, sum of both connections": round(rows[0], 1),
            "totals, sum of both connections": round(rows[1], 1),
        }

    async def _vacuum(self, connections: list[Connection]) -> None:
        await connections[0].execute(f"drop schema {SCHEMA} cascade")
        tables = iter([row["name"] for row in await connections[0].fetch(_SELECT_TABLES)])

        async def work(connection: Connection) -> None:
            for table in tables:
                # The platform fills the place of expired buckets again; here that of a month would lie in between.
                full = "full, " if table.endswith(Level.BASE.value) else ""
                await connection.execute(f"vacuum ({full}analyze) {table}")

        await asyncio.gather(*(work(connection) for connection in connections))
        # Of a partitioned table as a whole, which vacuum does not look at.
        await connections[0].execute("analyze")

    def _note(self, step: str, started: float) -> None:
        self._seconds[step] = round(time.perf_counter() - started, 1)
        print(f"{step}: {self._seconds[step]} s", flush=True)

    async def _describe(self, folder: Path, account: Account, plan: Plan, connection: Connection) -> Dataset:
        first = self._workspaces[0]
        spans = await connection.fetchval("select sum(span_count) from traces")
        sample = await connection.fetch(_SELECT_SAMPLE, first, plan.traces, 200)
        longest = await connection.fetchval(f"select {trace_id('$1::int8')}", plan.longest)
        thousand = await connection.fetch(_SELECT_THOUSAND, first, LONG)
        orders = await connection.fetch(_SELECT_ORDERS, first, plan.end - timedelta(days=6))
        return Dataset(
            folder=str(folder),
            version=VERSION,
            schema=_schema_version(),
            spans=spans,
            traces=plan.traces,
            end=plan.end.isoformat(),
            account=account,
            workspaces=self._workspaces,
            agents=list(AGENTS),
            words=plan.templates.words,
            thousand=[row["trace_id"].hex for row in thousand],
            longest=longest.hex,
            sample=[row["trace_id"].hex for row in sample],
            order_words=[row["word"] for row in orders],
            seconds=self._seconds,
            gigabytes=0.0,
        )


_SELECT_HEADS = f"""
select h.workspace_id, h.trace_id, h.first_start, h.last_start
from generate_series($1::int8, $2::int8) i join trace_heads h on h.trace_id = {trace_id("i")}
"""  # noqa: S608
_SELECT_TABLES = """
select format('%I', c.relname) as name from pg_class c
where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' order by c.relpages desc
"""
_SELECT_SAMPLE = f"""
select t.trace_id from generate_series(0, $3::int8 - 1) n
join traces t on t.trace_id = {trace_id("n * ($2::int8 / $3::int8)")}
where t.workspace_id = $1 and t.span_count between 5 and 50
"""  # noqa: S608
_SELECT_THOUSAND = "select trace_id from traces where workspace_id = $1 and span_count = $2 order by start_time desc"
_SELECT_ORDERS = """
select metadata ->> 'order' as word from traces
where workspace_id = $1 and start_time >= $2 and metadata ? 'order' limit 40
"""
