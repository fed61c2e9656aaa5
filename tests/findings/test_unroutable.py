"""Messages that reach no queue, and full queues that drop or refuse them."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.findings.queue_context import QueueContext, SilentExchange
from dashboard.findings.rule import Object
from dashboard.findings.rules import unroutable
from dashboard.findings.rules.unroutable import dropped_per_second
from tests.findings.objects import broker, facts, found, queue, unsure

ORDERS = SilentExchange(11, "/", "shop.orders", 0.5, 0.0, ["order.new.uk"], ["orders.create"])


def test_the_exchange_that_passes_nothing_on_is_named_with_the_keys_of_tasks() -> None:
    (one,) = found(unroutable, facts(broker=broker(unroutable_per_second=0.5), context=QueueContext(silent_exchanges=[ORDERS])))
    assert (one.object, one.level) == (Object("exchange", "shop.orders", "/", 11), "notice")
    assert one.whole_title == "shop.orders passes no message on"
    shown = {evidence.name: evidence.value for evidence in one.evidence}
    assert (shown["Published"], shown["Passed on"], shown["Routing keys"], shown["Tasks"]) == ("0.5/s", "0.0/s", "order.new.uk", "orders.create")
    assert one.causes[0].text == "No binding of shop.orders matches the routing key order.new.uk."


def test_without_one_it_is_about_the_broker() -> None:
    (one,) = found(unroutable, facts(broker=broker(unroutable_per_second=3.0)))
    assert (one.object.kind, one.whole_title) == ("broker", "prod has messages that reach no queue")
    assert one.summary == "3.0 unroutable messages/s: published, but no binding matched."


def test_the_default_exchange_has_a_name_to_read() -> None:
    silent = SilentExchange(12, "/", "", 1.0, 0.2)
    (one,) = found(unroutable, facts(broker=broker(unroutable_per_second=1.0), context=QueueContext(silent_exchanges=[silent])))
    assert one.whole_title == "The default exchange passes not every message on"
    assert one.causes[0].text == "There is no queue with the name that they were sent to."


@pytest.mark.parametrize("rate", [0.0, 0.004])
def test_none_or_hardly_any_is_nothing(rate: float) -> None:
    assert found(unroutable, facts(broker=broker(unroutable_per_second=rate), context=QueueContext(silent_exchanges=[ORDERS]))) == []


def test_a_rate_that_is_unknown_clears_nothing() -> None:
    opened = {"unroutable": [Object("exchange", "shop.orders", "/", 11), Object("queue", "mail", "/", 7)]}
    (one,) = unsure(unroutable, facts(broker=broker(unroutable_per_second=None), open_objects=opened))
    assert one.covers("exchange", "/", "shop.orders") and not one.covers("queue", "/", "mail")


FULL: dict[str, Any] = {"arguments": {"x-max-length": 10}, "ready": 9, "depth": 10, "publish_per_second": 5.0, "ack_per_second": 1.0, "deliver_per_second": 1.0}


@pytest.mark.parametrize(
    ("values", "lost"),
    [
        ({}, 4.0),
        ({"depth": 9}, 0.0),
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
