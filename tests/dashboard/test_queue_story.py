"""What happens to a message in a queue."""

from __future__ import annotations

from typing import Any

import pytest

from brokers.models import Queue
from dashboard.queues.settings_text import explained
from dashboard.queues.text import Step, limit, milliseconds, rules, story


def queue(**changes: Any) -> Queue:
    return Queue(**{"name": "mail", "type": "classic", "durable": True, "consumers": 1, "arguments": {}, **changes})


def titles(steps: list[Step]) -> list[str]:
    return [step.title for step in steps]


def test_a_plain_queue_has_a_short_story() -> None:
    assert titles(story(queue(), takers=["worker-a@web-1"])) == ["It joins the tail", "One consumer takes it", "Dead ones are dropped"]


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
        nobody_since="since 03:02:12",
    )
    assert [(step.title, step.detail) for step in steps] == [
        ("It joins behind its own priority", "priorities 0 to 10, the highest goes out first: argument x-max-priority"),
        ("It waits: nobody consumes", "none since 03:02:12; it stays until somebody does, or until a rule below ends it"),
        ("After 6 h it expires", "message-ttl 21,600,000 ms from policy limits; counted from its arrival here; only at the head of the queue"),
        (
            "From 50,000 on, new ones are refused; publishers with confirms get a nack",
            "max-length from operator policy ceiling; overflow reject-publish from policy limits",
        ),
        (
            "Dead ones go to shop.dead, key mail",
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
def test_of_numbers_the_smallest_counts(argument: int | None, policy: int | None, operator: int | None, value: int, source: str) -> None:
    arguments = {} if argument is None else {"x-max-length": argument}
    rule = rules(
        queue(arguments=arguments, policy="p", operator_policy="o"),
        {} if policy is None else {"max-length": policy},
        {} if operator is None else {"max-length": operator},
    )["max-length"]
    assert (rule.value, rule.source) == (value, source)


def test_of_everything_else_the_argument_wins() -> None:
    rule = rules(queue(arguments={"x-dead-letter-exchange": "a"}, policy="p"), {"dead-letter-exchange": "b"}, None)["dead-letter-exchange"]
    assert (rule.value, rule.source) == ("a", "argument x-dead-letter-exchange")


def test_without_the_definitions_the_merged_policy_names_both_sources() -> None:
    mail = queue(policy="p", operator_policy="o", effective_policy={"max-length": 7})
    assert rules(mail)["max-length"].source == "policy p or operator policy o"
    assert limit(mail, "max-length") == 7
    assert limit(queue(), "max-length") is None


def test_a_dead_letter_exchange_that_does_not_exist_is_said() -> None:
    step = story(queue(arguments={"x-dead-letter-exchange": "nowhere"}), dead_letter_exists=False)[-1]
    assert (step.title, step.level) == ("Dead ones are lost: nowhere does not exist", "warning")


def test_the_default_exchange_as_dead_letter_exchange_leads_to_a_queue() -> None:
    step = story(queue(arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "mail.dead"}), dead_letter_exists=True)[-1]
    assert step.title == "Dead ones go to the default exchange, key mail.dead"
    assert step.queue == "mail.dead"


def test_a_stream_keeps_what_is_read_and_has_no_dead_letters() -> None:
    found = titles(story(queue(type="stream", arguments={"x-max-age": "7D"})))
    assert found == ["It is appended to the log", "One consumer reads it", "After 7D it may be cut off"]


@pytest.mark.parametrize(("version", "title"), [("3.10.8", "It may come back any number of times"), ("4.0.5", "After 20 failed deliveries it dies")])
def test_the_delivery_limit_of_quorum_queues_follows_the_version(version: str, title: str) -> None:
    assert title in titles(story(queue(type="quorum"), broker_version=version))


def test_how_the_queue_itself_ends_is_told() -> None:
    assert titles(story(queue(exclusive=True)))[-1] == "The queue goes with its connection"
    assert titles(story(queue(auto_delete=True)))[-1] == "The queue goes with its last consumer"
    assert titles(story(queue(arguments={"x-expires": 1_800_000})))[-1] == "Unused for 30 min, the queue goes"


def test_unknown_consumers_are_not_nobody() -> None:
    assert story(queue(consumers=None))[1] == Step(
        "user-question", "Who takes it is unknown", "the broker has not told how many consumers this queue has", "unknown"
    )


def test_one_active_consumer_is_explained() -> None:
    step = story(queue(consumers=2, arguments={"x-single-active-consumer": True}), takers=["a@h", "b@h"])[1]
    assert step.title == "One consumer at a time takes it"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 ms"), (999, "999 ms"), (1000, "1 s"), (90_000, "1 min 30 s"), (3_600_000, "1 h"), (90_061_000, "1 d 1 h"), ("7D", "7D"), (True, "True")],
)
def test_milliseconds_are_said_in_two_units(value: Any, text: str) -> None:
    assert milliseconds(value) == text


def test_each_setting_has_a_sentence_and_says_whether_it_is_in_force() -> None:
    found = explained(queue(arguments={"x-max-length": 100, "x-odd": {"b": 1}}, policy="p"), {"max-length": 50}, None)
    assert [(one.key, one.value, one.source, one.in_force) for one in found] == [
        ("max-length", "50", "policy p", True),
        ("max-length", "100", "argument x-max-length", False),
        ("odd", '{"b": 1}', "argument x-odd", True),
    ]
    assert found[2].sentence == "Not a key that Hareline knows."
