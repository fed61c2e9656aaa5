"""Levels of queues with their reasons, from evidence: a stream has no backlog, a restart is no alarm, what stands still is not healthy."""

from datetime import UTC, datetime, timedelta

import pytest

from brokers.models import Broker, Queue
from dashboard.layout import queue_levels
from dashboard.layout.levels import Level

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
BROKER = Broker(name="prod", state=Broker.UP, reason="", since=NOON - timedelta(hours=1), polled_at=NOON, poll_seconds=5)
QUORUM = {"type": "quorum", "leader": "rabbit@a", "members": ["rabbit@a", "rabbit@b", "rabbit@c"], "online": ["rabbit@a", "rabbit@b", "rabbit@c"]}
STILL = {"ready": 16, "unacknowledged": 4, "depth": 20, "publish_per_second": 0.0, "deliver_per_second": 0.0, "ack_per_second": 0.0}
DELIVERED = {**STILL, "ready": 0, "unacknowledged": 4, "depth": 4, "still_since": None}
UNKNOWN_RATES = dict.fromkeys(("publish_per_second", "deliver_per_second", "ack_per_second"))


def a_queue(**facts):
    known = {"name": "mail", "type": "classic", "state": "running", "ready": 10, "unacknowledged": 0, "depth": 10, "consumers": 1}
    return Queue(**(known | {"publish_per_second": 5.0, "deliver_per_second": 5.0, "ack_per_second": 5.0} | facts))


def ago(seconds):
    return NOON - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("facts", "word", "reason"),
    [
        ({}, "ok", "is active"),
        ({"depth": None, "ready": None}, "unknown", "prod does not report its depth"),
        ({"state": "down", "depth": None}, "critical", "is down"),
        ({"type": "stream", "consumers": 0, "depth": 90_000}, "ok", "retains published messages"),
        ({"consumers": 0}, "critical", "is growing and nobody consumes it"),
        ({"consumers": 0, "nobody_consumes_since": ago(29), "nobody_since_at_least": False}, "notice", "has no consumer at the moment"),
        ({"consumers": 0, "nobody_consumes_since": ago(29), "nobody_since_at_least": True}, "critical", "is growing and nobody consumes it"),
        ({"consumers": 0, "nobody_consumes_since": ago(30)}, "critical", "is growing and nobody consumes it"),
        ({"consumers": 0, "publish_per_second": 0.0}, "notice", "holds 10 messages and nobody consumes it"),
        ({"consumers": 0, "publish_per_second": 0.0, "last_publish_at": ago(119)}, "critical", "is growing and nobody consumes it"),
        ({"consumers": 0, "publish_per_second": 0.0, "last_publish_at": ago(121)}, "notice", "holds 10 messages and nobody consumes it"),
        ({"consumers": 0, "growth_per_second": 0.0}, "critical", "receives messages that nobody consumes"),
        ({"consumers": 0, "growth_per_second": 0.4, "publish_per_second": 0.0}, "critical", "is growing and nobody consumes it"),
        ({"consumers": 0, "growth_per_second": 0.4, "publish_per_second": None}, "critical", "is growing and nobody consumes it"),
        ({"depth": 1000, "publish_per_second": 9.0, "growth_per_second": 0.0}, "ok", "is active"),
        ({"consumers": 0, "publish_per_second": None}, "warning", "holds 10 messages and nobody consumes it"),
        ({"consumers": 0, "depth": 1, "publish_per_second": None}, "warning", "holds 1 message and nobody consumes it"),
        ({"consumers": 0, "depth": 0}, "ok", "is active"),
        ({"depth": 1000, "publish_per_second": 9.0}, "notice", "is growing by 4.0/s"),
        ({"depth": 99, "publish_per_second": 9.0}, "ok", "is active"),
        ({"depth": 1000, "publish_per_second": 6.0, "arguments": {"x-max-length": 1600}}, "warning", "reaches its length limit of 1,600 in 10 min"),
        ({"depth": 1000, "publish_per_second": 6.0, "effective_policy": {"max-length": 1600}}, "warning", "reaches its length limit of 1,600 in 10 min"),
        ({"depth": 1000, "publish_per_second": 6.0, "arguments": {"x-max-length": 9000}}, "notice", "is growing by 1.0/s"),
    ],
)
def test_a_queue(facts, word, reason):
    assert queue_levels.queue_level(a_queue(**facts), BROKER, NOON) == Level(word, reason)


def test_while_the_broker_has_just_come_back_a_queue_without_consumers_is_no_alarm_yet():
    back = Broker(name="prod", state=Broker.UP, reason="", since=ago(10), polled_at=NOON, poll_seconds=5)
    queue = a_queue(consumers=0, nobody_consumes_since=ago(10), nobody_since_at_least=True)
    assert queue_levels.queue_level(queue, back, NOON) == Level("notice", "has no consumer at the moment")


