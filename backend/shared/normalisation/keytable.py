"""The table of precedence compiled for one pass over a span's keys.

Each (fact, key) pair becomes one integer, the fact above and the rank below, so that sorting the codes of the keys
present yields the facts in reading order and within each fact the winner first.
"""

from shared.normalisation.precedence import PRECEDENCE, Fact

SHIFT = 8
NOTHING: tuple[int, ...] = ()
_CACHE_LIMIT = 16_384


def first_code(fact: Fact) -> int:
    """Return the lowest code of a fact."""
    return fact << SHIFT


KEY_OF: dict[int, str] = {
    first_code(fact) + rank: key for fact, keys in PRECEDENCE.items() for rank, key in enumerate(keys)
}
CODE_OF: dict[tuple[Fact, str], int] = {(Fact(code >> SHIFT), key): code for code, key in KEY_OF.items()}
_FAMILIES = tuple((key[:-1], code) for code, key in sorted(KEY_OF.items()) if key.endswith(".*"))
_EXACT: dict[str, tuple[int, ...]] = {}
for _code, _key in KEY_OF.items():
    if not _key.endswith(".*"):
        _EXACT[_key] = (*_EXACT.get(_key, ()), _code)


def _classify(key: str) -> tuple[int, ...]:
    return _EXACT.get(key, ()) + tuple(code for prefix, code in _FAMILIES if key.startswith(prefix))


known: dict[str, tuple[int, ...]] = {key: _classify(key) for key in _EXACT}


def learn(key: str) -> tuple[int, ...]:
    """Return the codes of a key and remember them; the memory is bounded as senders may invent keys without end."""
    codes = _classify(key)
    if len(known) >= _CACHE_LIMIT:
        known.clear()
        known.update({exact: _classify(exact) for exact in _EXACT})
    if len(key) <= 256:
        known[key] = codes
    return codes


def family(code: int) -> str | None:
    """Return the prefix that a code stands for, or None when it stands for one key."""
    key = KEY_OF[code]
    return key[:-1] if key.endswith(".*") else None
