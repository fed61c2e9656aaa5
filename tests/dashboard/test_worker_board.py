"""The board: grouping, filtering, sorting and the page's sentence."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from dashboard.layout.filter_language import parse
from dashboard.live.rows import LiveRow
from dashboard.workers.board import BoardNode, Chip, grouped, in_order, software_text, subtitle, sums, title
from dashboard.workers.filter import QUALIFIERS, Requirement, filtered, requirements
from dashboard.workers.slots import slots_of
from workers.models import Worker

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def worker(hostname: str = "a@web-1", state: str = Worker.ONLINE, **known: Any) -> Worker:
    return Worker(hostname=hostname, state=state, **{"software": {}, **known})


def node(hostname: str, *queues: str, **known: Any) -> BoardNode:
    return BoardNode(LiveRow(hostname), worker(hostname, **known), chips=[Chip(name) for name in queues])


def test_the_sentence_counts_the_slots_of_living_nodes() -> None:
    total = sums(
        [
            worker(concurrency=8, active=5, reserved=2),
            worker("b@web-2", concurrency=4, active=4, reserved=1),
            worker(state=Worker.GONE, concurrency=9, active=9),
        ]
    )
    assert title(total, gone=1) == "9 of 12 slots in use"
    assert subtitle(total, gone=1) == "2 worker nodes on 2 hosts. 3 tasks prefetched, not started. 1 node is gone."


def test_a_solo_node_that_reports_only_between_tasks_is_named_as_such() -> None:
    solo = worker("s@web-1", pool="solo", concurrency=1, active=0)
    assert slots_of(solo).sentence == "1 slot, free when it reported between tasks"
    assert subtitle(sums([solo]), 0) == "1 worker node on 1 host. 1 node with the pool solo reports only between tasks, and counts as free."
    assert slots_of(worker("s@web-1", pool="solo", concurrency=1, active=1)).sentence == "1 of 1 used, 0 free"


@pytest.mark.parametrize(
    ("workers", "gone", "sentence"),
    [
        ([], 0, "No workers seen yet"),
        ([], 2, "No worker nodes online"),
        ([worker(state=Worker.UNKNOWN, concurrency=2, active=0)], 1, "1 worker node, state unknown"),
        ([worker()], 0, "1 worker node, slots unknown"),
        ([worker(), worker(concurrency=2, active=0)], 0, "0 of 2 slots in use"),
    ],
)
def test_unknown_slots_are_not_counted_as_free(workers: list[Worker], gone: int, sentence: str) -> None:
    assert title(sums(workers), gone) == sentence


def test_unknown_slots_are_mentioned_beside_known_ones() -> None:
    assert "The slots of 1 node are unknown." in subtitle(sums([worker(), worker(concurrency=2, active=0)]), 0)


@pytest.mark.parametrize(
    ("requirement", "names"),
    [
        (Requirement("host", "=", "WEB-1"), ["a@web-1", "b@web-1"]),
        (Requirement("host", "~", "web"), ["a@web-1", "b@web-1", "c@web-2"]),
        (Requirement("host", "!=", "web-1"), ["c@web-2"]),
        (Requirement("queue", "=", "mail"), ["a@web-1"]),
        (Requirement("queue", "!=", "mail"), ["b@web-1", "c@web-2"]),
        (Requirement("pool", "in", ("solo", "threads")), ["b@web-1"]),
        (Requirement("pool", "=", "unknown"), ["c@web-2"]),
        (Requirement("free", ">", 0.0), ["a@web-1"]),
        (Requirement("free", "=", 0.0), ["b@web-1"]),
        (Requirement("free", ">=", 0.0), ["a@web-1", "b@web-1"]),
        (Requirement("slots", "<=", 1.0), ["b@web-1"]),
        (Requirement("name", "~", "c@"), ["c@web-2"]),
    ],
)
def test_qualifiers_choose_nodes(requirement: Requirement, names: list[str]) -> None:
    workers = [
        worker("a@web-1", pool="prefork", concurrency=4, active=1, queues=[{"name": "mail"}, {"name": "reports"}]),
        worker("b@web-1", pool="threads", concurrency=1, active=1, queues=[{"name": "reports"}]),
        worker("c@web-2"),
    ]
    assert [each.hostname for each in filtered(workers, [requirement])] == names


def test_what_a_person_types_is_understood() -> None:
    assert requirements(parse("host:web free>0 queue:mail,reports worker-a slots>=8 pol:x", QUALIFIERS)) == [
        Requirement("host", "~", "web"),
        Requirement("free", ">", 0.0),
        Requirement("queue", "in", ("mail", "reports")),
        Requirement("name", "~", "worker-a"),
        Requirement("slots", ">=", 8.0),
    ]


def test_by_host_and_by_pool_every_node_stands_once() -> None:
    nodes = [node("b@web-1", pool="solo"), node("a@web-1", pool="prefork"), node("c@media-1")]
    assert [(group.name, [each.worker.hostname for each in group.nodes]) for group in grouped(nodes, "host")] == [
        ("media-1", ["c@media-1"]),
        ("web-1", ["a@web-1", "b@web-1"]),
    ]
    assert [group.name for group in grouped(nodes, "pool")] == ["Pool unknown", "prefork", "solo"]


def test_by_queue_a_node_stands_once_and_is_mentioned_under_its_other_queues() -> None:
    groups = grouped([node("a@web-1", "mail", "reports"), node("b@web-1")], "queue")
    assert [(group.name, len(group.nodes), [each.under for each in group.elsewhere]) for group in groups] == [
        ("mail", 1, []),
        ("reports", 0, ["mail"]),
        ("No queue known", 1, []),
    ]


def test_a_hosts_heading_shows_its_load_software_and_clock() -> None:
    known = {"load": [2.1, 2.0, 1.9], "software": {"ident": "py-celery", "version": "5.7.0"}, "clock_skew_seconds": 0.4}
    assert grouped([node("a@web-1", **known), node("b@web-1", **known)], "host")[0].facts == ["load 2.1", "Celery 5.7.0", "clock 0.4 s ahead"]


def test_software_that_is_not_celery_is_named() -> None:
    assert software_text(worker(software={"ident": "other", "version": "1"})) == "other 1"
    assert software_text(worker(software={})) == ""


def test_what_is_unknown_sorts_last_in_both_orders() -> None:
    workers = [worker("a", active=1), worker("b", active=None), worker("c", active=3)]
    assert [each.hostname for each in in_order(workers, "used", NOON)] == ["a", "c", "b"]
    assert [each.hostname for each in in_order(workers, "-used", NOON)] == ["c", "a", "b"]
