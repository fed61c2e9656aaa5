"""Regular expressions that come from outside, run with a time limit. The only module that knows the `regex` library."""

from __future__ import annotations

import math
import re
import time

import regex

LONGEST_PATTERN = 1000
MATCH_SECONDS = 0.05
MOST_REPEATS = 10_000  # the library writes out what must be there at least
_LEAST_COUNT = re.compile(r"\{(\d{1,9})")
_KNOWN_FLAGS = re.IGNORECASE | re.MULTILINE | re.DOTALL | re.VERBOSE | re.ASCII | re.UNICODE


def problem(text: str, flags: int) -> str | None:
    """Why this can't be a pattern of a route, as the end of a sentence; None if it can.

    >>> problem("(a", 0)
    'is no regular expression: missing ), unterminated subpattern at position 0'
    """
    if len(text) > LONGEST_PATTERN:
        return f"is longer than {LONGEST_PATTERN} characters"
    if math.prod(int(count) or 1 for count in _LEAST_COUNT.findall(text)) > MOST_REPEATS:
        return "repeats too much"
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


class Matcher:
    """Matches the patterns of one question, each once, in half a second together."""

    def __init__(self, seconds: float = 0.5) -> None:
        self._seconds_left = seconds
        self._found: dict[tuple[str, int, str], bool | None] = {}

    def matches(self, text: str, flags: int, name: str) -> bool | None:
        """Whether `name` begins with a match; None if that could not be found out in 50 ms, or no time was left."""
        key = (text, flags, name)
        if key not in self._found:
            began = time.monotonic()
            self._found[key] = _match(text, flags, name, min(MATCH_SECONDS, self._seconds_left)) if self._seconds_left > 0 else None
            self._seconds_left -= time.monotonic() - began
        return self._found[key]


def _match(text: str, flags: int, name: str, seconds: float) -> bool | None:
    try:
        return _compiled(text, flags).match(name, timeout=seconds) is not None
    except (TimeoutError, MemoryError):
        return None


def _compiled(text: str, flags: int) -> regex.Pattern[str]:
    return regex.compile(text, flags & ~int(re.UNICODE) | regex.V0)