@pytest.mark.parametrize(
    ("facts", "word", "reason", "name"),
    [
        ({**STILL, "depth": 0, "ready": 0, "unacknowledged": 0}, "ok", "is idle", "idle"),
        ({**UNKNOWN_RATES, "depth": 0}, "ok", "is empty", "empty"),
        (UNKNOWN_RATES, "unknown", "holds 10 messages; how fast they leave is unknown", "unknown"),
        ({**UNKNOWN_RATES, "publish_per_second": 9.0}, "unknown", "holds 10 messages; how fast they leave is unknown", "unknown"),
        ({**UNKNOWN_RATES, "consumers": None}, "unknown", "holds 10 messages; its consumers are unknown", "unknown"),
        ({"consumers": None}, "ok", "is active", "healthy"),  # messages leave it, whoever takes them
        ({**STILL, "still_since": ago(5)}, "ok", "holds 20 messages; nothing was acknowledged in the last seconds", "waiting"),
        ({**DELIVERED, "consumers": 0}, "ok", "holds 4 messages, all of them delivered", "waiting"),
        ({**STILL, "ready": 0, "depth": 4}, "ok", "holds 4 messages, all of them delivered", "waiting"),  # tasks with a countdown, for one
        ({**STILL, "still_since": ago(30)}, "notice", "stands still: no acknowledgement since 11:59:30 (16 ready, 4 unacknowledged, 1 consumer)", "notice"),
        ({**STILL, "still_since": ago(120)}, "warning", "is stuck: no acknowledgement since 11:58:00 (16 ready, 4 unacknowledged, 1 consumer)", "warning"),
        ({**STILL, "deliver_per_second": 90.0, "still_since": ago(120), "consumers": 2}, "warning",
         "is stuck: no acknowledgement since 11:58:00 (16 ready, 4 unacknowledged, 2 consumers)", "warning"),  # delivered again and again
        ({"consumers": 2, "active_consumers": 0}, "critical", "stands still: none of its 2 consumers is active", "critical"),
        ({"consumers": 2, "active_consumers": 0, "depth": 0}, "warning", "has no active consumer: none of its 2 consumers is active", "warning"),
        ({"consumers": 2, "active_consumers": 1}, "ok", "is active", "healthy"),
    ],
)  # fmt: skip
def test_a_queue_is_healthy_only_while_something_shows_that_messages_leave_it(facts, word, reason, name):
    level = queue_levels.queue_level(a_queue(**facts), BROKER, NOON)
    assert (level.word, level.reason, level.name) == (word, reason, name)


@pytest.mark.parametrize(
    ("facts", "word", "reason"),
    [
        ({}, "ok", "is active"),
        ({"online": ["rabbit@a", "rabbit@c"]}, "warning", "has 2 of 3 members online"),
        ({"online": ["rabbit@a"]}, "critical", "has no majority: 1 of 3 members online"),
        ({"online": ["rabbit@a"], "leader": "", "depth": None}, "critical", "has no leader: 1 of 3 members online, no majority"),
        ({"leader": "", "depth": None}, "critical", "has no leader"),
        ({"leader": "", "members": None, "online": None}, "critical", "has no leader"),
        ({"online": ["rabbit@a"], "members": ["rabbit@a", "rabbit@b"]}, "critical", "has no majority: 1 of 2 members online"),
        ({"online": None}, "ok", "is active"),
        ({"state": "minority"}, "critical", "has no majority"),
        ({"type": "stream", "online": ["rabbit@a", "rabbit@b"]}, "warning", "has 2 of 3 members online"),
        ({"online": ["rabbit@a", "rabbit@c"], "consumers": 0}, "critical", "is growing and nobody consumes it"),
    ],
)
def test_a_queue_with_members_needs_a_leader_and_most_of_them(facts, word, reason):
    assert queue_levels.queue_level(a_queue(**(QUORUM | facts)), BROKER, NOON) == Level(word, reason)


def test_a_queue_of_an_unavailable_broker_is_unknown_whatever_its_last_numbers_were():
    broker = Broker(name="prod", state=Broker.UNREACHABLE, polled_at=NOON, poll_seconds=5)
    assert queue_levels.queue_level(a_queue(consumers=0), broker, NOON) == Level("unknown", "prod is unreachable")


def test_a_length_limit_is_not_reached_where_messages_expire_before():
    limited = {"x-max-length": 2000, "x-message-ttl": 600_000}
    assert queue_levels.time_to_limit(a_queue(depth=70, publish_per_second=0.4, ack_per_second=0.0, arguments=limited)) is None
    assert queue_levels.time_to_limit(a_queue(depth=70, publish_per_second=40.0, ack_per_second=0.0, arguments=limited)) == timedelta(seconds=48.25)


def test_the_smaller_of_argument_and_policy_is_the_length_limit():
    assert queue_levels.length_limit(a_queue(arguments={"x-max-length": 50}, effective_policy={"max-length": 20})) == 20
    assert queue_levels.length_limit(a_queue(arguments={"x-max-length": "many"}, effective_policy=None)) is None


@pytest.mark.parametrize(("depth", "reason"), [(0, "is idle"), (7, "holds tasks until their countdown ends")])
def test_a_level_of_native_delayed_delivery_is_never_abandoned(depth, reason):
    queue = a_queue(name="celery_delayed_27", consumers=0, depth=depth, publish_per_second=5.0)
    level = queue_levels.queue_level(queue, BROKER, NOON)
    assert (level.word, level.reason) == ("ok", reason)
