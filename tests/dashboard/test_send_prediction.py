"""Predicted and real, line by line; and the path of a prediction in a few boxes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from brokers.routing.answer import AfterQueue, ConsumingWorker, Explanation
from dashboard.send import path as send_path
from dashboard.send.order import Order
from dashboard.send.prediction import Happened, Predicted, rows, usual_options
from dashboard.why.last_sent import LastTaskSent
from dashboard.why.task_answer import TaskExplanation
from dashboard.why.task_configuration import UsedConfiguration
from workers.destinations import Step
from workers.explain_task import Answer
from workers.sending.send_options import Options

MAIL = Predicted("", "mail", ["mail"], ["a@x", "b@x"], True)
ORDERS = Predicted("orders", "order.new", ["eu", "us"], None, True)
GONE = Predicted("orders", "k", [], [], True)


@pytest.mark.parametrize(
    ("predicted", "happened", "verdicts"),
    [
        (MAIL, Happened("confirmed", "", "mail", None), ["as predicted", "as predicted", "as predicted", "not yet"]),
        (MAIL, Happened("confirmed", "", "mail", "b@x"), ["as predicted"] * 4),
        (MAIL, Happened("confirmed", "", "mail", "c@x"), ["as predicted", "as predicted", "as predicted", "different"]),
        (MAIL, Happened("confirmed", "", "other", None), ["as predicted", "different", "different", "not yet"]),
        (MAIL, Happened("returned", "", "mail", None), ["as predicted", "as predicted", "different", "not yet"]),
        (MAIL, Happened("unknown", "", "mail", None), ["as predicted", "as predicted", "unknown", "not yet"]),
        (MAIL, Happened("not sent", None, None, None), []),
        (MAIL, Happened("unknown", None, None, None), []),
        (ORDERS, Happened("confirmed", "orders", "order.new", "a@x"), ["as predicted", "as predicted", "confirmed", "was not predicted"]),
        (GONE, Happened("returned", "orders", "k", None), ["as predicted"] * 4),
        (GONE, Happened("confirmed", "orders", "k", None), ["as predicted", "as predicted", "different", "as predicted"]),
    ],
)
def test_each_line_shows_whether_it_was_as_predicted(predicted: Predicted, happened: Happened, verdicts: list[str]) -> None:
    assert [row.verdict for row in rows(predicted, happened)] == verdicts


def order(**options: Any) -> Order:
    return Order("mail.send", [], {}, Options(**options), "[]", "{}")


def node(hostname: str, free: int | None = 1) -> ConsumingWorker:
    return ConsumingWorker(1, hostname, True, 4, free)


def after(queue: str, *nodes: ConsumingWorker, consumers: int | None = 1) -> AfterQueue:
    return AfterQueue(queue, consumers=consumers, workers=None if consumers is None else list(nodes))


@pytest.mark.parametrize(
    ("reached", "boxes"),
    [
        ([], [("no queue", "unroutable, lost")]),
        ([after("mail", consumers=0)], [("mail", "no consumers")]),
        ([after("mail", consumers=None)], [("mail", "consumers unknown")]),
        ([after("mail", node("a@x"))], [("mail", "1 consumer"), ("a@x", "3 of 4 slots used")]),
        ([after("mail", node("a@x", None))], [("mail", "1 consumer"), ("a@x", "slots unknown")]),
        ([after("a", node("a@x")), after("b", node("a@x"), node("b@x", 2))], [("2 queues", "a and b"), ("2 worker nodes", "one of them, 3 slots free")]),
        ([after("a", node("a@x"), node("b@x", None))], [("a", "1 consumer"), ("2 worker nodes", "one of them")]),
    ],
)
def test_the_path_is_a_few_boxes(reached: list[AfterQueue], boxes: list[tuple[str, str]]) -> None:
    broker = Explanation("routed", None, "", [one.queue for one in reached], [], None, True, [], reached, "")
    found = send_path.hops(msgspec.structs.replace(ANSWER, broker=broker), order(queue="mail"), "ada")
    assert [(hop.title, hop.note) for hop in found] == [("mail.send", "you, ada"), ("(default)", "key mail"), *boxes]


CELERY = Answer("mail", "", "direct", "mail", None, True, [])
ANSWER = TaskExplanation(CELERY, True, configuration=UsedConfiguration("worker", "a@x", 1, None, 0, ""), decided_by="configuration")


def last_task(agrees: bool) -> LastTaskSent:
    return LastTaskSent(7, "u-1", datetime(2026, 11, 23, 12, tzinfo=UTC), "mail", "", "mail", [], agrees, "")


@pytest.mark.parametrize(
    ("celery", "changed", "options"),
    [
        ({}, {}, {"queue": "mail"}),
        ({"exchange": "orders", "routing_key": "a.b"}, {}, {"exchange": "orders", "routing_key": "a.b"}),
        ({"exchange": "orders", "routing_key": ""}, {}, None),
        ({}, {"configuration": UsedConfiguration("defaults", None, None, None, 0, "")}, None),
        ({"error": "QueueNotFound: x"}, {}, None),
        ({}, {"sent": last_task(False)}, None),
        ({}, {"sent": last_task(True)}, {"queue": "mail"}),
        ({"steps": [Step("delayed", "queue", "mail", None, "")]}, {}, {"queue": "mail"}),  # a direct exchange: sent at once, and the worker holds it
        ({"exchange": "celery_delayed_27", "routing_key": "0.1.mail"}, {}, {"exchange": "celery_delayed_27", "routing_key": "0.1.mail"}),
    ],
)
def test_a_configuration_is_followed_only_where_it_surely_leads_there(celery: dict[str, Any], changed: dict[str, Any], options: dict[str, str] | None) -> None:
    answer = msgspec.structs.replace(ANSWER, celery=msgspec.structs.replace(CELERY, **celery), **changed)
    assert usual_options(answer) == options
