"""Which process of a run takes which tests: modules stay whole, so that their fixtures are made once, and the longest begin first."""

from __future__ import annotations

from functools import cache

from xdist.scheduler import LoadScopeScheduling

# What shares a stack of programs, which takes seconds to start and goes on working until the last of its tests.
# (xdist's own groups do nothing with pytest 9.2: pytest-xdist issue 1386.)
TOGETHER = {
    "browser": ("tests/browser/",),
    "faults": tuple(f"tests/faults/test_{name}.py" for name in ("faults", "kills", "stopped", "damaged")),
}
# By the time that they take, so that no long one is left for the end; the others follow as they are found
LONGEST = (
    "tests/browser/",
    "tests/faults/",
    "tests/scripts/",
    "tests/workers/test_watching.py",
    "tests/lab/test_live.py",
    "tests/workers/control/test_real_workers.py",
    "tests/findings/test_planted_queues.py",
    "tests/workers/test_watching_faults.py",
    "tests/api/test_without_database.py",
    "tests/workers/test_tasks_watched.py",
    "tests/brokers/test_parts.py",
    "tests/workers/test_tasks_after_restarts.py",
    "tests/workers/test_own_names.py",
    "tests/workers/test_user_app.py",
    "tests/workers/test_sender.py",
    "tests/api/test_hostile_values.py",
    "tests/brokers/routing/test_random_topologies.py",
    "tests/brokers/test_gaps.py",
    "tests/pages/test_old_parts.py",
    "tests/pages/test_query_counts.py",
    "tests/api/test_schema.py",
    "tests/api/test_routing_bad_input.py",
    "tests/dashboard/test_explain_bad_input.py",
)
# Of those that share something: what leaves it as the others would not want to find it
LAST = ("tests/browser/test_broker_stopped.py",)


def unit(nodeid: str) -> str:
    """What is never split between processes: a group of TOGETHER, or a module."""
    return next((name for name, beginnings in TOGETHER.items() if nodeid.startswith(beginnings)), nodeid.partition("::")[0])


@cache
def rank(module: str) -> tuple[int, bool]:
    """`module`: a node id up to its first "::"."""
    place = next((number for number, beginning in enumerate(LONGEST) if module.startswith(beginning)), len(LONGEST))
    return place, module.startswith(LAST)


class Units(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)
