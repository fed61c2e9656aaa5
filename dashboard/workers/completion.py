"""What the filter of worker nodes can be completed with: nodes, hosts, queues and pools that exist, with how many nodes have them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from dashboard.layout import formatting
from dashboard.layout.completion import Values
from dashboard.workers.filter import queue_names
from dashboard.workers.list_page import WorkerList
from dashboard.workers.row import host_of


def worker_values(listed: WorkerList) -> Values:
    return {
        "name": lambda: [(worker.hostname, "") for worker in listed.everyone],
        "host": lambda: _counted(host_of(worker.hostname) for worker in listed.everyone),
        "queue": lambda: _counted(name for worker in listed.everyone for name in queue_names(worker)),
        "pool": lambda: _counted(worker.pool or "unknown" for worker in listed.everyone),
    }


def _counted(names: Iterable[str]) -> list[tuple[str, str]]:
    return [(name, formatting.count(count, "node")) for name, count in sorted(Counter(names).items())]
