"""Queues with messages and consumers of which nothing is acknowledged."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from brokers.models import Queue
from dashboard.findings.grouping import grouped
from dashboard.findings.queue_context import QueueContext
from dashboard.findings.rule import Found, Object
from dashboard.findings.rules import growing, stuck
from dashboard.models import RuleSetting
from tests.findings.objects import NOON, facts, found, look, queue, unsure, worker


def ago(seconds: float) -> Any:
    return NOON - timedelta(seconds=seconds)


def still(name: str = "mail", pk: int = 7, seconds: float = 130, **values: Any) -> Queue:
    usual = {"ready": 5, "unacknowledged": 8, "depth": 13, "ack_per_second": 0.0, "deliver_per_second": 0.0, "still_since": ago(seconds)}
    return queue(name, pk=pk, **(usual | values))


FROZEN = {"heartbeat_at": ago(40), "active": 1, "prefetch": 8}
BUSY = {"heartbeat_at": ago(1), "active": 4, "active_tasks": [{"uuid": "t", "name": "render", "started_at": ago(600).isoformat()}]}


@pytest.mark.parametrize(
    ("values", "level"),
    [
        ({"seconds": 29}, None),
        ({"seconds": 30}, "notice"),
        ({"seconds": 120}, "warning"),
        ({"active_consumers": 0, "still_since": None}, "critical"),
        ({"active_consumers": 0, "still_since": None, "depth": 0, "ready": 0}, None),
        ({"consumers": 0}, None),
        ({"still_since": None}, None),
        ({"type": "stream"}, None),
        ({"state": "crashed"}, None),
    ],
)
def test_what_counts(values: dict[str, Any], level: str | None) -> None:
    assert [one.level for one in found(stuck, facts(queues=[still(**values)]))] == ([level] if level else [])


def test_a_frozen_worker_is_the_cause_by_its_heartbeat_and_its_prefetch_is_all_in_use() -> None:
    (one,) = found(stuck, facts(queues=[still()], workers=[worker(**FROZEN)]))
    assert one.whole_title == "mail is stuck: no acknowledgement since 11:57:50 (5 ready, 8 unacknowledged, 1 consumer)"
    assert one.causes[0].text.startswith("a@web-1 stands still: stopped by a signal")
    assert one.causes[0].evidence == f"last heartbeat at {ago(40):%H:%M:%S}"
    assert ("Prefetch", "8, all of it in use") in [(evidence.name, evidence.value) for evidence in one.evidence]


def test_workers_that_are_busy_are_no_warning_until_that_takes_long() -> None:
    seen = facts(queues=[still()], workers=[worker(**BUSY)])
    (one,) = found(stuck, seen)
    assert (one.level, one.short) == ("notice", "waits for tasks that take long: nothing was acknowledged since 11:57:50")
    assert one.causes[0].evidence == "all its slots are busy, the longest for 10 min"
    (later,) = found(stuck, seen, RuleSetting(rule="stuck", threshold="busy", value=100, broker="*", vhost="*", name="*"))
    assert later.level == "warning"


def test_that_events_are_not_received_makes_it_no_worse() -> None:
    unseen = worker(**(BUSY | {"state": "unknown", "since": ago(60), "heartbeat_at": ago(61)}))
    (one,) = found(stuck, facts(queues=[still()], workers=[unseen]))
    assert (one.level, one.causes[0].text.startswith("a@web-1 is busy")) == ("notice", True)
    late = worker(**(BUSY | {"heartbeat_at": ago(20)}))
    late.beat_at = ago(19)  # type: ignore[attr-defined]  (of its source, as queries annotate it)
    assert [one.level for one in found(stuck, facts(queues=[still()], workers=[late]))] == ["notice"]
    frozen = worker(**(BUSY | {"state": "unknown", "since": ago(60), "heartbeat_at": ago(180)}))
    assert [one.level for one in found(stuck, facts(queues=[still()], workers=[frozen]))] == ["warning"]


def test_one_worker_that_lets_several_queues_stand_still_is_one_finding_with_its_queues_under_it() -> None:
    two = [still("mail", 7), still("orders", 8, seconds=200)]
    queues = [{"name": "mail"}, {"name": "orders"}]
    seen = facts(queues=[*two, queue("other", pk=9)], workers=[worker(queues=queues, **FROZEN)])
    node, mail, orders = found(stuck, seen)
    assert (node.object.kind, node.whole_title, node.under) == ("worker", "a@web-1 acknowledges nothing in 2 queues", "")
    assert node.since == ago(200)
    identity = seen.identity("stuck", Object("worker", "a@web-1", "/", 5))
    assert (mail.under, orders.under) == (identity, identity)


def test_the_connections_show_who_consumes_before_configurations_do() -> None:
    two = [still("mail", 7), still("orders", 8)]
    workers = [worker("a@web-1", queues=[{"name": "mail"}, {"name": "orders"}]), worker("b@web-1", pk=6, queues=[{"name": "mail"}, {"name": "orders"}])]
    consuming = QueueContext(consuming={("/", "mail"): {"a@web-1"}, ("/", "orders"): {"a@web-1"}})
    assert [one.object.kind for one in found(stuck, facts(queues=two, workers=workers, context=consuming))] == ["worker", "queue", "queue"]
    assert [one.object.kind for one in found(stuck, facts(queues=two, workers=workers))] == ["queue", "queue"]


def test_a_worker_that_another_rule_found_out_of_order_gets_no_second_finding() -> None:
    queues = [{"name": "mail"}, {"name": "orders"}]
    seen = facts(queues=[still("mail", 7), still("orders", 8)], workers=[worker(queues=queues, **FROZEN)], explained={("worker", 5): "gone"})
    assert [(one.object.kind, one.under) for one in grouped(found(stuck, seen), seen)] == [("queue", "gone"), ("queue", "gone")]


def test_that_it_grows_is_under_what_holds_it_up() -> None:
    full = still("mail", 7, ready=480, depth=488, growth_per_second=4.0, publish_per_second=4.0)
    seen = facts(queues=[full, still("orders", 8)], workers=[worker(queues=[{"name": "mail"}, {"name": "orders"}], **FROZEN)])
    seen.found += [one for one in look(stuck, seen) if isinstance(one, Found)]
    (one,) = found(growing, seen)
    assert one.under == seen.identity("stuck", Object("worker", "a@web-1", "/", 5))


def test_what_is_unknown_is_neither_confirmed_nor_cleared() -> None:
    unknown = still(still_since=None, ack_per_second=None)  # the first poll after a restart of the poller
    (one,) = unsure(stuck, facts(queues=[unknown], open_objects={"stuck": [Object("queue", "mail", "/", 7)]}))
    assert one.covers("queue", "/", "mail")
    assert found(stuck, facts(queues=[unknown])) == []
