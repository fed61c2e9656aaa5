"""The nodes that consume a queue, with what each of them takes: what `dashboard.layout.flow_patterns` compares. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from brokers.models import Channel, Queue
from brokers.rates import STATISTICS_SECONDS
from dashboard.layout.consumer_workers import Consuming
from dashboard.layout.flow_patterns import NodeShare, QueuePattern, queue_pattern
from dashboard.layout.wiring import Wiring
from workers.celery_names import DEFAULT, PIDBOX, CeleryNames
from workers.models import Worker


class Taken(msgspec.Struct, frozen=True):
    """How many of the latest tasks a worker node took from a queue, and how long one ran on average; None: none of them has ended."""

    tasks: int
    seconds: float | None = None


def node_shares(
    consuming: Iterable[Consuming], workers: Mapping[int, Worker], channels: Mapping[str, Channel] | None, taken: Mapping[str, Taken]
) -> list[NodeShare]:
    """The nodes of a queue by name. `workers` by key; `channels` by name, None: not read; `taken` by host name of a worker node. A program that is no worker
    node is its connection, and what it takes is the rate of its channel, where that consumes nothing else."""
    nodes: dict[str, list[Consuming]] = defaultdict(list)
    for one in consuming:
        nodes[one.hostname or one.connection_name or one.consumer.peer_host].append(one)
    found = []
    for name, members in sorted(nodes.items()):
        worker = workers.get(members[0].worker_id or 0)
        there = [channels.get(one.consumer.channel_name) for one in members] if channels is not None else []
        unlimited = bool(there) and all(
            channel is not None and not channel.global_prefetch and one.consumer.prefetch == 0 for channel, one in zip(there, members, strict=True)
        )
        own = taken.get(name)
        counted = (own.tasks if own else 0) if members[0].hostname and taken else _delivered(there)
        priority = max((_priority(one.consumer.arguments) for one in members), default=0)
        found.append(NodeShare(name, len(members), counted, worker.concurrency if worker else None, own.seconds if own else None, unlimited, priority))
    return found


def is_machinery(queue: str, names: CeleryNames = DEFAULT) -> bool:
    """Whether a queue is one by which worker nodes are controlled, under any name of theirs, or receive events. `names`: those of its virtual host.

    >>> is_machinery("team.ev.1"), is_machinery("team.ev.1", CeleryNames(event_queue_prefixes=("team.ev",)))
    (False, True)
    """
    return queue.endswith(PIDBOX) or names.is_event_queue(queue)


def _delivered(channels: Iterable[Channel | None]) -> int | None:
    """Messages that these channels delivered while rates are measured; None where one is not known, or has other consumers too."""
    rates = [channel.deliver_per_second if channel is not None and channel.consumers == 1 else None for channel in channels]
    known = [rate for rate in rates if rate is not None]
    return round(sum(known) * STATISTICS_SECONDS) if known and len(known) == len(rates) else None


def _priority(arguments: Mapping[str, Any] | None) -> int:
    value = (arguments or {}).get("x-priority")
    return value if isinstance(value, int) else 0


def pattern_of_queue(
    queue: Queue,
    consuming: Iterable[Consuming],
    wired: Wiring | None,
    workers: Mapping[int, Worker] | None = None,
    channels: Mapping[str, Channel] | None = None,
    taken: Mapping[str, Taken] | None = None,
) -> QueuePattern:
    """The pattern of a queue, by as much as is given: without workers, channels and what was taken, shares are unknown."""
    single = bool((queue.arguments or {}).get("x-single-active-consumer"))
    nodes = node_shares(consuming, workers or {}, channels, taken or {})
    return queue_pattern(wired, queue.name, nodes, stream=queue.type == "stream", single_active=single, waiting=queue.ready)
