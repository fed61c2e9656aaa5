"""What is recorded of a change: between which polls, the definitions before and after, and who made it where the broker says so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from brokers import store
from brokers.models import Broker, Change, DefinitionActor
from brokers.stats import Actor, NodeStats, VhostStats
from brokers.store import BrokerMemory
from brokers.store.consumer_changes import FOLDED_FOR
from brokers.topology import PolicyDefinition, WritePermission
from tests.brokers.facts import NOON, a_broker, a_poll, a_queue, a_topology, after

pytestmark = pytest.mark.django_db


def found(**wanted: Any) -> list[Change]:
    return list(Change.objects.filter(**wanted).order_by("at", "pk"))


def one(**wanted: Any) -> Change:
    (change,) = found(**wanted)
    return change


def polls(broker: Broker, *lists: list[Any], memory: BrokerMemory | None = None, **fields: Any) -> BrokerMemory:
    """Polls five seconds apart."""
    memory = memory or BrokerMemory()
    for number, queues in enumerate(lists):
        store.save_poll(broker.pk, a_poll(after(5 * number), *queues, **fields), after(5 * number), memory)
    return memory


def test_a_queue_is_recorded_with_its_definition_between_the_polls_that_show_it() -> None:
    broker = a_broker()
    mail = a_queue("mail", arguments={"x-max-length": 5}, policy="", operator_policy="")
    polls(broker, [], [mail], [], [])
    added, gone = found(kind="queue")
    assert (added.what, added.earlier_at, added.after) == ("added", NOON, {"type": "classic", "durable": True, "arguments": {"x-max-length": 5}})
    assert added.at == after(5) + timedelta(milliseconds=12)
    assert (gone.what, gone.earlier_at, gone.before, gone.after) == ("gone", after(5), added.after, None), "the poll before lacked it too"


def test_another_policy_of_a_queue_is_a_change_and_one_that_was_not_reported_is_none() -> None:
    broker = a_broker()
    silent, free = a_queue("mail"), a_queue("mail", policy="", operator_policy="")
    polls(broker, [silent], [free], [a_queue("mail", policy="limits", operator_policy="")])
    change = one(kind="queue")
    assert (change.text, change.before["policy"], change.after["policy"]) == ("Queue mail now has policy limits", "", "limits")


def test_consumers_of_a_queue_are_one_change_for_some_minutes() -> None:
    broker, counts = a_broker(), (0, 2, 2, 0, 1)
    memory = polls(broker, *([a_queue("mail", consumers=count, ready=0, unacknowledged=0)] for count in counts))
    change = one(kind="consumer")
    assert change.text == "Consumers of queue mail changed 3 times, between 0 and 2; it has 1 consumer"
    assert (change.what, change.earlier_at, change.before) == ("added", NOON, {"consumers": 0})
    assert change.after == {"consumers": 1, "changes": 3, "lowest": 0, "highest": 2}
    later = after(20) + FOLDED_FOR
    for seconds, count in ((0, 1), (5, 3)):
        at = later + timedelta(seconds=seconds)
        store.save_poll(broker.pk, a_poll(at, a_queue("mail", consumers=count, ready=0, unacknowledged=0)), at, memory)
    assert [one.text for one in found(kind="consumer")][1:] == ["Queue mail has 3 consumers, before 1"]


def test_consumers_of_very_many_queues_at_once_are_one_change() -> None:
    broker = a_broker()
    polls(broker, *([a_queue(f"q{number:02}", consumers=count, ready=0, unacknowledged=0) for number in range(30)] for count in (1, 2)))
    change = one(kind="consumer")
    assert (change.name, change.text) == ("", "30 queues have other numbers of consumers in /")
    assert (change.before["q00"], change.after["q29"]) == (1, 2)


def test_nodes_that_restart_and_alarms_are_recorded_with_their_figures() -> None:
    broker = a_broker()
    memory, node = BrokerMemory(), NodeStats("rabbit@a", True, uptime_ms=50_000, memory_used_bytes=10, memory_limit_bytes=20, memory_alarm=False)
    states = (
        node,
        msgspec.structs.replace(node, uptime_ms=55_000, memory_alarm=True, memory_used_bytes=21),
        msgspec.structs.replace(node, uptime_ms=1_000),
    )
    for number, state in enumerate(states):
        store.save_poll(broker.pk, a_poll(after(5 * number), nodes=[state]), after(5 * number), memory)
    raised, cleared = found(kind="alarm")
    assert (raised.what, cleared.what, raised.after["memory_used_bytes"]) == ("raised", "cleared", 21)
    restarted = one(kind="node")
    assert (restarted.what, restarted.text, restarted.after) == ("restarted", "Node rabbit@a restarted", {"running": True, "uptime_seconds": 1})


def test_settings_of_a_virtual_host_are_recorded() -> None:
    broker, memory = a_broker(), BrokerMemory()
    for number, (tracing, default) in enumerate(((False, ""), (False, "classic"), (True, "quorum"))):
        counters = {"/": VhostStats("/", tracing, default_queue_type=default)}
        store.save_poll(broker.pk, a_poll(after(5 * number), vhosts={"/": tracing}, vhost_counters=counters), after(5 * number), memory)
    change = one(kind="vhost", what="changed")
    assert change.text == "Virtual host /: tracing is on and the default queue type is quorum, before classic"


def test_policies_and_operator_policies_are_kinds_of_their_own_with_both_definitions() -> None:
    broker = a_broker()
    for at, limit in ((NOON, 5), (after(5), 7)):
        both = tuple(PolicyDefinition("limits", "^mail", "queues", 0, {"max-length": limit}, operator) for operator in (False, True))
        store.save_topology(broker.pk, {"/": a_topology(policies=both)}, None, None, None, at)
    assert [(change.kind, change.before["definition"], change.after["definition"]) for change in found()] == [
        ("policy", {"max-length": 5}, {"max-length": 7}),
        ("operator_policy", {"max-length": 5}, {"max-length": 7}),
    ]


def test_users_and_their_permissions_are_recorded_without_what_was_not_read_before() -> None:
    broker = a_broker()
    bob = WritePermission("/", "bob", ".*", None, ".*", "")
    store.save_permissions(broker.pk, [WritePermission("/", "bob", ".*")], None, NOON)
    assert not found(), "the first ones"
    store.save_permissions(broker.pk, [bob], {"bob": ["management"]}, after(30))
    assert not found(), "configure and read, and the users, were not read before"
    store.save_permissions(broker.pk, [msgspec.structs.replace(bob, write="^shop")], {"bob": [], "eve": ["administrator"]}, after(60))
    assert [(change.kind, change.what, change.name, change.text) for change in found()] == [
        ("permission", "changed", "bob", "Permissions of user bob on / changed: write ^shop instead of .*"),
        ("user", "added", "eve", "User eve added, with the tags administrator"),
        ("user", "changed", "bob", "User bob has no tags any more, before management"),
    ]
    assert one(kind="permission").after == {"configure": ".*", "write": "^shop", "read": ""}
    store.save_permissions(broker.pk, [], {"bob": [], "eve": ["administrator"]}, after(70), {"eve": True, "bob": False})
    assert [change.text for change in found()][-2:] == ["User bob has no password", "User eve has another password"]
    store.save_permissions(broker.pk, None, None, after(90))
    store.save_permissions(broker.pk, [], {}, after(120))
    assert len(found()) == 6, "what could not be read in between is not compared"


def test_nothing_in_a_virtual_host_of_the_lab_is_a_change() -> None:
    broker, lab = a_broker(), "hareline.7f3a.lab.1"
    polls(broker, [], *([a_queue("mail", vhost=lab, consumers=count, ready=0, unacknowledged=0)] for count in (0, 2)))
    store.save_permissions(broker.pk, [], None, NOON)
    store.save_permissions(broker.pk, [WritePermission(lab, "bob", ".*", None, ".*", ".*")], None, after(30))
    assert not found()


def bound(broker: Broker, key: str, seconds: float) -> None:
    store.save_topology(broker.pk, {"/": a_topology(("orders", key, "mail"))}, None, None, None, after(seconds))


def act(broker: Broker, who: str, seconds: float, what: str = "added") -> None:
    store.note_definition_events(broker.pk, "/", after(seconds), actors=[Actor("binding", what, "/", "orders → mail", who)])


@pytest.mark.parametrize("event_first", [True, False])
def test_who_changed_it_is_known_whichever_comes_first_the_event_or_the_poll(event_first: bool) -> None:
    broker = a_broker()
    bound(broker, "a", 0)
    for step in (lambda: act(broker, "ann", 29), lambda: bound(broker, "b", 30))[:: 1 if event_first else -1]:
        step()
    assert {change.what: change.who for change in found(kind="binding")} == {"added": "ann", "gone": None}


def test_of_two_users_neither_is_named_and_old_events_are_of_other_changes() -> None:
    broker = a_broker()
    bound(broker, "a", 0)
    for who, seconds in (("ann", 28), ("bob", 29)):
        act(broker, who, seconds)
    act(broker, "eve", 29, "gone")
    bound(broker, "b", 30)
    assert {change.what: change.who for change in found(kind="binding")} == {"added": None, "gone": "eve"}
    bound(broker, "c", 300)
    assert [change.who for change in found(at=after(300))] == [None, None]
    act(broker, "ann", 3000)
    assert DefinitionActor.objects.count() == 1, "they are kept for some minutes"


def test_starts_are_recorded_with_the_names_of_settings_that_are_others() -> None:
    broker = a_broker()
    store.installation_id(NOON)
    for seconds, settings in ((0, {"HARELINE_LAB": "1"}), (60, {"HARELINE_LAB": "2"})):
        store.note_start([broker], "0.1", settings, after(seconds))
    assert [change.text for change in found(kind="hareline")] == [
        "Hareline 0.1 began to watch prod",
        "Hareline 0.1 began to watch prod",
        "Settings of Hareline changed: HARELINE_LAB changed",
    ]
