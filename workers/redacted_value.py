"""Where the value after a name ends in a text: in Python's repr, in JSON (also inside of another text), in a header, a query, a command line. Pure."""

from __future__ import annotations

import re

_QUOTED = re.compile(r"""[bBuUrR]{0,2}(?P<open>\\*(?P<quote>'''|\"\"\"|'|"))""")
_SCHEME = re.compile(r"(?:Bearer|Basic|Digest|Token|Negotiate|ApiKey|AWS4-HMAC-SHA256)\s+", re.IGNORECASE)
_BARE = re.compile(r"""[^\s'",;&)\]}<>\\({\[]*""")
_HALT = re.compile(r"""['"]|[\[({<\])}>]""")
_CLOSING = {"[": "]", "(": ")", "{": "}", "<": ">"}
DEEPEST = 100


def end_of_value(text: str, start: int) -> tuple[int, int]:
    r"""(where the value begins, where it ends), without the quotes around it. A value that was cut ends with the text.

    >>> [text[slice(*end_of_value(text, 2))] for text in ("a='x', b=1", 'a="x', "a=[1, 'x]'], b", "a=x&b=1", "a=Bearer x y")]
    ['x', 'x', "[1, 'x]']", 'x', 'Bearer x']
    """
    quoted = _QUOTED.match(text, start)
    if quoted:
        return quoted.end(), _closing_quote(text, quoted.end(), quoted.group("open"))
    scheme = _SCHEME.match(text, start)
    end = _bare(text, scheme.end() if scheme else start)
    while end < len(text) and text[end] in _CLOSING:  # a list, or what an object is made of: Secret('x')
        end = _bare(text, _closing_bracket(text, end))
    return start, end


def _bare(text: str, at: int) -> int:
    found = _BARE.match(text, at)
    return found.end() if found else at


def _closing_quote(text: str, at: int, opening: str) -> int:
    """Where the same quote with as many backslashes before it comes next; an escaped one has more."""
    quote = opening.lstrip("\\")
    escapes = len(opening) - len(quote)
    while True:
        found = text.find(opening, at)
        if found < 0:
            return len(text)
        first = found
        while first > at and text[first - 1] == "\\":
            first -= 1
        before = found - first + escapes
        if before == escapes if escapes else before % 2 == 0:
            return found
        at = found + len(opening)


def _closing_bracket(text: str, start: int) -> int:
    """After the bracket that closes the one at `start`."""
    expected, at = [_CLOSING[text[start]]], start + 1
    while expected:
        found = _HALT.search(text, at)
        if found is None or len(expected) > DEEPEST:
            return len(text)
        mark, at = found.group(), found.end()
        if mark in "'\"":
            escapes = found.start()
            while escapes > start and text[escapes - 1] == "\\":
                escapes -= 1
            at = _closing_quote(text, at, text[escapes:at])
            at = min(len(text), at + found.end() - escapes)
        elif mark in _CLOSING:
            expected.append(_CLOSING[mark])
        elif mark == expected[-1]:
            expected.pop()
    return at
