"""What the names of short-lived worker nodes have in common: pods, containers and autoscaled machines have a part that differs each time. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
LEAST_FOLDED = 3
_PARTS = re.compile(r"([-._@:])")
_POD = re.compile(r"[bcdfghjklmnpqrstvwxz2456789]{5}")  # the letters that Kubernetes draws from: apimachinery, rand.SafeEncodeString
_HEX = re.compile(r"(?=.*\d)[0-9a-f]{6,}")
_LONG = re.compile(r"(?=.*\d)(?=.*[a-z])[a-z0-9]{8,}", re.IGNORECASE)


def pattern_of(hostname: str) -> str:
    """The name with `*` for each part that a machine made up.

    >>> pattern_of("celery@worker-6db584f5fc-wf495"), pattern_of("celery@web-1"), pattern_of("mail@db.example")
    ('celery@worker-*', 'celery@web-*', 'mail@db.example')
    """
    parts = _PARTS.split(hostname)
    found: list[str] = []
    for place in range(0, len(parts), 2):
        part, before = parts[place], parts[place - 1] if place else ""
        if _is_made_up(part, bool(found) and found[-1] == "*"):
            if not (len(found) > 1 and found[-1] == "*" and before == "-"):
                found += [before, "*"]
        else:
            found += [before, part]
    return "".join(found)


def _is_made_up(part: str, after_another: bool) -> bool:
    if part.isdigit() or _HEX.fullmatch(part) or _LONG.fullmatch(part):
        return True
    if after_another:
        return re.fullmatch(r"[a-z0-9]{5}", part) is not None
    return _POD.fullmatch(part) is not None and any(letter.isdigit() for letter in part)


def folded(items: Iterable[T], hostname: Callable[[T], str]) -> tuple[list[tuple[str, list[T]]], list[T]]:
    """([(pattern, its items)] of at least three items each, those left over), both in the order in which they come."""
    kept = list(items)
    by_pattern: dict[str, list[T]] = {}
    for item in kept:
        by_pattern.setdefault(pattern_of(hostname(item)), []).append(item)
    folds = [(pattern, found) for pattern, found in by_pattern.items() if len(found) >= LEAST_FOLDED and "*" in pattern]
    taken = {id(item) for _, found in folds for item in found}
    return folds, [item for item in kept if id(item) not in taken]
