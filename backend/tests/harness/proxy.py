"""A TCP proxy that can be told to misbehave, running in a thread of its own."""

import asyncio
import contextlib
import threading
from enum import Enum


class Mode(Enum):
    """What happens to connections and bytes."""

    PASS = "pass"
    REFUSE = "refuse"
    BLACKHOLE = "blackhole"


class Proxy:
    """Stands before one server; its address stays the same whatever it does."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._mode = Mode.PASS
        self._cut_after: int | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port = 0
        self._do(self._listen())

    def _do(self, coroutine) -> None:  # type: ignore[no-untyped-def]
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    def set_mode(self, mode: Mode) -> None:
        """Behave so from now on; connections that are open are dropped when the mode is REFUSE."""
        self._do(self._set_mode(mode))

    def reset(self) -> None:
        """Abort every open connection in the middle of whatever it does."""
        self._do(self._abort_all())

    def cut_after(self, sent_bytes: int) -> None:
        """Abort the next connection that has sent this many bytes to the server, once."""
        self._cut_after = sent_bytes

    def close(self) -> None:
        """Stop for good."""
        self._do(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _set_mode(self, mode: Mode) -> None:
        was, self._mode = self._mode, mode
        if mode is Mode.REFUSE and self._server is not None:
            self._server.close()
            self._server = None
            await self._abort_all()
        elif was is Mode.REFUSE:
            await self._listen()

    async def _abort_all(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _shut(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._abort_all()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, upstream_writer}
        self._writers |= pair
        try:
            await asyncio.gather(
                self._pump(reader, upstream_writer, pair, counted=True),
                self._pump(upstream_reader, writer, pair, counted=False),
            )
        finally:
            self._writers -= pair
            for end in pair:
                end.transport.abort()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        pair: set[asyncio.StreamWriter],
        *,
        counted: bool,
    ) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                while self._mode is Mode.BLACKHOLE:
                    await asyncio.sleep(0.02)
                passed += len(data)
                if counted and self._cut_after is not None and passed >= self._cut_after:
                    self._cut_after = None
                    break
                writer.write(data)
                await writer.drain()
        for end in pair:
            end.transport.abort()
