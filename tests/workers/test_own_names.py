"""A real worker under names of its own that takes YAML alone, and one without remote control: found, inspected, and shown for what they are."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest
from celery import Celery

from brokers import queries as broker_queries
from brokers.conditions import Condition
from brokers.polling.poll_loop import PollLoop
from brokers.scope import EVERYTHING
from dashboard.layout.consumption import consumers_by_queue
from tests.brokers.polled import run_rounds
from tests.waiting import wait_until
from tests.workers.conftest import Watching, Workers
from tests.workers.stored_tasks import wait_for_uuid
from workers import store
from workers.celery_names import CeleryNames
from workers.receiving.place_finder import PlaceFinder
from workers.receiving.worker_registry import REMOTE_CONTROL_OFF

NAMES = CeleryNames(("celeryev", "team.event"), ("celery", "team.control"), ("celeryev", "faces"))
NOT_OWN = (Condition("celery_own", "=", False),)
Shared = tuple[Workers, Watching, PollLoop]


@pytest.fixture(scope="module")
def shared(module_workers: Workers, module_watching: Watching) -> Shared:
    """Both nodes, what polls show of them, and a watch that found their names."""
    workers, watching = module_workers, module_watching
    poll = PollLoop(watching.address, watching.broker.pk, "test", 0.2)
    workers.start("own@here", "--pool", "prefork", "--concurrency", "1", app="own_names_app", queue="own@here.team.control.pidbox")
    os.environ["OWN_NAMES"] = "remote-control-off"
    try:
        workers.start("quiet@here", "--pool", "solo", app="own_names_app", queue="quiet")
    finally:
        del os.environ["OWN_NAMES"]
    finder = PlaceFinder(watching.broker.pk, watching.broker.name, {})

    def found() -> CeleryNames | None:
        run_rounds(poll)
        place = finder.found().get(watching.vhost)
        return place.names if place and place.names == NAMES else None

    names = wait_until(found, 30)
    store.note_names(watching.broker.pk, watching.vhost, names, "", datetime.now(UTC))
    watching.start(names=names)
    return workers, watching, poll


@pytest.fixture(scope="module")
def producer(shared: Shared) -> Celery:
    workers, _, _ = shared
    app = Celery("producer", broker=workers.node.amqp_url(workers.vhost), set_as_current=False)
    app.conf.update(task_default_queue="own", task_serializer="yaml", control_exchange="team.control", accept_content=["yaml"])
    return app


@pytest.mark.nightly
def test_a_worker_that_takes_yaml_alone_is_inspected_after_few_wrong_tries(shared: Shared) -> None:
    workers, watching, _ = shared
    worker = watching.wait_for("own@here", lambda worker: worker.state == "online" and worker.queues and worker.configuration)
    assert [queue["name"] for queue in worker.queues or []] == ["own"]
    assert worker.configuration is not None and worker.configuration["event_exchange"] == "team.event"
    waiting = watching.wait_for("own@here", lambda worker: worker.inspect_reason)
    assert waiting.inspect_reason == "it answers, but not stats: perhaps YAML has no form for that answer"  # Celery can't write its counts
    log = (workers.directory / "own@here.log").read_text(encoding="utf-8", errors="replace")
    assert log.count("Can't decode message body") <= 4, log[-3000:]


def test_time_limits_and_lost_processes_name_the_real_exception(shared: Shared, producer: Celery) -> None:
    _, watching, _ = shared
    producer.send_task("own.sleep", (30,), task_id="limited", time_limit=0.5)
    producer.send_task("own.die", task_id="died")
    limited = wait_for_uuid(watching, "limited", lambda task: task.state == "FAILURE" and task.exception)
    assert limited.exception == "TimeLimitExceeded(0.5,)"
    died = wait_for_uuid(watching, "died", lambda task: task.state == "FAILURE" and task.exception)
    assert str(died.exception).startswith("WorkerLostError('Worker exited prematurely: signal 9 (SIGKILL)")


def test_a_revoked_task_that_waits_for_its_eta_is_noted_as_revoked(shared: Shared, producer: Celery) -> None:
    _, watching, _ = shared
    producer.send_task("own.sleep", (0,), task_id="later", eta=datetime.now(UTC) + timedelta(hours=1))
    wait_for_uuid(watching, "later", lambda task: task.state == "RECEIVED")
    producer.control.revoke("later")
    assert wait_for_uuid(watching, "later", lambda task: task.revoked_by).revoked_by == "own@here"


def test_a_worker_without_remote_control_says_so_and_its_consumer_is_celery(shared: Shared) -> None:
    _, watching, poll = shared
    watching.wait_for("quiet@here", lambda worker: worker.state == "online")

    def reason() -> str:
        run_rounds(poll)
        found = watching.worker("quiet@here")
        return found.inspect_reason if found and found.inspect_reason == REMOTE_CONTROL_OFF else ""

    assert wait_until(reason, 40)

    def consuming() -> object:
        run_rounds(poll)
        return consumers_by_queue(watching.broker.pk, watching.vhost).get((watching.vhost, "quiet"))

    assert wait_until(consuming, 20)
    (one,) = consumers_by_queue(watching.broker.pk, watching.vhost)[watching.vhost, "quiet"]
    assert (one.hostname, one.exact, one.celery) == ("quiet@here", False, True)
    names = {queue.name for queue in broker_queries.queues(EVERYTHING, vhost=watching.vhost, conditions=NOT_OWN, page_size=100).items}
    assert names == {"own", "quiet"}
