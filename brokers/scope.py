"""What a person may view: every query takes a Scope, which `dashboard.people.access` provides."""

from __future__ import annotations

import msgspec


class Scope(msgspec.Struct, frozen=True):
    """`brokers` lists the brokers that may be viewed by name; None means all."""

    brokers: frozenset[str] | None = None

    def includes(self, broker: str) -> bool:
        return self.brokers is None or broker in self.brokers


EVERYTHING = Scope()
NOTHING = Scope(frozenset())
