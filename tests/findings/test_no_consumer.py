"""Messages wait in a queue that nobody consumes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from brokers.models import Queue
from brokers.usuals import Usual
from dashboard.findings.queue_context import DeadLetterSource, QueueContext
from dashboard.findings.rule import Found, Object
from dashboard.findings.rules import no_consumer
from dashboard.models import RuleSetting
from tests.findings.objects import NOON, broker, facts, found, queue, unsure, worker
from workers.models import Worker

LAST = [{"client": "py-amqp 5.4.2", "host": "10.0.0.1", "user": "shop", "control": "a@web-1.celery.pidbox"}]


def abandoned(name: str = "mail", **values: Any) -> Queue:
    usual = {
        "consumers": 0, "active_consumers": 0, "ready": 12480, "unacknowledged": 0, "depth": 12480, "publish_per_second": 24.0, "deliver_per_second": 0.0,
        "ack_per_second": 0.0, "growth_per_second": 24.0, "nobody_consumes_since": NOON - timedelta(minutes=8), "nobody_since_at_least": False,
    }  # fmt: skip
    return queue(name, **(usual | values))


def test_it_shows_since_when_who_consumed_it_last_and_how_many_usually_do() -> None:
    usual = QueueContext(usuals={7: {"consumers": Usual(2.0, 0.0, 5, weeks=5)}})
    mail = abandoned(last_consumers=LAST, last_consumed_at=NOON - timedelta(minutes=8), arguments={"x-max-length": 50_000})
    (one,) = found(no_consumer, facts(queues=[mail], context=usual))
    assert (one.level, one.whole_title) == ("critical", "mail is growing and nobody consumes it")
    assert (one.since, one.since_at_least) == (NOON - timedelta(minutes=8), False)
    assert one.summary == "12,480 messages wait. In 24.0/s, out 0.0/s."
    shown = {evidence.name: evidence.value for evidence in one.evidence}
    assert shown == {
        "Ready": "12,480", "Growth": "+24.0/s", "Consumers": "0, usually 2", "Length limit": "50,000, in ~26 min 3 s", "Last consumed by": "a@web-1",
    }  # fmt: skip
    assert "is reached in ~26 min 3 s; after that, the oldest are dropped" in one.meaning
    assert one.causes[0].text == "a@web-1 consumed it, and ended or disconnected."


def test_its_workers_are_the_cause_by_what_is_known_of_them() -> None:
    alive = worker("a@web-1", heartbeat_at=NOON - timedelta(seconds=2))
    gone = worker("b@web-1", pk=6, state="gone", reason="no heartbeat since 11:58:00")
    (one,) = found(no_consumer, facts(queues=[abandoned()], workers=[alive, gone]))
    assert [cause.text for cause in one.causes] == [
        "a@web-1 is online and configured to consume it, but lost the consumer or had it cancelled.",
        "b@web-1 is gone, and was configured to consume it.",
    ]
    assert one.to_do == ["Restart a@web-1 and b@web-1, or have mail consumed again by them."]


@pytest.mark.parametrize(
    ("kind", "version", "values", "is_cause"),
    [
        ("quorum", "5.4.0", {"queues": None}, True),  # it never gets so far that it answers an inspection
        ("quorum", "5.4.0", {}, True),
        ("quorum", "5.5.0", {"queues": None}, False),
        ("classic", "5.4.0", {"queues": None}, False),
        ("quorum", "5.4.0", {"queues": [{"name": "other"}]}, False),
        ("quorum", "5.4.0", {"queues": None, "vhost": "/other"}, False),
        ("quorum", "5.4.0", {"queues": None, "state": "gone"}, False),
    ],
)
def test_a_celery_that_cant_consume_quorum_queues_is_the_first_cause(kind: str, version: str, values: dict[str, Any], is_cause: bool) -> None:
    old = worker(software={"ident": "py-celery", "version": version}, **values)
    (one,) = found(no_consumer, facts(queues=[abandoned(type=kind)], workers=[old]))
    assert one.causes[0].text.startswith("a@web-1 may be configured to consume it: RabbitMQ ends its connection") is is_cause
    assert ("Upgrade Celery to 5.5 or later, or use a classic queue." in one.to_do) is is_cause


@pytest.mark.parametrize(
    ("values", "level"),
    [
        ({"nobody_consumes_since": NOON - timedelta(seconds=29)}, None),  # a consumer that restarts
        ({"nobody_consumes_since": NOON - timedelta(seconds=30)}, "critical"),
        ({"growth_per_second": 0.0, "publish_per_second": 0.0}, "notice"),
        ({"consumers": 1}, None),
        ({"depth": 0, "ready": 0}, None),
        ({"type": "stream"}, None),
        ({"name": "celery_delayed_3"}, None),
        ({"state": "down"}, None),  # a rule of its own
    ],
)
def test_what_counts(values: dict[str, Any], level: str | None) -> None:
    assert [one.level for one in found(no_consumer, facts(queues=[abandoned(**values)]))] == ([level] if level else [])


def test_what_is_unknown_is_neither_confirmed_nor_cleared() -> None:
    unknown = abandoned(consumers=None)
    assert found(no_consumer, facts(queues=[unknown])) == []
    assert unsure(no_consumer, facts(queues=[unknown])) == []
    (one,) = unsure(no_consumer, facts(queues=[unknown], open_objects={"no_consumer": [Object("queue", "mail", "/", 7)]}))
    assert one.covers("queue", "/", "mail") and not one.covers("queue", "/", "orders")


def test_a_queue_that_only_keeps_dead_letters_is_not_meant_to_be_consumed() -> None:
    kept = QueueContext(dead_letters={("/", "mail"): [DeadLetterSource(8, "orders", "dead", True)]})
    assert found(no_consumer, facts(queues=[abandoned(publish_per_second=0.0)], context=kept)) == []
    assert len(found(no_consumer, facts(queues=[abandoned()], context=kept))) == 1  # messages are published to it as well
    quiet = abandoned(publish_per_second=0.0)
    assert len(found(no_consumer, facts(queues=[quiet], context=kept, workers=[worker()]))) == 1  # a worker is configured for it
    assert len(found(no_consumer, facts(queues=[abandoned(publish_per_second=0.0, last_consumers=LAST)], context=kept))) == 1
    perhaps = QueueContext(dead_letters={("/", "mail"): [DeadLetterSource(8, "orders", "dead", False)]})
    assert len(found(no_consumer, facts(queues=[quiet], context=perhaps))) == 1


def test_a_route_that_leads_there_explains_it() -> None:
    seen = facts(queues=[abandoned()], found=[Found("unconsumed_route", Object("queue", "mail", "/", 7), "critical", "gets tasks that no worker node takes")])
    (one,) = found(no_consumer, seen)
    assert one.under == seen.identity("unconsumed_route", Object("queue", "mail", "/", 7))


def test_names_of_any_kind_and_a_rule_that_is_off() -> None:
    odd = abandoned("<b>\u202e\n' OR 1=1 --", last_consumers=[{"client": "", "host": "", "control": None}, {}])
    (one,) = found(no_consumer, facts(queues=[odd], broker=broker()))
    assert one.object.name == odd.name
    assert one.causes[0].text.startswith("a client without a name consumed it")
    off = RuleSetting(rule="no_consumer", threshold="off", value=1, broker="*", vhost="*", name="ma*")
    assert found(no_consumer, facts(queues=[abandoned()]), off) == []


def test_an_open_one_stays_while_a_consumer_comes_and_goes() -> None:
    opened = {"no_consumer": [Object("queue", "mail", "/", 7)]}
    lately = abandoned(nobody_consumes_since=NOON - timedelta(seconds=3))
    assert [one.level for one in found(no_consumer, facts(queues=[lately], open_objects=opened))] == ["notice"]


RETRY = {"x-message-ttl": 30_000, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "mail"}
STEADY: dict[str, Any] = {"pk": 8, "arguments": RETRY, "ready": 5, "depth": 5, "publish_per_second": 0.2, "growth_per_second": 0.0}
BACK = QueueContext(dead_letters={("/", "mail"): [DeadLetterSource(8, "mail.retry", "", True)]})


@pytest.mark.parametrize(
    ("values", "context", "count"),
    [
        ({}, BACK, 0),
        ({"arguments": None, "effective_policy": {"message-ttl": 30_000, "dead-letter-exchange": ""}}, BACK, 0),
        ({"growth_per_second": 0.1}, BACK, 0),  # it fills until the first expire
        ({"growth_per_second": 0.1, "publish_per_second": 0.0}, BACK, 0),  # by dead letters, of which no rate is known
        ({"growth_per_second": 0.1, "depth": 13}, BACK, 1),  # 0.2/s for 30 s is 6 messages: more stay than can
        ({}, QueueContext(), 1),  # its dead letters reach nothing
        ({}, QueueContext(dead_letters={("/", "mail.retry"): [DeadLetterSource(8, "mail.retry", "", True)]}), 1),  # or only itself
        ({"arguments": {"x-message-ttl": 30_000}}, BACK, 1),
        ({"arguments": {"x-dead-letter-exchange": ""}}, BACK, 1),
        ({"last_consumers": LAST}, BACK, 1),
    ],
)
def test_a_queue_whose_messages_expire_and_go_on_is_not_meant_to_be_consumed(values: dict[str, Any], context: QueueContext, count: int) -> None:
    retry = abandoned("mail.retry", **(STEADY | values))
    mail = queue("mail", depth=0, ready=0)
    assert len(found(no_consumer, facts(queues=[retry, mail], context=context))) == count


def test_one_that_grows_into_a_queue_that_nobody_consumes_is_found() -> None:
    retry, parked = abandoned("mail.retry", **(STEADY | {"growth_per_second": 0.1})), queue("mail", consumers=0, depth=0, ready=0)
    assert [one.object.name for one in found(no_consumer, facts(queues=[retry, parked], context=BACK))] == ["mail.retry"]
    assert found(no_consumer, facts(queues=[abandoned("mail.retry", **STEADY), parked], context=BACK)) == []


@pytest.mark.parametrize(
    ("since", "online", "up", "count"),
    [
        (29, None, 29, 0),  # everything starts
        (31, None, 31, 1),
        (300, None, 5, 1),  # nobody consumed it before the broker came back either
        (3, None, 3600, 0),  # a new queue that one poll has seen
        (5, None, 3600, 1),
        (300, 29, 3600, 0),  # its worker node has just come online
        (300, 31, 3600, 1),
    ],
)
def test_a_consumer_that_starts_is_left_alone(since: int, online: int | None, up: int, count: int) -> None:
    alone = abandoned(nobody_consumes_since=NOON - timedelta(seconds=since), nobody_since_at_least=True)
    workers = [] if online is None else [worker(since=NOON - timedelta(seconds=online))]
    seen = facts(queues=[alone], workers=workers, broker=broker(since=NOON - timedelta(seconds=up)))
    assert [one.level for one in found(no_consumer, seen)] == ["notice" if since < 30 else "critical"] * count
    opened = {"no_consumer": [Object("queue", "mail", "/", 7)]}
    assert len(found(no_consumer, facts(queues=[alone], workers=workers, open_objects=opened, broker=seen.broker))) == 1


@pytest.mark.parametrize(
    ("state", "beat", "values", "count"),
    [
        (Worker.ONLINE, 2, {}, 1),  # it has lost its consumer, or had it cancelled
        (Worker.ONLINE, 12, {}, 0),  # killed, as its next heartbeat would show
        (Worker.GONE, 2, {}, 0),  # it restarts
        (Worker.ONLINE, 2, {"last_consumers": []}, 0),
        (Worker.ONLINE, 2, {"nobody_since_at_least": True, "first_seen_at": NOON - timedelta(days=1)}, 1),  # after a gap in the polls
        (Worker.ONLINE, 12, {"nobody_since_at_least": True, "first_seen_at": NOON - timedelta(days=1)}, 0),
    ],
)
def test_consumers_that_left_may_be_back_soon_but_for_those_of_a_worker_that_lives_on(state: str, beat: int, values: dict[str, Any], count: int) -> None:
    left = abandoned(**{"nobody_consumes_since": NOON - timedelta(seconds=10), "last_consumers": LAST} | values)
    mine = worker(state=state, heartbeat_at=NOON - timedelta(seconds=beat), since=NOON - timedelta(days=1))
    assert len(found(no_consumer, facts(queues=[left], workers=[mine]))) == count


def test_what_was_delivered_does_not_wait_and_what_waits_beside_it_is_explained() -> None:
    assert found(no_consumer, facts(queues=[abandoned(ready=0, unacknowledged=2, depth=2)])) == []
    (one,) = found(no_consumer, facts(queues=[abandoned(ready=381, unacknowledged=20, depth=401)]))
    assert one.causes[0].text == "A client that took messages of it has ended its consumer, as a worker node that shuts down does, or gets them one by one."


def test_since_when_its_last_consumer_left_and_how_old_the_count_is() -> None:
    left = NOON - timedelta(minutes=8, seconds=10)
    mail = abandoned(last_consumers=LAST, last_consumed_at=left)
    counted = NOON - timedelta(seconds=12)
    (one,) = found(no_consumer, facts(queues=[mail], broker=broker(consumers_at=counted)))
    assert one.since == left
    assert next(evidence.at for evidence in one.evidence if evidence.name == "Consumers") == counted
    (unknown,) = found(no_consumer, facts(queues=[mail], broker=broker(consumers_at=None)))
    assert next(evidence.at for evidence in unknown.evidence if evidence.name == "Consumers") is None
    before = abandoned(last_consumers=LAST, last_consumed_at=NOON - timedelta(hours=1))
    assert found(no_consumer, facts(queues=[before]))[0].since == before.nobody_consumes_since
