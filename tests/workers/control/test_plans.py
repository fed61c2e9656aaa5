"""What each action takes, does and refuses, as tables."""

# ruff: noqa: E501

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from workers.control.arguments import ACTIONS, of_command, parse
from workers.control.effects import effect, shown
from workers.control.plan import Node, Plan, plan

A = Node("worker-a@web-1", pool="prefork", slots=4, busy=1, pids=(11, 12, 13, 14), queues=("mail",), tasks={"shop.pay": {}})
B = Node("worker-b@web-2", pool="prefork", slots=2, busy=0, pids=(21, 22), queues=("mail", "reports"), tasks={"shop.pay": {"rate_limit": "5/m"}})
SCALED = msgspec.structs.replace(A, autoscale=(2, 6))

GOOD: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("pool_grow", {"n": "2"}, {"n": 2}),
    ("pool_shrink", {"n": 1}, {"n": 1}),
    ("autoscale", {"max": 6, "min": 0}, {"max": 6, "min": 0}),
    ("pool_restart", {}, {}),
    ("add_consumer", {"queue": "a/ü"}, {"queue": "a/ü"}),
    (
        "add_consumer",
        {"queue": "q", "exchange": "x", "type": "topic", "routing_key": "k.#"},
        {"queue": "q", "exchange": "x", "exchange_type": "topic", "routing_key": "k.#"},
    ),
    ("add_consumer", {"queue": "q", "exchange": "", "exchange_type": "fanout"}, {"queue": "q", "exchange_type": "fanout"}),
    ("cancel_consumer", {"queue": "q"}, {"queue": "q"}),
    ("rate_limit", {"task": "shop.pay", "rate": "10/m"}, {"task_name": "shop.pay", "rate_limit": "10/m"}),
    ("rate_limit", {"task_name": "shop.pay", "rate_limit": 20}, {"task_name": "shop.pay", "rate_limit": "20"}),
    ("rate_limit", {"task": "shop.pay", "rate": "0/h"}, {"task_name": "shop.pay", "rate_limit": 0}),
    ("time_limit", {"task": "t", "hard": "3.1", "soft": 1.2}, {"task_name": "t", "hard": 3.1, "soft": 1.2}),
    ("time_limit", {"task": "t", "soft": 5}, {"task_name": "t", "hard": None, "soft": 5}),
    ("shutdown", {}, {}),
]
WRONG: list[tuple[str, dict[str, Any], str, str]] = [
    ("pool_grow", {}, "n", "Processes: missing; allowed are whole numbers from 1 to 1,000."),
    ("pool_grow", {"n": "two"}, "n", 'Processes: "two" is not a whole number; allowed are whole numbers from 1 to 1,000.'),
    ("pool_grow", {"n": 0}, "n", "Processes: 0 is out of range; allowed are whole numbers from 1 to 1,000."),
    ("pool_grow", {"n": True}, "n", "Processes: True is not a whole number; allowed are whole numbers from 1 to 1,000."),
    ("pool_grow", {"n": 1.5}, "n", "Processes: 1.5 is not a whole number; allowed are whole numbers from 1 to 1,000."),
    ("pool_grow", {"n": 2, "m": 3}, "m", "m: pool_grow has no such argument; there are n."),
    ("shutdown", {"now": True}, "now", "now: shutdown has no such argument; it takes none."),
    ("autoscale", {"max": 2, "min": 3}, "max", "At most: 2 is less than 3; the range needs one process or more."),
    ("autoscale", {"max": 3}, "min", "At least: missing; allowed are whole numbers from 0 to 1,000."),
    ("add_consumer", {"queue": "x" * 256}, "queue", "Queue: it is 256 bytes long; allowed are 255."),
    ("add_consumer", {"queue": "a\nb"}, "queue", "Queue: it holds a control character (NUL, a tab or a line break), which no name may have."),
    ("add_consumer", {"queue": "amq.gen-1"}, "queue", "Queue: names that begin with amq. are the broker’s own."),
    ("add_consumer", {"queue": "\ud800"}, "queue", "Queue: it holds half of a surrogate pair, which is not a character."),
    (
        "add_consumer",
        {"queue": "q", "type": "x-delayed"},
        "type",
        'Exchange type: "x-delayed" is no type of exchange; allowed are direct, topic, fanout, headers.',
    ),
    ("cancel_consumer", {"queue": ["q"]}, "queue", "Queue: ['q'] is not a name; enter the name of a queue."),
    (
        "rate_limit",
        {"task": "t", "rate": "often"},
        "rate",
        'At most: "often" is no rate; allowed are a number, or one with /s, /m or /h, such as 10/m; 0 removes the limit.',
    ),
    (
        "rate_limit",
        {"task": "t", "rate": "-1/s"},
        "rate",
        'At most: "-1/s" is no rate; allowed are a number, or one with /s, /m or /h, such as 10/m; 0 removes the limit.',
    ),
    ("time_limit", {"task": "t", "hard": 5, "soft": 5}, "soft", "Soft limit: 5 s is not less than the hard limit of 5 s, so it would never take effect."),
    ("time_limit", {"task": "t", "hard": float("nan")}, "hard", "Hard limit: nan is not a number; allowed are more than 0 to 604,800 seconds (7 days)."),
]
SENTENCES: list[tuple[str, dict[str, Any], list[Node], str]] = [
    ("pool_grow", {"n": 2}, [A], "2 processes will be added to worker-a@web-1: 4 → 6 slots."),
    ("pool_grow", {"n": 1}, [A, B], "1 process will be added to each of 2 worker nodes: 6 → 8 slots in all."),
    ("pool_grow", {"n": 3}, [Node("g@h", pool="gevent", slots=10)], "3 greenlets will be added to g@h: 10 → 13 slots."),
    ("pool_grow", {"n": 1}, [Node("x@h")], "1 slot will be added to x@h."),
    ("pool_shrink", {"n": 1}, [A], "1 process of worker-a@web-1 will end: 4 → 3 slots."),
    ("autoscale", {"max": 9, "min": 3}, [SCALED], "The autoscale range of worker-a@web-1 will be 3 to 9 processes, instead of 2 to 6."),
    ("add_consumer", {"queue": "q"}, [A, B], "Each of 2 worker nodes will consume the queue q too."),
    ("cancel_consumer", {"queue": "mail"}, [A], "worker-a@web-1 will no longer consume the queue mail."),
    ("rate_limit", {"task": "shop.pay", "rate": "10/m"}, [A, B], "Each of 2 worker nodes will start at most 10 shop.pay a minute."),
    ("rate_limit", {"task": "shop.pay", "rate": "0"}, [A], "worker-a@web-1 will run shop.pay without a rate limit."),
    ("time_limit", {"task": "shop.pay", "hard": 9}, [A], "On worker-a@web-1, shop.pay will have a hard limit of 9 s and no soft limit of its own, once the pool is restarted or the node connects to the broker again."),
    ("shutdown", {}, [A], "worker-a@web-1 will finish 1 task that runs, take no more, and end."),
    ("shutdown", {}, [A, Node("u@h")], "2 worker nodes will finish the tasks that run, take no more, and end."),
    ("enable_events", {}, [A], "worker-a@web-1 will send events of its tasks."),
]  # fmt: skip
REFUSED: list[tuple[str, dict[str, Any], Node, str, str]] = [
    ("pool_grow", {"n": 1}, Node("s@h", pool="solo", slots=1), "action", "s@h uses the solo pool, which runs one task at a time in its own process."),
    ("pool_shrink", {"n": 1}, Node("t@h", pool="threads", slots=4), "action", "t@h uses the threads pool, which has as many threads as it was started with."),
    (
        "pool_grow",
        {"n": 1},
        SCALED,
        "action",
        "worker-a@web-1 was started with --autoscale, which decides on its processes. Change the autoscale range instead.",
    ),
    ("pool_shrink", {"n": 4}, A, "n", "worker-a@web-1 has 4 slots; one has to stay, so at most 3 can end."),
    ("autoscale", {"max": 2, "min": 1}, A, "action", "worker-a@web-1 was started without --autoscale, so it has no range. Grow or shrink its pool instead."),
    ("pool_restart", {}, Node("g@h", pool="gevent"), "action", "g@h uses the gevent pool, which can't be restarted; only prefork can."),
    (
        "pool_restart",
        {},
        msgspec.structs.replace(A, restarts_pool=False),
        "action",
        "worker-a@web-1 does not permit it: worker_pool_restarts is not set in its configuration.",
    ),
    ("cancel_consumer", {"queue": "reports"}, A, "queue", "worker-a@web-1 does not consume the queue reports."),
    ("rate_limit", {"task": "shop.lost", "rate": "1/s"}, A, "task", "worker-a@web-1 has no task shop.lost registered."),
    ("shutdown", {}, msgspec.structs.replace(A, state="gone"), "hostnames", "worker-a@web-1 is gone, so nothing reaches it."),
]
WARNED: list[tuple[str, dict[str, Any], Node, str]] = [
    ("enable_events", {}, Node("n@h", inspected=False, inspect_problem="inspection is off"), "n@h: it has never answered remote control (inspection is off), so the order will probably not be carried out."),
    ("enable_events", {}, Node("n@h", inspect_problem="no answer for 40 s"), "n@h: it does not answer remote control now (no answer for 40 s)."),
    ("enable_events", {}, Node("n@h", state="unknown"), "n@h: its state is unknown, so it may not receive the order."),
    ("shutdown", {}, Node("s@h", pool="solo", slots=1, busy=1), "s@h: the solo pool runs a task and answers only once it has ended."),
    ("pool_grow", {"n": 1}, Node("x@h", pool="my.Pool", slots=1), "x@h: its pool is my.Pool, and may not be able to."),
    ("pool_shrink", {"n": 2}, Node("p@h", pool="prefork", slots=4, busy=3), "p@h: 3 of its 4 slots run tasks, and only idle ones end; it will answer that all are busy."),
    ("add_consumer", {"queue": "mail"}, A, "worker-a@web-1: it consumes mail already."),
    ("cancel_consumer", {"queue": "mail"}, A, "worker-a@web-1: mail is the only queue that it consumes, so it will receive no tasks."),
    ("time_limit", {"task": "t", "hard": 1}, Node("t@h", pool="threads"), "t@h: the threads pool enforces no time limits."),
    ("time_limit", {"task": "t", "soft": 1}, Node("g@h", pool="gevent"), "g@h: the gevent pool enforces the hard limit alone."),
    ("time_limit", {"task": "t", "hard": 1}, Node("p@h", pool="prefork", restarts_pool=False), "p@h: its pool can’t be restarted from here, so the limits apply only once it connects to the broker again."),
]  # fmt: skip


