"""Clients of live events in a process of their own, which note when each frame came and read it afterwards."""

import asyncio
import base64
import multiprocessing
import os
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson
import uvloop

_TEXT, _PING, _PONG = 1, 9, 10
_READY_SECONDS = 60


@dataclass
class _Watcher(asyncio.Protocol):
    """One connection; ``frames`` are the texts that came, each with the time (``perf_counter``)."""

    request: bytes
    frames: list[tuple[float, bytes]] = field(default_factory=list)
    greeted: "asyncio.Future[None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    _buffer: bytearray = field(default_factory=bytearray)
    _is_open: bool = False
    _transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._transport.write(self.request)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.greeted.done():
            self.greeted.set_exception(ConnectionError("the gateway closed a WebSocket before it was ready"))

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self._buffer += data
        if not self._is_open:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            if not self._buffer.startswith(b"HTTP/1.1 101"):
                self.greeted.set_exception(ConnectionError(self._buffer[:end].decode("latin-1")))
                return
            self._is_open = True
            del self._buffer[: end + 4]
        while (frame := _next_frame(self._buffer)) is not None:
            opcode, payload = frame
            if opcode == _TEXT:
                self.frames.append((now, payload))
                if not self.greeted.done():
                    self.greeted.set_result(None)
            elif opcode == _PING:
                # A mask of zeros changes nothing.
                self._transport.write(bytes((0x80 | _PONG, 0x80 | len(payload), 0, 0, 0, 0)) + payload)


class Watchers:
    """The parent's side of the process."""

    def __init__(self, url: str, tickets: list[str]) -> None:
        """Start a process in which each ticket opens a connection to ``url``."""
        self._pipe, child = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork")
        self._process = context.Process(target=_work, args=(child, url, tickets), daemon=True)
        self._process.start()

    async def ready(self) -> None:
        """Return when all are connected and were greeted.

        Raises:
            RuntimeError: One could not be.
        """
        problem: str | None = await asyncio.to_thread(self._pipe.recv)
        if problem is not None:
            raise RuntimeError(problem)

    async def stop(self) -> list[list[tuple[float, dict[str, Any]]]]:
        """Disconnect, and return for each connection its frames with the times at which they came."""
        self._pipe.send(None)
        heard: list[list[tuple[float, bytes]]] = await asyncio.to_thread(self._pipe.recv)
        await asyncio.to_thread(self._process.join)
        return [[(moment, orjson.loads(text)) for moment, text in frames] for frames in heard]


def _work(pipe: Any, url: str, tickets: list[str]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_watch(pipe, url, tickets))


async def _watch(pipe: Any, url: str, tickets: list[str]) -> None:
    address = urlsplit(url)
    watchers = [_Watcher(_request(address.netloc, address.path, ticket)) for ticket in tickets]
    try:
        async with asyncio.timeout(_READY_SECONDS):
            for watcher in watchers:
                await asyncio.get_running_loop().create_connection(
                    lambda watcher=watcher: watcher, address.hostname, address.port
                )
            await asyncio.gather(*(watcher.greeted for watcher in watchers))
    except (OSError, TimeoutError) as error:
        pipe.send(f"{type(error).__name__}: {error}")
        return
    pipe.send(None)
    await asyncio.to_thread(pipe.recv)
    pipe.send([watcher.frames for watcher in watchers])


def _request(host: str, path: str, ticket: str) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: v1, ticket.{ticket}\r\n\r\n"
    ).encode()


def _next_frame(buffer: bytearray) -> tuple[int, bytes] | None:
    """Take the first frame off a buffer; None while it is not whole. Servers neither mask nor split what they send."""
    if len(buffer) < 2:
        return None
    length, start = buffer[1], 2
    if length >= 126:
        start = 4 if length == 126 else 10
        if len(buffer) < start:
            return None
        length = int.from_bytes(buffer[2:start], "big")
    if len(buffer) < start + length:
        return None
    opcode, payload = buffer[0] & 0x0F, bytes(buffer[start : start + length])
    del buffer[: start + length]
    return opcode, payload
