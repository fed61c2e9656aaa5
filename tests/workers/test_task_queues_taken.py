"""The queue that is shown of real tasks against the one that real worker nodes took them from, by their own log."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from brokers.polling.poll_loop import PollLoop
from brokers.scope import EVERYTHING
from script.soak_parts.task_queues import latest
from tests.brokers.polled import run_rounds
from tests.waiting import wait_until
from tests.workers.conftest import Watching, Workers
from workers import queries
from workers.models import Task
from workers.task_filter import TaskFilter

COUNT = 12  # of each route
WAYS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"exchange": "orders", "routing_key": "order.new.us"}, "us"),
    ({"exchange": "orders", "routing_key": "order.new.eu"}, "eu"),
    ({"exchange": "jobs", "routing_key": "search"}, "index"),
    ({"exchange": "news", "routing_key": "whatever"}, "mail"),
    ({"exchange": "docs", "routing_key": "any", "headers": {"kind": "receipt"}}, "receipts"),
    ({"queue": "us"}, "us"),
    ({"queue": "index"}, "index"),
    ({"exchange": "orders", "routing_key": "mail.order"}, "mail"),
)
"""Where tasks are sent, and the queue of the node that takes them: `audit` has a copy of each order, which nobody takes."""
QUEUES = ("us", "eu", "audit", "index", "mail", "receipts", "letters")
EXCHANGES = {"orders": "topic", "jobs": "direct", "news": "fanout", "docs": "headers"}
BINDINGS: tuple[tuple[str, str, str, str, dict[str, Any]], ...] = (
    ("orders", "q", "us", "order.*.us", {}),
    ("orders", "q", "eu", "order.*.eu", {}),
    ("orders", "q", "audit", "order.#", {}),
    ("orders", "e", "news", "mail.#", {}),
    ("jobs", "q", "index", "search", {}),
    ("news", "q", "mail", "", {}),
    ("docs", "q", "receipts", "", {"x-match": "all", "kind": "receipt"}),
    ("docs", "q", "letters", "", {"x-match": "all", "kind": "letter"}),
)


@pytest.fixture
def shaped(workers: Workers) -> Workers:
    """A topic, a direct, a fanout and a headers exchange."""
    api, vhost = workers.node.api, workers.vhost
    for name in QUEUES:
        api("PUT", f"queues/{vhost}/{name}", {"durable": True})
    for name, kind in EXCHANGES.items():
        api("PUT", f"exchanges/{vhost}/{name}", {"type": kind, "durable": True})
    for source, kind, name, key, arguments in BINDINGS:
        api("POST", f"bindings/{vhost}/e/{source}/{kind}/{name}", {"routing_key": key, "arguments": arguments})
    return workers


@pytest.mark.nightly
def test_a_hundred_tasks_are_shown_in_the_queues_they_were_taken_from(
    shaped: Workers, watching: Watching, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "taken.tsv"
    monkeypatch.setenv("HARELINE_DEMO_TAKEN_LOG", str(log))
    shaped.start("a@web-1", "--pool=solo", "-E", "-Q", "us,eu,receipts")
    shaped.start("b@web-1", "--pool=solo", "-E", "-Q", "mail,index")
    run_rounds(PollLoop(watching.address, watching.broker.pk, "test", 60.0))
    watching.start()
    for name in ("a@web-1", "b@web-1"):
        watching.wait_for(name, lambda worker: worker.state == "online" and worker.queues)
    shaped.app.conf.task_send_sent_event = True
    expected: dict[str, str] = {}
    for number in range(COUNT):
        for index, (options, queue) in enumerate(WAYS):
            expected[f"t{index}-{number}"] = queue
            shaped.send("add", 1, 2, task_id=f"t{index}-{number}", **options)
    wait_until(lambda: Task.objects.filter(state="SUCCESS", sent_at__isnull=False).count() == len(expected), 30)
    taken = latest(log.read_text(encoding="utf-8"), 1000, datetime.now(UTC).timestamp() + 60)
    assert taken == expected  # the nodes' own log
    assert dict(Task.objects.values_list("uuid", "queue")) == taken
    for queue in set(expected.values()):
        found = queries.tasks(EVERYTHING, filter=TaskFilter(queue=queue), page_size=500).items
        assert {task.uuid for task in found} == {uuid for uuid, name in expected.items() if name == queue}
