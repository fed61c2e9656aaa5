"""Problems of queues planted for real: each is found with the broker's own numbers, nothing else is, and the cure clears it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from dashboard.findings.rule import Evidence, read_body
from dashboard.models import Finding, RuleSetting
from script.soak_parts.cluster import evaluate
from tests.conftest import TestNode
from tests.findings.planted import Planted
from tests.waiting import wait_until
from tests.workers.conftest import Watching, Workers
from workers.models import Task

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture
def planted(rabbitmq: TestNode, vhost: str) -> Iterator[Planted]:
    found = Planted(rabbitmq, vhost, step_seconds=10.0)
    yield found
    found.end()


def evidence(finding: Finding) -> dict[str, Evidence]:
    return {one.name: one for one in read_body(finding.body).evidence}


def value(finding: Finding, name: str) -> str:
    return evidence(finding)[name].value


def test_queues_in_trouble_are_found_for_what_they_are_and_healthy_ones_are_not(planted: Planted) -> None:
    planted.channel.exchange_declare("void", "topic", durable=True, auto_delete=False)
    planted.channel.exchange_declare("dead", "fanout", durable=True, auto_delete=False)
    for queue in ("left", "grows", "still", "waits", "healthy", "letters"):
        planted.declare(queue)
    planted.declare("flat", message_ttl=1, dead_letter_exchange="dead")
    planted.declare("full", max_length=5)
    planted.channel.queue_bind("letters", "dead")
    RuleSetting.objects.create(rule="oldest_message", threshold="age", value=60, name="waits", user_name="ann", at=planted.at)
    consumers = {queue: planted.consumer(queue, prefetch) for queue, prefetch in (("grows", 10), ("still", 4), ("waits", 10), ("healthy", 0), ("full", 1))}
    leaving = planted.consumer("left")
    planted.publish("left", 3)
    planted.settle()
    planted.poll()
    planted.publish("waits", 90)
    planted.settle()
    planted.poll()
    assert planted.open() == {}

    leaving.leave()
    polls: dict[tuple[str, str], int] = {}
    for poll in range(1, 10):
        for queue, count in (("left", 5), ("grows", 60), ("still", 2), ("waits", 10), ("healthy", 20), ("full", 30), ("flat", 8)):
            planted.publish(queue, count)
        planted.publish("order.new.uk", 3, "void")
        for queue, count in (("grows", 10), ("waits", 10), ("healthy", 20), ("full", 1)):
            consumers[queue].acknowledge(count)
        planted.settle()
        planted.poll()
        polls |= {key: poll for key in planted.open() if key not in polls}
    found = planted.open()
    expected = {
        ("no_consumer", "left"), ("growing", "grows"), ("stuck", "still"), ("oldest_message", "waits"), ("dead_letters", "letters"), ("unroutable", "void"),
        ("unroutable", "full"),
    }  # fmt: skip
    assert found.keys() == expected
    assert {one.unsure for one in found.values()} == {""}
    # At 10 s a poll; of "grows" when it holds 100, of "still" 30 s after the first is ready, of "waits" when one is a minute old
    latest = {"letters": 2, "full": 2, "grows": 4, "void": 4, "left": 4, "still": 7, "waits": 8}
    assert {name: poll for (_, name), poll in polls.items() if poll > latest[name]} == {}

    left, reported = found["no_consumer", "left"], planted.reported("left")
    assert (left.level, reported["consumers"]) == ("critical", 0)
    assert value(left, "Ready") == str(reported["messages_ready"])
    assert "py-amqp" in value(left, "Last consumed by")
    assert left.since_at_least is False
    assert value(found["growing", "grows"], "Growth") == "+5.0/s"
    still, reported = found["stuck", "still"], planted.reported("still")
    assert (value(still, "Ready"), value(still, "Unacknowledged")) == (str(reported["messages_ready"]), str(reported["messages_unacknowledged"])) == ("14", "4")
    assert value(found["oldest_message", "waits"], "Oldest message").startswith("~1 min")  # 80 ready, 1/s
    letters = found["dead_letters", "letters"]
    assert value(letters, "Ready") == str(planted.reported("letters")["messages_ready"]) == "72"
    assert read_body(letters.body).causes[0].text.startswith("flat: its messages expire after")
    assert value(found["unroutable", "void"], "Published") == "0.3/s"
    assert value(found["unroutable", "full"], "Dropped") == "~2.9/s"

    planted.channel.queue_bind("healthy", "void", "#")
    for queue in ("left", "letters", "full", "waits", "grows"):
        planted.channel.queue_purge(queue)
    consumers["still"].acknowledge(18)
    planted.consumer("left")
    planted.settle()
    planted.step *= 3
    planted.poll(13)
    assert planted.open() == {}


@pytest.mark.nightly
def test_a_frozen_worker_a_queue_without_a_node_and_late_etas_are_found_by_what_celery_reports(
    rabbitmq: TestNode, vhost: str, workers: Workers, watching: Watching
) -> None:
    workers.app.conf.update(task_send_sent_event=True)
    frozen = workers.start("w@here", "-E", "--pool", "threads", "--concurrency", "2", "-Q", "jobs,mail")
    watching.start()
    watching.wait_for("w@here", lambda worker: worker.state == "online" and worker.queues and worker.prefetch and worker.heartbeat_at)
    planted = Planted(rabbitmq, vhost, began=datetime.now(UTC) - timedelta(seconds=20))  # so that bindings were known when tasks are sent
    planted.poll()
    assert planted.open() == {}

    workers.send("add", 1, 2, count=3, queue="reports")
    workers.send("add", 1, 2, countdown=7200, queue="mail")
    watching.wait_for("w@here", lambda worker: worker.scheduled == 1 and worker.event_counts.get("task-received") == 1)
    watching.wait_for_source(lambda source: source.events >= 4)
    wait_until(lambda: planted.reported("reports").get("messages_ready") == 3, 60)
    planted.poll()
    wait_until(lambda: Task.objects.filter(queue="reports").count() == 3, 60)  # by the receiver, from what was polled
    planted.poll(8)
    found = planted.open()
    assert found.keys() == {("no_consumer", "reports"), ("consumer_timeout", "w@here"), ("unconsumed_route", "reports")}
    assert value(found["no_consumer", "reports"], "Ready") == "3"
    route = found["unconsumed_route", "reports"]
    assert (route.level, value(route, "Tasks"), found["no_consumer", "reports"].under_id) == ("critical", "tests.workers.celery_app.add", route.pk)
    assert value(found["consumer_timeout", "w@here"], "Consumer timeout") == "30 min"

    os.killpg(frozen.pid, signal.SIGSTOP)
    try:
        workers.send("add", 1, 2, count=8, queue="jobs")
        workers.send("add", 1, 2, count=8, queue="mail")
        wait_until(lambda: all((planted.reported(queue).get("messages") or 0) >= 8 for queue in ("jobs", "mail")), 60)
        planted.poll(9)
        found = planted.open()
        assert {("stuck", "w@here"), ("stuck", "jobs"), ("stuck", "mail")} <= found.keys()
        frozen_finding = found["stuck", "w@here"]
        assert {found["stuck", queue].under_id for queue in ("jobs", "mail")} == {frozen_finding.pk}
        assert value(frozen_finding, "Queues") == "jobs and mail"
    finally:
        os.killpg(frozen.pid, signal.SIGCONT)
    workers.start("r@here", "-E", "--pool", "threads", "--concurrency", "2", "-Q", "reports")
    wait_until(lambda: all(planted.reported(queue).get("messages_ready") == 0 for queue in ("jobs", "mail", "reports")), 30)
    planted.poll(8)
    assert not {rule for rule, _ in planted.open()} & {"stuck", "unconsumed_route", "no_consumer"}
    planted.end()


def test_a_queue_that_lost_its_single_active_consumer_stands_still_whatever_the_list_of_consumers_has(planted: Planted) -> None:
    """RabbitMQ's own fault (rabbitmq-server, issue 14141): the queue delivers to nobody, while the list has its first consumer as active."""
    if planted.node.version < "4":
        pytest.skip("before RabbitMQ 4 a consumer's priority has no part in which one is active (script/test-4 runs this)")
    planted.declare("single", queue_type="quorum", single_active_consumer=True, delivery_limit=-1)
    planted.publish("single", 5)
    first = planted.consumer("single", 1)
    first.requeue(20)
    planted.poll()
    assert planted.open() == {}

    second = planted.consumer("single", 1, priority=100)
    first.requeue(1)
    wait_until(lambda: (row := planted.reported("single")).get("consumers") == 2 and row["single_active_consumer_tag"] is None, 60)
    listed = planted.node.api("GET", f"consumers/{planted.vhost}")
    assert sorted(consumer["active"] for consumer in listed) == [False, True]
    planted.settle()
    planted.poll(2)
    (finding,) = planted.open().values()
    assert (finding.rule, finding.level, finding.title) == ("stuck", "critical", "single stands still: none of its 2 consumers is active")
    assert value(finding, "Ready") == "5"
    assert "issue 14141" in " ".join(read_body(finding.body).to_do)

    first.leave()
    second.leave()
    third = planted.consumer("single", 1)
    third.acknowledge(3)
    wait_until(lambda: planted.reported("single").get("single_active_consumer_tag"), 60)
    planted.settle()
    planted.poll(4)
    assert planted.open() == {}


