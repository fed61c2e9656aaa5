"""Which worker nodes match a filter: `host:web free>0`. `dashboard.layout.filter_language` defines how a filter is written.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import msgspec

from brokers.conditions import COMPARISONS
from dashboard.layout import filter_language
from dashboard.layout.filter_language import Qualifier
from dashboard.workers.row import free_slots, host_of
from workers.models import Worker


class Requirement(msgspec.Struct, frozen=True):
    """What a term of the filter requires of a node: `free>0` is ("free", ">", 0.0)."""

    field: str
    operator: str
    value: Any


_TEXT, _NUMBER = "name", "depth"  # any condition of that kind of value will do: nodes are filtered here, not by the database
QUALIFIERS = filter_language.named(
    (
        Qualifier("name", filter_language.TEXT, _TEXT, "A part of the node's name; plain words mean the same", "name:worker-a", part=True),
        Qualifier("host", filter_language.TEXT, _TEXT, "The machine, or a part of its name", "host:web-1", part=True),
        Qualifier("queue", filter_language.TEXT, _TEXT, "A queue that it consumes", "queue:mail"),
        Qualifier("pool", filter_language.TEXT, _TEXT, "How it runs tasks", "pool:prefork", ("prefork", "threads", "solo", "gevent", "eventlet", "unknown")),
        Qualifier("state", filter_language.CHOICE, _TEXT, "Whether it is online", "state:online", ("online", "gone", "unknown")),
        Qualifier("free", filter_language.NUMBER, _NUMBER, "Free slots", "free>0"),
        Qualifier("used", filter_language.NUMBER, _NUMBER, "Slots in use", "used>0"),
        Qualifier("reserved", filter_language.NUMBER, _NUMBER, "Tasks prefetched, not started", "reserved>10"),
        Qualifier("slots", filter_language.NUMBER, _NUMBER, "Slots in all", "slots>=8"),
    )
)


def requirements(wanted: filter_language.Filter) -> list[Requirement]:
    """What the filter requires; terms with a problem require nothing."""
    return [
        Requirement(term.qualifier.name if term.qualifier else "name", condition.operator, condition.typed_value())
        for term in wanted.terms
        for condition in filter_language.condition_of(term)
    ]


def queue_names(worker: Worker) -> list[str]:
    return [str(queue.get("name", "")) for queue in worker.queues or []]


_VALUES: Mapping[str, Callable[[Worker], Any]] = {
    "name": lambda worker: worker.hostname,
    "host": lambda worker: host_of(worker.hostname),
    "queue": queue_names,
    "pool": lambda worker: worker.pool or "unknown",
    "state": lambda worker: worker.state,
    "free": free_slots,
    "used": lambda worker: worker.active,
    "reserved": lambda worker: worker.reserved,
    "slots": lambda worker: worker.concurrency,
}


def matches(worker: Worker, requirement: Requirement) -> bool:
    """True if the node meets the requirement; an unknown value matches no comparison of numbers."""
    found = _VALUES[requirement.field](worker)
    if isinstance(found, list):
        matching = [_text_matches(name, requirement) for name in found]
        return all(matching) if requirement.operator == "!=" else any(matching)
    if isinstance(found, str):
        return _text_matches(found, requirement)
    return found is not None and _number_matches(found, requirement)


def _text_matches(found: str, requirement: Requirement) -> bool:
    wanted = [value.casefold() for value in _wanted(requirement.value)]
    found = found.casefold()
    if requirement.operator == "~":
        return any(value in found for value in wanted)
    return (found in wanted) != (requirement.operator == "!=")


def _wanted(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, tuple | list | frozenset) else str(value).split(",")


def _number_matches(found: float, requirement: Requirement) -> bool:
    return COMPARISONS[requirement.operator](found, float(requirement.value))


def filtered(workers: Iterable[Worker], qualifiers: Collection[Requirement]) -> list[Worker]:
    return [worker for worker in workers if all(matches(worker, requirement) for requirement in qualifiers)]
