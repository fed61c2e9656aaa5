"""What happens to a message in a queue."""

from __future__ import annotations

from typing import Any

import pytest

from brokers.models import Queue
from dashboard.queues.settings_text import settings_with_text
from dashboard.queues.text import Step, limit, milliseconds, rules, story


def queue(**changes: Any) -> Queue:
    return Queue(**{"name": "mail", "type": "classic", "durable": True, "consumers": 1, "arguments": {}, **changes})


def titles(steps: list[Step]) -> list[str]:
    return [step.title for step in steps]


def test_a_plain_queue_has_a_short_story() -> None:
    assert titles(story(queue(), consumer_names=["worker-a@web-1"])) == ["Added at the tail", "Delivered to its one consumer", "No dead-lettering"]


def test_each_rule_names_its_source() -> None:
    mail = queue(
        consumers=0,
        policy="limits",
        operator_policy="ceiling",
        arguments={"x-dead-letter-exchange": "shop.dead", "x-dead-letter-routing-key": "mail", "x-max-priority": 10},
    )
    steps = story(
        mail,
        policy={"message-ttl": 21_600_000, "max-length": 90_000, "overflow": "reject-publish"},
        operator_policy={"max-length": 50_000},
        no_consumer_since="since 03:02:12",
    )
    assert [(step.title, step.detail) for step in steps] == [
        ("Added behind its own priority", "priorities 0 to 10, highest delivered first: argument x-max-priority"),
        ("Waits: no consumers", "no consumer since 03:02:12; it stays until one attaches or a rule below removes it"),
        ("Expires after 6 h", "message-ttl 21,600,000 ms from policy limits; counted from arrival; removed when it reaches the head of the queue"),
        (
            "Above 50,000 ready messages, new ones are rejected; publishers using confirms get a nack",
            "max-length from operator policy ceiling; overflow reject-publish from policy limits",
        ),
        (
            "Dead-lettered to shop.dead with key mail",
            "dead-letter-exchange from argument x-dead-letter-exchange, dead-letter-routing-key from argument x-dead-letter-routing-key",
        ),
    ]


@pytest.mark.parametrize(
    ("argument", "policy", "operator", "value", "source"),
    [
        (100, 50, None, 50, "policy p"),
        (50, 100, None, 50, "argument x-max-length"),
        (100, 90, 80, 80, "operator policy o"),
        (None, None, 80, 80, "operator policy o"),
        (0, 5, 5, 0, "argument x-max-length"),
    ],
)
def test_the_smallest_limit_applies(argument: int | None, policy: int | None, operator: int | None, value: int, source: str) -> None:
    arguments = {} if argument is None else {"x-max-length": argument}
    rule = rules(
        queue(arguments=arguments, policy="p", operator_policy="o"),
        {} if policy is None else {"max-length": policy},
        {} if operator is None else {"max-length": operator},
    )["max-length"]
    assert (rule.value, rule.source) == (value, source)


def test_for_other_keys_the_argument_takes_precedence() -> None:
    rule = rules(queue(arguments={"x-dead-letter-exchange": "a"}, policy="p"), {"dead-letter-exchange": "b"}, None)["dead-letter-exchange"]
    assert (rule.value, rule.source) == ("a", "argument x-dead-letter-exchange")


def test_without_the_definitions_the_merged_policy_names_both_sources() -> None:
    mail = queue(policy="p", operator_policy="o", effective_policy={"max-length": 7})
    assert rules(mail)["max-length"].source == "policy p or operator policy o"
    assert limit(mail, "max-length") == 7
    assert limit(queue(), "max-length") is None


def test_a_missing_dead_letter_exchange_is_reported() -> None:
    step = story(queue(arguments={"x-dead-letter-exchange": "nowhere"}), dead_letter_exists=False)[-1]
    assert (step.title, step.level) == ("Dead letters are lost: nowhere does not exist", "warning")


def test_the_default_exchange_as_dead_letter_exchange_leads_to_a_queue() -> None:
    step = story(queue(arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "mail.dead"}), dead_letter_exists=True)[-1]
    assert step.title == "Dead-lettered to the default exchange with key mail.dead"
    assert step.queue == "mail.dead"


def test_a_stream_keeps_what_is_read_and_has_no_dead_letters() -> None:
    found = titles(story(queue(type="stream", arguments={"x-max-age": "7D"})))
    assert found == ["Appended to the log", "Read by its one consumer", "May be removed after 7D"]


@pytest.mark.parametrize(("version", "title"), [("3.10.8", "No redelivery limit"), ("4.0.5", "Dropped after 20 failed deliveries")])
def test_the_delivery_limit_of_quorum_queues_follows_the_version(version: str, title: str) -> None:
    assert title in titles(story(queue(type="quorum"), broker_version=version))


def test_the_steps_include_when_the_queue_itself_is_deleted() -> None:
    assert titles(story(queue(exclusive=True)))[-1] == "Exclusive: deleted with its connection"
    assert titles(story(queue(auto_delete=True)))[-1] == "Auto-delete: deleted with its last consumer"
    assert titles(story(queue(arguments={"x-expires": 1_800_000})))[-1] == "The queue is deleted after 30 min unused"


def test_unknown_consumers_are_not_shown_as_none() -> None:
    assert story(queue(consumers=None))[1] == Step(
        "user-question", "Consumers unknown", "the broker has not reported how many consumers this queue has", "unknown"
    )


def test_a_single_active_consumer_is_explained() -> None:
    step = story(queue(consumers=2, arguments={"x-single-active-consumer": True}), consumer_names=["a@h", "b@h"])[1]
    assert step.title == "Delivered to one consumer at a time"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 ms"), (999, "999 ms"), (1000, "1 s"), (90_000, "1 min 30 s"), (3_600_000, "1 h"), (90_061_000, "1 d 1 h"), ("7D", "7D"), (True, "True")],
)
def test_milliseconds_are_shown_in_two_units(value: Any, text: str) -> None:
    assert milliseconds(value) == text


def test_each_setting_has_a_sentence_and_whether_it_is_in_force() -> None:
    found = settings_with_text(queue(arguments={"x-max-length": 100, "x-odd": {"b": 1}}, policy="p"), {"max-length": 50}, None)
    assert [(one.key, one.value, one.source, one.in_force) for one in found] == [
        ("max-length", "50", "policy p", True),
        ("max-length", "100", "queue argument", False),
        ("odd", '{"b": 1}', "queue argument", True),
    ]
    assert found[2].sentence == "Unknown to Hareline."
