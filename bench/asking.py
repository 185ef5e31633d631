"""Puts requests to the query service, as the gateway would, and takes the time."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from shared.auth.context import AuthContext
from shared.auth.internal import TOKEN_HEADER, WORKSPACE_HEADER, InternalTokenIssuer

from bench.questions import Question, Request
from bench.stack import Stack, free_ports

_SERVICE = "query"
_START_SECONDS = 60
_PREFIX = "/api/v1"
_SHOWN = 2000


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer: milliseconds until its last byte, and what it says."""

    milliseconds: float
    data: Any
    pagination: Any
    cached: bool


class Asker:
    """Asks one process of the query service, over one kept connection, one request after the other."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, issuer: InternalTokenIssuer, callers: Sequence[AuthContext]
    ) -> None:
        """Build from a session, the address of the service, what signs for the gateway, and a caller a workspace."""
        self._session, self._url, self._issuer, self._callers = session, url, issuer, callers

    async def ask(self, request: Request) -> Answered:
        """Return the answer to a request.

        Raises:
            RuntimeError: It is an error.
        """
        caller = self._callers[request.workspace]
        headers = {TOKEN_HEADER: self._issuer.issue(caller, _SERVICE), WORKSPACE_HEADER: caller.workspace_id}
        method = "GET" if request.body is None else "POST"
        started = time.perf_counter()
        async with self._session.request(
            method,
            f"{self._url}{_PREFIX}{request.path}",
            params=list(request.parameters),
            json=request.body,
            headers=headers,
        ) as response:
            text = await response.read()
        milliseconds = (time.perf_counter() - started) * 1000
        if response.status != 200:
            raise RuntimeError(f"{request} was answered {response.status}: {text[:_SHOWN].decode()}")
        answer = json.loads(text)
        return Answered(milliseconds, answer["data"], answer.get("pagination"), bool(answer["meta"].get("cached")))


async def check(asker: Asker, question: Question, requests: int) -> float:
    """Return the share of answers to a question that say something.

    Raises:
        RuntimeError: It is too small for figures to mean anything.
    """
    told = [question.tells((await asker.ask(question.ask())).data) for _ in range(requests)]
    share = sum(told) / len(told)
    if share < question.filled:
        raise RuntimeError(f"only {share:.0%} of the answers to '{question.name}' say anything")
    return share


@asynccontextmanager
async def running_query(stack: Stack, **settings: str) -> AsyncIterator[str]:
    """Run one more process of the query service beside a running platform, and yield its address.

    Args:
        stack: The platform.
        settings: Environment variables that replace those of the platform.

    Raises:
        RuntimeError: It did not become ready.
    """
    (port,) = free_ports(1)
    environment = {**os.environ, **stack.deployment.environment, "QUERY_PORT": str(port), **settings}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "shared.serve", _SERVICE, env=environment, stdout=asyncio.subprocess.DEVNULL
    )
    url = stack.deployment.url(port)
    try:
        await _ready(url, process)
        yield url
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _ready(url: str, process: asyncio.subprocess.Process) -> None:
    deadline = time.monotonic() + _START_SECONDS
    async with aiohttp.ClientSession() as session:
        while process.returncode is None and time.monotonic() < deadline:
            try:
                async with session.get(f"{url}/ready") as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)
    raise RuntimeError("the query service did not start")
