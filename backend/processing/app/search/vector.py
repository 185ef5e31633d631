"""Words with their places in PostgreSQL's binary form of ``tsvector``.

The number of words, then each in the order of its bytes: UTF-8 with a zero byte, how many places, the places.
https://github.com/postgres/postgres/blob/REL_18_0/src/backend/utils/adt/tsvector.c (tsvectorrecv)
"""

from collections.abc import Callable, Sequence
from functools import cache
from struct import Struct

from shared.fulltext import BREAK

# Greater places cannot be told apart, and further ones of a word are not kept.
MAX_PLACE = 16_383
MAX_PLACES = 255

_count = Struct(">i").pack


def encode_vector(words: Sequence[str]) -> bytes:
    """Return the vector of these words; a break makes sure that no phrase reaches over it.

    Args:
        words: Words without zero bytes, and breaks; what comes after the greatest place is left out.
    """
    places: dict[str, list[int]] = {}
    for place, word in enumerate(words[:MAX_PLACE], 1):
        known = places.get(word)
        if known is None:
            places[word] = [place]
        else:
            known.append(place)
    places.pop(BREAK, None)
    parts = [_count(len(places))]
    # The order of code points is that of their UTF-8 bytes.
    for word in sorted(places):
        listed = places[word]
        if len(listed) > MAX_PLACES:
            del listed[MAX_PLACES:]
        parts.append(word.encode())
        parts.append(_places(len(listed))(0, len(listed), *listed))
    return b"".join(parts)


@cache
def _places(number: int) -> Callable[..., bytes]:
    return Struct(f">B{number + 1}H").pack
