"""Texts of exceptions that differ only in numbers, ids, addresses and paths are one. Pure, and linear in the length of the text."""

from __future__ import annotations

import re
from functools import lru_cache

LONGEST = 1000
"""What follows in a longer text is left out before it is folded."""
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{1,12}")
_PART = re.compile(r"[^\s'\"`()\[\]{}<>,;=|]++")
_WORD = re.compile(r"[\w…]++")
_URL = re.compile(r"[a-zA-Z][a-zA-Z+.-]{1,9}+://")
_STATUS = re.compile(r"[45]\d\d")
_BEFORE_STATUS = re.compile(r"(?:\(['\"]?|\b(?:status(?:[ _]?code)?|code|http(?:/[\d.…]{1,4})?|error)[ =:(]{1,2}['\"]?)\Z", re.IGNORECASE)
_LOOK_BACK = 24
_OF_HTTP = re.compile(r"http|status|response|api|client|server|request", re.IGNORECASE)
_HEAD = re.compile(r"[\w.]*+")


@lru_cache(maxsize=4096)
def folded(text: str) -> str:
    """The text with "…" for each number, id, mail address and path after the class. The status of an answer by HTTP stays: 404 and 500 are not the same
    failure.

    >>> folded("OSError('/srv/in/a.csv of 0b4ee1f5-04b0-4a4c-9a6e-a2c4cd0f6a20 took 1.5s')")
    "OSError('… of … took …')"
    >>> folded("HTTPError('404 for order 17')"), folded("KeyError(404)"), folded("ValueError('status code 503 after 4 tries')")
    ("HTTPError('404 for order …')", 'KeyError(…)', "ValueError('status code 503 after … tries')")
    """
    text = text[:LONGEST]
    head = _HEAD.match(text)
    start = head.end() if head else 0
    of_http = bool(_OF_HTTP.search(text[:start]))
    rest = _UUID.sub("…", text[start:])
    found, last = [text[:start]], 0
    for part in _PART.finditer(rest):
        found.append(rest[last : part.start()])
        found.append(_part(part[0], rest, part.start(), of_http))
        last = part.end()
    found.append(rest[last:])
    return "".join(found)


def _part(part: str, text: str, start: int, of_http: bool) -> str:
    """A part without blanks and quotes, at this place of the text."""
    core = part.rstrip(".:!?")
    end = part[len(core) :]
    url = _URL.match(core)
    if url:
        host, slash, path = core[url.end() :].partition("/")
        return f"{url[0]}{_words(host, text, start, of_http)}{slash}{'…' if path else ''}{end}"
    if "@" in core.strip("@") or _is_path(core):
        return f"…{end}"
    return _words(core, text, start, of_http) + end


def _is_path(part: str) -> bool:
    """
    >>> _is_path("/tmp/a"), _is_path("C:\\\\data"), _is_path("and/or"), _is_path("~/x"), _is_path("/")
    (True, True, False, True, False)
    """
    return (part.startswith(("/", "~/", "./", "../", "\\\\")) and len(part) > 1) or (part[1:3] in (":\\", ":/") and part[:1].isalpha())


def _words(part: str, text: str, start: int, of_http: bool) -> str:
    """The part with "…" for each word with a digit; several with one character between them are one."""
    found: list[str] = []
    last, was_folded = 0, False
    for word in _WORD.finditer(part):
        between = part[last : word.start()]
        varies = "…" in word[0] or any(letter.isdigit() for letter in word[0])
        if varies and _is_status(word[0], text, start + word.start(), of_http):
            varies = False
        if not (varies and was_folded and len(between) == 1):
            found.append(between)
            found.append("…" if varies else word[0])
        last, was_folded = word.end(), varies
    return "".join(found) + part[last:]


def _is_status(word: str, text: str, at: int, of_http: bool) -> bool:
    if not _STATUS.fullmatch(word):
        return False
    before = _BEFORE_STATUS.search(text[max(0, at - _LOOK_BACK) : at])
    return before is not None and (of_http or not before[0].startswith("("))
