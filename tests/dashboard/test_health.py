"""Levels with their reasons: what can't be seen is unknown, a stream has no backlog, and a restart is no alarm."""

from datetime import UTC, datetime, timedelta

import pytest

from brokers.models import Broker, Node, Queue
from dashboard.layout import levels as health
from workers.models import Worker

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def a_broker(**facts):
    return Broker(**({"name": "prod", "state": Broker.UP, "reason": "", "polled_at": NOON, "poll_seconds": 5} | facts))


def a_queue(**facts):
    known = {"name": "mail", "type": "classic", "state": "running", "ready": 10, "unacknowledged": 0, "depth": 10, "consumers": 1}
    return Queue(**(known | {"publish_per_second": 5.0, "deliver_per_second": 5.0, "ack_per_second": 5.0} | facts))


@pytest.mark.parametrize(
    ("facts", "word", "reason"),
    [
        ({}, "ok", "responds"),
        ({"state": Broker.UNREACHABLE, "reason": "connection refused"}, "unknown", "prod is unreachable"),
        ({"state": Broker.REFUSED}, "unknown", "prod refuses Hareline's user"),
        ({"state": Broker.UNKNOWN, "polled_at": None}, "unknown", "prod has not been polled yet"),
        ({"polled_at": NOON - timedelta(seconds=15)}, "ok", "responds"),
        ({"polled_at": NOON - timedelta(seconds=16)}, "unknown", "prod was last polled 16 s ago"),
        ({"polled_at": NOON - timedelta(seconds=16), "poll_seconds": 10}, "ok", "responds"),
        ({"polled_at": NOON - timedelta(seconds=16), "poll_seconds": None}, "unknown", "prod was last polled 16 s ago"),
        ({"alarms": [{"node": "rabbit@a", "resource": "memory"}]}, "critical", "blocks publishers: memory alarm on rabbit@a"),
        ({"unroutable_per_second": 1.5}, "notice", "has 1.5 unroutable messages/s (no binding matched)"),
        ({"unroutable_per_second": 0.0}, "ok", "responds"),
    ],
)
def test_a_broker(facts, word, reason):
    assert health.broker_level(a_broker(**facts), NOON) == health.Level(word, reason)


@pytest.mark.parametrize(
    ("facts", "word", "reason"),
    [
        ({}, "ok", "is active"),
        ({"depth": 0, "ready": 0, "publish_per_second": 0.0}, "ok", "is idle"),
        ({"depth": None, "ready": None}, "unknown", "prod does not report its depth"),
        ({"state": "down", "depth": None}, "critical", "is down"),
        ({"state": "minority"}, "critical", "is minority"),
        ({"type": "stream", "consumers": 0, "depth": 90_000}, "ok", "retains published messages"),
        ({"consumers": 0}, "critical", "is growing and nobody consumes it"),
        ({"consumers": 0, "nobody_consumes_since": NOON - timedelta(seconds=29)}, "warning", "has no consumer at the moment"),
        ({"consumers": 0, "nobody_consumes_since": NOON - timedelta(seconds=30)}, "critical", "is growing and nobody consumes it"),
        ({"consumers": 0, "publish_per_second": 0.0}, "notice", "holds 10 messages and nobody consumes it"),
        ({"consumers": 0, "publish_per_second": None}, "warning", "holds 10 messages and nobody consumes it"),
        ({"consumers": 0, "depth": 1, "publish_per_second": None}, "warning", "holds 1 message and nobody consumes it"),
        ({"consumers": 0, "depth": 0}, "ok", "is active"),
        ({"consumers": None}, "ok", "holds messages; its consumers are unknown"),
        ({"depth": 1000, "publish_per_second": 9.0}, "notice", "is growing by 4.0/s"),
        ({"depth": 99, "publish_per_second": 9.0}, "ok", "is active"),
        ({"depth": 1000, "ack_per_second": None, "deliver_per_second": None, "publish_per_second": 9.0}, "ok", "is active"),
        ({"depth": 1000, "publish_per_second": 6.0, "arguments": {"x-max-length": 1600}}, "warning", "reaches its length limit of 1,600 in 10 min"),
        ({"depth": 1000, "publish_per_second": 6.0, "effective_policy": {"max-length": 1600}}, "warning", "reaches its length limit of 1,600 in 10 min"),
        ({"depth": 1000, "publish_per_second": 6.0, "arguments": {"x-max-length": 9000}}, "notice", "is growing by 1.0/s"),
    ],
)
def test_a_queue(facts, word, reason):
    assert health.queue_level(a_queue(**facts), a_broker(), NOON) == health.Level(word, reason)


