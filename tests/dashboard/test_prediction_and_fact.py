"""Prediction beside fact: what agrees, what does not, and what is not known."""

from __future__ import annotations

import doctest

from dashboard.why import prediction_and_fact as beside

WORKERS = {"mail": ["a@web-1"], "pay": ["b@web-2"]}


def test_a_message_in_the_predicted_queue() -> None:
    assert beside.current_queue(["mail", "audit"], "mail") == beside.Row("Current queue", "audit and mail", "mail", True)


def test_a_message_in_another_queue_has_an_explanation() -> None:
    row = beside.current_queue([], "mail")
    assert (row.predicted, row.agrees) == ("no queue", False)
    assert "A binding has changed since" in row.text


def test_a_trace_must_name_the_very_queues() -> None:
    assert beside.routed_to(["b", "a"], ["a", "b"]).agrees is True
    assert beside.routed_to(["a", "b"], ["a"]).agrees is False
    assert beside.routed_to([], []).agrees is True


def test_the_queue_that_the_sender_meant_need_not_be_where_it_goes() -> None:
    assert beside.sent_for(["mail"], "mail").agrees is True
    row = beside.sent_for(["audit"], "mail")
    assert row.agrees is None and "bindings lead elsewhere" in row.text


def test_who_took_it() -> None:
    assert beside.received_by(["mail"], WORKERS, "a@web-1", ["mail"]) == beside.Row("Received by", "a@web-1", "a@web-1", True)
    assert beside.received_by(["mail"], WORKERS, None, None).agrees is None
    unknown = beside.received_by(["mail"], WORKERS, "c@web-3", None)
    assert (unknown.agrees, unknown.text) == (None, "The queues it consumes are unknown.")


def test_a_worker_that_is_not_behind_the_queue_now_but_consumes_it() -> None:
    row = beside.received_by(["mail"], {}, "c@web-3", ["mail", "pay"])
    assert (row.predicted, row.agrees, row.text) == ("no known worker", True, "It consumes mail.")


def test_a_worker_that_does_not_consume_what_was_predicted() -> None:
    row = beside.received_by(["mail"], WORKERS, "b@web-2", ["pay"])
    assert (row.agrees, row.text) == (False, "It consumes pay: its queues or the bindings have changed since, or the task was moved.")


def test_many_names_are_counted() -> None:
    assert beside.named([f"q{number}" for number in range(9)]) == "q0, q1, q2, q3, q4 and 4 more"


def test_the_examples_hold() -> None:
    assert doctest.testmod(beside).failed == 0
