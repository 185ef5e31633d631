"""Words of texts: what is indexed and what is looked for are cut into the same ones.

No language is assumed: no word is left out and none is reduced to its stem. A word is a run of letters and digits,
without regard to case and accents; all else separates, so that an address, an id or an identifier is found by its parts
and, as a phrase of them, as a whole. Chinese and Japanese write no spaces: each of their signs is a word.
"""

import re
import unicodedata

# Longer runs are seldom words of people. Cut on both sides, they are still found.
LONGEST_WORD = 64
# Stands in a text where one ends and another begins, and comes out as a word of its own.
BREAK = "\0"

_SIGNS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[\0{_SIGNS}]|[^\W_{_SIGNS}]+")
_ACCENTS = re.compile("[\u0300-\u036f]+")
_SURROGATES = re.compile("[\ud800-\udfff]")
_SPACES = str.maketrans(
    {chr(code): " " for code in range(128) if not chr(code).isalnum() and chr(code) != BREAK} | {BREAK: f" {BREAK} "}
)


def words_of(text: str) -> list[str]:
    """Return the words of a text in their order; each is made of letters and digits only, or is ``BREAK``."""
    if text.isascii():
        words = text.lower().translate(_SPACES).split()
    else:
        # Accents come apart from their letters and go; what then remains is put together again.
        plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", text))
        words = _WORD.findall(_SURROGATES.sub(" ", unicodedata.normalize("NFKC", plain).casefold()))
    if words and max(map(len, words)) > LONGEST_WORD:
        return [word[:LONGEST_WORD] for word in words]
    return words
