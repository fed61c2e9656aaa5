"""Which process of a run takes which tests: modules stay whole, so that their fixtures are made once. Some processes take what waits for programs, the others
what computes: else all would wait at the same time, with the machine idle, and compute at the same time later."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

# What shares a stack of programs, which takes seconds to start and goes on working until the last of its tests.
# (xdist's own groups do nothing with pytest 9.2: pytest-xdist issue 1386.)
TOGETHER = {
    "browser": ("tests/browser/",),
    "faults": tuple(f"tests/faults/test_{name}.py" for name in ("faults", "kills", "stopped", "damaged")),
}
# Both by the time that they take, so that no long one is left for the end; the others follow as they are found
WAITING = (
    "tests/browser/",
    "tests/faults/",
    "tests/findings/test_planted_queues.py",
    "tests/findings/test_planted_causes.py",
    "tests/scripts/",
    "tests/workers/test_tasks_watched.py",
    "tests/workers/test_watching.py",
    "tests/workers/test_watching_faults.py",
    "tests/workers/test_tasks_after_restarts.py",
    "tests/workers/control/",
    "tests/workers/test_beat.py",
    "tests/workers/test_inspector.py",
    "tests/workers/test_sender.py",
    "tests/workers/test_own_names.py",
    "tests/lab/test_live.py",
    "tests/workers/test_connection_cuts.py",
    "tests/workers/test_receiveevents.py",
    "tests/workers/test_user_app.py",
    "tests/workers/test_definition_events.py",
    "tests/workers/test_field_tasks_live.py",
    "tests/dashboard/test_explain",
    "tests/notifications/test_kill.py",
    "tests/notifications/test_sending.py",
    "tests/live/test_tail_faults.py",
    "tests/brokers/test_management_api.py",
    "tests/brokers/test_pollbrokers.py",
)
COMPUTING = (
    "tests/api/test_hostile_values.py",
    "tests/rights/test_doors.py",
    "tests/api/test_schema.py",
    "tests/pages/test_scoped_viewer.py",
    "tests/pages/test_past_moments.py",
    "tests/api/test_without_database.py",
    "tests/brokers/test_parts.py",
    "tests/brokers/test_inventory.py",
    "tests/brokers/test_packed_polls.py",
    "tests/pages/test_damaged_history.py",
    "tests/pages/test_query_counts.py",
    "tests/brokers/routing/test_random_topologies.py",
)
# Of those that share something: what leaves it as the others would not want to find it
LAST = ("tests/browser/test_broker_stopped.py",)
WAIT = 4
"""So many processes of a run wait, where there are more; the others compute."""


def unit(nodeid: str) -> str:
    """What is never split between processes: a group of TOGETHER, or a module."""
    return next((name for name, beginnings in TOGETHER.items() if nodeid.startswith(beginnings)), nodeid.partition("::")[0])


@cache
def rank(module: str) -> tuple[int, bool]:
    """`module`: a node id up to its first "::"."""
    longest = WAITING + COMPUTING
    place = next((number for number, beginning in enumerate(longest) if module.startswith(beginning)), len(longest))
    return place, module.startswith(LAST)


def computes(process: str, processes: int) -> bool:
    """Whether `process` ("gw0", "gw1" …) of `processes` takes what computes; with few of them, all take everything."""
    return processes > WAIT and int(process.removeprefix("gw")) >= WAIT


def collects(path: str, process: str, processes: int) -> bool:
    """Whether a process has anything to do with `path` ("tests/pages" or "tests/pages/test_login.py"), so that it need not import the rest."""
    if processes <= WAIT or not path.endswith(".py"):
        return True
    return path.startswith(WAITING) is not computes(process, processes)


class Units(LoadScopeScheduling):
    """As LoadScopeScheduling, for processes of which each has collected what is its own."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        self._takes: dict[WorkerController, set[str]] = {}

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)

    def add_node_collection(self, node: WorkerController, collection: Sequence[str]) -> None:
        super().add_node_collection(node, collection)
        self._takes[node] = {unit(test) for test in collection}

    def schedule(self) -> None:
        if self.collection is None:
            self.collection = list(dict.fromkeys(chain.from_iterable(self.registered_collections.values())))
            for test in self.collection:
                self.workqueue.setdefault(unit(test), {})[test] = False
        for node in self.nodes * 2:  # a process runs no test before it knows the next one, so it needs more than a unit of one
            self._reschedule(node)

    def _reschedule(self, node: WorkerController) -> None:
        takes = self._takes[node]
        first = next((name for name in self.workqueue if name in takes), None)
        if first is not None:
            self.workqueue.move_to_end(first, last=False)
            super()._reschedule(node)
        elif not node.shutting_down:
            node.shutdown()
