"""Where answers are cached, and which days of a workspace changed, so that answers about them are found stale."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

_KEPT_SECONDS = 2 * 86_400
_KEYS_AT_ONCE = 500


def changes_key(workspace: int) -> str:
    """Return the hash that counts the changes of each day of a workspace, given by its number."""
    return f"changes:{{{workspace}}}"


def result_key(workspace: int, digest: str) -> str:
    """Return the key of a cached answer of a workspace, given by its number."""
    return f"result:{{{workspace}}}:{digest}"


async def forget_results(cache: Any, workspace: int) -> None:
    """Remove everything that is cached of a workspace; ``cache`` is a client of the cache server."""
    keys: list[bytes | str] = [changes_key(workspace)]
    async for key in cache.scan_iter(result_key(workspace, "*"), count=_KEYS_AT_ONCE):
        keys.append(key)
        if len(keys) >= _KEYS_AT_ONCE:
            await cache.delete(*keys)
            keys.clear()
    if keys:
        await cache.delete(*keys)


def note_changes(pipeline: Any, workspace: int, days: Iterable[date]) -> None:
    """Count a change of days; to be sent after it was committed."""
    key = changes_key(workspace)
    for day in days:
        pipeline.hincrby(key, day.toordinal(), 1)
    # A count that is forgotten differs from every count that an answer was cached under.
    pipeline.expire(key, _KEPT_SECONDS)


def read_changes(workspace: int, first: date, last: date) -> list[str]:
    """Return the command whose answer are the counts of all days from ``first`` to ``last``."""
    days = range(first.toordinal(), last.toordinal() + 1)
    return ["HMGET", changes_key(workspace), *map(str, days)]


def days_between(first: date, last: date) -> list[date]:
    """Return all days from ``first`` to ``last``."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
