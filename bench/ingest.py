"""How many spans a second are stored end to end, beside what PostgreSQL alone can take."""

import argparse
import asyncio
import random
import time
from datetime import date
from typing import Any

import asyncpg
import httpx
from db.maintenance import ensure_partitions
from redis.asyncio import Redis
from shared.streams.contracts import pending_streams
from shared.streams.queue import PendingQueue

from bench import copy_limit
from bench.report import number, print_table
from bench.sender import Sent, send
from bench.stack import Stack, running_stack
from bench.traffic import SPANS_PER_TRACE, Traffic, pack

NAME = "ingest"
_DRAIN_SECONDS = 300
_PROTOBUF = "application/x-protobuf"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this benchmark."""
    parser.add_argument("--traces", type=int, default=20_000, help="agent traces of seven spans (default 20,000)")
    parser.add_argument("--connections", type=int, default=4, help="connections of the OTLP sender (default 4)")
    parser.add_argument("--flat", type=int, default=30_000, help="single flat traces, one a request (default 30,000)")
    parser.add_argument("--flat-connections", type=int, default=64, help="connections for flat traces (default 64)")
    parser.add_argument("--seed", type=int, default=1)


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """Run all parts and return their figures."""
    print(f"building {options.traces:,} traces of {SPANS_PER_TRACE} spans …", flush=True)
    traffic = Traffic(options.seed)
    requests = list(traffic.requests(options.traces))
    bodies = [body for body, _ in requests]
    spans = sum(count for _, count in requests)
    size = sum(map(len, bodies))
    print(f"{spans:,} spans, {size / spans:,.0f} bytes each, {len(bodies):,} requests", flush=True)
    # A second of spans is more than the default quota of a workspace allows, which is not what is measured.
    async with running_stack({"INGEST_SPANS_PER_MINUTE": "100000000"}) as stack:
        bench = _Bench(stack, await stack.credentials(), options)
        figures: dict[str, Any] = {"spans": spans, "bytes_per_span": round(size / spans)}
        figures["first"] = await bench.otlp("stored end to end", bodies, spans)
        await bench.check_stored(spans, options.traces)
        figures["again"] = await bench.otlp("sent again", bodies, spans)
        await bench.check_stored(spans, options.traces)
        figures["copy_limit_spans_per_s"] = round(await bench.copy_limit())
        figures["share_of_copy_limit"] = round(figures["first"]["stored_per_s"] / figures["copy_limit_spans_per_s"], 3)
        rate = figures["first"]["stored_per_s"] / 10
        figures["visible"] = await bench.visibility(Traffic(options.seed + 1), rate)
        for door, url in (("ingestion", stack.ingestion), ("gateway", stack.gateway)):
            flat = Traffic(options.seed + 2 + len(door))
            figures[f"flat_{door}"] = await bench.flat(url, [flat.flat() for _ in range(options.flat)])
        figures["memory_mib"] = await bench.memory()
    _print(figures)
    return figures


class _Bench:
    def __init__(self, stack: Stack, key: str, options: argparse.Namespace) -> None:
        self._stack = stack
        self._headers = {"Authorization": f"Bearer {key}"}
        self._options = options
        self._redis = Redis.from_url(stack.setting("REDIS_URL"))
        self._queue = PendingQueue(self._redis, pending_streams(1))

    async def otlp(self, title: str, bodies: list[bytes], spans: int) -> dict[str, Any]:
        print(f"{title}: sending …", flush=True)
        before = await self._stack.cpu_seconds()
        started = time.perf_counter()
        sender = asyncio.create_task(
            send(
                f"{self._stack.ingestion}/v1/traces",
                bodies,
                headers={**self._headers, "Content-Type": _PROTOBUF},
                connections=self._options.connections,
            )
        )
        sent = await sender
        await self._drained()
        seconds = time.perf_counter() - started
        after = await self._stack.cpu_seconds()
        figures = _sent_figures(sent) | {
            "seconds": round(seconds, 2),
            "stored_per_s": round(spans / seconds),
            "acknowledged_per_s": round(spans / sent.seconds),
            "cpu_us_per_span": {
                name: round((after[name] - before.get(name, 0)) / spans * 1e6, 1) for name in sorted(after)
            }
            | {"sender": round(sent.cpu_seconds / spans * 1e6, 1)},
        }
        memory = await self.memory()
        figures["memory_mib"] = memory["total"]
        return figures

    async def flat(self, url: str, bodies: list[bytes]) -> dict[str, Any]:
        print(f"flat traces to {url}: sending …", flush=True)
        before = await self._stack.cpu_seconds()
        sent = await send(
            f"{url}/api/v1/traces",
            bodies,
            headers={**self._headers, "Content-Type": "application/json"},
            connections=self._options.flat_connections,
        )
        at_end = await self._stack.cpu_seconds()
        await self._drained()
        return _sent_figures(sent) | {
            "requests_per_s": round(len(bodies) / sent.seconds),
            "cpu_us_per_request": {
                name: round((at_end[name] - before.get(name, 0)) / len(bodies) * 1e6, 1) for name in sorted(at_end)
            }
            | {"sender": round(sent.cpu_seconds / len(bodies) * 1e6, 1)},
        }

    async def visibility(self, traffic: Traffic, spans_per_s: float) -> dict[str, Any]:
        """Measure the time from an acknowledgement until the trace can be read through the gateway."""
        print(f"visibility at {spans_per_s:,.0f} spans/s …", flush=True)
        seconds, per_request = 15, 64
        bodies = [body for body, _ in traffic.requests(int(spans_per_s * seconds / SPANS_PER_TRACE), per_request)]
        load = asyncio.create_task(
            send(
                f"{self._stack.ingestion}/v1/traces",
                bodies,
                headers={**self._headers, "Content-Type": _PROTOBUF},
                connections=4,
                per_second=spans_per_s / per_request,
            )
        )
        delays = []
        chooser = random.Random(3)
        probe = Traffic(chooser.randrange(2**31))
        async with httpx.AsyncClient(base_url=self._stack.gateway, headers=self._headers, timeout=10) as client:
            while not load.done():
                spans = probe.trace()
                trace_id = spans[0].trace_id.hex()
                body = pack(spans)
                answer = await client.post("/v1/traces", content=body, headers={"Content-Type": _PROTOBUF})
                answer.raise_for_status()
                acknowledged = time.perf_counter()
                while (await client.get(f"/api/v1/traces/{trace_id}")).status_code != 200:
                    await asyncio.sleep(0.01)
                delays.append(time.perf_counter() - acknowledged)
        sent = await load
        await self._drained()
        delays.sort()
        return {
            "spans_per_s": round(spans_per_s),
            "probes": len(delays),
            "p50_s": round(delays[len(delays) // 2], 3),
            "p95_s": round(delays[int(len(delays) * 0.95)], 3),
            "max_s": round(delays[-1], 3),
        } | _sent_figures(sent)

    async def check_stored(self, spans: int, traces: int) -> None:
        """Refuse figures of a run that lost or doubled something."""
        connection = await asyncpg.connect(self._stack.setting("TIMESCALE_URL"))
        try:
            row = await connection.fetchrow(
                "select (select count(*) from spans) as spans, count(*) as traces, sum(span_count) as counted"
                " from traces"
            )
        finally:
            await connection.close()
        assert row is not None
        found = (row["spans"], row["traces"], row["counted"])
        if found != (spans, traces, spans):
            raise RuntimeError(f"stored spans, traces and counted spans {found}, sent {spans} spans in {traces} traces")

    async def copy_limit(self) -> float:
        """Copy the stored rows into an empty database of the same server over one connection."""
        print("copy limit: loading the same rows …", flush=True)
        postgres = self._stack.deployment.postgres
        assert postgres is not None
        connection = await asyncpg.connect(self._stack.setting("TIMESCALE_URL"))
        try:
            rows = await copy_limit.read_rows(connection)
            days: list[date] = [
                record["day"] for record in await connection.fetch("select distinct start_time::date as day from spans")
            ]
        finally:
            await connection.close()
        name = "copy_limit"
        admin = await asyncpg.connect(postgres.dsn("postgres", superuser=True))
        try:
            await admin.execute(f"create database {name}")
            target = postgres.dsn(name, superuser=True)

            async def prepare() -> Any:
                target_connection = await asyncpg.connect(target)
                try:
                    await ensure_partitions(target_connection, days)
                finally:
                    await target_connection.close()
                yield

            limit = await copy_limit.measure(target, prepare(), rows)
            await admin.execute(f"drop database {name}")
        finally:
            await admin.close()
        return limit

    async def memory(self) -> dict[str, float]:
        """Return the proportional set size of each process in MiB, and their sum."""
        sizes = {item["name"]: round(item["memory_bytes"] / 2**20, 1) for item in await self._stack.status()}
        return sizes | {"total": round(sum(sizes.values()), 1)}

    async def _drained(self) -> None:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while (await self._queue.backlog()).entries:
                await asyncio.sleep(0.02)


def _sent_figures(sent: Sent) -> dict[str, Any]:
    return {
        "ack_p50_ms": round(sent.percentile(0.5), 1),
        "ack_p99_ms": round(sent.percentile(0.99), 1),
        "statuses": {str(status): count for status, count in sent.statuses.items()},
    }


def _print(figures: dict[str, Any]) -> None:
    print_table(
        "OTLP, agent traces",
        ["run", "spans/s stored", "acknowledged/s", "ack p50 ms", "ack p99 ms", "memory MiB"],
        [
            [
                name,
                number(figures[key]["stored_per_s"]),
                number(figures[key]["acknowledged_per_s"]),
                figures[key]["ack_p50_ms"],
                figures[key]["ack_p99_ms"],
                figures[key]["memory_mib"],
            ]
            for name, key in (("first", "first"), ("all again", "again"))
        ],
    )
    limit = figures["copy_limit_spans_per_s"]
    print(f"\nCOPY of the same rows, one connection, 1,000 spans a commit: {number(limit)} spans/s;")
    print(f"end to end reaches {figures['share_of_copy_limit']:.0%} of it.")
    print_table(
        "CPU, microseconds a span",
        ["process", "first", "again"],
        [
            [name, used, figures["again"]["cpu_us_per_span"].get(name, "")]
            for name, used in figures["first"]["cpu_us_per_span"].items()
        ],
    )
    visible = figures["visible"]
    print(
        f"\nVisible through the gateway after the acknowledgement, at {number(visible['spans_per_s'])} spans/s: "
        f"p50 {visible['p50_s']} s, p95 {visible['p95_s']} s, longest {visible['max_s']} s ({visible['probes']} probes)"
    )
    print_table(
        "Single flat traces, one a request",
        ["door", "requests/s", "p50 ms", "p99 ms", "statuses"],
        [
            [
                door,
                number(figures[f"flat_{door}"]["requests_per_s"]),
                figures[f"flat_{door}"]["ack_p50_ms"],
                figures[f"flat_{door}"]["ack_p99_ms"],
                figures[f"flat_{door}"]["statuses"],
            ]
            for door in ("ingestion", "gateway")
        ],
    )
    print_table("Memory at the end, MiB (PSS)", ["process", "MiB"], figures["memory_mib"].items())
