"""Scopes that tests look through."""

from __future__ import annotations

from brokers.scope import Place, Scope


def of_brokers(*names: str) -> Scope:
    """All that is in these brokers."""
    return Scope(tuple(Place(broker=(name,)) for name in names))