def planned(key: str, given: dict[str, Any], nodes: list[Node], queues: frozenset[str] | None = None) -> Plan:
    arguments, problems = parse(ACTIONS[key], given)
    assert problems == []
    return plan(ACTIONS[key], arguments, nodes, queues)


@pytest.mark.parametrize(("key", "given", "sent"), GOOD)
def test_good_arguments_become_those_of_the_command(key: str, given: dict[str, Any], sent: dict[str, Any]) -> None:
    arguments, problems = parse(ACTIONS[key], given)
    assert (problems, of_command(ACTIONS[key], arguments)) == ([], sent)


@pytest.mark.parametrize(("key", "given", "field", "text"), WRONG)
def test_a_wrong_argument_is_named_with_what_is_allowed(key: str, given: dict[str, Any], field: str, text: str) -> None:
    assert [(one.field, one.text) for one in parse(ACTIONS[key], given)[1]] == [(field, text)]


def test_the_sentence_says_what_will_happen_to_how_many() -> None:
    assert [planned(key, given, nodes).text for key, given, nodes, _ in SENTENCES] == [text for *_, text in SENTENCES]


def test_what_cant_work_is_refused_by_node_and_field() -> None:
    found = [planned(key, given, [node]) for key, given, node, *_ in REFUSED]
    assert [[(one.field, one.why) for one in each.refused] for each in found] == [[(field, why)] for *_, field, why in REFUSED]
    assert {(each.going, each.text, each.typed) for each in found} == {((), "", "")}


