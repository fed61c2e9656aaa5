"""Rules look at groups of worker nodes that are kept from round to round, as long as nothing has changed but what heartbeats bring."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from brokers.models import Broker
from dashboard.findings.counters import STEP, Counters
from dashboard.findings.kept import Kept
from dashboard.findings.rules import RULES, clock_skew
from dashboard.findings.thresholds import Thresholds
from dashboard.models import RuleSetting
from tests.findings.objects import NOON
from workers.models import Worker

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture
def broker() -> Broker:
    return Broker.objects.create(name="prod", since=NOON)


def worker(broker: Broker, hostname: str, **fields: Any) -> Worker:
    values = {"state": Worker.ONLINE, "heartbeat_at": NOON, "first_seen_at": NOON, "changed_at": NOON, "queues": [{"name": "mail"}], **fields}
    return Worker.objects.create(broker=broker, vhost="/", hostname=hostname, **values)


def test_groups_are_kept_while_only_heartbeats_come_and_made_anew_for_any_other_change(broker: Broker) -> None:
    worker(broker, "a@web-1"), worker(broker, "b@web-2", autoscale_min=1, autoscale_max=4)
    kept = Kept()

    def groups() -> Any:
        return kept.grouped(kept.workers.workers(broker, {"/": NOON}, NOON))

    first = groups()
    assert [one.hostname for one in first.by_queue["/", "mail"]] == ["a@web-1", "b@web-2"]
    Worker.objects.update(heartbeat_at=NOON + 5 * SECOND, active=3, reserved=2, scheduled=1, clock_skew_seconds=70.0)
    again = groups()
    assert again is first
    assert [(one.active, one.reserved, one.scheduled, one.clock_skew_seconds, one.heartbeat_at) for one in again.online] == [
        (3, 2, 1, 70.0, NOON + 5 * SECOND)
    ] * 2
    for change in ({"queues": [{"name": "sms"}]}, {"state": Worker.GONE}, {"events_off": True}, {"lost_events": 4}, {"autoscale_max": None}):
        before = groups()
        Worker.objects.filter(hostname="b@web-2").update(**change)
        assert groups() is not before, change
    worker(broker, "c@web-3")
    assert [one.hostname for one in groups().online] == ["a@web-1", "c@web-3"]
    assert [one.hostname for one in groups().not_online] == ["b@web-2"]
    Worker.objects.filter(hostname="c@web-3").delete()
    assert groups().by_name.keys() == {("/", "a@web-1"), ("/", "b@web-2")}
    assert groups().lost_events == {("lost of worker", Worker.objects.get(hostname="a@web-1").pk): 0}


def test_while_no_events_are_received_groups_are_of_workers_as_unknown(broker: Broker) -> None:
    worker(broker, "a@web-1")
    kept = Kept()
    for received, unknown in ((NOON, 0), (NOON - timedelta(minutes=1), 1), (NOON, 0)):
        assert len(kept.grouped(kept.workers.workers(broker, {"/": received}, NOON)).unknown) == unknown


def test_counters_that_stand_still_are_noted_again_after_a_step_and_at_once_when_one_rises() -> None:
    counters, values = Counters(), {("lost of worker", pk): 5 for pk in range(3)}
    first = counters.note(values, NOON)
    assert counters.note(dict(values), NOON + STEP - SECOND) is first
    assert counters.note({**values, ("lost of worker", 1): 7}, NOON + STEP - SECOND)["lost of worker", 1].by == 2
    assert counters.note(dict(values), NOON + STEP) is not first
    assert counters.note({}, NOON + STEP) == {}


def test_the_least_of_a_threshold_is_that_of_any_object() -> None:
    default = Thresholds(RULES).of(clock_skew.KEY, "seconds")
    assert Thresholds(RULES).least_of(clock_skew.KEY, "seconds") == default
    for value, least in ((1.5, 1.5), (default + 100, default)):
        one = RuleSetting(rule=clock_skew.KEY, threshold="seconds", broker="*", vhost="*", name="a@*", value=value)
        assert Thresholds(RULES, [one]).least_of(clock_skew.KEY, "seconds") == least
