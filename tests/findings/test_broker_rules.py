"""Rules about a broker and its nodes: alarms, nodes, partitions, queues that can't be used, and what Hareline can't read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from brokers.models import Broker, Change, Connection, PollAttempt
from dashboard.findings.facts import Facts
from dashboard.findings.links import address_of
from dashboard.findings.rule import Found
from dashboard.findings.rules import broker_away, broker_flapping, node_down, partition, publishers_blocked, queue_unavailable, queues_unread, watched_twice
from dashboard.models import Finding, RuleSetting
from tests.findings import objects
from tests.findings.objects import NOON, found
from workers.models import Worker

ALARM = [{"node": "rabbit@one", "resource": "memory", "since": (NOON - timedelta(minutes=3)).isoformat()}]
HOSTILE = "<b>'\"\n\u202e\udcff;rm -rf /"


def values(one: Found) -> dict[str, str]:
    return {evidence.name: evidence.value for evidence in one.evidence}


def test_an_alarm_says_since_when_whom_and_what_it_hides() -> None:
    node = objects.node(memory_alarm=True, memory_used_bytes=400_000_000, memory_limit_bytes=300_000_000)
    silent = objects.worker(state=Worker.UNKNOWN, silence="blocked", reason="the broker blocks publishers since 2026-11-24 11:57:00 UTC")
    blocked = Connection(name="10.0.0.5:1 -> 10.0.0.1:5672", provided_name="checkout", state="blocked")
    facts = objects.facts(
        broker=objects.broker(alarms=ALARM), nodes=[node], workers=[silent], queues=[objects.queue("mail", depth=9000)], blocked=lambda: ([blocked], 13)
    )
    (one,) = found(publishers_blocked, facts)
    assert (one.level, one.whole_title, one.since) == ("critical", "prod blocks publishers", NOON - timedelta(minutes=3))
    assert values(one) == {"Memory of rabbit@one": "400 MB of 300 MB", "Blocked connections": "13", "Worker nodes without heartbeat since": "1"}
    assert next(item.source for item in one.evidence if item.name == "Blocked connections") == "checkout and 12 more"
    assert "mail (9,000)" in one.causes[1].evidence
    assert one.command == "rabbitmq-diagnostics memory_breakdown"
    assert ("node", 3) in [(link.kind, link.pk) for link in one.links]


def test_without_an_alarm_nothing_is_blocked_and_no_connection_is_read() -> None:
    def fails() -> list[Connection]:
        raise AssertionError

    assert found(publishers_blocked, objects.facts(blocked=fails)) == []


def test_a_node_that_does_not_run_is_found_with_the_moment_of_its_change() -> None:
    nodes = [objects.node(), objects.node("rabbit@two", pk=4, running=False)]
    stopped = Change(kind="node", name="rabbit@two", at=NOON - timedelta(minutes=1), text="rabbit@two stopped")
    (one,) = found(node_down, objects.facts(nodes=nodes, changes=[stopped]))
    assert (one.object.name, one.level, one.since) == ("rabbit@two", "critical", NOON - timedelta(minutes=1))
    assert values(one)["Running nodes"] == "1 of 2"
    assert address_of(one.links[0], Finding(kind="node")) == "/nodes/4/"
    assert found(node_down, objects.facts(nodes=[objects.node()])) == []


def test_a_nodes_name_can_do_nothing_in_the_command() -> None:
    (one,) = found(node_down, objects.facts(nodes=[objects.node("rabbit@x; rm -rf /", running=False)]))
    assert "'rabbit@x; rm -rf /'" in one.command


def test_a_partition_is_one_finding_however_many_nodes_report_it() -> None:
    nodes = [objects.node("rabbit@one", partitions=["rabbit@two"]), objects.node("rabbit@two", pk=4, partitions=["rabbit@one"])]
    (one,) = found(partition, objects.facts(nodes=nodes))
    assert (one.object.kind, one.level) == ("broker", "critical")
    assert values(one) == {"rabbit@one": "cut off from rabbit@two", "rabbit@two": "cut off from rabbit@one"}


def test_a_node_that_does_not_run_with_the_others_since_they_were_cut_off_is_explained_by_that() -> None:
    nodes = [
        objects.node("rabbit@one", partitions=["rabbit@two"]),
        objects.node("rabbit@two", pk=4, running=False),
        objects.node("rabbit@three", running=False),
    ]
    facts = objects.facts(nodes=nodes)
    (cut,) = found(partition, facts)
    two, three = found(node_down, facts)
    assert (two.under, two.short) == (facts.identity(cut.rule, cut.object), "does not run with the nodes that it was cut off from")
    assert (three.under, three.short) == ("", "is not running")


QUEUES: list[tuple[dict[str, Any], str, str]] = [
    ({"type": "quorum", "members": ["a", "b", "c"], "online": ["a"], "leader": "a"}, "critical", "has no majority: 1 of 3 members online"),
    ({"type": "quorum", "members": ["a", "b", "c"], "online": ["a", "b", "c"], "leader": ""}, "critical", "has no leader"),
    ({"type": "quorum", "members": ["a", "b", "c"], "online": ["a", "b"], "leader": "a"}, "warning", "has 2 of 3 members online"),
    ({"type": "classic", "state": "down", "node": "b", "depth": None}, "critical", "is down"),
]


@pytest.mark.parametrize(("queue", "level", "short"), QUEUES)
def test_a_queue_that_cant_be_used_or_misses_members(queue: dict[str, Any], level: str, short: str) -> None:
    (one,) = found(queue_unavailable, objects.facts(queues=[objects.queue(**queue)]))
    assert (one.level, one.short) == (level, short)


def test_a_queue_that_can_be_used_is_no_finding() -> None:
    whole = {"type": "quorum", "members": ["a", "b", "c"], "online": ["c", "b", "a"], "leader": "a"}
    assert (
        found(queue_unavailable, objects.facts(queues=[objects.queue(), objects.queue(**whole), objects.queue(type="quorum", members=None, online=None)])) == []
    )


def test_what_a_node_that_is_down_explains_is_under_it() -> None:
    down = objects.node("b", pk=4, running=False)
    classic, quorum = (
        objects.queue("c", type="classic", state="down", node="b"),
        objects.queue("q", pk=8, type="quorum", members=["a", "b"], online=["a"], leader="a"),
    )
    other = objects.queue("o", pk=9, type="classic", state="crashed", node="a")
    facts = objects.facts(nodes=[down], queues=[classic, quorum, other])
    (above,) = found(node_down, facts)
    under = {one.object.name: one.under for one in found(queue_unavailable, facts)}
    identity = facts.identity(node_down.KEY, above.object)
    assert under == {"c": identity, "q": identity, "o": ""}


def test_of_very_many_broken_queues_the_deepest_have_a_finding_of_their_own() -> None:
    queues = [objects.queue(f"q{number}", pk=number, depth=number, state="down", node="b") for number in range(1, queue_unavailable.MOST + 31)]
    reported = found(queue_unavailable, objects.facts(queues=queues))
    assert len(reported) == queue_unavailable.MOST + 1
    assert reported[0].object.name == f"q{queue_unavailable.MOST + 30}"
    assert values(reported[-1]) == {"Can't be used": "30", "Miss members": "0"}


def test_queues_that_cant_be_read_are_one_finding_about_their_broker() -> None:
    limit = {
        "part": "queues",
        "since": (NOON - timedelta(minutes=1)).isoformat(),
        "why": "the broker answered 500",
        "vhost": None,
        "what": "queues",
        "grant": "",
    }
    (one,) = found(queues_unread, objects.facts(broker=objects.broker(limits=[limit])))
    assert (one.whole_title, one.since) == ("The queues of prod can't be read; they are unknown", NOON - timedelta(minutes=1))
    assert found(queues_unread, objects.facts(broker=objects.broker(limits=[limit | {"part": "nodes"}]))) == []


def _attempts(*answered: bool) -> list[PollAttempt]:
    """The latest first, ten seconds apart."""
    return [PollAttempt(at=NOON - timedelta(seconds=10 * index), answered=one, ms=1, reason="" if one else "refused") for index, one in enumerate(answered)]


def test_a_broker_that_stops_responding_again_and_again_is_found_and_one_that_restarted_is_not() -> None:
    thrice = _attempts(True, False, True, False, True, False, True)
    (one,) = found(broker_flapping, objects.facts(attempts=thrice))
    assert values(one) == {"Outages": "3", "Polls not answered": "3 of 7"}
    assert one.since == NOON - timedelta(seconds=50)
    assert found(broker_flapping, objects.facts(attempts=_attempts(True, False, True, False, True))) == []
    twice = RuleSetting(rule=broker_flapping.KEY, threshold="outages", broker="*", vhost="*", name="*", value=2, at=NOON)
    assert len(found(broker_flapping, objects.facts(attempts=_attempts(True, False, True, False, True)), twice)) == 1
    assert found(broker_flapping, objects.facts(now=NOON + timedelta(minutes=11), attempts=thrice)) == []


def test_a_cluster_that_is_named_twice_is_a_notice() -> None:
    (one,) = found(watched_twice, objects.facts(broker=objects.broker(same_as="main", cluster_name="rabbit@one")))
    assert (one.level, one.short) == ("notice", "is the same cluster as main, and is watched under that name alone")
    assert found(watched_twice, objects.facts()) == []


AWAY: list[tuple[dict[str, Any], str, str]] = [
    ({"state": Broker.UNREACHABLE, "reason": "connection refused"}, "critical", "is unreachable; its queues are unknown"),
    ({"state": Broker.REFUSED, "reason": "(Login failed)"}, "critical", "refuses Hareline's user; its queues are unknown"),
    ({"state": Broker.UNREACHABLE, "reason": "no route", "polled_at": None}, "warning", "is unreachable; its queues are unknown"),
    ({"polled_at": NOON - timedelta(minutes=5)}, "critical", "is not being polled; its queues are unknown"),
]


@pytest.mark.parametrize(("broker", "level", "short"), AWAY)
def test_a_broker_that_is_not_visible(broker: dict[str, Any], level: str, short: str) -> None:
    (one,) = found(broker_away, objects.facts(broker=objects.broker(**broker)))
    assert (one.level, one.short) == (level, short)


def test_a_broker_that_responds_or_is_watched_under_another_name_is_not_away() -> None:
    assert found(broker_away, objects.facts()) == []
    assert found(broker_away, objects.facts(broker=objects.broker(same_as="main", state=Broker.UNKNOWN))) == []


@pytest.mark.parametrize("rule", [node_down, partition, publishers_blocked, queue_unavailable])
def test_hostile_names_stay_text(rule: Any) -> None:
    alarms = [{"node": HOSTILE, "resource": HOSTILE, "since": None}]
    nodes = [objects.node(HOSTILE, running=False), objects.node(HOSTILE, pk=4, partitions=[HOSTILE], memory_alarm=True)]
    facts = objects.facts(broker=objects.broker(name=HOSTILE, alarms=alarms), nodes=nodes, queues=[objects.queue(HOSTILE, state="down")])
    (one,) = found(rule, facts)
    assert len(facts.identity(one.rule, one.object)) == 32


def test_an_empty_broker_has_no_findings_of_these() -> None:
    rules: list[Any] = [publishers_blocked, node_down, partition, queue_unavailable, queues_unread, broker_flapping, watched_twice, broker_away]
    assert [found(rule, Facts(NOON, objects.broker())) for rule in rules] == [[]] * len(rules)