def test_what_may_not_work_is_a_warning() -> None:
    assert [planned(key, given, [node]).warnings[0] for key, given, node, _ in WARNED] == [text for *_, text in WARNED]
    assert planned("pool_grow", {"n": 1}, [A]).warnings == ()


def test_of_several_nodes_the_rest_goes_on_without_those_that_cant() -> None:
    found = planned("pool_grow", {"n": 1}, [SCALED, B])
    assert ([node.hostname for node in found.going], found.text) == (["worker-b@web-2"], "1 process will be added to worker-b@web-2: 2 → 3 slots.")
    assert [one.hostname for one in found.refused] == ["worker-a@web-1"]


def test_a_queue_that_does_not_exist_is_a_warning_where_all_queues_are_known() -> None:
    assert "There is no queue new yet" in planned("add_consumer", {"queue": "new"}, [A], frozenset({"mail"})).warnings[0]
    assert planned("add_consumer", {"queue": "new"}, [A], frozenset({"new"})).warnings == planned("add_consumer", {"queue": "new"}, [A]).warnings == ()


def test_only_what_cant_be_undone_needs_a_typed_name() -> None:
    assert planned("shutdown", {}, [A]).typed == "worker-a@web-1"
    assert planned("shutdown", {}, [A, B]).typed == "shutdown 2"
    assert planned("pool_grow", {"n": 1}, [A]).typed == ""


