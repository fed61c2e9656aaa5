"""The head of the overview: its sentence, what is all clear, and the lines of notices. Nothing is all clear while anything is unknown.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import msgspec

from dashboard.connections.growth import GrowingClient
from dashboard.layout import formatting
from dashboard.layout.levels import Level, worker_level
from dashboard.workers.visibility import unknown_by_reason
from workers.models import Worker
from workers.name_patterns import folded


class Seen(msgspec.Struct, frozen=True):
    """What the sentence is about: queues listed, those that hold messages without a consumer, those about which nothing is known, workers likewise."""

    queues: int
    resting: int = 0
    unclear: int = 0
    unknown_workers: int = 0
    hidden: bool = False  # there are queues that Hareline's user may not see


class Line(msgspec.Struct, frozen=True):
    """A line below the incidents: a level, a name, and the address of its page."""

    level: Level
    name: str
    address: str


def sentence(troubles: int, seen: Seen, unavailable: Sequence[str] = (), more: bool = False) -> str:
    """The heading of the overview; `more`: not all that may be in trouble were looked at.

    >>> sentence(0, Seen(16)), sentence(0, Seen(16, 2)), sentence(3, Seen(16)), sentence(0, Seen(0)), sentence(0, Seen(0, hidden=True))
    ('No problems in 16 queues', '2 of 16 queues hold messages without a consumer', '3 problems', 'No queues yet', 'Queues are not visible to Hareline')
    >>> sentence(0, Seen(16, unclear=3)), sentence(0, Seen(16, hidden=True))
    ('No problems known; 3 of 16 queues are unknown', 'No problems in 16 queues visible to Hareline')
    """
    if troubles:
        return f"{troubles:,}+ problems" if more else formatting.count(troubles, "problem")
    if unavailable:
        return f"{formatting.listed(unavailable)} {'is' if len(unavailable) == 1 else 'are'} not visible"
    if seen.queues == 0:
        return "Queues are not visible to Hareline" if seen.hidden else "No queues yet"
    queues = formatting.count(seen.queues, "queue")
    if seen.unclear:
        return f"No problems known; {seen.unclear:,} of {queues} {'is' if seen.unclear == 1 else 'are'} unknown"
    if seen.resting:
        return f"{seen.resting:,} of {queues} {'holds' if seen.resting == 1 else 'hold'} messages without a consumer"
    return f"No problems in {queues}{' visible to Hareline' if seen.hidden else ''}"


def summary(troubles: int, notices: int, seen: Seen) -> str:
    """The line under the heading: whether all is clear, and how many notices follow; "" with incidents, which speak for themselves.

    >>> summary(0, 2, Seen(16)), summary(0, 0, Seen(16, unclear=1))
    ('All clear. 2 notices.', 'What is unknown may need you.')
    """
    if troubles:
        return ""
    unknown = seen.unclear or seen.unknown_workers or seen.hidden
    parts = ["What is unknown may need you." if unknown else "All clear."]
    return " ".join(parts + [f"{formatting.count(notices, 'notice')}."] * bool(notices))


def unknown_workers(workers: Iterable[Worker], address: str) -> list[Line]:
    """The worker nodes whose state is unknown, one line for each reason of a virtual host."""
    return [
        Line(
            Level("unknown", f"in {vhost} {'is' if amount == 1 else 'are'} unknown: {reason.rstrip('.') or 'no heartbeat received yet'}"),
            formatting.count(amount, "worker node"),
            address,
        )
        for vhost, reason, amount in unknown_by_reason(workers)
    ]


def noticed_workers(workers: Iterable[Worker], now: datetime, address: str, page_of: Callable[[Worker], str]) -> list[Line]:
    """The worker nodes that are worth a notice; those that are gone and whose names only differ in what a machine made up (pods) in one line."""
    noticed = [(worker, level) for worker in workers if (level := worker_level(worker, now)).word == "notice"]
    folds, alone = folded([one for one in noticed if one[0].state == "gone"], lambda one: one[0].hostname)
    found = [
        Line(Level("notice", "are gone; they held no known task"), f"{formatting.count(len(members), 'node')} {pattern}", address) for pattern, members in folds
    ]
    living = [one for one in noticed if one[0].state != "gone"]
    return found + [Line(level, worker.hostname, page_of(worker)) for worker, level in living + alone]


def leaking_clients(found: Iterable[GrowingClient], address: str) -> list[Line]:
    """The clients that open more and more connections or channels; `address` is the list of connections, which has each of them."""
    return [
        Line(
            Level("notice", f"opens more and more {one.growth.what}: {one.growth.first:,} at {one.growth.since:%H:%M}, {one.growth.last:,} now"),
            f"{one.trend.product or 'A client'} on {one.trend.peer_host or 'the broker itself'}",
            f"{address}{'&' if '?' in address else '?'}q=is%3Agrowing",
        )
        for one in found
    ]
