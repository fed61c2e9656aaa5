"""What a person may see: every query takes a Scope. Who gets which is decided in `dashboard.people.access`."""

from __future__ import annotations

import msgspec


class Scope(msgspec.Struct, frozen=True):
    """`brokers` None means every broker, else the names of those that may be seen."""

    brokers: frozenset[str] | None = None

    def includes(self, broker: str) -> bool:
        return self.brokers is None or broker in self.brokers


EVERYTHING = Scope()
NOTHING = Scope(frozenset())
