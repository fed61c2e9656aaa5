"""Rules about workers: gone, standing still, without events, with a clock that is off; and what they explain."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from brokers.models import Broker
from dashboard.findings import round
from dashboard.findings.counters import REMEMBERED, Counters, Risen
from dashboard.findings.facts import Facts
from dashboard.findings.passage import Passage, Passages
from dashboard.findings.rule import Found, Object
from dashboard.findings.rules import broker_away, clock_skew, events_lost, events_off, events_unavailable, no_consumer, publishers_blocked, worker_gone
from dashboard.findings.thresholds import Thresholds
from tests.findings import objects
from tests.findings.objects import NOON, found, unsure
from workers.models import EventSource, Worker
from workers.queries.held_tasks import HeldTask, HeldTasks
from workers.receiving.liveness import CONTROL_QUEUE_GONE, SHUT_DOWN, STILL_CONNECTED

AGO = NOON - timedelta(seconds=30)
KILLED: dict[str, Any] = {
    "state": Worker.GONE,
    "silence": "disconnected",
    "reason": f"no heartbeat since 2026-11-24 11:59:30 UTC; it sent one every 2 s, and {CONTROL_QUEUE_GONE}",
    "since": AGO,
    "heartbeat_at": AGO,
}
FROZEN: dict[str, Any] = {
    "state": Worker.UNKNOWN,
    "silence": "connected",
    "reason": f"no heartbeat since 11:59:30; {STILL_CONNECTED}",
    "since": AGO,
    "heartbeat_at": AGO,
    "pid": 77,
}
CLEAN: dict[str, Any] = {"state": Worker.GONE, "silence": "shut down", "reason": SHUT_DOWN, "since": AGO, "heartbeat_at": AGO}


def values(one: Found) -> dict[str, str]:
    return {evidence.name: evidence.value for evidence in one.evidence}


def gone(*workers: Worker, **more: Any) -> list[Found]:
    return found(worker_gone, objects.facts(workers=workers, **more))


def test_one_that_was_killed_with_tasks_says_which_are_lost_and_which_return() -> None:
    running = [{"uuid": "u1", "acknowledged": True}, {"uuid": "u2", "acknowledged": False}]
    held = HeldTasks(3, (HeldTask("u1", "shop.pay", "STARTED", "mail"), HeldTask("u2", "shop.pay", "STARTED"), HeldTask("u3", "shop.mail", "RECEIVED")))
    (one,) = gone(objects.worker(**KILLED, active=2, reserved=1, active_tasks=running, events_off=False), held=lambda _: held)
    assert (one.level, one.whole_title, one.since) == ("critical", "a@web-1 is gone with 3 tasks", AGO)
    assert "1 running task was acknowledged early (acks_late off) and is lost." in one.meaning
    assert "1 running task with acks_late returns to the queue" in one.meaning
    assert "1 task that had not begun returns to its queue." in one.meaning
    assert values(one)["Tasks without an end"] == "3"
    assert values(one)["Control queue"].startswith("gone")


def test_of_the_tasks_that_it_listed_last_those_that_ended_since_are_not_lost() -> None:
    running = [{"uuid": "u1", "acknowledged": True}, {"uuid": "u2", "acknowledged": True}]
    held = HeldTasks(1, (HeldTask("u1", "shop.pay", "STARTED"),))
    (one,) = gone(objects.worker(**KILLED, active=2, reserved=0, active_tasks=running, events_off=False), held=lambda _: held)
    assert (one.short, one.meaning) == ("is gone with 1 task", "1 running task was acknowledged early (acks_late off) and is lost.")
    assert (values(one)["Running"], values(one)["Acknowledged early"]) == ("1", "1 of 1 running")


def test_by_level_one_that_held_nothing_is_a_notice_and_tasks_are_critical_for_an_hour() -> None:
    assert [one.level for one in gone(objects.worker(**KILLED))] == ["notice"]
    old = KILLED | {"since": NOON - timedelta(hours=2), "heartbeat_at": NOON - timedelta(hours=2)}
    assert [one.level for one in gone(objects.worker(**old, active=1))] == ["warning"]


def test_tasks_that_others_took_over_or_that_ended_are_not_held_any_more() -> None:
    """Its events show none: but then what it reported last still counts, since events may be missing."""
    assert gone(objects.worker(**KILLED, active=1, events_off=False), held=lambda _: HeldTasks(0, ()))[0].level == "critical"
    assert (
        gone(objects.worker(**KILLED, events_off=False), held=lambda _: HeldTasks(2, (HeldTask("u", "t", "RECEIVED"),) * 2))[0].short == "is gone with 2 tasks"
    )


def test_one_that_stands_still_is_distinguished_from_one_that_was_killed() -> None:
    (one,) = gone(objects.worker(**FROZEN, active=1))
    assert (one.level, one.short) == ("critical", "does not respond and holds 1 task")
    assert values(one)["Control queue"].startswith("present")
    assert one.command == "kill -CONT 77"
    assert [one.level for one in gone(objects.worker(**FROZEN))] == ["warning"]


def test_a_clean_shutdown_and_one_that_left_the_list_are_no_findings() -> None:
    left = KILLED | {"since": NOON - timedelta(hours=25)}
    assert gone(objects.worker(**CLEAN, active=3), objects.worker(**left), objects.worker()) == []
    assert gone(objects.worker(**KILLED | {"heartbeat_at": AGO}, forgotten_at=NOON)) == []


@pytest.mark.parametrize("reason", ["no heartbeat since 11:59; a solo pool sends none while it runs a task", "the receiver does not run or is stuck", ""])
def test_one_of_unknown_state_is_neither_found_nor_cleared(reason: str) -> None:
    facts = objects.facts(workers=[objects.worker(state=Worker.UNKNOWN, reason=reason)])
    assert found(worker_gone, facts) == []
    (one,) = unsure(worker_gone, facts)
    assert one.covers("worker", "/", "a@web-1")
    assert not one.covers("worker", "/", "b@web-1")


def test_the_others_on_its_host_show_whether_it_is_the_host() -> None:
    neighbour = objects.worker("b@web-1", pk=6)
    (alone,) = gone(objects.worker(**KILLED), neighbour)
    assert [cause.evidence for cause in alone.causes] == ["its connection at the broker is closed; on the same host, b@web-1 responds"]
    both = gone(objects.worker(**KILLED), objects.worker("b@web-1", pk=6, **KILLED))
    assert both[0].causes[0].text == "web-1 is down, or cut off from the broker."


def test_pods_of_one_kind_fold_into_one_finding_that_carries_each() -> None:
    pods = [objects.worker(f"celery@worker-6db584f5fc-wf49{number}", pk=number, **KILLED) for number in range(2, 8)]
    facts = objects.facts(workers=[*pods, objects.worker("mail@db", pk=20, **KILLED)])
    reported = found(worker_gone, facts)
    (above,) = [one for one in reported if one.object.pk is None]
    assert above.whole_title == "6 nodes celery@worker-* are gone; they held no known task"
    identity = facts.identity(worker_gone.KEY, above.object)
    assert [one.under for one in reported if one.object.pk] == [identity] * 6 + [""]
    assert facts.explained["worker", 3] == identity


def test_of_a_thousand_gone_pods_only_some_have_a_finding_of_their_own() -> None:
    pods = [objects.worker(f"celery@worker-6db584f5fc-{number:05}", pk=number, **KILLED) for number in range(1, 1001)]
    assert len(found(worker_gone, objects.facts(workers=pods))) == 51


def test_a_folded_finding_is_not_cleared_while_one_of_its_nodes_is_unknown() -> None:
    pod = objects.worker("celery@worker-6db584f5fc-wf492", state=Worker.UNKNOWN, reason="the receiver does not run")
    facts = objects.facts(workers=[pod], open_objects={worker_gone.KEY: [Object("worker", "celery@worker-*", "/")]})
    assert any(one.covers("worker", "/", "celery@worker-*") for one in unsure(worker_gone, facts))


def rounds(facts: Facts, *rules: Any) -> dict[str, Found]:
    looked = round.look(rules, facts, Thresholds(rules))
    assert looked.failed == []
    return {f"{one.rule} {one.object.name}": one for one in looked.round.found.values()}


def test_a_worker_that_stands_still_carries_the_queues_that_it_alone_consumes() -> None:
    queues = [objects.queue("mail", consumers=0), objects.queue("shared", pk=8, consumers=0), objects.queue("other", pk=9, consumers=0)]
    frozen = objects.worker(**FROZEN, queues=[{"name": "mail"}, {"name": "shared"}])
    alive = objects.worker("b@web-2", pk=6, queues=[{"name": "shared"}])
    facts = objects.facts(queues=queues, workers=[frozen, alive])
    seen = rounds(facts, worker_gone, no_consumer)
    identity = facts.identity(worker_gone.KEY, seen["worker_gone a@web-1"].object)
    assert {name: one.under for name, one in seen.items()} == {
        "worker_gone a@web-1": "",
        "no_consumer mail": identity,
        "no_consumer shared": "",
        "no_consumer other": "",
    }


def test_an_alarm_carries_what_began_after_it_and_hides_silent_workers() -> None:
    alarms = [{"node": "rabbit@one", "resource": "disk", "since": AGO.isoformat()}]
    before, after = objects.queue("before", consumers=0, nobody_consumes_since=AGO - timedelta(hours=1)), objects.queue("after", pk=8, consumers=0)
    worker = objects.worker(state=Worker.UNKNOWN, silence="blocked", reason="the broker blocks publishers since 2026-11-24 11:59:30 UTC")
    facts = objects.facts(broker=objects.broker(alarms=alarms), queues=[before, after], workers=[worker])
    seen = rounds(facts, publishers_blocked, worker_gone, no_consumer)
    identity = facts.identity(publishers_blocked.KEY, seen["publishers_blocked prod"].object)
    assert (seen["no_consumer before"].under, seen["no_consumer after"].under) == ("", identity)
    assert "worker_gone a@web-1" not in seen
    rules: list[Any] = [publishers_blocked, worker_gone]
    looked = round.look(rules, objects.facts(broker=objects.broker(alarms=alarms), workers=[worker]), Thresholds(rules))
    assert looked.round.unsure["worker_gone"][0].under == identity


@pytest.mark.parametrize(
    ("state", "title"),
    [(EventSource.REFUSED, "Celery’s events of / are refused to Hareline’s user"), (EventSource.UNREACHABLE, "Celery’s events of / can’t be received")],
)
def test_events_that_cant_be_received_are_found_with_what_grants_them(state: str, title: str) -> None:
    source = objects.source(state=state, reason="access refused", grant="rabbitmqctl set_permissions …", since=AGO)
    (one,) = found(events_unavailable, objects.facts(sources=[source], workers=[objects.worker(state=Worker.UNKNOWN)]))
    assert (one.whole_title, one.since, one.command) == (title, AGO, "rabbitmqctl set_permissions …")
    assert values(one)["Worker nodes unknown since"] == "1"


def test_events_that_are_received_or_switched_off_are_no_finding_and_unknown_is_not_cleared() -> None:
    assert found(events_unavailable, objects.facts(sources=[objects.source(), objects.source(pk=3, vhost="/b", state=EventSource.OFF)])) == []
    (one,) = unsure(events_unavailable, objects.facts(sources=[objects.source(state=EventSource.UNKNOWN)]))
    assert one.covers("source", "/", "events of /")


def test_one_that_sends_no_task_events_is_a_notice_and_many_fold() -> None:
    (one,) = found(events_off, objects.facts(workers=[objects.worker(events_off=True, processed=12), objects.worker("b@web", pk=6, events_off=False)]))
    assert (one.level, one.short, values(one)["Tasks it reports to have run"]) == ("notice", "sends no task events", "12")
    pods = [objects.worker(f"celery@worker-{number}", pk=number, events_off=True) for number in range(1, 6)]
    assert len([one for one in found(events_off, objects.facts(workers=pods)) if not one.under]) == 1
    (hidden,) = unsure(events_off, objects.facts(workers=[objects.worker(state=Worker.UNKNOWN, events_off=True)]))
    assert hidden.covers("worker", "/", "a@web-1")


def _risen(by: int, minutes: int = 20) -> Risen:
    return Risen(by, NOON - timedelta(minutes=minutes), NOON if by else None)


def test_events_that_are_lost_or_not_understood_are_found_with_their_number() -> None:
    facts = objects.facts(
        sources=[objects.source(events=500)], workers=[objects.worker()], risen={("lost of worker", 5): _risen(12), ("refused", 2): _risen(0)}
    )
    (one,) = found(events_lost, facts)
    assert (one.whole_title, values(one)["Lost"]) == ("Celery’s events of / are being lost", "12")
    facts = objects.facts(sources=[objects.source(refused_example="<xml>")], risen={("refused", 2): _risen(10)})
    assert found(events_lost, facts)[0].whole_title == "Celery’s events of / can’t be understood"
    few = objects.facts(sources=[objects.source()], workers=[objects.worker()], risen={("lost of worker", 5): _risen(9), ("refused", 2): _risen(0)})
    assert objects.look(events_lost, few) == []


def test_after_a_restart_lost_events_are_not_cleared_before_ten_minutes_are_known() -> None:
    assert len(unsure(events_lost, objects.facts(sources=[objects.source()], risen={("refused", 2): _risen(0, minutes=1)}))) == 1
    assert len(unsure(events_lost, objects.facts(sources=[objects.source()]))) == 1


def test_counters_rise_by_what_came_within_ten_minutes_and_a_reset_is_no_rise() -> None:
    counters, key = Counters(), ("lost", 1)
    seen = [(0, 5), (30, 5), (60, 25), (90, 25)]
    risen = [counters.note({key: value}, NOON + timedelta(seconds=seconds))[key].by for seconds, value in seen]
    assert risen == [0, 0, 20, 20]
    after = counters.note({key: 25}, NOON + timedelta(seconds=60) + REMEMBERED)[key]
    assert (after.by, after.is_short(NOON + timedelta(seconds=60) + REMEMBERED)) == (0, False)
    assert counters.note({key: 3}, NOON + timedelta(minutes=12))[key].by == 0
    assert counters.note({}, NOON) == {}


def test_a_clock_that_is_off_is_a_notice_and_by_a_minute_a_warning() -> None:
    def off(seconds: float | None) -> list[tuple[str, str]]:
        return [(one.level, one.short) for one in found(clock_skew, objects.facts(workers=[objects.worker(clock_skew_seconds=seconds)]))]

    assert off(5.0) == off(-5.0) == off(None) == []
    assert off(-8) == [("notice", "has a clock that is 8 s slow")]
    assert off(90)[0][0] == "warning"


def test_where_every_clock_is_off_on_several_hosts_it_is_perhaps_our_own() -> None:
    workers = [objects.worker("a@one", clock_skew_seconds=40.0), objects.worker("b@two", pk=6, clock_skew_seconds=41.0)]
    assert found(clock_skew, objects.facts(workers=workers))[0].causes[0].text == "Hareline's own clock is off."
    assert len(unsure(clock_skew, objects.facts(workers=[objects.worker(clock_skew_seconds=None)]))) == 1


def test_a_node_of_the_broker_whose_clock_is_off() -> None:
    def nodes(*seconds: float | None, **values: Any) -> Any:
        rows = [objects.node(f"rabbit@{number}", pk=number, clock_skew_seconds=one, clock_at=NOON) for number, one in enumerate(seconds)]
        return objects.facts(nodes=rows, **values)

    (one,) = found(clock_skew, nodes(0.0, -299.5, None))
    assert (one.level, one.object.kind, one.whole_title) == ("warning", "node", "rabbit@1 has a clock that is 5 min slow")
    assert [(each.value, each.at) for each in one.evidence] == [("-5 min", NOON)]
    assert [each.level for each in found(clock_skew, nodes(5.5))] == ["notice"]
    assert found(clock_skew, nodes(4.9)) == found(clock_skew, objects.facts(nodes=[objects.node(running=False, clock_skew_seconds=99.0)])) == []
    assert unsure(clock_skew, nodes(None)) == [], "most nodes of a cluster have no address of their own"
    assert len(unsure(clock_skew, nodes(None, open_objects={"clock_skew": [one.object, Object("node", "rabbit@0")]}))) == 1
    assert len(unsure(clock_skew, nodes(99.0, broker=objects.broker(state=Broker.UNREACHABLE)))) == 1


@pytest.mark.parametrize("rule", [worker_gone, events_off, clock_skew])
def test_hostile_names_stay_text(rule: Any) -> None:
    name = "<b>[x]*?\n@\u202e\udcff"
    worker = objects.worker(name, **KILLED) if rule is worker_gone else objects.worker(name, events_off=True, clock_skew_seconds=99)
    (one,) = found(rule, objects.facts(workers=[worker]))
    assert one.object.name == name


def passed(*seconds: float, polled: float = -5.0) -> Passage | None:
    """After rounds in which the last event was so many seconds after noon."""
    passages, known = Passages(), None
    for at in seconds:
        known = passages.note(objects.broker(polled_at=NOON + timedelta(seconds=polled)), [objects.source(received_at=NOON + timedelta(seconds=at))], LATER)
    return known


LATER = NOON + timedelta(minutes=1)


def test_while_nothing_goes_through_a_broker_missing_heartbeats_are_not_a_workers() -> None:
    """It stood still from noon for 17 seconds; the last heartbeat had come a second before."""
    before = {"heartbeat_at": NOON - timedelta(seconds=1)}
    for one in (FROZEN, KILLED):
        worker = objects.worker(**one | before)
        for passage in (passed(-1), passed(-1, 17), passed(-1, 17, 19, 21, 23)):
            facts = objects.facts(workers=[worker], passage=passage)
            assert found(worker_gone, facts) == []
            assert unsure(worker_gone, facts)[0].covers("worker", "/", "a@web-1")
        assert len(gone(worker, passage=passed(-1, 17, 19, 21, 23, 25))) == 1  # the others sent four heartbeats since


def test_what_a_broker_hides_that_is_away_is_under_it() -> None:
    worker = objects.worker(**FROZEN | {"heartbeat_at": NOON - timedelta(seconds=1)})
    facts = objects.facts(broker=objects.broker(state="unreachable"), workers=[worker], passage=passed(-1))
    rules: list[Any] = [broker_away, worker_gone]
    looked = round.look(rules, facts, Thresholds(rules)).round
    assert [one.rule for one in looked.found.values()] == [broker_away.KEY]
    assert [one.under for one in looked.unsure[worker_gone.KEY]] == list(looked.found)


def test_one_that_stands_still_alone_is_found_at_once_and_by_polls_where_no_other_sends_events() -> None:
    worker = objects.worker(**FROZEN | {"heartbeat_at": NOON - timedelta(seconds=9)})
    assert len(gone(worker, passage=passed(-9, -7, -5, -3, -1))) == 1
    assert len(gone(worker, passage=passed(-9, polled=-4.5))) == 1
