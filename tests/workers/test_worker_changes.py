"""What changed of worker nodes, as sentences."""

from __future__ import annotations

from typing import Any

from tests.brokers.facts import NOON
from workers.receiving.worker_state import FIELDS, WorkerState, remembered
from workers.store.worker_changes import worker_changes

ROW: dict[str, Any] = dict.fromkeys(FIELDS) | {
    "hostname": "a@web-1",
    "state": "online",
    "pool": "prefork",
    "concurrency": 4,
    "queues": [{"name": "mail"}, {"name": "pay"}],
    "configuration": {"task_routes": {"a": "b"}, "timezone": "UTC"},
}


def worker(**fields: Any) -> WorkerState:
    """A stored node that reports something else now."""
    known = remembered(ROW, 1, NOON)
    for name, value in {"state": "online", **fields}.items():
        setattr(known, name, value)
    return known


def texts(**fields: Any) -> list[str]:
    return [change.text for change in worker_changes("/", [worker(**fields)])]


def test_a_node_that_reports_the_same_or_nothing_has_not_changed() -> None:
    assert texts() == []
    assert texts(pool=None, concurrency=None, queues=None, configuration=None) == []
    assert texts(state="unknown") == []


def test_other_pools_queues_and_settings_are_changes_with_before_and_after() -> None:
    assert texts(concurrency=8) == ["Worker a@web-1 has another pool: prefork of 8, before prefork of 4"]
    assert texts(queues=[{"name": "mail"}, {"name": "new"}]) == ["Worker a@web-1 consumes other queues: now also new, no longer pay"]
    (change,) = worker_changes("/", [worker(configuration={"task_routes": {"a": "c"}, "timezone": "UTC"})])
    assert change.text == "Worker a@web-1 has another configuration: task_routes"
    assert (change.before, change.after) == ({"task_routes": {"a": "b"}}, {"task_routes": {"a": "c"}})


def test_a_pool_that_scales_itself_is_not_a_change_each_time() -> None:
    assert texts(concurrency=8, autoscale_max=10) == []


def test_a_node_that_comes_back_with_other_settings_is_both() -> None:
    assert texts(stored_state="gone", concurrency=2) == [
        "Worker a@web-1 is online",
        "Worker a@web-1 has another pool: prefork of 2, before prefork of 4",
    ]
    assert texts(state="gone", stored_state="online", reason="shut down") == ["Worker a@web-1 is gone: shut down"]


def test_very_many_are_counted() -> None:
    workers = [WorkerState(hostname=f"w{number}", first_seen_at=NOON, state="online") for number in range(150)]
    assert worker_changes("/", workers)[-1].text == "50 more workers came, went, restarted or changed"
