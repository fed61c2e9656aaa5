"""Why a worker is silent or does not answer: remote control off, a broker that blocks publishers, a serializer that it does not take."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from brokers import store as broker_store
from brokers.addresses import BrokerAddress
from brokers.models import Broker, Consumer, Queue
from workers.celery_names import DEFAULT
from workers.inspection.answers import READERS
from workers.receiving.broker_look import BrokerLook
from workers.receiving.events import Event
from workers.receiving.liveness import Blocked, Evidence, Liveness, Subscription, Visible, assess
from workers.receiving.worker_registry import WorkerRegistry, expected

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
LISTENING = Subscription(NOON - timedelta(hours=1))
BLOCKED = Blocked(NOON - timedelta(seconds=30), {"w@h": 3})


def ago(seconds: float) -> datetime:
    return NOON - timedelta(seconds=seconds)


def registry(**heartbeats: float) -> WorkerRegistry:
    """Workers first seen a minute ago, with the age of their last heartbeat."""
    found = WorkerRegistry()
    for name, age in heartbeats.items():
        for at in (ago(60), ago(age)):
            found.apply([Event("worker-heartbeat", f"{name}@h", at.timestamp(), 7, freq=2.0)], at)
    return found


@pytest.mark.parametrize(
    ("visible", "trouble", "reason"),
    [
        (Visible(NOON, frozenset()), "", "its remote control is off (worker_enable_remote_control): the broker has no control queue of it"),
        (Visible(ago(55), frozenset()), "", "it has not responded yet"),  # the poll is too old to show its queue
        (Visible(NOON, None), "", "it has not responded yet"),
        (Visible(NOON, frozenset(("w@h",)), BLOCKED), "", "the broker blocks publishers since 2026-11-29 11:59:30 UTC, 3 consumers attached"),
        (Visible(NOON, frozenset(("w@h",))), "it has never answered", "it has never answered"),
    ],
)
def test_why_a_worker_does_not_answer(visible: Visible, trouble: str, reason: str) -> None:
    workers = registry(w=1)
    workers.assess(LISTENING, NOON, visible, LISTENING, None, lambda _: trouble)
    worker = workers.workers["w@h"]
    assert worker.state == "online"
    assert worker.inspect_reason.startswith(reason)
    workers.apply_answer("w@h", READERS["reserved"]([]), NOON)
    workers.assess(LISTENING, NOON, visible, LISTENING)
    assert worker.inspect_reason == ""


@pytest.mark.parametrize(
    ("heartbeat_at", "state", "reason"),
    [
        (ago(1), "online", ""),
        (ago(31), "unknown", "the broker blocks publishers since 2026-11-29 11:59:30 UTC, 3 consumers attached"),
        (ago(80), "unknown", "the broker blocks publishers since"),  # a poll shows the alarm only some seconds later
        (ago(600), "gone", "no heartbeat since"),  # it was gone before
    ],
)
def test_silence_while_the_broker_blocks_publishers_is_unknown(heartbeat_at: datetime, state: str, reason: str) -> None:
    verdict = assess(Evidence(heartbeat_at), LISTENING, NOON, None, BLOCKED.of("w@h"))
    assert isinstance(verdict, Liveness)
    assert verdict.state == state
    assert verdict.reason.startswith(reason)


def test_our_own_blocked_connection_shows_an_alarm_that_our_user_may_not_see() -> None:
    assert Visible(NOON).blocked_too(ago(5)).blocked == Blocked(ago(5))
    assert Visible(NOON, None, BLOCKED).blocked_too(ago(5)).blocked == BLOCKED
    assert Visible(NOON).blocked_too(None).blocked is None


def test_who_may_answer_are_those_with_a_control_queue_as_far_as_known() -> None:
    workers = registry(w=1, v=50).workers
    assert expected(workers.values(), NOON, Visible()) == {"w@h": True, "v@h": False}
    assert expected(workers.values(), NOON, Visible(NOON, frozenset(("v@h", "x@h")))) == {"v@h": False, "x@h": False}


@pytest.mark.django_db
def test_the_last_poll_shows_control_queues_attached_consumers_and_alarms() -> None:
    now = datetime.now(UTC)
    broker = broker_store.ensure_brokers([BrokerAddress("prod", ("http://127.0.0.1:1",), "u", "p")], now)["prod"]
    since = now - timedelta(seconds=9)
    alarms = [{"node": "rabbit@a", "resource": "memory", "since": since.isoformat()}]
    Broker.objects.update(polled_at=now, alarms=alarms)
    for name in ("w@h.celery.pidbox", "mail"):
        Queue.objects.create(broker=broker, vhost="/", name=name, first_seen_at=now, changed_at=now)
    for queue in ("w@h.celery.pidbox", "mail", "jobs", "celeryev.1"):
        Consumer.objects.create(broker=broker, vhost="/", queue=queue, tag="t", connection_name="c")
    look = BrokerLook(broker.pk, "/", DEFAULT)
    shown = look.shown(now)
    assert shown is not None
    assert shown.visible == Visible(now, frozenset(("w@h",)), Blocked(since, {"w@h": 2}))
    Broker.objects.update(alarms=[], limits=[{"vhost": "/", "part": ""}])
    look._next_look = 0.0
    shown = look.shown(now)
    assert shown is not None
    assert (shown.visible.blocked, shown.visible.controlled) == (None, None)
    assert shown.disturbance is not None and shown.disturbance.what == "the broker stopped blocking publishers"
