"""Sentences on a queue's arguments: those that RabbitMQ refuses, those without effect, those of plugins. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brokers.routing.argument_values import value_refusals
from brokers.routing.queue_types import CLASSIC, QUORUM, argument_refusal, property_refusal
from brokers.routing.values import Table
from brokers.routing.virtual_host import Queue

DEDUPLICATION = "x-message-deduplication"
DEDUPLICATION_HEADER = "x-deduplication-header"


def refusals(queue: Queue, version: tuple[int, ...]) -> tuple[str, ...]:
    """Why RabbitMQ refuses to declare or import the queue; () if it doesn't."""
    found = [why for name in queue.arguments if (why := argument_refusal(name, queue.type, version))]
    found += value_refusals(queue.arguments, version)
    if why := property_refusal(queue.type, queue.durable, queue.exclusive, version):
        found.append(why)
    return tuple(f"{why}: a queue like {queue.name} can't be declared or imported" for why in found)


def duplicate_uncertainty(queue: Queue, headers: Table) -> tuple[str, ...]:
    """A sentence if a plugin may drop the message as a duplicate of an earlier one."""
    if queue.arguments.get(DEDUPLICATION) is not True or DEDUPLICATION_HEADER not in headers:
        return ()
    return (f"{queue.name} has the argument {DEDUPLICATION} of a plugin, which drops a message if it saw its {DEDUPLICATION_HEADER} before",)


def argument_notes(queue: Queue, settings: Mapping[str, Any], version: tuple[int, ...]) -> tuple[str, ...]:
    """What its settings do otherwise than one may expect."""
    found = []
    if version >= (3, 12) and queue.type == CLASSIC and settings.get("queue-mode") is not None:
        found.append("queue-mode has no effect since RabbitMQ 3.12")
    if queue.type == QUORUM and settings.get("overflow") == "reject-publish-dlx":
        found.append("quorum queues do not have reject-publish-dlx: RabbitMQ drops the oldest messages instead")
    if queue.arguments.get(DEDUPLICATION):
        found.append(f"{DEDUPLICATION} is an argument of a plugin, which may drop the message as a duplicate (header {DEDUPLICATION_HEADER})")
    return tuple(found)
