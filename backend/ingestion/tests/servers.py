"""The application behind real sockets, and stores that can be disturbed."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[int]:
    """Serve a started application on a free port, without its lifespan, and yield the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, http="httptools", lifespan="off", log_config=None, access_log=False))
    task = asyncio.create_task(server._serve([listener]))
    try:
        async with asyncio.timeout(10):
            while not server.started:
                await asyncio.sleep(0.01)
        yield int(listener.getsockname()[1])
    finally:
        server.should_exit = True
        await asyncio.wait([task], timeout=10)
        listener.close()


async def exchange(port: int, *parts: bytes, close: bool = False) -> bytes:
    """Send bytes to a port, one part after the other, and return all that is answered until the peer closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    # A peer that refuses a request closes before all of it is sent, and its answer must be read by then.
    answer = asyncio.create_task(_read(reader))
    try:
        with contextlib.suppress(ConnectionError):
            for part in parts:
                writer.write(part)
                await writer.drain()
                if answer.done():
                    break
            if close:
                writer.write_eof()
        async with asyncio.timeout(20):
            return await answer
    finally:
        writer.close()


async def _read(reader: asyncio.StreamReader) -> bytes:
    answer = b""
    with contextlib.suppress(ConnectionError):
        while part := await reader.read(65536):
            answer += part
    return answer
