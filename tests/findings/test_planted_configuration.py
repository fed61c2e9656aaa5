"""Configuration that works against itself, planted with real clients and a real worker node: found, on the map too, and gone with its cure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from dashboard.findings.rules import autoscale_conflict, one_connection, one_node, priority_ignored
from dashboard.models import Finding, RuleSetting
from tests.conftest import TestNode
from tests.findings.looking import values
from tests.findings.planted import Planted
from tests.waiting import wait_until
from tests.workers.conftest import Watching, Workers
from workers.lab.source_address import Connection

pytestmark = [pytest.mark.nightly, pytest.mark.django_db(transaction=True)]
OURS = {rule.KEY for rule in (autoscale_conflict, one_connection, one_node, priority_ignored)}


@pytest.fixture
def planted(rabbitmq: TestNode, vhost: str) -> Iterator[Planted]:
    found = Planted(rabbitmq, vhost, step_seconds=60.0, began=datetime.now(UTC) - timedelta(hours=1))
    yield found
    found.end()


def ours(planted: Planted) -> dict[tuple[str, str], Finding]:
    return {key: one for key, one in planted.open().items() if key[0] in OURS}


def test_a_busy_queue_on_one_node_and_everything_through_one_connection(planted: Planted, rabbitmq: TestNode) -> None:
    RuleSetting.objects.create(rule="one_node", threshold="rate", value=1, vhost=planted.vhost, user_name="ann", at=planted.at)
    RuleSetting.objects.create(rule="one_connection", threshold="rate", value=1, vhost=planted.vhost, user_name="ann", at=planted.at)
    planted.declare("mail")
    taken: list[int] = []
    planted.channel.basic_consume("mail", callback=lambda message: taken.append(message.delivery_tag))
    for _ in range(8):  # 120 messages a minute, each taken and acknowledged
        planted.publish("mail", 120)
        for _ in range(120):
            while not taken:
                planted.channel.connection.drain_events(timeout=60)
            planted.channel.basic_ack(taken.pop())
        planted.settle()
        planted.poll()
    found = ours(planted)
    (link,) = rabbitmq.api("GET", f"vhosts/{planted.vhost}/connections")
    assert found.keys() == {("one_node", "mail"), ("one_connection", link["name"])}
    mail, single = found["one_node", "mail"], found["one_connection", link["name"]]
    assert (mail.level, mail.title) == ("notice", "mail is consumed by 127.0.0.1 alone")
    assert values(mail) == {"Consumed by": "127.0.0.1", "Acknowledged": "2.0/s"}
    assert f"publishes and consumes everything in {planted.vhost} over one connection" in single.title
    assert values(single).keys() == {"Published", "Delivered", "Channels"} and values(single)["Channels"] == str(link["channels"]) == "1"
    assert planted.marks()["mail"] == [mail.title]

    port = rabbitmq.ports["amqp"]
    other = Connection(f"127.0.0.1:{port}", userid=rabbitmq.user, password=rabbitmq.password, virtual_host=planted.vhost, source_address="127.0.0.2")
    other.connect()
    other.channel().basic_consume("mail", consumer_tag="from-elsewhere")
    wait_until(lambda: len(rabbitmq.api("GET", f"vhosts/{planted.vhost}/connections")) == 2)
    planted.poll(4)
    assert ours(planted) == {}
    assert planted.marks() == {}
    other.close()


def test_a_pool_beyond_its_autoscaler_and_a_priority_without_effect(workers: Workers, watching: Watching, rabbitmq: TestNode, vhost: str) -> None:
    workers.start("pool@here", "-E", "--pool", "prefork", "--autoscale", "3,1", app="priority_app")
    watching.start()
    watching.wait_for("pool@here", lambda worker: worker.state == "online" and worker.configuration and worker.registered and worker.concurrency == 1)
    for _ in range(3):
        workers.app.send_task("tests.urgent", (30,), queue="jobs")
    watching.wait_for("pool@here", lambda worker: worker.concurrency == 3 and worker.active == 3)
    limited = workers.app.control.broadcast("autoscale", {"max": 1, "min": 1}, reply=True)
    assert limited == [{"pool@here": {"ok": "autoscale now max=1 min=1"}}]
    watching.wait_for("pool@here", lambda worker: worker.autoscale_max == 1)
    planted = Planted(rabbitmq, vhost, step_seconds=15.0, began=datetime.now(UTC) - timedelta(seconds=105))
    planted.poll(7)
    found = ours(planted)
    assert found.keys() == {("autoscale_conflict", "pool@here"), ("priority_ignored", "jobs")}
    pool, jobs = found["autoscale_conflict", "pool@here"], found["priority_ignored", "jobs"]
    assert (pool.level, pool.title) == ("notice", "pool@here has a pool of 3, and its autoscaler allows 1 to 1")
    assert values(pool) == {"Pool": "3", "Autoscaler": "1 to 1"}
    assert pool.body["causes"][0]["text"].startswith("The range was lowered while processes were busy")
    assert (jobs.level, jobs.title, values(jobs)) == ("notice", "jobs takes tasks with a priority and has none", {"Priority": "tests.urgent: 9"})
    assert planted.marks() == {"pool@here": [pool.title], "jobs": [jobs.title]}

    workers.app.control.broadcast("autoscale", {"max": 3, "min": 1}, reply=True)
    workers.app.control.cancel_consumer("jobs", reply=True)
    rabbitmq.api("DELETE", f"queues/{vhost}/jobs")
    planted.declare("jobs", max_priority=10)
    watching.wait_for("pool@here", lambda worker: worker.autoscale_max == 3)
    planted.poll(7)
    assert ours(planted) == {}
    assert planted.marks() == {}
    planted.end()
