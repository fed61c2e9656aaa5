"""Which findings, at which hours, and how long a failure is waited for."""

from __future__ import annotations

import doctest
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.notifications import backoff, choosing, messages
from dashboard.notifications.choosing import Schedule, Selection, digest_is_due
from dashboard.notifications.outside import guard, web
from tests.notifications.objects import NOON, at, finding


@pytest.mark.parametrize("module", [backoff, choosing, guard, messages, web])
def test_the_examples_hold(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("selection", "matches"),
    [
        ({}, True),
        ({"levels": ("warning",)}, False),
        ({"rules": ("grow*", "x")}, True),
        ({"rules": ("no_*",)}, False),
        ({"brokers": ("prod",)}, True),
        ({"brokers": ("test*",)}, False),
        ({"vhosts": ("/sh?p",)}, True),
        ({"vhosts": ("/",)}, False),
        ({"names": ("mail", "orders.*")}, True),
        ({"names": ("orders.*",)}, False),
    ],
)
def test_a_finding_is_for_a_target_if_every_part_matches(selection: dict[str, Any], matches: bool) -> None:
    assert Selection(**selection).matches(finding(), "prod") is matches


def test_a_finding_about_hareline_itself_has_no_broker() -> None:
    assert Selection().matches(finding(broker=None), "")
    assert not Selection(brokers=("prod",)).matches(finding(broker=None), "")


@given(st.integers(0, 366 * 24 * 60), st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]))
def test_two_halves_of_a_day_are_open_in_turns(minutes: int, zone: str) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    day, night = Schedule(begins="08:00", ends="20:00", zone=zone), Schedule(begins="20:00", ends="08:00", zone=zone)
    assert day.is_open(moment) is not night.is_open(moment)
    assert Schedule().is_open(moment)
    weekdays, weekend = Schedule(days=(0, 1, 2, 3, 4), zone=zone), Schedule(days=(5, 6), zone=zone)
    assert weekdays.is_open(moment) is not weekend.is_open(moment)


def test_a_digest_is_due_once_a_day_at_its_hour_and_caught_up_for_some_hours() -> None:
    nine = NOON.replace(hour=8)  # in Berlin
    assert not digest_is_due(9, "Europe/Berlin", None, nine - timedelta(minutes=1))
    assert digest_is_due(9, "Europe/Berlin", None, nine)
    assert digest_is_due(9, "Europe/Berlin", nine - timedelta(days=1), nine + timedelta(hours=5))
    assert not digest_is_due(9, "Europe/Berlin", nine + timedelta(seconds=1), nine + timedelta(minutes=1))
    assert not digest_is_due(9, "Europe/Berlin", None, nine + timedelta(hours=7))
    assert not digest_is_due(None, "UTC", None, nine)


def test_pauses_grow_to_ten_minutes_and_a_clock_that_is_set_back_does_not_prolong_them() -> None:
    assert backoff.may_try(None, NOON)
    assert not backoff.may_try(at(5), NOON)
    assert backoff.may_try(at(5), at(5))
    assert backoff.may_try(at(3600), NOON)


def test_a_message_is_given_up_after_a_day_of_attempts_and_not_by_a_jump_of_the_clock_alone() -> None:
    assert not backoff.gives_up(100, NOON, at(3600))
    assert backoff.gives_up(100, NOON, NOON + timedelta(days=1))
    assert not backoff.gives_up(1, NOON, NOON + timedelta(days=400))
    assert backoff.gives_up(backoff.MOST_ATTEMPTS, NOON, NOON)
