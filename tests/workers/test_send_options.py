"""Options of a task that is to be sent: what each may be, and what Celery makes of them."""

from __future__ import annotations

from typing import Any

import pytest

from workers.sending import send_options
from workers.sending.send_options import Destination, Options


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("queue", "a\x00b", "Queue: it holds a control character"),
        ("queue", "x" * 256, "Queue: it is 256 bytes long; allowed are 255."),
        ("queue", "ü" * 128, "Queue: it is 256 bytes long"),
        ("routing_key", "\ud800", "Routing key: it holds half of a surrogate pair"),
        ("exchange", 7, "Exchange: 7 is not text"),
        ("countdown", "soon", 'Countdown: "soon" is not a number; allowed are 0 to'),
        ("countdown", -1, "Countdown: -1 is too small"),
        ("countdown", "1e12", "Countdown: 1000000000000 is too large"),
        ("countdown", float("nan"), "Countdown: nan is not a number"),
        ("countdown", True, "Countdown: True is not a number"),
        ("expires", 0, "Expires: 0 is too small; allowed are more than 0 to"),
        ("priority", "1.5", 'Priority: "1.5" is not a whole number; allowed are 0 to 255.'),
        ("priority", 256, "Priority: 256 is too large; allowed are 0 to 255."),
        ("priority", True, "Priority: True is not a whole number"),
        ("eta", "tomorrow", 'ETA: "tomorrow" is not a time'),
        ("colour", "red", "colour: no such option; there are queue, exchange"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_what_is_allowed(field: str, value: Any, words: str) -> None:
    _, problems = send_options.parse({field: value})
    assert [problem.field for problem in problems] == [field]
    assert problems[0].text.startswith(words)


def test_texts_of_a_form_are_converted_and_empty_ones_count_as_not_given() -> None:
    options, problems = send_options.parse({"queue": "mail", "countdown": " 1.5 ", "priority": "3", "expires": "60", "exchange": "", "routing_key": None})
    assert (options, problems) == (Options(queue="mail", countdown=1.5, priority=3, expires=60), [])


def test_a_countdown_and_an_eta_exclude_each_other() -> None:
    _, problems = send_options.parse({"countdown": 1, "eta": "2026-11-24T14:30:00Z"})
    assert problems[0].field == "eta"


@pytest.mark.parametrize("value", [None, "", "  ", 5, "a\nb", "x" * 501])
def test_a_task_needs_a_name(value: Any) -> None:
    with pytest.raises(ValueError, match="Task: "):
        send_options.task_name(value)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (Options(), Destination("", "celery", "celery")),
        (Options(queue="q"), Destination("", "q", "q")),
        (Options(queue="q", routing_key="k"), Destination("", "q", "q", ("routing_key",))),
        (Options(exchange="x"), Destination("", "celery", "celery", ("exchange",))),
        (Options(exchange="x", routing_key="k"), Destination("x", "k", None)),
        (Options(queue="q", exchange="x", routing_key="k"), Destination("x", "k", None, ("queue",))),
    ],
)
def test_celery_ignores_what_stands_alone(options: Options, expected: Destination) -> None:
    assert send_options.destination(options) == expected
    assert [warning.field for warning in send_options.ignored_text(options)] == list(expected.ignored)


def test_what_expires_before_it_may_start_is_worth_a_warning() -> None:
    warnings = send_options.ignored_text(Options(countdown=10, expires=5))
    assert [warning.field for warning in warnings] == ["expires"]
