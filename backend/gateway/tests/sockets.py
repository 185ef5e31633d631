"""Clients of live events: real WebSockets to a gateway that serves a port."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import httpx
import orjson
from fastapi import FastAPI
from redis.asyncio import Redis

from gateway.tests.conftest import Account, Register, client_of, registering
from gateway.tests.servers import serving
from shared.redis import connect
from shared.streams.events import publish_event

WAIT_SECONDS = 20


class Watcher:
    """One connection and what it was sent."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def frame(self) -> dict[str, Any]:
        """Return the next frame."""
        message = await self.socket.receive(timeout=WAIT_SECONDS)
        assert message.type is aiohttp.WSMsgType.TEXT, f"{message.type.name} {self.socket.close_code}"
        document: dict[str, Any] = orjson.loads(message.data)
        return document

    async def frame_of(self, event: str) -> dict[str, Any]:
        """Return the next frame of a kind, past those of other kinds."""
        while True:
            frame = await self.frame()
            if frame["event"] == event:
                return frame

    async def traces(self, number: int) -> list[str]:
        """Return the ids of the next stored traces, however many frames tell of them."""
        ids: list[str] = []
        while len(ids) < number:
            frame = await self.frame_of("traces.stored")
            ids += frame["data"]["trace_ids"]
        return ids

    async def close_code(self) -> int | None:
        """Return the code with which the server closes, past all frames."""
        while True:
            message = await self.socket.receive(timeout=WAIT_SECONDS)
            if message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING):
                return self.socket.close_code
            if message.type is aiohttp.WSMsgType.ERROR:
                return None

    async def say(self, document: Any) -> None:
        """Send a message."""
        await self.socket.send_str(orjson.dumps(document).decode())


@dataclass
class Stage:
    """A gateway on a port, and everything to reach it with."""

    app: FastAPI
    port: int
    client: httpx.AsyncClient
    register: Register
    session: aiohttp.ClientSession
    redis: Redis

    async def ticket(self, headers: dict[str, str]) -> str:
        """Return a new ticket."""
        answer = await self.client.post("/api/v1/ws-ticket", headers=headers)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["ticket"])

    async def open(
        self, workspace: str, ticket: str | None, *, last: str | None = None, origin: str | None = None
    ) -> Watcher:
        """Connect, and return before the first frame."""
        query = f"?last_event_id={last}" if last else ""
        protocols = ["v1", *([f"ticket.{ticket}"] if ticket else [])]
        socket = await self.session.ws_connect(
            f"http://127.0.0.1:{self.port}/ws/{workspace}{query}",
            protocols=protocols,
            headers={"Origin": origin} if origin else {},
            max_msg_size=0,
        )
        return Watcher(socket)

    async def refusal(self, path: str, ticket: str, **headers: str) -> int:
        """Return the status with which the server refuses to open a connection."""
        upgrade = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Protocol": f"v1, ticket.{ticket}",
        }
        async with self.session.get(f"http://127.0.0.1:{self.port}{path}", headers=upgrade | headers) as answer:
            await answer.read()
            return answer.status

    async def watch(self, account: Account, *, last: str | None = None) -> tuple[Watcher, dict[str, Any]]:
        """Connect as a user, and return the connection and its first frame."""
        watcher = await self.open(account.workspace_id, await self.ticket(account.headers), last=last)
        return watcher, await watcher.frame_of("ready")

    async def publish(self, workspace: str, *trace_ids: str) -> None:
        """Publish that traces were stored."""
        data = {"trace_ids": list(trace_ids), "count": len(trace_ids)}
        await publish_event(self.redis, workspace, "traces.stored", data)

    @property
    def number(self) -> int:
        """Return how many sockets the gateway knows of."""
        return len(self.app.state.gateway.live.hub.sockets)

    async def settled(self, number: int) -> None:
        """Wait until the gateway knows of this many sockets."""
        async with asyncio.timeout(WAIT_SECONDS):
            while self.number != number:
                await asyncio.sleep(0.02)


@asynccontextmanager
async def staged(app: FastAPI, redis_url: str) -> AsyncIterator[Stage]:
    """Serve a gateway and yield what tests need to watch it."""
    redis = connect(redis_url)
    async with (
        serving(app) as port,
        client_of(app) as client,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
    ):
        yield Stage(app, port, client, registering(client), session, redis)
    await redis.aclose()
