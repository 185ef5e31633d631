"""Plans of the statements behind slow answers, as PostgreSQL logs them while it runs them."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from launcher.deployment import TRACES_DATABASE
from launcher.postgres import EmbeddedPostgres

_SETTINGS = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_buffers": "on",
    # Reading the clock for every row would take longer than most rows do.
    "auto_explain.log_timing": "off",
    "auto_explain.log_parameter_max_length": "200",
}
_ENTRY = re.compile(r"duration: (?P<ms>[0-9.]+) ms  plan:\n(?P<text>(?:\t.*\n?)*)")
# What was logged arrives in the file a moment after the answer.
_SETTLE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Plan:
    """A statement with its plan, and how long it took in milliseconds."""

    milliseconds: float
    text: str


class Explainer:
    """Reads plans from the log of an embedded server."""

    def __init__(self, server: EmbeddedPostgres, log: Path) -> None:
        """Build from a running server and the file that its messages go to."""
        self._server, self._log = server, log
        self._place = 0

    @asynccontextmanager
    async def explaining(self) -> AsyncIterator[None]:
        """Let sessions of the traces database that begin meanwhile log their plans."""
        await self._set(on=True)
        try:
            yield
        finally:
            await self._set(on=False)

    async def _set(self, *, on: bool) -> None:
        connection = await asyncpg.connect(self._server.dsn(superuser=True))
        try:
            # Its settings can be changed only once it is loaded.
            await connection.execute("load 'auto_explain'")
            for name, value in _SETTINGS.items():
                change = f"set {name} = '{value}'" if on else f"reset {name}"
                await connection.execute(f"alter role {TRACES_DATABASE} {change}")
        finally:
            await connection.close()

    def mark(self) -> None:
        """Begin anew: ``read`` returns what is logged from now on."""
        self._place = self._log.stat().st_size

    async def read(self) -> list[Plan]:
        """Return the plans logged since ``mark``, the slowest first."""
        await asyncio.sleep(_SETTLE_SECONDS)
        with self._log.open("rb") as file:
            file.seek(self._place)
            text = file.read().decode(errors="replace")
        return sorted(_plans(text), key=lambda plan: -plan.milliseconds)


def _plans(text: str) -> Iterator[Plan]:
    for entry in _ENTRY.finditer(text):
        yield Plan(float(entry["ms"]), re.sub(r"^\t", "", entry["text"], flags=re.MULTILINE))
