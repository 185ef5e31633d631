"""How soon those who watch a workspace hear of what happens: events as published, and traces as acknowledged."""

import argparse
import asyncio
import time
from collections.abc import Iterable
from typing import Any

import httpx
from redis.asyncio import Redis
from shared.streams.events import ALERT_CHANGED, publish_event

from bench.report import number, print_table
from bench.sender import send
from bench.stack import Stack, running_stack
from bench.traffic import SPANS_PER_TRACE, Traffic, pack
from bench.watchers import Watchers

NAME = "live"
_PROTOBUF = "application/x-protobuf"
_SPANS_PER_REQUEST = 64
# What comes later than this counts as not having come.
_LAST_SECONDS = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this benchmark."""
    parser.add_argument("--clients", type=int, default=200, help="WebSockets that watch one workspace (default 200)")
    parser.add_argument("--events", type=int, default=200, help="events to publish (default 200)")
    parser.add_argument("--events-per-s", type=float, default=10.0, help="how fast (default 10)")
    parser.add_argument("--traces", type=int, default=200, help="traces to send, one a request (default 200)")
    parser.add_argument("--traces-per-s", type=float, default=10.0, help="how fast (default 10)")
    parser.add_argument(
        "--load", type=int, default=2_000, help="spans a second that another workspace sends meanwhile (default 2,000)"
    )
    parser.add_argument("--seed", type=int, default=1)


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """Run both parts, the second one also under load, and return their figures."""
    async with running_stack({"LIVE_SOCKETS_PER_CREDENTIAL": str(options.clients)}) as stack:
        bench = _Bench(stack, await stack.credentials(), options)
        figures: dict[str, Any] = {
            "clients": options.clients,
            "load_spans_per_s": options.load,
            "published": await bench.published(),
            "stored": await bench.stored(options.seed),
        }
        if options.load:
            figures["stored_under_load"] = await bench.stored(options.seed + 1, load=await stack.credentials())
    _print(figures)
    return figures


class _Bench:
    def __init__(self, stack: Stack, key: str, options: argparse.Namespace) -> None:
        self._stack = stack
        self._headers = {"Authorization": f"Bearer {key}"}
        self._options = options

    async def published(self) -> dict[str, float]:
        """Measure from just before an event is published until each client has it."""
        print(f"{self._options.events} events to {self._options.clients} clients …", flush=True)
        workspace, watchers = await self._watch()
        redis = Redis.from_url(self._stack.setting("REDIS_URL"))
        sent: dict[str, float] = {}
        before = (await self._stack.cpu_seconds())["gateway"]
        started = time.perf_counter()
        for index in range(self._options.events):
            await asyncio.sleep(started + index / self._options.events_per_s - time.perf_counter())
            sent[str(index)] = time.perf_counter()
            await publish_event(redis, workspace, ALERT_CHANGED, {"alert_id": str(index)})
        await redis.aclose()
        delays = await self._delays(watchers, sent)
        used = (await self._stack.cpu_seconds())["gateway"] - before
        return delays | {"gateway_cpu_us": round(used / delays["count"] * 1e6)}

    async def stored(self, seed: int, *, load: str | None = None) -> dict[str, float]:
        """Measure from the acknowledgement of a trace until each client hears that it is stored.

        Args:
            seed: Of the traces.
            load: Key with which others send meanwhile.
        """
        print(f"{self._options.traces} traces{' under load' if load else ''} …", flush=True)
        _, watchers = await self._watch()
        others = asyncio.create_task(self._send_load(load)) if load else None
        traffic = Traffic(seed)
        acknowledged: dict[str, float] = {}
        async with httpx.AsyncClient(base_url=self._stack.gateway, headers=self._headers, timeout=30) as client:
            started = time.perf_counter()
            for index in range(self._options.traces):
                spans = traffic.trace()
                await asyncio.sleep(started + index / self._options.traces_per_s - time.perf_counter())
                answer = await client.post("/v1/traces", content=pack(spans), headers={"Content-Type": _PROTOBUF})
                answer.raise_for_status()
                acknowledged[spans[0].trace_id.hex()] = time.perf_counter()
        if others is not None:
            await others
        return await self._delays(watchers, acknowledged)

    async def _watch(self) -> tuple[str, Watchers]:
        async with httpx.AsyncClient(base_url=self._stack.gateway, headers=self._headers, timeout=30) as client:
            answers = [await client.post("/api/v1/ws-ticket") for _ in range(self._options.clients)]
        for answer in answers:
            answer.raise_for_status()
        workspace = str(answers[0].json()["url"]).rpartition("/")[2]
        address = f"{self._stack.gateway}/ws/{workspace}"
        watchers = Watchers(address, [str(answer.json()["ticket"]) for answer in answers])
        await watchers.ready()
        return workspace, watchers

    async def _send_load(self, key: str) -> None:
        traces = int(self._options.load * self._options.traces / self._options.traces_per_s / SPANS_PER_TRACE)
        bodies = [body for body, _ in Traffic(self._options.seed + 2).requests(traces, _SPANS_PER_REQUEST)]
        await send(
            f"{self._stack.ingestion}/v1/traces",
            bodies,
            headers={"Authorization": f"Bearer {key}", "Content-Type": _PROTOBUF},
            connections=4,
            per_second=self._options.load / _SPANS_PER_REQUEST,
        )

    async def _delays(self, watchers: Watchers, begun: dict[str, float]) -> dict[str, float]:
        await asyncio.sleep(_LAST_SECONDS)
        delays: list[float] = []
        for frames in await watchers.stop():
            heard: dict[str, float] = {}
            for moment, frame in frames:
                for name in _names(frame):
                    heard.setdefault(name, moment)
            missing = begun.keys() - heard.keys()
            if missing:
                raise RuntimeError(f"a client did not hear of {len(missing)} of {len(begun)} events")
            # An event may be faster than the answer to the request that caused it.
            delays += [max(0.0, heard[name] - moment) * 1000 for name, moment in begun.items()]
        delays.sort()
        return {"count": len(delays)} | {
            name: round(delays[min(len(delays) - 1, int(share * len(delays)))], 1)
            for name, share in (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99), ("max_ms", 1.0))
        }


def _names(frame: dict[str, Any]) -> Iterable[str]:
    data = frame["data"]
    return [data["alert_id"]] if frame["event"] == ALERT_CHANGED else data.get("trace_ids", ())


def _print(figures: dict[str, Any]) -> None:
    rows = {
        "published event": "published",
        "stored trace, after its acknowledgement": "stored",
        f"the same at {number(figures['load_spans_per_s'])} spans/s of others": "stored_under_load",
    }
    print_table(
        f"Milliseconds until each of {figures['clients']} clients has heard",
        ["of", "p50", "p95", "p99", "longest"],
        [
            [title, *(figures[key][name] for name in ("p50_ms", "p95_ms", "p99_ms", "max_ms"))]
            for title, key in rows.items()
            if key in figures
        ],
    )
    print(f"\nThe gateway takes {figures['published']['gateway_cpu_us']} microseconds of CPU for an event and client.")
