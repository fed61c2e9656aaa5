"""Changes that happened to the consumers of many queues at once, as one line: workers that start or end would fill a list of changes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Protocol, TypeVar

FEWEST = 3


class Happened(Protocol):
    """A change, or its row."""

    @property
    def at(self) -> datetime: ...
    @property
    def kind(self) -> str: ...
    @property
    def what(self) -> str: ...
    @property
    def vhost(self) -> str: ...
    @property
    def broker(self) -> Any: ...


H = TypeVar("H", bound=Happened)


def folded(changes: Sequence[H]) -> list[list[H]]:
    """The changes in their order, those that are one line together: of consumers, of one poll and virtual host, all of them first, or last, or neither."""
    found: list[list[H]] = []
    for _, group in groupby(changes, lambda one: (one.kind == "consumer", one.at, one.what, one.vhost, one.broker)):
        alike = list(group)
        found += [alike] if alike[0].kind == "consumer" and len(alike) >= FEWEST else [[one] for one in alike]
    return found


def folded_text(what: str, count: int) -> str:
    """
    >>> folded_text("added", 9), folded_text("gone", 3)
    ('9 queues have consumers, before none', '3 queues have no consumer any more')
    """
    queues = f"{count:,} queues"
    return {"added": f"{queues} have consumers, before none", "gone": f"{queues} have no consumer any more"}.get(what, f"Consumers of {queues} changed")
