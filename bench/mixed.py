"""How long the dashboard takes while traces arrive and all traces are exported, and how much memory that needs."""

import argparse
import asyncio
import multiprocessing
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from redis.asyncio import Redis
from shared.auth.internal import InternalTokenIssuer
from shared.streams.contracts import pending_streams
from shared.streams.queue import PendingQueue

from bench.asking import Answered, Asker, running_query
from bench.dataset import Dataset, copied, folder_of, note_added, open_dataset, stored_dataset
from bench.exporting import Export, Exporter
from bench.filling import DAYS
from bench.known import callers_of, known_of
from bench.questions import Question, Questions
from bench.repeating import SPANS_PER_REQUEST, Repeating
from bench.report import number, percentiles, print_table
from bench.sender import Sent, send
from bench.stack import Stack, running_stack
from bench.traffic import SPANS_PER_TRACE, Traffic

NAME = "mixed"
_AIM_MS = 200.0
_ALL = "all"
_WARM_UP_SECONDS = 10
_DRAIN_SECONDS = 600
_CONNECTIONS = 4
# Of so many answers the 95th percentile means something.
_FEWEST = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this benchmark."""
    parser.add_argument("--spans", type=int, default=1_000_000, help="stored spans (default 1,000,000)")
    parser.add_argument(
        "--folder", type=Path, help="data of the query benchmark elsewhere, instead of those of --spans"
    )
    parser.add_argument(
        "--in-place",
        action="store_true",
        help="add to the stored data, instead of to a copy that is removed afterwards",
    )
    parser.add_argument("--rate", type=float, default=11_000, help="spans sent a second (default 11,000)")
    parser.add_argument(
        "--seconds", type=int, default=60, help="export again until so many seconds are over (default 60)"
    )
    parser.add_argument("--pause", type=float, default=0.25, help="seconds between two requests (default 0.25)")
    parser.add_argument("--seed", type=int, default=1)


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """Send, ask and export at the same time, and return the figures."""
    if options.folder is None:
        dataset = await stored_dataset(folder_of(options.spans), options.spans)
    else:
        found = open_dataset(options.folder)
        if found is None:
            raise ValueError(f"{options.folder} holds no data that fit this version")
        dataset = found
    print(f"preparing traces for {number(options.rate)} spans a second …", flush=True)
    repeating = Repeating(Traffic(options.seed), options.rate)
    stored = Path(dataset.folder)
    with nullcontext(stored) if options.in_place else copied(stored) as folder:
        # More than the default quota of a workspace allows, which is not what is measured.
        async with (
            running_stack({"INGEST_SPANS_PER_MINUTE": "100000000"}, folder=folder) as stack,
            running_query(stack, QUERY_CACHE="off") as url,
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as session,
        ):
            issuer = InternalTokenIssuer(stack.setting("INTERNAL_TOKEN_SECRET"))
            callers = await callers_of(stack, dataset.workspaces)
            cold, kept = Asker(session, url, issuer, callers), Asker(session, stack.query, issuer, callers)
            known = await known_of(stack, dataset, cold)
            questions = list(Questions(known, options.seed, is_live=True).dashboards())
            client = _Client(questions, cold, kept, options.pause, random.Random(options.seed))
            figures = await _Mixed(stack, dataset, options).run(repeating, client)
        if options.in_place:
            note_added(dataset, figures["sent"]["spans"], figures["sent"]["spans"] // SPANS_PER_TRACE)
    _print(figures)
    return figures


@dataclass
class _Group:
    """Answers of one part of the dashboard in milliseconds: computed ones, and those from the result cache."""

    computed: list[float] = field(default_factory=list)
    cached: list[float] = field(default_factory=list)
    told: int = 0

    def add(self, answer: Answered, *, tells: bool) -> None:
        (self.cached if answer.cached else self.computed).append(answer.milliseconds)
        self.told += tells

    def figures(self) -> dict[str, Any]:
        return {
            "filled": round(self.told / (len(self.computed) + len(self.cached)), 2),
            "computed": {"answers": len(self.computed)} | (percentiles(self.computed) if self.computed else {}),
            "cached": {"answers": len(self.cached)} | (percentiles(self.cached) if self.cached else {}),
        }


class _Client:
    """One person at the dashboard, who asks one thing after the other with a pause in between."""

    def __init__(
        self, questions: Sequence[Question], cold: Asker, kept: Asker, pause: float, pick: random.Random
    ) -> None:
        self._questions, self._pause, self._pick = list(questions), pause, pick
        # Without the cache, with it, and once more, which is answered from the cache unless traces came in between.
        self._askers = (cold, kept, kept)
        self.groups: dict[str, _Group] = defaultdict(_Group)

    async def ask(self, is_over: asyncio.Event) -> None:
        """Ask everything, in ever another order, until it is over."""
        while True:
            self._pick.shuffle(self._questions)
            for question in self._questions:
                request = question.ask()
                for asker in self._askers:
                    if is_over.is_set():
                        return
                    answer = await asker.ask(request)
                    tells = bool(question.tells(answer.data))
                    for name in (question.name.partition("/")[0].partition(" ")[0], _ALL):
                        self.groups[name].add(answer, tells=tells)
                    await asyncio.sleep(self._pause)


class _Mixed:
    def __init__(self, stack: Stack, dataset: Dataset, options: argparse.Namespace) -> None:
        self._stack, self._dataset, self._options = stack, dataset, options
        self._queue = PendingQueue(Redis.from_url(stack.setting("REDIS_URL")), pending_streams(1))

    async def run(self, repeating: Repeating, client: _Client) -> dict[str, Any]:
        exporter = await Exporter.of(self._stack, self._queue)
        session = await self._stack.sign_in(self._dataset.account)
        key = await self._stack.create_key(session)
        is_sent, is_asked = multiprocessing.get_context("fork").Event(), asyncio.Event()
        rows = await self._exported_rows()
        since = datetime.now(UTC) - timedelta(minutes=10)
        before = await self._stored(since)
        used = await self._stack.cpu_seconds()
        started = time.perf_counter()
        try:
            async with asyncio.TaskGroup() as group:
                sending = group.create_task(
                    send(
                        f"{self._stack.ingestion}/v1/traces",
                        repeating.bodies(is_sent.is_set),
                        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/x-protobuf"},
                        connections=_CONNECTIONS,
                        per_second=self._options.rate / SPANS_PER_REQUEST,
                    )
                )
                await asyncio.sleep(_WARM_UP_SECONDS)
                print("exporting and asking …", flush=True)
                group.create_task(client.ask(is_asked))
                idle = exporter.mebibytes()
                exports = await self._exports(exporter, rows)
                is_asked.set()
                is_sent.set()
        finally:
            # Whatever failed, the process that sends does not stay.
            is_sent.set()
        lag = await self._drain()
        seconds = time.perf_counter() - started
        sent = sending.result()
        spans = len(sent.latencies) * SPANS_PER_REQUEST
        stored = await self._stored(since) - before
        if stored != spans:
            raise RuntimeError(f"{spans} spans were acknowledged and {stored} stored")
        now_used = await self._stack.cpu_seconds()
        return {
            "spans": self._dataset.spans,
            "traces": self._dataset.traces,
            "rate": self._options.rate,
            "groups": {name: client.groups[name].figures() for name in sorted(client.groups)},
            "sent": _sent_figures(sent, spans) | {"stored_per_s": round(spans / seconds)} | lag,
            "exports": [export.figures() for export in exports],
            "worker_idle_mib": idle,
            "waiting_most": max(sample.waiting for export in exports for sample in export.samples),
            "cores": {name: round((now_used[name] - used.get(name, 0)) / seconds, 2) for name in sorted(now_used)},
            "samples": [[[one.seconds, one.progress, one.mebibytes] for one in export.samples] for export in exports],
        }

    async def _exports(self, exporter: Exporter, rows: int) -> list[Export]:
        until = time.perf_counter() + self._options.seconds
        exports: list[Export] = []
        while not exports or time.perf_counter() < until:
            # An access token is good for half an hour.
            session = await self._stack.sign_in(self._dataset.account)
            export = await exporter.export(session, self._dataset.until, DAYS + 1)
            if export.rows != rows:
                raise RuntimeError(f"{export.rows} of {rows} traces were exported")
            exports.append(export)
            print(f"  {number(rows)} traces in {export.seconds:.0f} s", flush=True)
        return exports

    async def _drain(self) -> dict[str, Any]:
        started = time.perf_counter()
        waiting = (await self._queue.backlog()).items
        async with asyncio.timeout(_DRAIN_SECONDS):
            while (await self._queue.backlog()).entries:
                await asyncio.sleep(0.02)
        return {"lag_spans": waiting, "lag_s": round(time.perf_counter() - started, 2)}

    async def _stored(self, since: datetime) -> int:
        """Return how many spans of traces that started since then the first workspace has."""
        return await self._number("coalesce(sum(span_count), 0)", "start_time >= $2", since)

    async def _exported_rows(self) -> int:
        return await self._number("count(*)", "start_time < $2", self._dataset.until)

    async def _number(self, what: str, where: str, moment: datetime) -> int:
        connection = await asyncpg.connect(self._stack.setting("TIMESCALE_URL"))
        try:
            statement = f"select {what} from traces where workspace_id = $1 and {where}"  # noqa: S608
            return int(await connection.fetchval(statement, self._dataset.workspaces[0], moment))
        finally:
            await connection.close()


def _sent_figures(sent: Sent, spans: int) -> dict[str, Any]:
    return {
        "spans": spans,
        "acknowledged_per_s": round(spans / sent.seconds),
        "ack_p50_ms": round(sent.percentile(0.5), 1),
        "ack_p99_ms": round(sent.percentile(0.99), 1),
        "statuses": {str(status): count for status, count in sent.statuses.items()},
    }


def _print(figures: dict[str, Any]) -> None:
    keys = ("p50_ms", "p95_ms", "p99_ms")
    rows = []
    for name, found in sorted(figures["groups"].items(), key=lambda item: item[0] == _ALL):
        computed, cached = found["computed"], found["cached"]
        notes = []
        if computed["answers"] < _FEWEST:
            notes.append("too few to tell")
        elif max(part.get("p95_ms", 0) for part in (computed, cached)) > _AIM_MS:
            notes.append("misses the aim")
        cells = [[part["answers"], *(part.get(key, "") for key in keys)] for part in (computed, cached)]
        rows.append([name, *cells[0], *cells[1], f"{found['filled']:.0%}", ", ".join(notes)])
    print_table(
        f"{figures['spans']:,} spans, {number(figures['rate'])} a second arriving, an export running; milliseconds, "
        f"aim {_AIM_MS:.0f} at p95",
        ["part", "computed", "p50", "p95", "p99", "cached", "p50", "p95", "p99", "filled", ""],
        rows,
    )
    sent = figures["sent"]
    print(
        f"\n{number(sent['stored_per_s'])} spans/s stored, {number(sent['acknowledged_per_s'])} acknowledged "
        f"(p50 {sent['ack_p50_ms']} ms, p99 {sent['ack_p99_ms']} ms, {sent['statuses']}); "
        f"{number(sent['lag_spans'])} waited at the end, for {sent['lag_s']} s, and {number(figures['waiting_most'])} "
        "at most"
    )
    print_table(
        f"Exports to JSONL; memory of the worker in MiB (resident), {figures['worker_idle_mib']} before the first",
        ["traces", "bytes", "s", "traces/s", "at 10 %", "at 50 %", "at 95 %", "most"],
        [
            [
                number(export["rows"]),
                number(export["bytes"]),
                export["seconds"],
                number(export["rows_per_s"]),
                *export["memory_mib"].values(),
            ]
            for export in figures["exports"]
        ],
    )
    print_table("Cores in use", ["process", "cores"], figures["cores"].items())
