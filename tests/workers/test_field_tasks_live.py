"""A real worker and a real sender with configurations as people have them: the headline of an explanation is where the broker really took the task."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from brokers import store
from brokers.management.management_api import ManagementApi
from brokers.polling.poll_memory import PollMemory
from brokers.scope import EVERYTHING
from dashboard.why import loaded_vhost
from dashboard.why.story.task import task_headline
from dashboard.why.task_explanations import explain_live_task
from tests.brokers.polled import poll_once, save_whole_poll
from tests.waiting import wait_until
from tests.workers.conftest import Watching, Workers
from tests.workers.field_app import configured
from tests.workers.routing.conftest import CASES
from workers.models import Task

FIELD = CASES / "field"
NAMES = ("c04_misspelt_exchange", pytest.param("c09_quorum_everywhere", marks=pytest.mark.nightly))  # the others: tests/dashboard/test_field_tasks.py


@pytest.mark.parametrize("name", NAMES)
def test_the_headline_is_where_it_was_really_sent(name: str, workers: Workers, watching: Watching, monkeypatch: pytest.MonkeyPatch) -> None:
    path = FIELD / f"{name}.py"
    cases = [case for case in json.loads((FIELD / "celery_expect.json").read_text())[name] if not case["options"]]
    tasks = [case["task"] for case in cases]
    monkeypatch.setenv("TEST_CELERY_CONFIGURATION", str(path))
    monkeypatch.setenv("TEST_CELERY_TASKS", ",".join(tasks))
    sender = configured(workers.node.amqp_url(workers.vhost), path)
    quiet = sender.conf.worker_enable_remote_control is False
    workers.start("f@here", "-E", "--pool", "solo", app="field_app", queue=sender.conf.task_default_queue if quiet else "")
    watching.start()
    watching.wait_for("f@here", lambda worker: worker.state == "online" and (quiet or worker.configuration))
    with sender.connection_for_write() as link:
        for task in tasks:
            sender.send_task(task, connection=link)
    wait_until(lambda: Task.objects.exclude(sent_at=None).filter(state="SUCCESS").count() == len(tasks), 30)
    now, address = datetime.now(UTC), watching.node.address()
    save_whole_poll(watching.broker.pk, poll_once(ManagementApi(address), now, PollMemory()), now, store.BrokerMemory(5), lambda: True)
    watching.broker.refresh_from_db()
    place = loaded_vhost.load(EVERYTHING, watching.broker, watching.vhost, now)
    for case in cases:
        known = loaded_vhost.known_task(EVERYTHING, watching.broker, watching.vhost, case["task"])
        answer = explain_live_task(place, {"task": case["task"]}, known)
        assert (answer.celery.exchange, answer.celery.routing_key) == (case["expect"]["exchange"], case["expect"]["routing_key"] or ""), answer.unknown
        headline = "".join(span.text for span in task_headline(answer, case["task"])[1])
        (reached,) = answer.queues
        assert reached == (case["expect"]["declare"] or [f"Queue {reached}"])[0].removeprefix("Queue ")
        assert case["expect"]["declare"] or reached.startswith("bcast.")
        assert headline.startswith(f"{case['task']} goes to queue {reached}"), headline
