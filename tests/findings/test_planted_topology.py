"""Faults of a topology planted on a real broker: each is found about its object, nothing else is, and the cure clears it."""

from __future__ import annotations

from collections.abc import Iterator

import amqp
import pytest

from dashboard.findings.rules import alternate_nowhere, dead_letter_path, no_way_out, useless_binding
from dashboard.findings.rules.useless_binding import WORDS
from tests.conftest import TestNode
from tests.findings.looking import values
from tests.findings.planted import Planted

pytestmark = [pytest.mark.nightly, pytest.mark.django_db(transaction=True)]
OURS = {rule.KEY for rule in (alternate_nowhere, dead_letter_path, no_way_out, useless_binding)}


@pytest.fixture
def planted(rabbitmq: TestNode, vhost: str) -> Iterator[Planted]:
    found = Planted(rabbitmq, vhost, step_seconds=60.0)
    yield found
    found.end()


def found_of_ours(planted: Planted) -> set[tuple[str, str]]:
    planted.settle()
    planted.poll(5)
    return {one for one in planted.open() if one[0] in OURS}


def test_faults_of_a_real_topology_appear_and_clear(planted: Planted) -> None:
    channel: amqp.Channel = planted.channel
    planted.declare("mail")
    planted.declare("lost", dead_letter_exchange="gone")
    planted.declare("round", dead_letter_exchange="", dead_letter_routing_key="round")
    channel.exchange_declare("orders", "topic", durable=True, auto_delete=False, arguments={"alternate-exchange": "gone"})
    channel.exchange_declare("end", "fanout", durable=True, auto_delete=False)
    for key in ("order.#", "order.new"):
        channel.queue_bind("mail", "orders", key)
    planted.declare("never")
    channel.exchange_declare("documents", "headers", durable=True, auto_delete=False)
    channel.queue_bind("never", "documents", arguments={"x-match": "any"})  # none of no headers
    for match in ("all", "any"):
        channel.queue_bind("mail", "documents", arguments={"x-match": match, "format": "pdf"})
    channel.basic_publish(amqp.Message("x", application_headers={"format": "pdf"}), "documents", "never")
    planted.publish("", 1, "end")
    planted.settle()
    planted.poll(2)  # a rate takes two counts, and the first poll only makes the rows
    planted.publish("", 3, "end")
    assert found_of_ours(planted) == {
        ("useless_binding", "documents"), ("useless_binding", "orders"),
        ("alternate_nowhere", "orders"), ("no_way_out", "end"), ("dead_letter_path", "lost"), ("dead_letter_path", "round"),
    }  # fmt: skip
    documents = planted.open()["useless_binding", "documents"]
    assert (documents.title, values(documents)) == (
        "documents has 2 bindings without effect",
        {"To never": "x-match=any", "To mail": "format=pdf, x-match=any"},
    )
    assert [one["source"] for one in documents.body["evidence"]] == [f"{WORDS['duplicate']}, the one with format=pdf, x-match=all", WORDS["impossible"]]
    assert (planted.reported("never")["messages"], planted.reported("mail")["messages"]) == (0, 1), "the broker sees it so too"
    titles: dict[str, set[str]] = {}
    for one in planted.open().values():
        titles.setdefault(one.name, set()).add(one.title)
    assert {name: set(texts) for name, texts in planted.marks().items()} == titles

    channel.queue_unbind("mail", "orders", "order.new")
    channel.queue_unbind("never", "documents", arguments={"x-match": "any"})
    channel.queue_unbind("mail", "documents", arguments={"x-match": "any", "format": "pdf"})
    channel.exchange_declare("gone", "fanout", durable=True, auto_delete=False)
    for exchange in ("gone", "end"):
        channel.queue_bind("mail", exchange)
    channel.queue_delete("round")
    assert found_of_ours(planted) == set()
    assert planted.marks() == {}
