"""The queues that a message ends in, and who takes it there. Pure."""

from __future__ import annotations

import msgspec

from dashboard.why.story.spans import JSON, Address

MOST_NODES = 8
MOST_CELLS = 16
"""More slots are told in words alone."""


class Node(msgspec.Struct, frozen=True):
    """A worker node; `cells` are its slots to draw, used or free, and `slots` the same in words, "" while unknown."""

    hostname: str
    address: str
    exact: bool
    cells: list[str]
    slots: str


class End(msgspec.Struct, frozen=True):
    """A queue that is reached, and who takes from it; `more` counts the nodes that are not named."""

    queue: str
    address: str
    level: str
    word: str
    says: str
    nodes: list[Node]
    more: int


def end(one: JSON, address: Address) -> End:
    """One item of an explanation’s `after`."""
    behind = one["workers"] or []
    nodes = [_node(each, address) for each in behind[:MOST_NODES]]
    count = one["consumers"]
    if count is None:
        level, word, says = "unknown", "unknown", "Who consumes it is not known."
    elif count == 0:
        level, word = "critical", "waits"
        says = f"Nobody consumes it: the message stays until somebody does, such as a Celery worker that is started with -Q {one['queue']}."
    else:
        consumers = f"{count:,} {'consumer' if count == 1 else 'consumers'}"
        level, word, says = "ok", "consumed", f"{consumers}{f' of Celery{_prefetch(behind)}' if nodes else ', none of them known as a Celery worker'}."
    return End(one["queue"], address("queue", one["queue"]), level, word, says, nodes, len(behind) - len(nodes))


def _node(worker: JSON, address: Address) -> Node:
    total, free = worker["concurrency"], worker["free_slots"]
    known = total is not None and free is not None
    cells = ["used"] * (total - free) + ["free"] * free if known and total <= MOST_CELLS else []
    return Node(worker["hostname"], address("worker", worker["hostname"]), worker["exact"], cells, f"{free:,} of {total:,} free" if known else "")


def _prefetch(behind: list[JSON]) -> str:
    """How many messages each node fetches ahead, where all fetch the same."""
    found = {worker["prefetch"] for worker in behind}
    each = " each" if len(behind) > 1 else ""
    return f", prefetch {found.pop():,}{each}" if len(found) == 1 and None not in found else ""
