"""Cases of rules beside those of test_planted_queues.py, planted for real: each with the cause that the broker's own numbers show, nothing else, and cured."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import amqp
import pytest

from brokers import store
from dashboard.findings.rule import read_body
from dashboard.models import Finding
from tests.conftest import TestNode
from tests.findings.looking import Looking, values
from tests.findings.planted import Planted
from tests.waiting import wait_until
from tests.workers.conftest import Watching, Workers

pytestmark = [pytest.mark.nightly, pytest.mark.django_db(transaction=True)]


SLOTS = ("-E", "--pool", "threads", "--concurrency", "2")


@pytest.fixture
def planted(rabbitmq: TestNode, vhost: str) -> Iterator[Planted]:
    found = Planted(rabbitmq, vhost, step_seconds=10.0)
    yield found
    found.end()


def first_cause(finding: Finding) -> str:
    return read_body(finding.body).causes[0].text


def test_limits_old_heads_and_each_reason_for_dead_letters_are_found_with_it(planted: Planted) -> None:
    channel = planted.channel
    for queue in ("expired", "rejected", "overflowed"):
        channel.exchange_declare(f"of.{queue}", "fanout", durable=True, auto_delete=False)
        planted.declare(f"letters.{queue}")
        channel.queue_bind(f"letters.{queue}", f"of.{queue}")
    channel.exchange_declare("strict", "direct", durable=True, auto_delete=False)
    channel.events["basic_return"].add(lambda *_: None)
    planted.declare("nears", max_length=1000)
    planted.declare("stamped")
    planted.declare("refuses", max_length=5, overflow="reject-publish")
    planted.declare("expires", message_ttl=1, dead_letter_exchange="of.expired")
    planted.declare("rejects", dead_letter_exchange="of.rejected")
    planted.declare("small", max_length=5, dead_letter_exchange="of.overflowed")
    consumers = {queue: planted.consumer(queue, prefetch) for queue, prefetch in (("nears", 5), ("stamped", 1), ("refuses", 1), ("rejects", 0), ("small", 1))}
    planted.settle()
    planted.poll(2)
    assert planted.open() == {}

    three_hours_ago = int((planted.at - timedelta(hours=3)).timestamp())
    for _ in range(20):
        channel.basic_publish(amqp.Message("x", timestamp=three_hours_ago), "", "stamped")
    polls: dict[tuple[str, str], int] = {}
    for poll in range(1, 10):
        for queue, count in (("nears", 30), ("refuses", 20), ("expires", 8), ("rejects", 10), ("small", 20)):
            planted.publish(queue, count)
        for _ in range(4):
            channel.basic_publish(amqp.Message("x"), "strict", "nobody", mandatory=True)
        consumers["nears"].acknowledge(3)
        consumers["stamped"].acknowledge(1)
        consumers["rejects"].reject(10)
        for queue in ("refuses", "small"):
            consumers[queue].acknowledge(2)
        planted.settle()
        planted.poll()
        polls |= {key: poll for key in planted.open() if key not in polls}
    found = planted.open()
    assert {(rule, name): one.title for (rule, name), one in found.items()} == {
        ("dead_letters", "letters.expired"): "letters.expired gets dead letters of expires",
        ("dead_letters", "letters.rejected"): "letters.rejected gets dead letters of rejects",
        ("dead_letters", "letters.overflowed"): "letters.overflowed gets dead letters of small",
        ("growing", "nears"): "nears reaches its length limit of 1,000 in ~4 min 40 s",
        ("oldest_message", "stamped"): "stamped has messages that wait for 3 h 1 min",
        ("unroutable", "strict"): "strict passes no message on",
        ("unroutable", "refuses"): "refuses is full and refuses messages",
    }
    latest = dict.fromkeys(found, 2) | {("unroutable", "strict"): 4, ("unroutable", "refuses"): 4}
    assert {key: poll for key, poll in polls.items() if poll > latest[key]} == {}
    assert [first_cause(found["dead_letters", f"letters.{queue}"]) for queue in ("expired", "rejected", "overflowed")] == [
        "expires: its messages expire after 0.1 s.",
        "rejects: its consumers reject messages without requeueing them.",
        "small: it is full, at its length limit of 5.",
    ]
    assert values(found["growing", "nears"])["Ready"] == str(planted.reported("nears")["messages_ready"])
    assert planted.reported("stamped")["head_message_timestamp"] == three_hours_ago
    assert values(found["unroutable", "refuses"])["Refused"].startswith("~1.8/s")  # of two a second; two of ten seconds were taken

    channel.queue_bind("stamped", "strict", "nobody")
    for queue in ("nears", "stamped", "refuses", "small", "letters.expired", "letters.rejected", "letters.overflowed"):
        channel.queue_purge(queue)
    consumers["stamped"].acknowledge(1)
    planted.settle()
    planted.step *= 3
    planted.poll(13)
    assert planted.open() == {}


def test_messages_that_a_client_holds_are_found_before_the_broker_takes_them_back(planted: Planted) -> None:
    planted.declare("held")
    holder = planted.consumer("held")
    planted.publish("held", 3)
    planted.settle()
    planted.step = timedelta(minutes=1)
    planted.poll(24)
    assert planted.open() == {}
    planted.poll(4)
    (found,) = planted.open().values()
    assert (found.rule, found.name, values(found)["Consumer timeout"]) == ("consumer_timeout", "held", "30 min")
    assert values(found)["Unacknowledged"] == str(planted.reported("held")["messages_unacknowledged"]) == "3"

    holder.acknowledge(3)
    planted.settle()
    planted.poll(3)
    assert planted.open() == {}


def test_tasks_that_fill_all_slots_and_a_routing_key_that_nobody_binds(rabbitmq: TestNode, vhost: str, workers: Workers, watching: Watching) -> None:
    workers.app.conf.update(task_send_sent_event=True)
    workers.start("busy@here", *SLOTS, "-Q", "jobs")
    watching.start()
    watching.wait_for("busy@here", lambda worker: worker.state == "online" and worker.queues and worker.prefetch and worker.heartbeat_at)
    planted = Planted(rabbitmq, vhost, began=datetime.now(UTC) - timedelta(seconds=90))
    planted.channel.exchange_declare("void", "topic", durable=True, auto_delete=False)
    planted.poll(2)
    assert planted.open() == {}

    workers.send("rest", 600, count=8)  # as tasks do that wait for each other
    watching.wait_for("busy@here", lambda worker: worker.active == 2)
    for _ in range(3):
        workers.send("add", 1, 2, count=2, exchange="void", routing_key="thumbnials")
        planted.settle()
        planted.poll()
    watching.wait_for_source(lambda source: source.events >= 14)
    planted.poll(8)
    found = planted.open()
    assert found.keys() == {("stuck", "jobs"), ("unroutable", "void")}
    stuck, lost = found["stuck", "jobs"], found["unroutable", "void"]
    assert (stuck.level, values(stuck)["busy@here"]) == ("notice", "online, 2 of 2 slots busy")
    assert first_cause(stuck) == "busy@here is busy with tasks that take long, or that wait for each other."
    assert (values(lost)["Routing keys"], first_cause(lost)) == ("thumbnials", "No binding of void matches the routing key thumbnials.")

    workers.kill("busy@here")
    wait_until(lambda: planted.reported("jobs")["consumers"] == 0, 60)
    planted.channel.queue_purge("jobs")
    planted.channel.queue_bind("jobs", "void", "#")
    workers.start("busy@here", *SLOTS, "-Q", "jobs")
    workers.send("add", 1, 2)
    watching.wait_for("busy@here", lambda worker: worker.state == "online" and worker.active == 0 and worker.processed)
    planted.settle()
    planted.at = max(planted.at, datetime.now(UTC) - planted.step)
    planted.step *= 4
    planted.poll(10)
    assert not {rule for rule, _ in planted.open()} & {"stuck", "unroutable", "worker_gone"}
    planted.end()


def test_a_quorum_queue_whose_worker_holds_tasks_until_their_eta(rabbitmq: TestNode, vhost: str, workers: Workers, watching: Watching) -> None:
    workers.app.conf.update(task_default_queue_type="quorum", broker_transport_options={"confirm_publish": True})
    workers.start("eta@here", *SLOTS, "-Q", "jobs", app="quorum_app")
    watching.start()
    held = watching.wait_for("eta@here", lambda worker: worker.state == "online" and worker.queues and worker.prefetch and worker.heartbeat_at).prefetch
    wait_until(lambda: [one["prefetch_count"] for one in rabbitmq.api("GET", f"consumers/{vhost}") if one["queue"]["name"] == "jobs"] == [held], 60)
    planted = Planted(rabbitmq, vhost, began=datetime.now(UTC) - timedelta(seconds=60))
    planted.poll(2)
    assert planted.open() == {}

    workers.send("add", 1, 2, count=held + 3, countdown=900)
    watching.wait_for("eta@here", lambda worker: worker.scheduled == held)
    wait_until(lambda: planted.reported("jobs").get("messages_unacknowledged") == held, 60)
    assert (planted.reported("jobs")["type"], planted.reported("jobs")["messages_ready"]) == ("quorum", 3)
    planted.poll(3)
    one = planted.open()["broker_version", "jobs"]
    assert (one.level, values(one)["eta@here"]) == ("warning", f"{held} with an ETA")
    assert values(one)["Unacknowledged"] == f"{held} of {held} that its consumers may hold"

    workers.end("eta@here")
    wait_until(lambda: planted.reported("jobs").get("consumers") == 0, 60)
    planted.channel.queue_purge("jobs")
    workers.start("eta@here", *SLOTS, "-Q", "jobs", app="quorum_app")
    watching.wait_for("eta@here", lambda worker: worker.state == "online" and worker.scheduled == 0)
    planted.at = max(planted.at, datetime.now(UTC) - planted.step)
    planted.step *= 4
    planted.poll(6)
    assert ("broker_version", "jobs") not in planted.open()
    planted.end()


def test_a_client_that_opens_more_and_more_connections_and_one_that_makes_queues_again_and_again(rabbitmq: TestNode, vhost: str) -> None:
    address = rabbitmq.address()
    looking = Looking(address, store.ensure_brokers([address], datetime.now(UTC))[address.name], vhost)
    now, steps = datetime.now(UTC), 6
    held: list[amqp.Connection] = []

    def connect() -> amqp.Connection:
        link = amqp.Connection(f"127.0.0.1:{rabbitmq.ports['amqp']}", userid=rabbitmq.user, password=rabbitmq.password, virtual_host=vhost)
        link.connect()
        held.append(link)
        return link

    def listed() -> int:
        return sum(one.get("vhost") == vhost for one in rabbitmq.api("GET", "connections"))

    try:
        for step in range(steps):
            for _ in range(4):
                connect()
            wait_until(lambda: listed() == len(held), 20)
            seen = looking.look(now=now + timedelta(seconds=80 * step))
        (leak,) = [one for one in seen.values() if one.rule == "client_leak"]
        assert values(leak)["Rise"].startswith("connections from ")
        assert (values(leak)["Connections"], leak.level) == (str(listed()), "warning")

        now += timedelta(seconds=80 * steps)
        looking.look(now=now)
        deleted = int(rabbitmq.api("GET", "overview")["churn_rates"].get("queue_deleted", 0))
        channel = held[0].channel()
        for number in range(60):
            channel.queue_declare(f"reply.{number}", durable=True, auto_delete=False)
            channel.queue_delete(f"reply.{number}")
        wait_until(lambda: rabbitmq.api("GET", "overview")["churn_rates"].get("queue_deleted", 0) >= deleted + 60, 20)
        looking.look(now=now + timedelta(seconds=10))
        churn = looking.look(now=now + timedelta(seconds=10), ahead=11.0)[f"churn {address.name}"]
        assert values(churn)["Queues deleted"].startswith("6")
    finally:
        for link in held:
            link.close()
    wait_until(lambda: listed() == 0, 20)
    for seconds in (120, 240, 360):
        seen = looking.look(now=now + timedelta(seconds=seconds))
    assert not [one for one in seen.values() if one.rule in ("client_leak", "churn")]
