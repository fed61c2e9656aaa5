"""Searches names with the regular expressions of policies and permissions, which are untrusted: compiled once, each search limited in time.

Pure. RabbitMQ matches bytes, not characters: `^..$` is found in "é", and the class `[é]` is one of two bytes.
"""

from __future__ import annotations

import time
from typing import Any

import regex

_QUOTED = regex.compile(r"\\Q(.*?)(?:\\E|$)", regex.DOTALL)
SEARCH_SECONDS = 0.05
MOST_PATTERN = 2000
MOST_SECONDS = 1.0
"""Total time for the slow searches of one virtual host."""
SLOW_SECONDS = 0.005


class Patterns:
    """One that can't be evaluated is kept in `unknown`, with the end of a sentence, and not tried again."""

    def __init__(self) -> None:
        self.compiled: dict[str, Any] = {}
        self.unknown: dict[str, str] = {}
        self.seconds = 0.0

    def found_in(self, pattern: str, name: str) -> bool:
        """Whether the pattern is found anywhere in the name; False if it can't be evaluated.

        >>> Patterns().found_in("^..$", "é")
        True
        """
        if pattern in self.unknown:
            return False
        if self.seconds >= MOST_SECONDS:
            self.unknown[pattern] = "was not searched: other patterns took too long"
            return False
        started = time.thread_time()
        try:
            if pattern not in self.compiled:
                if len(pattern) > MOST_PATTERN:
                    raise ValueError(f"is longer than {MOST_PATTERN} characters")
                self.compiled[pattern] = regex.compile(_bytes(_without_quotes(pattern)))
            return self.compiled[pattern].search(_bytes(name), timeout=SEARCH_SECONDS) is not None
        except TimeoutError:
            self.unknown[pattern] = "takes too long to search"
        except (regex.error, ValueError, OverflowError, RecursionError, MemoryError) as error:
            self.unknown[pattern] = f"is not a valid pattern ({str(error)[:80]})"
        finally:
            took = time.thread_time() - started
            self.seconds += took if took > SLOW_SECONDS else 0.0
        return False


def _without_quotes(pattern: str) -> str:
    r"""PCRE takes what is between \Q and \E literally, which the library does not know.

    >>> print(_without_quotes(r"^\Qa.b\E$"))
    ^a\.b$
    """
    return _QUOTED.sub(lambda found: regex.escape(found[1]), pattern)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
