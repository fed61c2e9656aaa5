"""Exceptions that differ only in a number or an id are one. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

_VARIES = re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{1,12}|\w*\d[\w.,:]*(?<![.,:])")


def counted(texts: Iterable[str], most: int) -> list[tuple[str, int]]:
    """(text, how often), the most frequent first; what varies among equal ones is "…".

    >>> counted(["Declined('order 17')", "Declined('order 18')", "Timeout(5)"], 3)
    [("Declined('order …')", 2), ('Timeout(5)', 1)]
    """
    amounts: Counter[str] = Counter()
    examples: dict[str, set[str]] = {}
    for text in texts:
        kind = folded(text)
        amounts[kind] += 1
        examples.setdefault(kind, set()).add(text)
    return [(kind if len(examples[kind]) > 1 else next(iter(examples[kind])), amount) for kind, amount in amounts.most_common(most)]


_STATUS = re.compile(r"[45]\d\d")
_BEFORE_STATUS = re.compile(r"(?:\(['\"]?|\b(?:status(?:[ _]?code)?|code|http(?:/[\d.]+)?|error)[ =:(]{1,2}['\"]?)\Z", re.IGNORECASE)
_OF_HTTP = re.compile(r"http|status|response|api|client|server|request", re.IGNORECASE)


@lru_cache(maxsize=4096)
def folded(text: str) -> str:
    """The text with "…" for each number and id after the class. The status of an answer by HTTP stays: 404 and 500 are not the same failure.

    >>> folded("Http404('/orders/4711 of 0b4ee1f5-04b0-4a4c-9a6e-a2c4cd0f6a20 took 1.5s')")
    "Http404('/orders/… of … took …')"
    >>> folded("HTTPError('404 for order 17')"), folded("KeyError(404)"), folded("ValueError('status code 503 after 4 tries')")
    ("HTTPError('404 for order …')", 'KeyError(…)', "ValueError('status code 503 after … tries')")
    """
    end = re.search(r"[^\w.]|$", text)
    start = end.start() if end else 0
    of_http = bool(_OF_HTTP.search(text[:start]))

    def shown(found: re.Match[str]) -> str:
        before = _BEFORE_STATUS.search(text, 0, found.start()) if _STATUS.fullmatch(found[0]) else None
        return found[0] if before is not None and (of_http or not before[0].startswith("(")) else "…"

    return text[:start] + _VARIES.sub(shown, text[start:])
