"""Regular expressions that come from outside, run with a time limit. The only module that knows the `regex` library."""

from __future__ import annotations

import re

import regex

LONGEST_PATTERN = 1000
MATCH_SECONDS = 0.05
_KNOWN_FLAGS = re.IGNORECASE | re.MULTILINE | re.DOTALL | re.VERBOSE | re.ASCII | re.UNICODE


def problem(text: str, flags: int) -> str | None:
    """Why this can't be a pattern of a route, as the end of a sentence; None if it can.

    >>> problem("(a", 0)
    'is no regular expression: missing ), unterminated subpattern at position 0'
    """
    if len(text) > LONGEST_PATTERN:
        return f"is longer than {LONGEST_PATTERN} characters"
    if flags & ~int(_KNOWN_FLAGS):
        return "has flags that we don't know"
    try:
        re.compile(text, flags)
        _compiled(text, flags)
    except (re.error, regex.error) as error:
        return f"is no regular expression: {error}"
    except (OverflowError, RecursionError, MemoryError):
        return "is too large a regular expression"
    return None


def matches(text: str, flags: int, name: str) -> bool | None:
    """Whether `name` begins with a match; None if that could not be found out in 50 ms."""
    try:
        return _compiled(text, flags).match(name, timeout=MATCH_SECONDS) is not None
    except (TimeoutError, MemoryError):
        return None


def _compiled(text: str, flags: int) -> regex.Pattern[str]:
    return regex.compile(text, flags & ~int(re.UNICODE) | regex.V0)
