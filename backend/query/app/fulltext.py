"""Full-text queries as people write them into a search box.

``refund failed`` finds traces with both words, ``refund or chargeback`` those with either, ``"connection refused"`` the
words next to each other, ``-timeout`` leaves traces with the word out, and ``refun*`` finds words that begin so. ``or``
binds less than standing side by side. A word with signs inside, such as ``alice@example.com``, is a phrase of its
parts.
"""

import re
from dataclasses import dataclass

from shared.errors import FieldProblem, InvalidFieldsError
from shared.fulltext import words_of

LONGEST_QUERY = 500
MAX_WORDS = 50

_TERM = re.compile(r'(-?)(?:"([^"]*)(?:"|$)|(\S+))')


@dataclass(frozen=True, slots=True)
class TextQuery:
    """A full-text query in the notation of ``tsquery``; its words are letters and digits only."""

    expression: str


def parse_text_query(q: str) -> TextQuery:
    """Return what a search box asks for.

    Raises:
        InvalidFieldsError: There is no word to look for in it, or too many.
    """
    alternatives: list[list[str]] = [[]]
    count = 0
    has_positive = False
    for match in _TERM.finditer(q):
        minus, phrase, plain = match.groups()
        if plain is not None and not minus and plain.lower() == "or":
            if has_positive:
                alternatives.append([])
                has_positive = False
            elif alternatives[-1]:
                raise _only_negative()
            continue
        words = words_of(plain if phrase is None else phrase)
        if not words:
            continue
        count += len(words)
        if count > MAX_WORDS:
            raise _refused(f"has more than {MAX_WORDS} words")
        is_prefix = plain is not None and plain.endswith("*")
        alternatives[-1].append(_term(words, is_prefix=is_prefix, is_left_out=bool(minus)))
        has_positive = has_positive or not minus
    if not alternatives[-1] and len(alternatives) > 1:
        alternatives.pop()
    elif not alternatives[-1]:
        raise _refused("holds no word to look for; words are made of letters and digits")
    elif not has_positive:
        raise _only_negative()
    return TextQuery(" | ".join(" & ".join(terms) for terms in alternatives))


def _term(words: list[str], *, is_prefix: bool, is_left_out: bool) -> str:
    quoted = [f"'{word}'" for word in words]
    if is_prefix:
        quoted[-1] += ":*"
    term = " <-> ".join(quoted)
    return f"!({term})" if is_left_out else f"({term})" if len(quoted) > 1 else term


def _refused(problem: str) -> InvalidFieldsError:
    return InvalidFieldsError("The search cannot be understood.", details=[FieldProblem("q", problem)])


def _only_negative() -> InvalidFieldsError:
    return _refused("only says what to leave out; name at least one word to look for, on each side of 'or'")
