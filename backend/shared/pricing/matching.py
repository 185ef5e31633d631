"""Recognising model ids by the match clauses of genai-prices."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Generic, TypeVar

_COMPACT_DATE = re.compile(r"-(20\d{2})(\d{2})(\d{2})(?=-|:|$)")

_Entry = TypeVar("_Entry")


def matches(clause: Mapping[str, object], text: str) -> bool:
    """Return whether a clause recognises ``text``, which must be lower case.

    Raises:
        ValueError: The clause is of no known kind.
    """
    for kind, operand in clause.items():
        if kind in ("or", "and") and isinstance(operand, list):
            return (any if kind == "or" else all)(matches(part, text) for part in operand)
        if not isinstance(operand, str):
            break
        if kind == "regex":
            return re.search(operand, text) is not None
        wanted = operand.lower()
        if kind == "equals":
            return text == wanted
        if kind == "starts_with":
            return text.startswith(wanted)
        if kind == "ends_with":
            return text.endswith(wanted)
        if kind == "contains":
            return wanted in text
        break
    raise ValueError(f"unknown match clause {clause!r}")


def dashed_date(model: str) -> str:
    """Return the id with compact dates such as ``-20251211`` spelt ``-2025-12-11``, as price tables list them."""

    def spell(match: re.Match[str]) -> str:
        year, month, day = (int(part) for part in match.groups())
        try:
            return f"-{date(year, month, day).isoformat()}"
        except ValueError:
            return match.group(0)

    return _COMPACT_DATE.sub(spell, model)


class ClauseIndex(Generic[_Entry]):
    """Entries with a clause each; finds all that recognise an id without trying every clause.

    An unknown model id must stay cheap, or spans with made-up ids could stall a worker: equality and prefixes,
    nearly all clauses there are, become dictionary look-ups.
    """

    def __init__(self, entries: Iterable[tuple[Mapping[str, object], _Entry]]) -> None:
        self._entries: list[_Entry] = []
        self._equal: defaultdict[str, set[int]] = defaultdict(set)
        self._prefix: defaultdict[int, defaultdict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
        self._rest: list[tuple[Mapping[str, object], int]] = []
        for number, (clause, entry) in enumerate(entries):
            self._entries.append(entry)
            self._add(clause, number)

    def _add(self, clause: Mapping[str, object], number: int) -> None:
        kind, operand = next(iter(clause.items()))
        if kind == "or" and isinstance(operand, list):
            for part in operand:
                self._add(part, number)
        elif kind == "equals":
            self._equal[str(operand).lower()].add(number)
        elif kind == "starts_with":
            prefix = str(operand).lower()
            self._prefix[len(prefix)][prefix].add(number)
        else:
            self._rest.append((clause, number))

    def find(self, model: str) -> list[_Entry]:
        """Return the entries that recognise this lower-case id, in the order they were given."""
        found = set(self._equal.get(model, ()))
        for length, prefixes in self._prefix.items():
            found |= prefixes.get(model[:length], set())
        found.update(number for clause, number in self._rest if number not in found and matches(clause, model))
        return [self._entries[number] for number in sorted(found)]
