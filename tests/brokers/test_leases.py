"""Who does a piece of work, and which processes live."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from brokers import leases
from tests.brokers.facts import NOON, after


@pytest.mark.django_db
def test_a_lease_has_one_holder_until_it_runs_out() -> None:
    assert leases.take("poll prod", "a", NOON, 30)
    assert not leases.take("poll prod", "b", after(29), 30)
    assert leases.take("poll prod", "a", after(29), 30)
    assert not leases.take("poll prod", "b", after(58), 30)
    assert leases.take("poll prod", "b", after(59), 30)
    assert leases.holder_of("poll prod", after(60)) == "b"
    assert leases.holder_of("poll prod", after(100)) is None


@pytest.mark.django_db
def test_a_released_lease_is_free_at_once_and_only_its_holder_releases_it() -> None:
    leases.take("poll prod", "a", NOON, 30)
    leases.release("poll prod", "b")
    assert not leases.take("poll prod", "b", after(1), 30)
    leases.release("poll prod", "a")
    assert leases.take("poll prod", "b", after(1), 30)


@pytest.mark.django_db(transaction=True)
def test_of_many_processes_that_ask_at_once_one_gets_it() -> None:
    def ask(holder: int) -> bool:
        try:
            return leases.take("poll prod", str(holder), NOON, 30)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(ask, range(8))) == 1


@pytest.mark.django_db
def test_heartbeats_tell_who_lives_and_forget_the_dead_after_a_day() -> None:
    leases.beat("poller", "a", NOON)
    leases.beat("poller", "b", after(5), standby=True)
    assert [(beat.holder, beat.standby) for beat in leases.heartbeats()] == [("b", True), ("a", False)]
    leases.beat("poller", "b", after(2 * 86400))
    assert [(beat.holder, beat.at) for beat in leases.heartbeats()] == [("b", after(2 * 86400))]
