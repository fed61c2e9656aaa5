"""The board of worker nodes: which are shown, under which heading, in which order, and the page's sentence.

Pure: functions of worker rows and of the URL's parameters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.urls import reverse

from dashboard.findings.open_now import NOTHING_KNOWN, OpenNow
from dashboard.layout import formatting, levels
from dashboard.live.rows import LiveRow
from dashboard.workers.heat import Heat
from dashboard.workers.row import free_slots, host_of, level_of, load_text, skew_text
from workers.models import Worker
from workers.name_patterns import pattern_of

GROUPINGS: Mapping[str, str] = {"host": "By host", "queue": "By queue", "pool": "By pool", "name": "By group"}
NO_QUEUE = "No queue known"


class Chip(msgspec.Struct, frozen=True):
    """A queue that a worker reports to consume. `why` it is struck through, "" while the broker shows its consumer."""

    name: str
    url: str = ""
    why: str = ""


class Elsewhere(msgspec.Struct, frozen=True):
    """A node that consumes this queue too, but is drawn under another one: its slots are shared."""

    worker: Worker
    under: str


class BoardNode(msgspec.Struct):
    """A node on the board or in the table. `activity` is its last hour, running tasks, None where nothing was recorded."""

    row: LiveRow
    worker: Worker
    url: str = ""
    chips: Sequence[Chip] = ()
    activity: Sequence[float | None] = ()
    heat: Heat = Heat()

    @property
    def lines(self) -> int:
        """How many lines its running tasks may need: kept free, so that nothing jumps as tasks come and go. Of several tasks one line may name their time."""
        tasks = max(1, self.worker.concurrency or 1, self.worker.autoscale_max or 1, self.worker.active or 0)
        return min(4, tasks + 1 if tasks > 1 else 1)


class Group(msgspec.Struct):
    name: str
    url: str = ""
    nodes: list[BoardNode] = []
    elsewhere: list[Elsewhere] = []
    facts: list[str] = []

    @property
    def sums(self) -> Sums:
        """Slots of the nodes that stand under this heading."""
        return sums(node.worker for node in self.nodes)


class Sums(msgspec.Struct, frozen=True):
    """Slots of living nodes, as far as they are known."""

    nodes: int = 0
    hosts: int = 0
    used: int = 0
    slots: int = 0
    most: int = 0  # with what autoscale may add
    reserved: int = 0
    unknown: int = 0  # living nodes whose slots are unknown
    unclear: int = 0  # nodes of which nobody knows whether they live
    solo: int = 0  # of those with free slots, nodes that report only between their tasks


def sums(workers: Iterable[Worker]) -> Sums:
    workers = list(workers)
    alive = [worker for worker in workers if worker.state == Worker.ONLINE]
    reporting = [worker for worker in alive if worker.concurrency is not None and worker.active is not None]
    return Sums(
        nodes=len(alive),
        hosts=len({host_of(worker.hostname) for worker in alive}),
        used=sum(worker.active or 0 for worker in reporting),
        slots=sum(worker.concurrency or 0 for worker in reporting),
        most=sum(max(worker.concurrency or 0, worker.autoscale_max or 0) for worker in reporting),
        reserved=sum(worker.reserved or 0 for worker in alive),
        unknown=len(alive) - len(reporting),
        unclear=sum(worker.state == Worker.UNKNOWN for worker in workers),
        solo=sum(worker.pool == "solo" and not worker.active for worker in reporting),
    )


def grouped(nodes: Sequence[BoardNode], by: str, gone: Iterable[Worker] = ()) -> list[Group]:
    """The living nodes under their headings, sorted by name. By queue a node stands under its first queue and is mentioned under the others. `gone`: those
    that are counted, by name, and not listed."""
    groups: dict[str, Group] = {}
    for node in sorted(nodes, key=lambda node: node.worker.hostname):
        first, *others = _headings(node, by)
        groups.setdefault(first.name, Group(first.name, first.url)).nodes.append(node)
        for other in others:
            groups.setdefault(other.name, Group(other.name, other.url)).elsewhere.append(Elsewhere(node.worker, first.name))
    for group in groups.values():
        group.facts = _facts([node.worker for node in group.nodes], by)
    for pattern, count in Counter(pattern_of(worker.hostname) for worker in gone).items() if by == "name" else ():
        if pattern in groups:
            groups[pattern].facts.append(f"{count:,} gone")
    return sorted(groups.values(), key=lambda group: (group.name == NO_QUEUE, group.name))


def _headings(node: BoardNode, by: str) -> list[Chip]:
    if by == "pool":
        return [Chip(node.worker.pool or "Pool unknown")]
    if by == "name":
        return [Chip(pattern_of(node.worker.hostname), group_address(node.worker))]
    if by == "queue":
        return list(node.chips) or [Chip(NO_QUEUE)]
    return [Chip(host_of(node.worker.hostname))]


def _facts(workers: Sequence[Worker], by: str) -> list[str]:
    """What a heading adds to the sums: load, software and clock of a host."""
    if by == "name":
        return [words for words in (versions_text(workers),) if words]
    if by != "host" or not workers:
        return []
    facts = [f"load {load_text(worker)}" for worker in workers if worker.load][:1]
    facts += sorted({software_text(worker) for worker in workers} - {""})
    return facts + [skew_text(worker) for worker in workers if skew_text(worker)][:1]


def versions_text(workers: Iterable[Worker]) -> str:
    """The version of their software; where they differ, how many run each."""
    found = Counter(software_text(worker) or "version unknown" for worker in workers if worker.state == Worker.ONLINE)
    if len(found) < 2:
        return next(iter(found), "")
    return f"versions differ: {', '.join(f'{name} on {count:,}' for name, count in sorted(found.items()))}"


def group_address(worker: Worker) -> str:
    """The page of the nodes whose names have its pattern."""
    query = {"broker": worker.broker.name, "vhost": worker.vhost, "name": pattern_of(worker.hostname)}
    return f"{reverse('worker_group')}?{urlencode(query)}"


def software_text(worker: Worker) -> str:
    """ "Celery 5.7.0", from the heartbeat's `sw_ident` and `sw_ver`; "" if it reported none."""
    ident, version = str(worker.software.get("ident") or ""), str(worker.software.get("version") or "")
    name = "Celery" if ident in ("py-celery", "") else ident
    return f"{name} {version}" if version else ""


