"""The queues that a message ends in: who takes it there, and what could still go wrong. Pure."""

from __future__ import annotations

import msgspec

from dashboard import formatting
from dashboard.routing_story.words import JSON, Address


class Node(msgspec.Struct, frozen=True):
    hostname: str
    address: str
    exact: bool


class End(msgspec.Struct, frozen=True):
    """A queue that is reached, and who takes from it."""

    queue: str
    address: str
    level: str
    word: str
    says: str
    nodes: list[Node]


class Risk(msgspec.Struct, frozen=True):
    level: str
    queue: str
    text: str


def end(one: JSON, address: Address) -> End:
    """One item of an explanation’s `after`."""
    nodes = [Node(each["hostname"], address("worker", each["hostname"]), each["exact"]) for each in one["workers"] or ()]
    count = one["consumers"]
    if count is None:
        level, word, says = "unknown", "unknown", "Who consumes it is not known."
    elif count == 0:
        level, word, says = "warning", "waits", "Nobody consumes it: the message stays until somebody does."
    else:
        which = "of Celery" if nodes else "none of them known as a Celery worker"
        level, word, says = "ok", "consumed", f"{count:,} {'consumer' if count == 1 else 'consumers'}, {which}."
    return End(one["queue"], address("queue", one["queue"]), level, word, says, nodes)


def risks(one: JSON) -> list[Risk]:
    """What could still go wrong in a queue."""
    queue, found = one["queue"], []
    dead = one["dead_letter"]
    if one["ttl_ms"] is not None:
        nobody = one["consumers"] == 0
        found.append(Risk("warning" if nobody else "notice", queue, f"expires after {_ms(one['ttl_ms'])}{', and nobody consumes' if nobody else ''}."))
    if one["max_length"] is not None or one["max_length_bytes"] is not None:
        limits = [f"{one['max_length']:,} messages"] if one["max_length"] is not None else []
        limits += [formatting.data_size(one["max_length_bytes"])] if one["max_length_bytes"] is not None else []
        acts = {"reject-publish": "refuses new ones", "reject-publish-dlx": "refuses new ones and dead-letters them"}.get(one["overflow"], "drops the oldest")
        found.append(Risk("notice", queue, f"{acts} beyond {' or '.join(limits)}."))
    if one["delivery_limit"] is not None:
        found.append(Risk("notice", queue, f"gives a message up after it came back {one['delivery_limit']:,} times."))
    if dead and not dead["queues"]:
        found.append(
            Risk("warning", queue, f"names {dead['exchange'] or 'the default exchange'} for dead letters, which leads them to no queue: they are dropped.")
        )
    elif dead:
        found.append(Risk("notice", queue, f"sends dead letters to {formatting.listed(dead['queues'][:5])}."))
    if dead and dead["cycle"]:
        found.append(Risk("warning", queue, "gets its own dead letters back, and RabbitMQ drops them there."))
    if one["single_active_consumer"]:
        found.append(Risk("notice", queue, "gives messages to one consumer at a time (single active consumer)."))
    return found + [Risk("unknown", queue, doubt) for doubt in one["doubts"]]


def _ms(milliseconds: int) -> str:
    return f"{milliseconds:,} ms" if milliseconds < 10_000 else formatting.duration(milliseconds / 1000)
