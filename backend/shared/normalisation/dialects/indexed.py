"""Structures that dialects flatten into keys with indices, such as ``llm.input_messages.0.message.role``."""

from collections.abc import Mapping
from functools import cache

_MAX_SEGMENTS = 24
_MAX_WALK = 1024


@cache
def _role_keys(prefix: str, suffix: str) -> tuple[str, ...]:
    return tuple(f"{prefix}{index}{suffix}" for index in range(_MAX_WALK))


def unflatten(attributes: Mapping[str, object], prefix: str) -> list[dict[str, object]]:
    """Return the entries below ``prefix`` in the order of their indices; gaps and huge indices cost nothing.

    A key that is both a leaf and a prefix keeps its own value under the empty name.
    """
    entries: dict[int, dict[str, object]] = {}
    cut = len(prefix)
    for key in attributes:
        if not key.startswith(prefix):
            continue
        index, _, tail = key[cut:].partition(".")
        if not tail or len(index) > 9 or not index.isascii() or not index.isdigit():
            continue
        _place(entries.setdefault(int(index), {}), tail.split(".", _MAX_SEGMENTS), attributes[key])
    return [entries[index] for index in sorted(entries)]


def _place(node: dict[str, object], path: list[str], value: object) -> None:
    for segment in path[:-1]:
        inner = node.get(segment)
        if not isinstance(inner, dict):
            inner = {} if inner is None else {"": inner}
            node[segment] = inner
        node = inner
    held = node.get(path[-1])
    if isinstance(held, dict):
        held[""] = value
    else:
        node[path[-1]] = value


def items(node: object) -> list[dict[str, object]]:
    """Return the entries of an unflattened list (``{"0": {...}, "1": {...}}``) in the order of their indices."""
    if not isinstance(node, dict):
        return []
    numbered = [(int(key), value) for key, value in node.items() if key.isascii() and key.isdigit() and len(key) < 10]
    return [value for _, value in sorted(numbered, key=lambda pair: pair[0]) if isinstance(value, dict)]


def last_with_role(attributes: Mapping[str, object], prefix: str, suffix: str, roles: frozenset[str]) -> int | None:
    """Return the highest index whose role key (``prefix`` + index + ``suffix``) holds one of the roles."""
    best: int | None = None
    known = 0
    for known, key in enumerate(_role_keys(prefix, suffix)):
        role = attributes.get(key)
        if role is None:
            break
        if isinstance(role, str) and role in roles:
            best = known
    else:
        known = 0
    if known:
        return best
    # The SDK's attribute limit takes the oldest messages first, so the indices may start anywhere.
    start, end = len(prefix), -len(suffix)
    for key in attributes:
        if key.endswith(suffix) and key.startswith(prefix):
            index = key[start:end]
            if index.isascii() and index.isdigit() and len(index) < 10 and str(attributes[key]) in roles:
                number = int(index)
                best = number if best is None or number > best else best
    return best
