"""A worker in a process of its own that stops or dies at a chosen point: ``python -m processing.tests.child POINT``."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

import orjson

from processing.app import processor
from processing.app.consumer.entries import Entry, EntryReader
from processing.app.queries import storing
from processing.tests.support import open_bench, settings_for
from shared.normalisation import spans

PAUSED = "paused"
MAGIC = "kill.the.worker"


async def _pause_for_ever() -> None:
    sys.stdout.write(PAUSED + "\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


def _pause_before_commit() -> None:
    account: Any = storing._account

    async def paused(*arguments: Any) -> Any:
        await account(*arguments)
        await _pause_for_ever()

    setattr(storing, "_account", paused)  # noqa: B010


def _pause_before_settling() -> None:
    async def paused(self: EntryReader, entries: Sequence[Entry]) -> None:
        await _pause_for_ever()

    setattr(EntryReader, "settle", paused)  # noqa: B010


def _die_of_magic() -> None:
    normalise = spans.normalise_span

    def normalise_or_die(source: Any) -> Any:
        if MAGIC in source.attributes:
            os.abort()
        return normalise(source)

    setattr(processor, "normalise_span", normalise_or_die)  # noqa: B010


POINTS = {"commit": _pause_before_commit, "settle": _pause_before_settling, "magic": _die_of_magic}


async def main(point: str, urls: Sequence[str]) -> None:
    POINTS[point]()
    async with open_bench(settings_for(*urls)) as bench, bench.worker() as task:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        await task


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], orjson.loads(sys.argv[2])))
