"""Makes exports, and watches the memory of the worker that writes them and what waits to be stored meanwhile."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
import psutil
from shared.streams.queue import PendingQueue

from bench.stack import Stack

_WORKER = "query-worker"
_POLL_SECONDS = 1.0
_SHARES = (10, 50, 95)


@dataclass(frozen=True, slots=True)
class Sample:
    """A look at an export: seconds since its start, share that is done, memory in MiB, spans that wait to be stored."""

    seconds: float
    progress: float
    mebibytes: float
    waiting: int


@dataclass(slots=True)
class Export:
    """A finished export."""

    rows: int
    bytes: int
    seconds: float
    samples: list[Sample] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        """Return what is to be told of it; memory at a share of the work is that of the first look after it."""
        at = {
            f"at_{share}": next(one.mebibytes for one in self.samples if one.progress * 100 >= share)
            for share in _SHARES
        }
        return {
            "rows": self.rows,
            "bytes": self.bytes,
            "seconds": round(self.seconds, 1),
            "rows_per_s": round(self.rows / self.seconds),
            "memory_mib": at | {"max": max(one.mebibytes for one in self.samples)},
        }


class Exporter:
    """Asks for exports at the gateway, and looks at each once a second until it is done."""

    def __init__(self, stack: Stack, worker: psutil.Process, queue: PendingQueue) -> None:
        """Build from the platform, the process that writes exports, and the queue of what waits to be stored."""
        self._stack, self._worker, self._queue = stack, worker, queue

    @classmethod
    async def of(cls, stack: Stack, queue: PendingQueue) -> "Exporter":
        """Return one for a running platform."""
        pids = {item["name"]: item["pid"] for item in await stack.status()}
        return cls(stack, psutil.Process(pids[_WORKER]), queue)

    def mebibytes(self) -> float:
        """Return the resident memory of the worker with its children, in MiB."""
        members = [self._worker, *self._worker.children(recursive=True)]
        return round(sum(member.memory_info().rss for member in members) / 2**20, 1)

    async def export(self, headers: Mapping[str, str], until: datetime, days: int) -> Export:
        """Have all traces of so many days written to a JSONL file and return how it went.

        Args:
            headers: Those of a session, which tell the workspace.
            until: End of the days.
            days: How many.

        Raises:
            RuntimeError: The export failed.
        """
        body = {"format": "jsonl", "from": (until - timedelta(days=days)).isoformat(), "to": until.isoformat()}
        samples = []
        started = time.perf_counter()
        async with httpx.AsyncClient(base_url=self._stack.gateway, headers=dict(headers), timeout=60) as client:
            answer = await client.post("/api/v1/exports", json=body)
            while True:
                answer.raise_for_status()
                found = answer.json()["data"]
                waiting = (await self._queue.backlog()).items
                seconds = time.perf_counter() - started
                samples.append(Sample(round(seconds, 1), found["progress"], self.mebibytes(), waiting))
                if found["finished_at"] is not None:
                    break
                await asyncio.sleep(_POLL_SECONDS)
                answer = await client.get(f"/api/v1/exports/{found['id']}")
        if found["status"] != "succeeded":
            raise RuntimeError(f"the export ended as {found['status']}: {found['error']}")
        begun, finished = (datetime.fromisoformat(found[name]) for name in ("created_at", "finished_at"))
        return Export(found["rows"], found["bytes"], (finished - begun).total_seconds(), samples)
