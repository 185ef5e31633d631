"""Which nodes of a graph lie on circles."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

Key = TypeVar("Key", bound=tuple[str, str])


def strongly_connected(below: Mapping[Key, Sequence[Key]]) -> list[set[Key]]:
    """Return the sets of nodes that reach each other; Kosaraju's algorithm, as in Aho, Hopcroft and Ullman, 1983.

    Nothing recurses, so a path may be any number of nodes long.

    Args:
        below: The nodes to which each node leads.
    """
    above: dict[Key, list[Key]] = {}
    for source, targets in below.items():
        for target in targets:
            above.setdefault(target, []).append(source)
    finished: list[Key] = []
    seen: set[Key] = set()
    for start in sorted(below):
        stack = [(start, False)]
        while stack:
            key, done = stack.pop()
            if done:
                finished.append(key)
            elif key not in seen:
                seen.add(key)
                stack.append((key, True))
                stack.extend((target, False) for target in below.get(key, ()))
    groups: list[set[Key]] = []
    placed: set[Key] = set()
    for start in reversed(finished):
        group: set[Key] = set()
        waiting = [start]
        while waiting:
            key = waiting.pop()
            if key not in placed:
                placed.add(key)
                group.add(key)
                waiting.extend(above.get(key, ()))
        if group:
            groups.append(group)
    return groups
