"""Names and a content type that nothing but HARELINE_CELERY_<NAME> has, with a real worker that gives no sign of them: events and answers arrive."""

from __future__ import annotations

import pytest
from celery import Celery

from brokers.polling.poll_loop import PollLoop
from tests.workers.conftest import Watching, Workers
from tests.workers.stored_tasks import wait_for_uuid
from tests.workers.team_serializer import TEAM
from workers import celery_names
from workers.receiving.place_finder import PlaceFinder


@pytest.mark.nightly
def test_a_worker_under_configured_names_and_with_a_content_type_of_its_own_is_watched_and_answers(workers: Workers, watching: Watching) -> None:
    silent = ("--without-gossip", "--without-mingle", "--pool", "solo")
    workers.start("team@here", *silent, app="configured_names_app", queue="team@here.orders.pidbox")
    configured = celery_names.parse(f"{watching.vhost}?event_exchange=news&control_exchange=orders&event_queue_prefix=faces&content_type={TEAM}")
    PollLoop(watching.address, watching.broker.pk, "test", 5.0).run_round()  # which shows nothing of these names
    finder = PlaceFinder(watching.broker.pk, watching.broker.name, configured)
    names = finder.found()[watching.vhost].names
    assert PlaceFinder(watching.broker.pk, watching.broker.name, {}).found()[watching.vhost].names != names
    watching.start(names=names)
    worker = watching.wait_for("team@here", lambda worker: worker.state == "online" and worker.queues and worker.configuration and worker.concurrency)
    assert [queue["name"] for queue in worker.queues or []] == ["team"]
    assert (worker.configuration or {})["event_exchange"] == "news"
    producer = Celery("producer", broker=workers.node.amqp_url(workers.vhost), set_as_current=False)
    producer.conf.update(task_default_queue="team", task_serializer="team", accept_content=["team"])
    producer.send_task("team.add", (1, 2), task_id="sum")
    producer.close()
    assert wait_for_uuid(watching, "sum", lambda task: task.state == "SUCCESS").result == "3"
    log = (workers.directory / "team@here.log").read_text(encoding="utf-8", errors="replace")
    assert "Can't decode" not in log and "ContentDisallowed" not in log
    source = watching.source()
    assert source is not None and (source.refused_events, source.refused_example) == (0, "")
