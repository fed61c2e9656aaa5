"""Dead letters that arrive in a queue: that they do by its depth, from where by the topology, and why by the numbers of those queues."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from brokers.models import Queue
from brokers.queries.standing_queues import StandingQueue
from dashboard.findings.dead_letter_paths import Binding, targets
from dashboard.findings.grouping import grouped
from dashboard.findings.queue_context import DeadLetterSource, QueueContext
from dashboard.findings.rule import Found, Object
from dashboard.findings.rules import dead_letters
from dashboard.findings.rules.dead_letters import arriving_per_second, why_they_leave
from tests.findings.objects import NOON, facts, found, queue, unsure

OPEN = {"dead_letters": [Object("queue", "mail.dead", "/", 7)]}


def kept(**values: Any) -> Queue:
    usual = {
        "depth": 392, "ready": 392, "unacknowledged": 0, "consumers": 0, "growth_per_second": 0.25, "publish_per_second": 0.0, "ack_per_second": 0.0,
        "deliver_per_second": 0.0,
    }  # fmt: skip
    return queue("mail.dead", **(usual | values))


def origin(name: str = "newsletter", pk: int = 8, **values: Any) -> Queue:
    usual = {"consumers": 0, "publish_per_second": 0.25, "ack_per_second": 0.0, "deliver_per_second": 0.0, "growth_per_second": 0.0}
    return queue(name, pk=pk, **(usual | values))


def context(*sources: Queue, certain: bool = True) -> QueueContext:
    found = [DeadLetterSource(source.pk, source.name, "dead", certain) for source in sources]
    return QueueContext(dead_letters={("/", "mail.dead"): found}, sources={source.pk: source for source in sources})


def test_the_depth_shows_what_no_rate_counts_and_the_source_is_held_flat_by_its_ttl() -> None:
    newsletter = origin(arguments={"x-message-ttl": 60_000, "x-dead-letter-exchange": "dead"})
    (one,) = found(dead_letters, facts(queues=[kept()], context=context(newsletter)))
    assert (one.level, one.whole_title) == ("notice", "mail.dead gets dead letters of newsletter")
    assert one.summary == "About 0.2 dead letters/s arrive and stay. It holds 392 messages."
    assert one.causes[0].text == "newsletter: its messages expire after 1 min."
    assert one.causes[0].evidence == "argument x-message-ttl; nobody consumes it; 0.2/s leave it unacknowledged"


@pytest.mark.parametrize(
    ("values", "rate"),
    [
        ({}, 0.25),
        ({"growth_per_second": 0.0}, 0.0),
        ({"growth_per_second": -1.0}, 0.0),
        ({"growth_per_second": None}, 0.0),
        ({"growth_per_second": 5.0, "publish_per_second": 5.0}, 0.0),  # published there
        ({"growth_per_second": 5.0, "publish_per_second": 4.8}, 0.0),  # by chance
        ({"growth_per_second": 5.0, "publish_per_second": 4.0}, 1.0),
        ({"growth_per_second": 1.0, "ack_per_second": 2.0, "consumers": 1}, 3.0),
        ({"growth_per_second": 0.0, "ack_per_second": 2.0, "consumers": 1}, 0.0),  # a retry: they are consumed as they arrive
    ],
)
def test_how_many_arrive_and_stay(values: dict[str, Any], rate: float) -> None:
    assert arriving_per_second(kept(**values)) == pytest.approx(rate)


def test_without_a_queue_that_dead_letters_into_it_nothing_is_claimed() -> None:
    assert found(dead_letters, facts(queues=[kept()])) == []


def test_a_queue_is_full_too_just_after_its_consumers_took_some() -> None:
    full = {"arguments": {"x-max-length": 10}, "ready": 8, "depth": 9, "consumers": 1, "publish_per_second": 5.0, "ack_per_second": 1.0}
    assert why_they_leave(origin(**full), (3, 10))[0].why == "it is full, at its length limit of 10"
    assert [one.why for one in why_they_leave(origin(**full | {"depth": 5}), (3, 10))] == ["its consumers reject messages without requeueing them"]


def test_many_are_a_warning_and_those_whose_numbers_show_it_come_first() -> None:
    full = origin("orders", 8, arguments={"x-max-length": 1000}, ready=1000, depth=1000, consumers=1, publish_per_second=5.0, ack_per_second=1.0)
    quiet = origin("invoices", 9, consumers=1, publish_per_second=1.0, ack_per_second=1.0)
    (one,) = found(dead_letters, facts(queues=[kept(growth_per_second=4.0)], context=context(quiet, full)))
    assert (one.level, one.short) == ("warning", "gets dead letters of orders")
    assert one.causes[0].text == "orders: it is full, at its length limit of 1,000."
    assert "invoices: its consumers reject messages without requeueing them." in [cause.text for cause in one.causes]


@pytest.mark.parametrize(
    ("values", "version", "why"),
    [
        ({"consumers": 2, "publish_per_second": 5.0, "ack_per_second": 4.0}, (3, 10), "its consumers reject messages without requeueing them"),
        ({"consumers": 2, "type": "quorum", "redeliver_per_second": 3.0}, (4, 0), "its messages are delivered more than 20 times"),
        ({"consumers": 2, "type": "quorum", "redeliver_per_second": 3.0}, (3, 10), "its consumers reject messages without requeueing them"),
        ({"arguments": {"x-message-ttl": 5000}}, (3, 10), "its messages expire after 5 s"),
        ({"arguments": {"x-max-length": 10, "x-overflow": "reject-publish"}, "ready": 10}, (3, 10), ""),
    ],
)
def test_why_messages_leave_a_queue(values: dict[str, Any], version: tuple[int, ...], why: str) -> None:
    assert ([leaving.why for leaving in why_they_leave(origin(**values), version)] or [""])[0] == why


def test_unknown_growth_clears_nothing() -> None:
    unknown = kept(growth_per_second=None, publish_per_second=None)
    assert [one.covers("queue", "/", "mail.dead") for one in unsure(dead_letters, facts(queues=[unknown], open_objects=OPEN))] == [True]


def _targets(queues: dict[str, dict[str, Any]], types: dict[str, str], *bindings: tuple[str, str, str, str]) -> dict[str, list[tuple[str, bool]]]:
    standing = [StandingQueue(number, "/", name, settings) for number, (name, settings) in enumerate(queues.items())]
    by_exchange: dict[tuple[str, str], list[Binding]] = {}
    for source, kind, destination, key in bindings:
        by_exchange.setdefault(("/", source), []).append((kind, destination, key))
    found = targets(standing, {("/", name): kind for name, kind in types.items()}, by_exchange)
    return {name: [(source.name, source.certain) for source in sources] for (_, name), sources in found.items()}


def test_where_dead_letters_may_arrive() -> None:
    dlx = {"dead-letter-exchange": "dead"}
    keyed = dlx | {"dead-letter-routing-key": "mail.dead"}
    assert _targets({"mail": dlx}, {"dead": "fanout"}, ("dead", "queue", "kept", "")) == {"kept": [("mail", True)]}
    assert _targets({"mail": dlx}, {"dead": "topic"}, ("dead", "queue", "kept", "#"), ("dead", "queue", "some", "mail.*")) == {
        "kept": [("mail", True)],
        "some": [("mail", False)],
    }
    assert _targets({"mail": keyed}, {"dead": "direct"}, ("dead", "queue", "kept", "mail.dead"), ("dead", "queue", "no", "x")) == {"kept": [("mail", True)]}
    assert _targets({"mail": keyed | {"dead-letter-exchange": ""}}, {}) == {"mail.dead": [("mail", True)]}
    through = (("dead", "exchange", "next", ""), ("next", "exchange", "dead", ""), ("next", "queue", "kept", ""))
    assert _targets({"mail": dlx}, {"dead": "fanout", "next": "fanout"}, *through) == {"kept": [("mail", True)]}  # in a circle
    assert _targets({"celery_delayed_3": dlx, "odd": {"dead-letter-exchange": 7}}, {"dead": "fanout"}, ("dead", "queue", "kept", "")) == {}
    assert _targets({"mail": dlx}, {}) == {}  # the exchange is not there


STEADY: dict[str, Any] = {"consumers": 1, "publish_per_second": 1.0, "ack_per_second": 1.0, "deliver_per_second": 1.0}


def test_only_queues_that_lose_messages_are_named_as_their_source() -> None:
    fills = origin(growth_per_second=0.3, publish_per_second=0.3, arguments={"x-message-ttl": 600_000}, ready=40, depth=40)  # nothing has expired yet
    rejects = origin("stock.sync", 9, **(STEADY | {"ack_per_second": 0.0}))
    busy = origin("mail", 10, **(STEADY | {"publish_per_second": 8.0, "ack_per_second": 7.0}))  # by chance: rates of five seconds
    (one,) = found(dead_letters, facts(queues=[kept(growth_per_second=1.0)], context=context(fills, rejects, busy)))
    assert one.whole_title == "mail.dead gets dead letters of stock.sync"
    assert one.causes[0].text == "stock.sync: its consumers reject messages without requeueing them."


def test_where_no_numbers_show_the_source_it_may_be_any() -> None:
    quiet = [origin(name, pk, **STEADY) for pk, name in enumerate(("mail", "newsletter"), 8)]
    (one,) = found(dead_letters, facts(queues=[kept()], context=context(*quiet)))
    assert one.whole_title == "mail.dead gets dead letters of one or more of mail and newsletter"
    (one,) = found(dead_letters, facts(queues=[kept()], context=context(quiet[0])))
    assert one.whole_title == "mail.dead gets dead letters of mail"  # nothing else can


def test_an_alarm_that_blocks_publishers_is_no_reason_for_dead_letters() -> None:
    seen = facts(queues=[kept()], context=context(origin()))
    seen.found.append(Found("publishers_blocked", Object("broker", "prod", pk=1), "critical", "blocks publishers", since=NOON - timedelta(minutes=5)))
    (one,) = grouped(found(dead_letters, seen), seen)
    assert one.under == ""
