"""Whether a person may do something somewhere. Every page, call, socket and form checks it here.

Pure. At first there are only admins (active superusers), who may do everything, and people who may view everything; the
arguments are those that finer rights need, so that callers won't change.
"""

from __future__ import annotations

from typing import Literal, Protocol

from brokers.scope import EVERYTHING, NOTHING, Scope

Action = Literal["view", "send", "control", "administer"]


class Person(Protocol):
    """The fields of a user that are used: Django's User and AnonymousUser have them."""

    @property
    def is_authenticated(self) -> bool: ...

    @property
    def is_active(self) -> bool: ...
    @property
    def is_superuser(self) -> bool: ...


def may(user: Person | None, action: Action, broker: str | None = None, vhost: str | None = None, name: str | None = None) -> bool:
    """True if the person may do `act` to the object: None stands for all brokers, virtual hosts, names."""
    if user is None or not user.is_authenticated or not user.is_active:
        return False
    return action == "view" or user.is_superuser


def scope_of(user: Person | None) -> Scope:
    """What the person may view."""
    return EVERYTHING if may(user, "view") else NOTHING
