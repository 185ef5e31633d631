import socket
import time
from collections.abc import Callable
from typing import Any

import asyncpg


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


async def fetch(dsn: str, *statements: str) -> list[Any]:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return list(await connection.fetch(statements[-1]))
    finally:
        await connection.close()


def eventually(condition: Callable[[], bool]) -> bool:
    """Wait until the condition holds; pytest's own time limit ends a wait in vain."""
    while not condition():
        time.sleep(0.02)
    return True
