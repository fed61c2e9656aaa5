"""What a person may view: every query takes a Scope, which `dashboard.people.access` provides. Pure.

Patterns know `*` (any text, also none) and `?` (one character), and nothing else: no pattern can be slow.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

import msgspec

Patterns = tuple[str, ...]
"""Every one of them must match; none matches everything."""


class Place(msgspec.Struct, frozen=True):
    """A part of what is watched: brokers, virtual hosts and queues by patterns on their names.

    >>> Place(broker=("prod",), queue=("orders.*",)).covers("prod", "/shop", "orders.eu")
    True
    """

    broker: Patterns = ()
    vhost: Patterns = ()
    queue: Patterns = ()

    def covers(self, broker: str | None = None, vhost: str | None = None, queue: str | None = None) -> bool:
        """True if all of it is in this place; None stands for every broker, virtual host, queue."""
        return _covers(self.broker, broker) and _covers(self.vhost, vhost) and _covers(self.queue, queue)

    def touches(self, broker: str | None = None, vhost: str | None = None, queue: str | None = None) -> bool:
        """True if some of it may be in this place."""
        pairs = ((self.broker, broker), (self.vhost, vhost), (self.queue, queue))
        return all(name is None or _covers(patterns, name) for patterns, name in pairs)

    def within(self, other: Place) -> Place:
        """What is in both."""
        return Place(_both(self.broker, other.broker), _both(self.vhost, other.vhost), _both(self.queue, other.queue))


class Scope(msgspec.Struct, frozen=True):
    """`places` are the parts that may be viewed, `arguments` those of which arguments and results of tasks may be too; None is everything, none is nothing."""

    places: tuple[Place, ...] | None = None
    arguments: tuple[Place, ...] | None = None

    @property
    def is_everything(self) -> bool:
        return self.places is None

    @property
    def limits_vhosts(self) -> bool:
        """True if of some broker only a part may be viewed, so that figures of a whole broker may not be."""
        return self.places is not None and any(place.vhost or place.queue for place in self.places)

    @property
    def limits_queues(self) -> bool:
        """True if of some virtual host only some queues may be viewed, so that figures of a whole virtual host may not be."""
        return self.places is not None and any(place.queue for place in self.places)

    @property
    def of_objects(self) -> Scope:
        """The same without what it says about arguments of tasks."""
        return self if self.arguments is None else Scope(self.places)

    def covers(self, broker: str, vhost: str | None = None, queue: str | None = None) -> bool:
        """True if all of it may be viewed: a queue, a whole virtual host (`queue` None), a whole broker (`vhost` None too)."""
        return self.places is None or any(place.covers(broker, vhost, queue) for place in self.places)

    def shows_arguments(self, broker: str, vhost: str, queue: str | None = None) -> bool:
        """True if arguments and results of the queue's tasks may be viewed; of all tasks of the virtual host where `queue` is None."""
        return self.arguments is None or any(place.covers(broker, vhost, queue) for place in self.arguments)

    def touches(self, broker: str, vhost: str | None = None) -> bool:
        """True if something there may be viewed."""
        return self.places is None or any(place.touches(broker, vhost) for place in self.places)


EVERYTHING = Scope()
NOTHING = Scope(())


def matches(pattern: str, name: str) -> bool:
    """True if the whole name matches, its case included.

    >>> matches("orders.*", "orders.eu"), matches("a[b]?", "a[b]c"), matches("A", "a")
    (True, True, False)
    """
    return fnmatchcase(name, pattern.replace("[", "[[]"))


def _covers(patterns: Patterns, name: str | None) -> bool:
    if name is None:
        return all(pattern.strip("*") == "" and pattern for pattern in patterns)
    return all(matches(pattern, name) for pattern in patterns)


def _both(some: Patterns, others: Patterns) -> Patterns:
    return tuple(dict.fromkeys((*some, *others)))
