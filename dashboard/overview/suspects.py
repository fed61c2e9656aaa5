"""The queues that may be in trouble, found by conditions of the database: the deepest of each kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

from brokers.conditions import Condition
from brokers.models import Queue
from brokers.queries import Page

MOST_OF_A_KIND = 50
KINDS: Sequence[Sequence[Condition]] = (
    (),
    (Condition("consumers", "=", 0), Condition("depth", ">", 0)),
    (Condition("stuck", "=", True),),
    (Condition("broken", "=", True),),
)


class Suspects:
    """`pages`: the first MOST_OF_A_KIND queues of each of KINDS, the deepest first; `is_trouble`: whether a queue's level needs somebody."""

    def __init__(self, pages: Sequence[Page[Queue]], is_trouble: Callable[[Queue], bool]) -> None:
        self._pages, self._is_trouble = pages, is_trouble

    @cached_property
    def queues(self) -> list[Queue]:
        """Each once."""
        return list({queue.pk: queue for page in self._pages for queue in page.items}.values())

    @cached_property
    def has_more(self) -> bool:
        """True if all queues of a kind that were looked at are in trouble, and there are more of that kind."""
        return any(page.total > len(page.items) > 0 and all(self._is_trouble(queue) for queue in page.items) for page in self._pages)
