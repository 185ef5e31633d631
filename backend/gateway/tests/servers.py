"""Servers on random loopback ports: the gateway over a real socket, and services that record what reaches them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http.protocol import BoundedProtocol
from shared.http.websocket import WEBSOCKET_OPTIONS
from shared.serve import listen


@asynccontextmanager
async def serving(app: ASGIApp, port: int = 0) -> AsyncIterator[int]:
    """Serve an application as ``shared.serve`` does and yield its port."""
    listener = listen("127.0.0.1", port)
    config = uvicorn.Config(
        app,
        http=BoundedProtocol,
        lifespan="auto",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        **WEBSOCKET_OPTIONS,
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield int(listener.getsockname()[1])
    finally:
        server.should_exit = True
        await task
        listener.close()


@dataclass
class Seen:
    """A request as a service saw it."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Recorder:
    """A service that keeps what it gets and answers what it is told."""

    status: int = 202
    answer: bytes = b'{"status":"accepted"}'
    headers: dict[str, str] = field(default_factory=lambda: {"x-receipt-id": "r-1", "x-secret": "inside"})
    delay: float = 0.0
    seen: list[Seen] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        if scope["path"] != "/health":
            headers = {name.decode(): value.decode() for name, value in scope["headers"]}
            self.seen.append(
                Seen(scope["method"], scope["raw_path"].decode(), scope["query_string"].decode(), headers, body)
            )
            await asyncio.sleep(self.delay)
        pairs: list[Any] = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        pairs.append((b"content-type", b"application/json"))
        status = 200 if scope["path"] == "/health" else self.status
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": self.answer})
