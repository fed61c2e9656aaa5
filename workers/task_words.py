"""The words by which tasks are found: FTS5 of SQLite finds them itself, for PostgreSQL they are cut here by the same rules. Pure.

A word is a run of letters and digits, without accents, whatever its case.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

WORDS_LENGTH = 2000
"""So many characters of a task are searched."""
LONGEST_WORD = 400
SHORTEST_BEGINNING = 3
_ASCII_WORDS = re.compile(r"[0-9a-z]+")


def words_of(text: str) -> list[str]:
    """
    >>> words_of("orders.capture(20, 'Café')")
    ['orders', 'capture', '20', 'cafe']
    """
    if text.isascii():
        return _ASCII_WORDS.findall(text.lower())
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(_kept(character) for character in plain).split()


def _kept(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] in "LN" or category == "Co":
        return character
    return "" if category == "Mn" else " "


def vector(*texts: str | None) -> str:
    """The words of a task with their places, as PostgreSQL reads a tsvector.

    >>> vector("orders.capture", None, "(20,)")
    'orders:1 capture:2 20:3'
    """
    found = words_of(" ".join(text or "" for text in texts)[:WORDS_LENGTH])
    return " ".join(f"{word[:LONGEST_WORD]}:{place}" for place, word in enumerate(found, 1))


def may_begin_one(part: str, words: list[str]) -> bool:
    """True if the last of these words, into which a part of a search text was cut, may be only the beginning of a word. A short number may not: a hundredth of
    all tasks have one that begins with it, and hardly anybody means these.

    >>> may_begin_one("orders.ca", ["orders", "ca"]), may_begin_one("customer-20", ["customer", "20"]), may_begin_one("ca", ["ca"])
    (True, False, False)
    """
    return len(part) >= SHORTEST_BEGINNING and (len(words[-1]) >= SHORTEST_BEGINNING or not words[-1].isdecimal())


def has_words(text: str, wanted: str, may_begin: bool) -> bool:
    """Whether a text has all words of another one, as `query` finds them; `may_begin`: the last may be the beginning of one.

    >>> has_words("('sku-17', 'EUR')", "sku-17", True), has_words("17 sku", "sku-17", True), has_words("ValueError(1)", "value", True)
    (True, False, True)
    """
    wanted_phrases = _phrases(wanted, may_begin)
    if text.isascii():
        lowered = text.lower()
        return bool(wanted_phrases) and all(pattern.search(lowered) for _, _, pattern in wanted_phrases)
    words = words_of(text)
    return bool(wanted_phrases) and all(_has_phrase(words, phrase, begins) for phrase, begins, _ in wanted_phrases)


@lru_cache(maxsize=32)
def _phrases(wanted: str, may_begin: bool) -> list[tuple[list[str], bool, re.Pattern[str]]]:
    """(words that follow each other, whether the last may be a beginning, what finds them in a text of ASCII in lower case: of a thousand texts it takes a
    tenth of what cutting them into words does)."""
    phrases = [(part, found) for part in wanted.split() if (found := words_of(part))]
    made = []
    for number, (part, phrase) in enumerate(phrases, 1):
        begins = may_begin and number == len(phrases) and may_begin_one(part, phrase)
        end = "" if begins else "(?![0-9a-z])"
        made.append((phrase, begins, re.compile(f"(?<![0-9a-z]){'[^0-9a-z]+'.join(map(re.escape, phrase))}{end}")))
    return made


def _has_phrase(words: list[str], phrase: list[str], may_begin: bool) -> bool:
    *first, last = phrase
    for start in range(len(words) - len(first)):
        word = words[start + len(first)]
        if words[start : start + len(first)] == first and (word == last or (may_begin and word.startswith(last))):
            return True
    return False


def query(text: str) -> str:
    """What finds the tasks with all these words, as PostgreSQL reads a tsquery; "" if there is no word in it. Parts of a word follow each other, and the
    last may be the beginning of a word.

    >>> query("orders.capture 20"), query("orders.capture 200"), query("--")
    ('(orders <-> capture) & 20', '(orders <-> capture) & 200:*', '')
    """
    phrases = [(part, words_of(part)) for part in text.split()]
    phrases = [(part, words) for part, words in phrases if words]
    if not phrases:
        return ""
    found = [" <-> ".join(word[:LONGEST_WORD] for word in words) for _, words in phrases]
    if may_begin_one(*phrases[-1]):
        found[-1] += ":*"
    return " & ".join(f"({one})" if " " in one else one for one in found)


def terms(text: str) -> list[str]:
    """The words of `query`, each by itself as PostgreSQL reads a tsquery; every task that it finds has all of them.

    >>> terms("orders.capture 200"), terms("orders.capture 20")
    (['orders', 'capture', '200:*'], ['orders', 'capture', '20'])
    """
    phrases = [(part, words) for part in text.split() if (words := words_of(part))]
    found = [word[:LONGEST_WORD] for _, words in phrases for word in words]
    if phrases and may_begin_one(*phrases[-1]):
        found[-1] += ":*"
    return found


def rarest(text: str) -> str:
    """Of several `terms` of a text the one that the fewest tasks may have: the longest with a digit; "" where there is none such.

    >>> rarest("customer-17"), rarest("customer-1700"), rarest("17"), rarest("orders.capture")
    ('17', '1700:*', '', '')
    """
    found = terms(text)
    return max((term for term in found if any(map(str.isdigit, term))), key=len, default="") if len(found) > 1 else ""
