"""Where answers are cached, and which days of a workspace changed, so that answers about them are found stale."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

_KEPT_SECONDS = 2 * 86_400
_KEYS_AT_ONCE = 500
# What a hash of counts was given when it was made, so that a forgotten one is never taken for its successor.
_BORN = "born"
_ANY_DAY = "any"

Days = tuple[date, date]


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
    for field in (_ANY_DAY, *_fields(days)):
        pipeline.hincrby(key, field, 1)
    pipeline.expire(key, _KEPT_SECONDS)


def begin_counting(workspace: int, token: str) -> list[list[Any]]:
    """Return the commands that make the counts of a workspace tell themselves from those that were forgotten before.

    Args:
        workspace: Number of the workspace.
        token: What no other call gives; the first that is given stays.
    """
    key = changes_key(workspace)
    return [["HSETNX", key, _BORN, token], ["EXPIRE", key, _KEPT_SECONDS]]


def read_all_changes(workspace: int) -> list[str]:
    """Return the command whose answer ``pick_changes`` reads: all counts."""
    return ["HGETALL", changes_key(workspace)]


def pick_changes(counts: Mapping[bytes, bytes], days: Days | None) -> list[bytes | None]:
    """Return from all counts what ``read_changes`` asks for."""
    return [counts.get(field.encode()) for field in _asked(days)]


def read_changes(workspace: int, days: Days | None) -> list[str]:
    """Return the command whose answer differs once any of the days has changed.

    Args:
        workspace: Number of the workspace.
        days: The first and the last day; None for whatever changes.
    """
    return ["HMGET", changes_key(workspace), *_asked(days)]


def is_counting(values: list[bytes | None]) -> bool:
    """Return whether such an answer is of counts that tell themselves from others."""
    return values[0] is not None


def days_between(first: date, last: date) -> list[date]:
    """Return all days from ``first`` to ``last``."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _asked(days: Days | None) -> list[str]:
    return [_BORN, *([_ANY_DAY] if days is None else _fields(days_between(*days)))]


def _fields(days: Iterable[date]) -> list[str]:
    return [str(day.toordinal()) for day in days]