def title(total: Sums, gone: int) -> str:
    """The page's sentence: "19 of 41 slots in use"."""
    if not total.nodes and total.unclear:
        return f"{formatting.count(total.unclear, 'worker node')}, state unknown"
    if not total.nodes:
        return "No worker nodes online" if gone else "No workers seen yet"
    if not total.slots:
        return f"{formatting.count(total.nodes, 'worker node')}, slots unknown"
    return f"{total.used:,} of {total.slots:,} slots in use"


def subtitle(total: Sums, gone: int) -> str:
    """Where the slots are and what is prefetched: "7 worker nodes on 4 hosts. 9 tasks prefetched, not started."."""
    words = [f"{formatting.count(total.nodes, 'worker node')} on {formatting.count(total.hosts, 'host')}."] if total.nodes else []
    if total.reserved:
        words.append(f"{formatting.count(total.reserved, 'task')} prefetched, not started.")
    if total.unknown and total.slots:
        words.append(f"The slots of {formatting.count(total.unknown, 'node')} are unknown.")
    if total.solo:
        reports = "reports only between tasks, and counts" if total.solo == 1 else "report only between tasks, and count"
        words.append(f"{formatting.count(total.solo, 'node')} with the pool solo {reports} as free.")
    if gone:
        words.append(f"{formatting.count(gone, 'node is', 'nodes are')} gone.")
    return " ".join(words)


_SORTS: Mapping[str, Callable[[Worker, datetime], Any]] = {
    "name": lambda worker, now: worker.hostname,
    "level": lambda worker, now: 0,  # by the findings, below
    "pool": lambda worker, now: worker.pool,
    "used": lambda worker, now: worker.active,
    "free": lambda worker, now: free_slots(worker),
    "reserved": lambda worker, now: worker.reserved,
    "succeeded": lambda worker, now: worker.succeeded_per_second,
    "failed": lambda worker, now: worker.failed_per_second,
    "load": lambda worker, now: worker.load[0] if worker.load else None,
    "heartbeat": lambda worker, now: worker.heartbeat_at,
}


def is_sort(sort: str) -> bool:
    return sort.removeprefix("-") in _SORTS


def in_order(workers: Iterable[Worker], sort: str, now: datetime, opened: OpenNow = NOTHING_KNOWN) -> list[Worker]:
    """Sorted by a column, "-used" downwards; unknown values last in both orders, names decide among equals. `opened`: the findings that decide levels."""
    value = _SORTS[sort.removeprefix("-")]
    if sort.removeprefix("-") == "level":
        value = lambda worker, now: levels.WORST_FIRST.index(level_of(worker, now, opened=opened).word)  # noqa: E731
    named = sorted(workers, key=lambda worker: worker.hostname)
    known = [worker for worker in named if value(worker, now) is not None]
    unknown = [worker for worker in named if value(worker, now) is None]
    return sorted(known, key=lambda worker: value(worker, now), reverse=sort.startswith("-")) + unknown
