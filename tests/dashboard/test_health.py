"""Levels of brokers, nodes and workers with their reasons: what can't be seen is unknown."""

from datetime import UTC, datetime, timedelta

import pytest

from brokers.models import Broker, Node
from dashboard.layout import levels as health
from workers.models import Worker

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def a_broker(**facts):
    return Broker(**({"name": "prod", "state": Broker.UP, "reason": "", "polled_at": NOON, "poll_seconds": 5} | facts))


@pytest.mark.parametrize(
    ("facts", "word", "reason"),
    [
        ({}, "ok", "responds"),
        ({"state": Broker.UNREACHABLE, "reason": "connection refused"}, "unknown", "prod is unreachable"),
        ({"state": Broker.REFUSED}, "unknown", "prod refuses Hareline's user"),
        ({"state": Broker.UNKNOWN, "polled_at": None}, "unknown", "prod has not been polled yet"),
        ({"polled_at": NOON - timedelta(seconds=15)}, "ok", "responds"),
        ({"polled_at": NOON - timedelta(seconds=16)}, "unknown", "prod was last polled at 11:59:44"),
        ({"polled_at": NOON - timedelta(seconds=16), "poll_seconds": 10}, "ok", "responds"),
        ({"polled_at": NOON - timedelta(seconds=44), "poll_ms": 15_000.0}, "ok", "responds"),  # a poll takes 15 s: the next is not stored yet
        ({"polled_at": NOON - timedelta(seconds=46), "poll_ms": 15_000.0}, "unknown", "prod was last polled at 11:59:14"),
        ({"polled_at": NOON - timedelta(seconds=16), "poll_seconds": None}, "unknown", "prod was last polled at 11:59:44"),
        ({"alarms": [{"node": "rabbit@a", "resource": "memory"}]}, "critical", "blocks publishers: memory alarm on rabbit@a"),
        ({"unroutable_per_second": 1.5}, "notice", "has 1.5 unroutable messages/s (no binding matched)"),
        ({"unroutable_per_second": 0.0}, "ok", "responds"),
    ],
)
def test_a_broker(facts, word, reason):
    assert health.broker_level(a_broker(**facts), NOON) == health.Level(word, reason)


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
