"""Sends prepared requests over a few kept connections with as little CPU as Python allows, in a process of its own."""

import asyncio
import multiprocessing
import resource
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import uvloop

_RETRY_SECONDS = 0.5
_ATTEMPTS = 40


@dataclass
class Sent:
    """What sending took: latencies in milliseconds, CPU of the sender in seconds, number of answers by status."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    acknowledged_at: list[float] = field(default_factory=list)
    cpu_seconds: float = 0.0

    def percentile(self, share: float) -> float:
        """Return a percentile of the latencies in milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


async def send(
    url: str,
    bodies: Iterable[bytes],
    *,
    headers: dict[str, str],
    connections: int,
    per_second: float = 0.0,
) -> Sent:
    """POST each body once acknowledged; 429 and 503 are repeated after a moment.

    Args:
        url: Address of the receiver.
        bodies: Request bodies; taken one by one, in the process that sends.
        headers: Headers of each request, content type and credential among them.
        connections: Connections kept open, each with one request under way.
        per_second: Requests a second at most; 0 sends as fast as answers come.

    Raises:
        RuntimeError: A request was refused for good.
    """
    parent, child = multiprocessing.Pipe()
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_work, args=(child, url, bodies, headers, connections, per_second))
    process.start()
    # As long as this end is open, nobody learns that the other process has died.
    child.close()
    try:
        result: Sent = await asyncio.to_thread(parent.recv)
    except EOFError:
        raise RuntimeError("the sender failed") from None
    await asyncio.to_thread(process.join)
    return result


def _work(pipe: Any, url: str, bodies: Iterable[bytes], headers: dict[str, str], connections: int, rate: float) -> None:
    sent = Sent()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_send_all(sent, url, bodies, headers, connections, rate))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    sent.cpu_seconds = usage.ru_utime + usage.ru_stime
    pipe.send(sent)


async def _send_all(
    sent: Sent, url: str, bodies: Iterable[bytes], headers: dict[str, str], connections: int, rate: float
) -> None:
    address = urlsplit(url)
    head = f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    prepared = iter(enumerate(bodies))
    started = time.perf_counter()

    async def connection() -> None:
        reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=1 << 20)
        for index, body in prepared:
            if rate:
                await asyncio.sleep(max(0.0, started + index / rate - time.perf_counter()))
            request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
            for _ in range(_ATTEMPTS):
                begun = time.perf_counter()
                writer.write(request)
                status = await _read_answer(reader)
                now = time.perf_counter()
                sent.statuses[status] = sent.statuses.get(status, 0) + 1
                if status < 300:
                    sent.latencies.append((now - begun) * 1000)
                    sent.acknowledged_at.append(time.time())
                    break
                if status not in (429, 503):
                    raise RuntimeError(f"the receiver answered {status}")
                await asyncio.sleep(_RETRY_SECONDS)
        writer.close()

    await asyncio.gather(*(connection() for _ in range(connections)))
    sent.seconds = time.perf_counter() - started


async def _read_answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    lowered = head.lower()
    start = lowered.find(b"content-length:")
    if start >= 0:
        await reader.readexactly(int(lowered[start + 15 : lowered.index(b"\r", start)]))
    elif b"chunked" in lowered:
        while size := int((await reader.readline()).strip() or b"0", 16):
            await reader.readexactly(size + 2)
        await reader.readline()
    return status