@pytest.mark.parametrize(
    ("key", "given", "after", "said"),
    [
        ("pool_grow", {"n": 2}, {"slots": 6}, "6 slots"),
        ("pool_shrink", {"n": 3}, {"slots": 1}, "1 slot"),
        ("autoscale", {"max": 9, "min": 3}, {"autoscale": (3, 9)}, "range 3 to 9"),
        ("pool_restart", {}, {"pids": (31, 32)}, "processes 31, 32"),
        ("add_consumer", {"queue": "q"}, {"queues": ("mail", "q")}, "consumes mail, q"),
        ("cancel_consumer", {"queue": "mail"}, {"queues": ()}, "consumes no queue"),
        ("rate_limit", {"task": "shop.pay", "rate": "9/m"}, {"tasks": {"shop.pay": {"rate_limit": "9/m"}}}, "rate limit 9/m"),
        ("shutdown", {}, {"state": "gone"}, "gone"),
    ],
)
def test_an_order_is_seen_once_the_node_reports_what_it_was_to_change(key: str, given: dict[str, Any], after: dict[str, Any], said: str) -> None:
    arguments, _ = parse(ACTIONS[key], given)
    changed = msgspec.structs.replace(A, **after)
    assert effect(ACTIONS[key], arguments, A, A) == "not seen"
    assert effect(ACTIONS[key], arguments, A, Node(A.hostname)) == "not seen"
    assert (effect(ACTIONS[key], arguments, A, changed), shown(ACTIONS[key], arguments, changed)) == ("seen", said)


def test_a_limit_that_was_removed_is_seen_and_what_celery_does_not_report_is_unreadable() -> None:
    removed, _ = parse(ACTIONS["rate_limit"], {"task": "shop.pay", "rate": "0"})
    assert effect(ACTIONS["rate_limit"], removed, B, B) == "not seen"
    assert effect(ACTIONS["rate_limit"], removed, B, msgspec.structs.replace(B, tasks={"shop.pay": {"rate_limit": "0"}})) == "seen"
    assert [effect(ACTIONS[key], {}, A, A) for key in ("time_limit", "enable_events", "disable_events")] == ["unreadable"] * 3