@pytest.mark.parametrize(("depth", "reason"), [(0, "is idle"), (7, "holds tasks until their countdown ends")])
def test_a_level_of_native_delayed_delivery_is_never_abandoned(depth, reason):
    queue = a_queue(name="celery_delayed_27", consumers=0, depth=depth, publish_per_second=5.0)
    assert health.queue_level(queue, a_broker(), NOON) == health.Level("ok", reason)


def test_a_queue_of_an_unavailable_broker_is_unknown_whatever_its_last_numbers_were():
    broker = a_broker(state=Broker.UNREACHABLE)
    assert health.queue_level(a_queue(consumers=0), broker, NOON) == health.Level("unknown", "prod is unreachable")


def test_a_length_limit_is_not_reached_where_messages_expire_before():
    limited = {"x-max-length": 2000, "x-message-ttl": 600_000}
    assert health.time_to_limit(a_queue(depth=70, publish_per_second=0.4, ack_per_second=0.0, arguments=limited)) is None
    assert health.time_to_limit(a_queue(depth=70, publish_per_second=40.0, ack_per_second=0.0, arguments=limited)) == timedelta(seconds=48.25)


def test_the_smaller_of_argument_and_policy_is_the_length_limit():
    assert health.length_limit(a_queue(arguments={"x-max-length": 50}, effective_policy={"max-length": 20})) == 20
    assert health.length_limit(a_queue(arguments={"x-max-length": "many"}, effective_policy=None)) is None


@pytest.mark.parametrize(
    ("facts", "word"),
    [
        ({}, "ok"),
        ({"running": False}, "critical"),
        ({"partitions": ["rabbit@b"]}, "critical"),
        ({"memory_alarm": True}, "critical"),
        ({"memory_alarm": None}, "ok"),
    ],
)
def test_a_node(facts, word):
    node = Node(**({"name": "rabbit@a", "running": True, "partitions": []} | facts))
    assert health.node_level(node, a_broker(), NOON).word == word


@pytest.mark.parametrize(
    ("facts", "word", "reason"),
    [
        ({"state": Worker.ONLINE}, "ok", "online, responding"),
        ({"state": Worker.UNKNOWN, "reason": "no heartbeat since the receiver started"}, "unknown", "no heartbeat since the receiver started"),
        ({"state": Worker.UNKNOWN, "reason": ""}, "unknown", "no heartbeat received yet"),
        ({"state": Worker.GONE, "active": 3, "reserved": 1}, "critical", "is gone with 4 tasks"),
        ({"state": Worker.GONE, "active": 0, "reserved": 0}, "notice", "is gone; it held no known task"),
        ({"state": Worker.GONE}, "notice", "is gone; it held no known task"),
        ({"state": Worker.ONLINE, "clock_skew_seconds": -14.0}, "notice", "has a clock that is 14 s off"),
        ({"state": Worker.ONLINE, "events_off": True}, "notice", "sends no task events"),
    ],
)
def test_a_worker(facts, word, reason):
    assert health.worker_level(Worker(hostname="a@web-1", **facts), NOON) == health.Level(word, reason)


def test_the_worst_comes_first_and_is_counted():
    levels = [health.Level(word, "") for word in ("ok", "unknown", "critical", "notice", "critical", "warning")]
    assert health.worst(levels) == health.Level("critical", "")
    assert health.counted(levels) == {"critical": 2, "warning": 1, "unknown": 1, "notice": 1, "ok": 1}
    assert health.worst([]) is None
