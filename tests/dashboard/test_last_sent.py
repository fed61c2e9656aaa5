"""Where a configuration is unknown, opaque or contradicted, the last task that was really sent is the answer, and what is only assumed is no headline."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from brokers.topology import BindingDefinition, ExchangeDefinition, QueueDefinition, Topology
from dashboard.why.explanations import LoadedVhost
from dashboard.why.story.task import task_headline
from dashboard.why.task_answer import TaskExplanation
from dashboard.why.task_configuration import ReportingWorkers, Sent
from dashboard.why.task_explanations import DEFAULT_TYPE_UNKNOWN, PATTERNS_UNKNOWN, explain_live_task
from workers.inspection import routing_settings

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MASK = "********"
UUIDS = ("0d1f6f5c-7a3b-4c39-9e5d-0a1b2c3d4e5f", "9b2c3d4e-1111-2222-3333-0a1b2c3d4e5f")
QUEUES = (*(QueueDefinition(name, "classic") for name in ("celery", "mail", "feeds")), QueueDefinition("jobs", "quorum", arguments={"x-queue-type": "quorum"}))
EXCHANGES = (ExchangeDefinition("", "direct"), ExchangeDefinition("media", "topic"), ExchangeDefinition("everyone", "fanout"))
TOPOLOGY = Topology("/", EXCHANGES, QUEUES, (BindingDefinition("media", "feeds", "queue", "feed.#"),))
PLACE = LoadedVhost(TOPOLOGY, "4.0.5", dict.fromkeys(("celery", "mail", "feeds", "jobs"), 1), {})


class Node(msgspec.Struct):
    configuration: Any = None
    queues: Any = None
    registered: Any = ({"name": "shop.pay", "attributes": {}},)
    hostname: str = "a@web-1"
    configuration_at: datetime | None = NOON
    id: int = 1


def sent(queue: str | None, exchange: str = "", key: str | None = None) -> Sent:
    return Sent(7, "u-1", NOON, queue, exchange, queue if key is None else key, [])


def explained(conf: Any, last: Sent | None = None, queues: Any = None, **request: Any) -> TaskExplanation:
    nodes = [] if conf is None else [Node(routing_settings.kept(conf), queues)]
    known = msgspec.structs.replace(ReportingWorkers(nodes).known("shop.pay"), sent=last)
    return explain_live_task(PLACE, {"task": "shop.pay", **request}, known)


def headline(answer: TaskExplanation) -> str:
    return "".join(span.text for span in task_headline(answer, "shop.pay")[1])


OPAQUE: dict[str, Any] = {
    "function": {"task_routes": ["<function by_name>"]},
    "masked routes": {"task_routes": {"shop.pay": MASK}},
    "masked field": {"task_routes": {"shop.*": {"queue": "celery", "routing_key": MASK}}},
    "masked queues": {"task_queues": MASK, "task_default_queue": "celery"},
}


@pytest.mark.parametrize("conf", [None, *OPAQUE.values()], ids=["unknown", *OPAQUE])
def test_an_opaque_configuration_gives_way_to_the_last_task_sent(conf: Any) -> None:
    answer = explained(conf, sent("mail"))
    assert (answer.celery.queue, answer.celery.routing_key, answer.celery.error, answer.decided_by) == ("mail", "mail", None, "last_sent")
    assert headline(answer) == "shop.pay goes to queue mail, where the last one was sent."
    assert answer.certain is False


@pytest.mark.parametrize("conf", [None, *OPAQUE.values()], ids=["unknown", *OPAQUE])
def test_without_a_sent_task_what_is_unknown_is_not_the_headline(conf: Any) -> None:
    answer = explained(conf)
    assert (answer.decided_by, answer.certain) == ("assumption", False)
    assert headline(answer).startswith("Where shop.pay goes is unknown")


def test_an_error_that_follows_from_an_assumption_is_only_a_reason() -> None:
    answer = explained(None, options={"queue": "jobs"})  # by Celery's defaults a classic queue, but jobs is a quorum queue
    assert (answer.celery.error, answer.decided_by) == (None, "assumption")
    assert any("would fail: PreconditionFailed" in sentence for sentence in answer.unknown)
    assert headline(answer).startswith("Where shop.pay goes is unknown")
    known = explained({"task_default_queue": "celery"}, options={"queue": "jobs"})
    assert known.celery.error.startswith("PreconditionFailed")
    assert DEFAULT_TYPE_UNKNOWN in known.unknown


def test_an_error_that_a_sent_task_disproves_is_no_headline() -> None:
    answer = explained({"task_default_queue": "jobs"}, sent("jobs"))
    assert (answer.celery.error, answer.celery.queue, answer.decided_by) == (None, "jobs", "last_sent")
    assert "By these settings it would fail (PreconditionFailed" in answer.unknown[0]


def test_a_contradiction_is_answered_by_what_was_sent() -> None:
    answer = explained({"task_routes": {"shop.pay": "mail"}}, sent("celery"))
    assert (answer.celery.queue, answer.broker.queues, answer.sent.agrees) == ("celery", ["celery"], False)
    assert headline(answer) == "shop.pay goes to queue celery, where the last one was sent."
    assert "this configuration gives queue 'mail'" in answer.unknown[0]


def test_a_queue_that_the_sender_declared_and_no_poll_has_read_yet_is_named() -> None:
    answer = explained(None, sent("fresh"))
    assert headline(answer) == "The last shop.pay was sent to queue fresh, which leads to no queue that is known now."


def test_options_of_the_call_that_equal_those_of_the_last_one_are_answered_by_it() -> None:
    assert explained(None, sent("mail"), options={"queue": "mail"}).decided_by == "last_sent"
    assert explained(None, sent("mail"), options={"queue": "mail", "countdown": 5}).sent is None
    assert explained(None, sent("mail"), options={"queue": "celery"}).sent is None


def test_a_call_with_an_exchange_of_its_own_contradicts_nothing() -> None:
    answer = explained({"task_routes": {"shop.pay": "mail"}}, sent("mail", "media", "feed.x"))
    assert (answer.celery.queue, answer.celery.exchange, answer.sent.agrees, answer.decided_by) == ("mail", "", None, "configuration")
    assert headline(answer) == "shop.pay goes to queue mail."
    assert "named an exchange of its own" in answer.unknown[0]
    assert explained({"task_routes": ["<function f>"]}, sent("mail", "media", "feed.x")).celery.exchange == "media"


def test_where_a_call_with_an_exchange_of_its_own_arrived_stands_beside_where_one_without_goes() -> None:
    last = msgspec.structs.replace(sent("mail", "media", "feed.x"), arrived=["feeds"])
    answer = explained({"task_routes": {"shop.pay": "mail"}}, last)
    assert headline(answer) == "Called without an exchange, shop.pay goes to queue mail; the last call named one, and its task went to queue feeds."
    assert "and went to queue feeds: that call" in answer.unknown[0]
    same = explained({"task_routes": {"shop.pay": "mail"}}, msgspec.structs.replace(last, arrived=["mail"]))
    assert headline(same) == "shop.pay goes to queue mail."


def test_random_names_of_broadcast_queues_are_no_contradiction() -> None:
    queue = {"name": f"bcast.{UUIDS[0]}", "alias": "everyone", "exchange": {"name": "everyone", "type": "fanout"}, "auto_delete": True}
    conf = {"task_queues": [queue], "task_routes": {"shop.pay": {"queue": "everyone"}}, "task_default_queue": "celery"}
    answer = explained(conf, Sent(7, "u-1", NOON, f"bcast.{UUIDS[1]}", "everyone", "celery", []))
    assert (answer.sent.agrees, answer.celery.exchange, answer.decided_by) == (True, "everyone", "configuration")


def test_a_masked_argument_of_a_queue_is_unknown_and_not_absent() -> None:
    dead = {"exchange": "celery", "queue_arguments": {"x-dead-letter-exchange": "dlx", "x-dead-letter-routing-key": MASK}}
    conf = {"task_queues": {"mail": dead}, "task_routes": {"shop.pay": "mail"}}
    answer = explained(conf)
    assert answer.celery.error is None
    assert "Queue 'mail' of task_queues hides queue_arguments." in answer.unknown
    whole = {"name": "mail", "declared": {"name": "mail", "exchange": {"name": "", "type": "direct"}, "routing_key": "mail"}}
    assert not any("hides" in sentence for sentence in explained(conf, queues=[whole]).unknown)


@pytest.mark.parametrize(
    ("routes", "said"),
    [
        ({"shop.*": "mail"}, True),
        ({}, True),
        ([{"other": "mail"}, "<function f>"], True),
        ({"shop.pay": "mail"}, False),
        ([[["shop.*", "mail"]]], False),
        (None, False),
    ],
)
def test_patterns_that_workers_do_not_report_are_said(routes: Any, said: bool) -> None:
    conf = {"task_default_queue": "celery", "task_routes": routes}
    assert (PATTERNS_UNKNOWN in explained(conf).unknown) is said
    assert PATTERNS_UNKNOWN not in explained(conf, sent("mail" if routes and "<function f>" not in routes and routes != {} else "celery")).unknown or said


def test_a_queue_among_the_routers_of_a_worker_is_celerys_error() -> None:
    queue = {"name": "default", "exchange": {"name": "", "type": "direct"}, "routing_key": "default", "no_ack": False, "durable": True, "bindings": []}
    answer = explained({"task_routes": [queue]})
    assert answer.celery.error == "TypeError: MaybeChannelBound.__call__() got an unexpected keyword argument 'task'"
    assert explained({"task_routes": [{"name": "x", "type": "direct", "durable": True, "delivery_mode": 2}]}).celery.error.startswith(
        "TypeError: MaybeChannelBound"
    )


def test_a_task_that_meets_an_exchange_with_unknown_rules_goes_nobody_knows_where() -> None:
    exchanges = (*EXCHANGES, ExchangeDefinition("own", "x-of-our-own"))
    place = LoadedVhost(msgspec.structs.replace(TOPOLOGY, exchanges=exchanges), "4.0.5", {}, {})
    answer = explain_live_task(
        place, {"task": "shop.pay", "conf": {}, "options": {"exchange": "own", "routing_key": "k"}}, ReportingWorkers([]).known("shop.pay")
    )
    assert (answer.broker.outcome, answer.certain) == ("unknown", False)
    assert headline(answer).startswith("Where shop.pay goes is unknown. Its destination from exchange own with `k` is unknown: own is of type x-of-our-own")
