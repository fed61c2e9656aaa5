"""Exceptions that differ only in a number or an id are one. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from workers.message_folding import folded


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
