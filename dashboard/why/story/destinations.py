"""The queues that a message reaches, and their consumers. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from brokers.routing.answer import AfterQueue, ConsumingWorker
from dashboard.layout.spans import Address

MOST_NODES = 8
MOST_CELLS = 16
"""More slots are shown only as text."""


class Node(msgspec.Struct, frozen=True):
    """A worker node; `cells` are its slots to draw, used or free, and `slots` the same as text, "" if unknown."""

    hostname: str
    address: str
    exact: bool
    cells: list[str]
    slots: str


class Destination(msgspec.Struct, frozen=True):
    """A queue that is reached and its workers; `more` counts the workers that are not listed."""

    queue: str
    address: str
    level: str
    word: str
    text: str
    nodes: list[Node]
    more: int


def destination(one: AfterQueue, address: Address) -> Destination:
    """One item of an explanation’s `after`."""
    behind = one.workers or ()
    nodes = [_node(each, address) for each in behind[:MOST_NODES]]
    count = one.consumers
    if count is None:
        level, word, text = "unknown", "unknown", "Its consumers are unknown."
    elif count == 0:
        level, word = "critical", "waits"
        text = f"Nobody consumes it: the message waits for a consumer, such as a Celery worker started with -Q {one.queue}."
    else:
        consumers = f"{count:,} {'consumer' if count == 1 else 'consumers'}"
        other = " (not a known Celery worker)" if count == 1 else " (no known Celery workers)"
        level, word, text = "ok", "consumed", f"{consumers}{f' of Celery{_prefetch(behind)}' if nodes else other}."
    return Destination(one.queue, address("queue", one.queue), level, word, text, nodes, len(behind) - len(nodes))


def _node(worker: ConsumingWorker, address: Address) -> Node:
    total, free = worker.concurrency, worker.free_slots
    page = address("worker", worker.hostname)
    if total is None or free is None:
        return Node(worker.hostname, page, worker.exact, [], "")
    cells = ["used"] * (total - free) + ["free"] * free if total <= MOST_CELLS else []
    return Node(worker.hostname, page, worker.exact, cells, f"{free:,} of {total:,} free")


def _prefetch(behind: Sequence[ConsumingWorker]) -> str:
    """The prefetch limit of each worker, if all have the same."""
    found = {worker.prefetch for worker in behind}
    each = " each" if len(behind) > 1 else ""
    [limit] = found if len(found) == 1 else [None]
    return "" if limit is None else f", prefetch {limit:,}{each}"
