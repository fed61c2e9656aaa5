"""A cheap copy of a router with one binding replaced, to try many changes on one message. Pure; complete changes are made in `what_if.changed`."""

from __future__ import annotations

import copy

import msgspec

from brokers.routing.bindings import Bound, Index, Question, index_for
from brokers.routing.virtual_host import VirtualHostRouter


class PatchedIndex:
    """An index with one binding replaced."""

    def __init__(self, others: Index, own: Index, number: int) -> None:
        self.others, self.own, self.number = others, own, number

    def matching(self, question: Question) -> set[int]:
        return self._with(self.others.matching(question), self.own.matching(question))

    def undecided(self, question: Question) -> set[int]:
        return self._with(self.others.undecided(question), self.own.undecided(question))

    def _with(self, found: set[int], own: set[int]) -> set[int]:
        return (found - {self.number}) | ({self.number} if own else set())


def with_binding(router: VirtualHostRouter, binding: Bound, number: int | None) -> VirtualHostRouter:
    """A copy with one binding replaced (`number` in its exchange) or added (None). Shares its indexes with the original; for outcomes, not for verdicts."""
    exchange = router.exchanges[binding.source]
    at = len(exchange.bindings) if number is None else number
    bindings = (*exchange.bindings[:at], binding, *exchange.bindings[at + 1 :])
    index = PatchedIndex(exchange.index, index_for(exchange.rules, (binding,), router.version), at)
    found = copy.copy(router)
    found.exchanges = {**router.exchanges, exchange.name: msgspec.structs.replace(exchange, bindings=bindings, made={"index": index})}
    return found
