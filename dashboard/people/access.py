"""Whether a person may do something somewhere. Every page, call, socket and form checks it here.

Pure: what a person was granted comes with them as `rights` (`dashboard.models.User`). One table, `ROLES`, says what each role may do; a grant is a role
in a place (brokers, virtual hosts and queues by patterns), and grants add up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol, get_args

import msgspec

from brokers.scope import EVERYTHING, NOTHING, Place, Scope

Action = Literal["view", "arguments", "bodies", "peek", "send", "publish", "tap", "control", "revoke", "move", "silence", "settings", "people", "audit"]
ACTIONS: tuple[Action, ...] = get_args(Action)
ACTION_TEXTS: Mapping[Action, str] = {
    "view": "See queues, exchanges, worker nodes, tasks and findings",
    "arguments": "See arguments and results of tasks",
    "bodies": "See bodies and headers of messages",
    "peek": "Look at the messages of a queue",
    "send": "Send test tasks",
    "publish": "Publish test messages",
    "tap": "Follow the messages of an exchange live",
    "control": "Change worker nodes: pools, consumers, limits, events",
    "revoke": "Revoke and terminate tasks",
    "move": "Purge, move and delete messages and queues",
    "silence": "Acknowledge, silence and comment on findings, and mark moments",
    "settings": "Set thresholds and who is notified",
    "people": "Manage people and roles",
    "audit": "Read the audit log",
}
OPERATES: frozenset[Action] = frozenset(ACTIONS) - {"settings", "people", "audit"}
ROLES: Mapping[str, frozenset[Action]] = {"viewer": frozenset({"view"}), "operator": OPERATES, "admin": frozenset(ACTIONS)}
"""The roles that are always there. People with the action "people" make more of their own."""
EVERYWHERE = Place()


class Grant(msgspec.Struct, frozen=True):
    """What may be done in a place."""

    actions: frozenset[Action]
    place: Place = EVERYWHERE


class Rights(msgspec.Struct, frozen=True):
    """All that somebody was granted; the default is nothing."""

    grants: tuple[Grant, ...] = ()

    def may(self, action: Action, broker: str | None = None, vhost: str | None = None, queue: str | None = None) -> bool:
        """True if one grant covers it. None stands for all brokers, virtual hosts, queues."""
        return any(action in grant.actions and grant.place.covers(broker, vhost, queue) for grant in self.grants)

    def may_somewhere(self, action: Action) -> bool:
        return any(action in grant.actions for grant in self.grants)

    def scope(self, action: Action) -> Scope:
        """Where the action is allowed; of "view" also where arguments of tasks may be seen beside."""
        found = Scope(self._places(action), self._places("arguments") if action == "view" else None)
        return EVERYTHING if found == EVERYTHING else found

    def _places(self, action: Action) -> tuple[Place, ...] | None:
        places = tuple(dict.fromkeys(grant.place for grant in self.grants if action in grant.actions))
        return None if EVERYWHERE in places else places

    def limited(self, actions: frozenset[Action], place: Place = EVERYWHERE) -> Rights:
        """What is left of them for somebody who acts for the person, such as an API token."""
        found = (Grant(grant.actions & actions, grant.place.within(place)) for grant in self.grants)
        return Rights(tuple(grant for grant in found if grant.actions))


NO_RIGHTS = Rights()
ALL_RIGHTS = Rights((Grant(frozenset(ACTIONS)),))


class Person(Protocol):
    """The fields of a user that are used: `dashboard.models.User` and Django's AnonymousUser have them, the latter without `rights`."""

    @property
    def is_active(self) -> bool: ...


def rights_of(user: Person | None) -> Rights:
    """Everything the person may do; nothing for who is disabled or unknown."""
    found = getattr(user, "rights", NO_RIGHTS)
    return found if isinstance(found, Rights) else NO_RIGHTS


def may(user: Person | None, action: Action, broker: str | None = None, vhost: str | None = None, queue: str | None = None) -> bool:
    """True if the person may do it to the object: None stands for all brokers, virtual hosts, queues.

    What is done to a worker node, a connection or an exchange has no queue, and needs a right that is not limited to some queues.
    """
    return rights_of(user).may(action, broker, vhost, queue)


def scope_of(user: Person | None, action: Action = "view") -> Scope:
    """Where the person may do it; what is viewed by default."""
    return rights_of(user).scope(action) if user is not None else NOTHING
