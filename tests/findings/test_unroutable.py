"""Messages that reach no queue, and full queues that drop or refuse them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from dashboard.findings.losses import WINDOW, Flow, Losses, Lost
from dashboard.findings.queue_context import QueueContext, SilentExchange
from dashboard.findings.rule import Found, Object
from dashboard.findings.rules import unroutable
from dashboard.findings.rules.unroutable import dropped_per_second
from tests.findings.objects import NOON, broker, facts, found, queue, source, unsure

ORDERS = SilentExchange(11, "/", "shop.orders", 0.5, 0.0, ["order.new.uk"], ["orders.create"])


def lost(rate: float, *exchanges: SilentExchange, polls: int = 4) -> QueueContext:
    return QueueContext(unroutable_per_second=rate, unroutable_polls=polls, silent_exchanges=exchanges)


def test_the_exchange_that_passes_nothing_on_is_named_with_the_keys_of_tasks() -> None:
    (one,) = found(unroutable, facts(broker=broker(unroutable_per_second=0.5), context=lost(0.5, ORDERS)))
    assert (one.object, one.level) == (Object("exchange", "shop.orders", "/", 11), "notice")
    assert one.whole_title == "shop.orders passes no message on"
    shown = {evidence.name: evidence.value for evidence in one.evidence}
    assert (shown["Published"], shown["Passed on"], shown["Routing keys"], shown["Tasks"]) == ("0.5/s", "0.0/s", "order.new.uk", "orders.create")
    assert one.causes[0].text == "No binding of shop.orders matches the routing key order.new.uk."


def test_without_one_it_is_about_the_broker() -> None:
    (one,) = found(unroutable, facts(broker=broker(unroutable_per_second=3.0), context=lost(3.0)))
    assert (one.object.kind, one.whole_title) == ("broker", "prod has messages that reach no queue")
    assert one.summary == "3.0 unroutable messages/s: published, but no binding matched."


def test_the_default_exchange_has_a_name_to_read() -> None:
    silent = SilentExchange(12, "/", "", 1.0, 0.2)
    (one,) = found(unroutable, facts(broker=broker(unroutable_per_second=1.0), context=lost(1.0, silent)))
    assert one.whole_title == "The default exchange passes not every message on"
    assert one.causes[0].text == "There is no queue with the name that they were sent to."


@pytest.mark.parametrize("rate", [0.0, 0.004])
def test_none_or_hardly_any_is_nothing(rate: float) -> None:
    assert found(unroutable, facts(broker=broker(unroutable_per_second=rate), context=lost(rate, ORDERS))) == []


def test_a_rate_that_is_unknown_clears_nothing() -> None:
    opened = {"unroutable": [Object("exchange", "shop.orders", "/", 11), Object("queue", "mail", "/", 7)]}
    (one,) = unsure(unroutable, facts(broker=broker(unroutable_per_second=None), open_objects=opened))
    assert one.covers("exchange", "/", "shop.orders") and not one.covers("queue", "/", "mail")


FULL: dict[str, Any] = {"arguments": {"x-max-length": 10}, "ready": 9, "depth": 10, "publish_per_second": 5.0, "ack_per_second": 1.0, "deliver_per_second": 1.0}


@pytest.mark.parametrize(
    ("values", "lost"),
    [
        ({}, 4.0),
        ({"depth": 9}, 4.0),  # its consumers have taken one since
        ({"depth": 9, "growth_per_second": 0.1}, 0.0),
        ({"depth": 9, "ack_per_second": 0.1, "deliver_per_second": 0.1}, 0.0),
        ({"depth": 8}, 0.0),
        ({"ack_per_second": 5.0}, 0.0),
        ({"publish_per_second": 0.0}, 0.0),
        ({"publish_per_second": None}, 0.0),
        ({"arguments": {}}, 0.0),
        ({"arguments": {"x-max-length": 10, "x-dead-letter-exchange": ""}}, 0.0),  # dead letters, not lost
        ({"arguments": {"x-max-length": 10, "x-message-ttl": 10}}, 0.0),  # or they expire: which is not known
    ],
)
def test_what_a_full_queue_loses(values: dict[str, Any], lost: float) -> None:
    assert dropped_per_second(queue(**(FULL | values))) == pytest.approx(lost)


def test_a_full_queue_drops_or_refuses() -> None:
    (drops,) = found(unroutable, facts(broker=broker(unroutable_per_second=0.0), queues=[queue(**FULL)]))
    assert (drops.level, drops.whole_title) == ("warning", "mail is full and drops messages")
    refusing = {"arguments": {"x-max-length": 10, "x-overflow": "reject-publish"}}
    (refuses,) = found(unroutable, facts(broker=broker(unroutable_per_second=0.0), queues=[queue(**(FULL | refusing))]))
    assert refuses.whole_title == "mail is full and refuses messages"


@pytest.mark.parametrize("name", ["celeryev", "celery.pidbox", "reply.celery.pidbox", "team.events"])
def test_that_nobody_takes_the_events_and_answers_of_workers_is_nothing(name: str) -> None:
    receiving = source(names={"event_exchanges": ["team.events"], "control_exchanges": ["team"], "event_queue_prefixes": ["ev"], "content_type": ""})
    context = lost(4.0, SilentExchange(13, "/", name, 4.0, 0.0))
    assert found(unroutable, facts(broker=broker(unroutable_per_second=4.0), sources=[receiving], context=context)) == []


def test_while_hareline_begins_to_receive_events_and_where_the_numbers_of_exchanges_may_come_yet_the_broker_is_not_named() -> None:
    losing = broker(unroutable_per_second=4.0)
    new = source(since=NOON - timedelta(seconds=20))
    assert found(unroutable, facts(broker=losing, sources=[new], context=lost(4.0))) == []
    assert found(unroutable, facts(broker=losing, sources=[new], context=lost(4.0, ORDERS)))
    assert found(unroutable, facts(broker=losing, context=lost(4.0, polls=3))) == []
    assert found(unroutable, facts(broker=losing, context=lost(4.0)))


Poll = tuple[float, dict[str, tuple[float, float]]]


def read(polls: Iterable[Poll], losses: Losses | None = None) -> Lost | None:
    """What is known after these polls, 5 s apart: (unroutable/s, {exchange: (taken, passed on)})."""
    losses, lost = losses or Losses(), None
    for place, (rate, flows) in enumerate(polls):
        reported = [Flow(pk, "/", name, *numbers) for pk, (name, numbers) in enumerate(sorted(flows.items()))]
        for _ in range(2):  # rules also look between polls
            lost = losses.read(NOON + place * timedelta(seconds=5), rate, lambda reported=reported: reported)  # type: ignore[misc]
    return lost


def names(lost: Lost | None) -> list[str]:
    assert lost is not None
    return [one.name for one in lost.exchanges]


def test_an_exchange_that_loses_is_found_in_three_polls_and_those_that_are_counted_late_are_not() -> None:
    """As a demo reported it under load, with two messages a second to a key without a binding."""
    polls: list[Poll] = [
        (2.0, {"shop.jobs": (7.0, 5.0), "celeryev": (172.6, 100.6), "default": (26.2, 13.2), "shop.orders": (24.0, 20.8), "office": (0.1, 0.0)}),
        (2.0, {"shop.jobs": (7.0, 5.1), "celeryev": (56.2, 66.0), "default": (9.0, 17.6), "shop.orders": (14.2, 22.4), "office": (0.0, 0.1)}),
        (2.0, {"shop.jobs": (6.0, 4.0), "celeryev": (56.2, 66.0), "default": (20.8, 17.6), "shop.orders": (14.2, 22.4), "office": (0.0, 0.0)}),
    ]
    assert read(polls[:2]) is None
    assert names(read(polls)) == ["shop.jobs"]


def test_a_message_now_and_then_is_found_where_it_was_lost() -> None:
    quiet: Poll = (0.0, {"shop.jobs": (0.0, 0.0), "shop.orders": (4.0, 4.0)})
    one: Poll = (0.2, {"shop.jobs": (0.2, 0.0), "shop.orders": (4.0, 4.0)})
    lost = read([quiet, one, quiet, quiet])
    assert names(lost) == ["shop.jobs"]
    assert lost is not None and lost.polls == 1
    assert read([quiet, one, quiet, quiet, quiet]) is None  # it was some time ago


def test_exchanges_are_read_only_while_something_is_unroutable() -> None:
    losses = Losses()

    def never() -> list[Flow]:
        raise AssertionError

    assert losses.read(NOON, 0.0, never) is None
    assert losses.read(NOON, None, never) is None
    read([(1.0, {"shop.jobs": (1.0, 0.0)})], losses)
    assert losses.read(NOON + WINDOW, 0.0, never) is None


def test_what_was_found_of_the_broker_stands_under_the_exchange_once_that_is_known() -> None:
    opened = {"unroutable": [Object("broker", "prod", "", 1)]}
    about = facts(broker=broker(unroutable_per_second=0.5), context=lost(0.5, ORDERS), open_objects=opened)
    exchange, whole = found(unroutable, about)
    assert (exchange.object.kind, whole.object.kind) == ("exchange", "broker")
    assert whole.under == about.identity("unroutable", exchange.object)


def test_what_is_left_of_the_loss_of_an_exchange_that_passes_all_on_again_is_not_the_brokers() -> None:
    exchange, whole = Object("exchange", "shop.orders", "/", 11), Object("broker", "prod", "", 1)
    for opened, count in (([exchange], 0), ([], 1), ([exchange, whole], 1)):
        about = facts(broker=broker(unroutable_per_second=0.5), context=lost(0.5), open_objects={"unroutable": opened})
        assert len(found(unroutable, about)) == count


@pytest.mark.parametrize("rule", ["no_consumer", "stuck"])
def test_a_full_queue_that_nobody_empties_is_one_finding(rule: str) -> None:
    about = facts(broker=broker(unroutable_per_second=0.0), queues=[queue(**FULL)])
    about.found = [Found(rule, Object("queue", "mail", "/", 7), "critical", "is growing and nobody consumes it")]
    (one,) = found(unroutable, about)
    assert one.under == about.identity(rule, one.object)


def test_what_the_exchanges_of_celery_lose_in_many_virtual_hosts_together_is_not_the_brokers() -> None:
    """As when a broker starts again under workers, before anybody receives their events: each loses less than a quarter of all."""
    events = [Flow(20 + place, f"/{place}", "celeryev", 4.0, 3.0) for place in range(6)]
    celery = QueueContext(unroutable_per_second=6.0, unroutable_polls=4, flows=events)
    assert found(unroutable, facts(broker=broker(unroutable_per_second=6.0), context=celery)) == []
    more = QueueContext(unroutable_per_second=9.0, unroutable_polls=4, flows=events)
    (one,) = found(unroutable, facts(broker=broker(unroutable_per_second=9.0), context=more))
    assert one.summary == "3.0 unroutable messages/s: published, but no binding matched."