def test_what_rabbitmq_4_deprecates_or_ignores_is_found_on_it_alone(planted: Planted) -> None:
    """The policy is as an upgrade from RabbitMQ 3 leaves it, in the node's own store: its API refuses a new one."""
    planted.channel.queue_declare("transient", durable=False, auto_delete=False, exclusive=False)
    definition = '[{<<"pattern">>, <<"^x">>}, {<<"definition">>, [{<<"ha-mode">>, <<"all">>}]}, {<<"priority">>, 0}, {<<"apply-to">>, <<"all">>}]'
    is_new = planted.node.version >= "4"
    if is_new:
        evaluate(planted.node, f'rabbit_db_rtparams:set(<<"{planted.vhost}">>, <<"policy">>, <<"mirrored">>, {definition}).')
    else:
        planted.node.api("PUT", f"policies/{planted.vhost}/mirrored", {"pattern": "^x", "definition": {"ha-mode": "all"}})
    planted.settle()
    planted.poll(2)
    if not is_new:
        assert planted.open() == {}
        return
    found = {one.title.removeprefix(f"{planted.vhost} "): one for one in Finding.objects.filter(closed_at=None, vhost=planted.vhost)}
    mirrored, transient = "has policies that mirror queues, without effect", "has transient queues that RabbitMQ 4.3 refuses"
    assert {title: (one.rule, one.level) for title, one in found.items()} == {
        mirrored: ("broker_version", "warning"), transient: ("broker_version", "notice"),
    }  # fmt: skip
    assert (value(found[mirrored], "Policies"), value(found[transient], "Transient queues")) == ("mirrored", "1: transient")

    planted.channel.queue_delete("transient")
    planted.node.api("DELETE", f"policies/{planted.vhost}/mirrored")
    planted.settle()
    planted.poll(9)
    assert planted.open() == {}
