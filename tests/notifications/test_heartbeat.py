"""The dead man's switch: pings only while Hareline is well and the rules look."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import OperationalError, connection, transaction

from brokers.models import Broker
from dashboard.models import FindingRound, Target
from dashboard.notifications import heartbeat, vault
from dashboard.notifications.heartbeat import EVERY_SECONDS, UNWELL_SECONDS, Pings, not_looked
from dashboard.notifications.sending import Outcome
from tests.notifications.objects import NOON, at, target
from tests.waiting import wait_until


def test_the_rules_must_have_looked_at_each_broker_and_at_hareline_itself() -> None:
    prod, own = Broker(pk=1, name="prod"), FindingRound(broker=None, at=NOON)
    looked = FindingRound(broker_id=1, at=NOON)
    assert not_looked([prod], [own, looked], at(59)) == ""
    assert not_looked([prod], [own, looked], at(61)) == "the rules have not looked at prod, Hareline itself within a minute"
    assert not_looked([prod], [own], NOON) == "the rules have not looked at prod within a minute"
    assert not_looked([prod], [looked], NOON) == "the rules have not looked at Hareline itself within a minute"
    assert not_looked([prod], [own, looked], NOON - timedelta(hours=1)) != "", "the clock was set back"


class Switch:
    """Pings with a clock of its own, an outcome and a state that the test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds, self.unwell, self.outcome, self.pinged = 0.0, "", Outcome(), list[str]()
        monkeypatch.setattr(heartbeat, "why_unwell", lambda now: self.unwell)
        self.error: Exception | None = None
        self.pings = Pings(self.ping, lambda: self.seconds)

    def ping(self, url: str) -> Outcome:
        self.pinged.append(url)
        if self.error:
            raise self.error
        return self.outcome

    def round(self, seconds: float) -> None:
        self.seconds += seconds
        self.pings.round(at(self.seconds))
        wait_until(lambda: all(future.done() for future in self.pings._pinging.values()))
        self.pings.round(at(self.seconds))


@pytest.fixture
def switch(monkeypatch: pytest.MonkeyPatch) -> Switch:
    return Switch(monkeypatch)


@pytest.mark.django_db
def test_it_pings_every_minute_and_stops_while_hareline_is_not_well(switch: Switch, settings: LazySettings) -> None:
    settings.HEARTBEAT_URL = "https://a"
    for _ in range(4):
        switch.round(EVERY_SECONDS / 2)
    assert switch.pinged == ["https://a"] * 2
    switch.unwell = "poller: has never stored a heartbeat"
    for _ in range(10):
        switch.round(EVERY_SECONDS)
    assert len(switch.pinged) == 2
    switch.unwell = ""
    switch.round(UNWELL_SECONDS)
    assert len(switch.pinged) == 3


@pytest.mark.django_db
def test_targets_of_that_kind_are_pinged_and_show_what_came_of_it(switch: Switch) -> None:
    target(name="hc", kind=Target.HEARTBEAT, secret=vault.encrypted({"url": "https://hc"}))
    target(name="off", kind=Target.HEARTBEAT, secret=vault.encrypted({"url": "https://off"}), paused=True)
    target(name="lost", kind=Target.HEARTBEAT, secret="gAAAA")
    switch.round(1)
    assert switch.pinged == ["https://hc"]
    assert Target.objects.get(name="hc").last_success_at == at(1)
    assert "decrypted" in Target.objects.get(name="lost").last_error
    switch.outcome = Outcome("it answered with status 404")
    switch.round(EVERY_SECONDS)
    row = Target.objects.get(name="hc")
    assert (row.failures, row.last_error, row.last_success_at) == (1, "it answered with status 404", at(1))


@pytest.mark.django_db
def test_what_came_of_a_ping_while_the_database_failed_is_stored_later(switch: Switch) -> None:
    target(name="hc", kind=Target.HEARTBEAT, secret=vault.encrypted({"url": "https://hc"}))
    switch.pings.round(NOON)
    wait_until(lambda: all(future.done() for future in switch.pings._pinging.values()))

    def fails(execute: Any, sql: str, *rest: Any) -> Any:
        if "UPDATE" in sql:
            raise OperationalError("database is locked")
        return execute(sql, *rest)

    with connection.execute_wrapper(fails), pytest.raises(OperationalError), transaction.atomic():
        switch.pings.round(at(1))
    switch.pings.round(at(2))
    assert Target.objects.get().last_success_at == at(2)
    assert switch.pinged == ["https://hc"]


@pytest.mark.django_db
def test_an_error_of_ours_in_a_ping_is_logged_and_shown(switch: Switch, settings: LazySettings, caplog: pytest.LogCaptureFixture) -> None:
    target(name="hc", kind=Target.HEARTBEAT, secret=vault.encrypted({"url": "https://hc"}))
    switch.error = MemoryError("https://hc")
    switch.round(1)
    assert Target.objects.get().last_error == "an error in Hareline (MemoryError)"
    assert "by an error of ours" in caplog.text and "MemoryError" in caplog.text
    assert "https://hc" not in caplog.text


@pytest.mark.django_db
def test_without_an_address_nothing_is_looked_up(switch: Switch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "why_unwell", lambda now: 1 / 0)
    switch.round(1)
    assert switch.pinged == []


@pytest.mark.django_db
def test_hareline_without_its_processes_is_not_well() -> None:
    assert "poller" in heartbeat.why_unwell(NOON)
