"""What strangers can write into the log: lines, not tracebacks, and few of them."""

from __future__ import annotations

import logging

import pytest

from dashboard.limits.log_pace import LINES_A_MINUTE, Paced


def record(name: str, message: str = "Invalid HTTP_HOST header: 'x'.", level: int = logging.WARNING, error: bool = False) -> logging.LogRecord:
    raised = (ValueError, ValueError("x"), None) if error else None
    return logging.LogRecord(name, level, "", 1, message, (), raised)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("name", ["django.security.DisallowedHost", "django.security.csrf", "django.request", "daphne.http_protocol"])
def test_so_many_lines_a_minute_and_then_how_many_were_left_out(name: str) -> None:
    clock = Clock()
    paced = Paced(clock)
    assert sum(paced.filter(record(name)) for _ in range(LINES_A_MINUTE + 1000)) == LINES_A_MINUTE
    clock.now = 61.0
    first, second = record(name), record(name)
    assert paced.filter(first) and first.getMessage().endswith("(1000 more were left out in the minute before)")
    assert paced.filter(second) and "left out" not in second.getMessage()


def test_each_is_one_line_of_some_length_without_a_traceback() -> None:
    long, traced = (
        record("django.security.DisallowedHost", "x" * 5000, logging.ERROR, error=True),
        record("daphne.http_protocol", "Traceback (most\n  a\nValueError: x"),
    )
    paced = Paced()
    assert paced.filter(long) and paced.filter(traced)
    assert (len(long.getMessage()), long.exc_info, traced.getMessage()) == (301, None, "ValueError: x")


def test_other_lines_and_our_own_errors_stay_as_they_are() -> None:
    paced = Paced()
    ours = [record("django.request", level=logging.ERROR, error=True), record("dashboard.live.sockets", error=True)] * 100
    assert all(paced.filter(one) and one.exc_info for one in ours)
