"""What differs between two virtual hosts, and definitions in RabbitMQ's own format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.comparison import ADDED, DIFFERENT, MISSING, Difference, compared, of_export
from brokers.definitions_format import exported, without_own
from brokers.figure_comparison import COLUMNS, FigureRow, ordered, side_by_side
from brokers.routing.fields import InvalidQuestion
from brokers.topology import BindingDefinition, ExchangeDefinition, PolicyDefinition, QueueDefinition, Topology
from tests.brokers.facts import NOON, a_topology

FIELD = Path(__file__).parents[1] / "cases" / "field"
NAMES = st.sampled_from(["mail", "audit", "ü", "a/b", "hareline.events.x", "amq.gen-1"])
EXCHANGES = st.sampled_from(["orders", "ü", "a/b", "hareline.x"])
VALUES = st.one_of(st.booleans(), st.integers(0, 3), st.floats(0, 3), st.sampled_from(["1", "drop-head"]))
ARGUMENTS = st.dictionaries(st.sampled_from(["x-max-length", "x-message-ttl", "x-overflow"]), VALUES, max_size=2)
POLICIES = st.builds(PolicyDefinition, NAMES, st.just("^m"), st.just("queues"), st.integers(0, 2), ARGUMENTS, st.booleans())


@st.composite
def topologies(draw: st.DrawFn) -> Topology:
    exchanges = draw(st.lists(st.builds(ExchangeDefinition, EXCHANGES, st.sampled_from(["topic", "fanout"]), st.booleans()), unique_by=lambda one: one.name))
    queues = draw(
        st.lists(
            st.builds(QueueDefinition, NAMES, st.sampled_from(["classic", "quorum"]), st.booleans(), st.booleans(), st.booleans(), ARGUMENTS),
            unique_by=lambda one: one.name,
        )
    )
    sources = [one.name for one in exchanges] or ["amq.topic"]
    names = [one.name for one in queues] or ["mail"]
    bindings = draw(
        st.lists(
            st.builds(BindingDefinition, st.sampled_from(sources), st.sampled_from(names), st.just("queue"), st.sampled_from(["", "k.*"]), ARGUMENTS),
            max_size=4,
        )
    )
    policies = draw(st.lists(POLICIES, max_size=3, unique_by=lambda one: (one.name, one.operator)))
    return Topology("/", tuple(exchanges), tuple(queues), tuple(bindings), tuple(policies))


def differences(before: Topology, after: Topology) -> list[tuple[str, str, str]]:
    return [(one.what, one.kind, one.name) for one in compared([before], [after]).differences]


@given(topologies())
def test_nothing_differs_from_itself_nor_from_its_own_export(topology: Topology) -> None:
    assert compared([topology], [topology]).differences == ()
    for whole_broker in (False, True):
        definitions = msgspec.json.decode(msgspec.json.encode(exported([topology], "4.0.5", NOON, whole_broker=whole_broker)))
        if any(one.source == "amq.topic" for one in topology.bindings) and not topology.queues:
            continue  # a binding without its queue, which an import drops
        found, notes = of_export(definitions, "/")
        assert (compared([topology], found, as_one=True).differences, notes) == ((), [])


@given(topologies(), topologies())
def test_the_other_direction_has_the_same_differences_turned_round(one: Topology, other: Topology) -> None:
    turned = {ADDED: MISSING, MISSING: ADDED, DIFFERENT: DIFFERENT}
    there, back = compared([one], [other]), compared([other], [one])
    assert sorted((turned[each.what], each.kind, each.name) for each in there.differences) == sorted(
        (each.what, each.kind, each.name) for each in back.differences
    )
    assert there.counts()[ADDED] == back.counts()[MISSING]
    objects = [(found.before or found.after or {}) for found in there.differences if "policy" not in found.kind]
    assert not [one for one in objects if str(one.get("name") or one.get("destination")).startswith("hareline.")]


@given(topologies(), topologies())
def test_what_is_different_has_keys_that_differ_and_what_is_on_one_side_has_none(one: Topology, other: Topology) -> None:
    for found in compared([one], [other]).differences:
        assert bool(found.keys()) == (found.what == DIFFERENT)
        assert (found.before is None, found.after is None) == (found.what == ADDED, found.what == MISSING)


@pytest.mark.parametrize(
    ("was", "now", "differs"),
    [
        ({}, {}, False),
        ({"x-max-length": 5}, {"x-max-length": 5}, False),
        ({"x-max-length": 5}, {"x-max-length": 6}, True),
        ({"x-max-length": 1}, {"x-max-length": True}, True),
        ({"x-max-length": 1}, {"x-max-length": 1.0}, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, False),
        ({"x-queue-type": "classic"}, {}, False),
        ({"x-queue-type": "quorum"}, {}, True),
    ],
)
def test_arguments_of_queues(was: dict[str, Any], now: dict[str, Any], differs: bool) -> None:
    before, after = (Topology("/", queues=(QueueDefinition("mail", "classic", arguments=arguments),)) for arguments in (was, now))
    assert differences(before, after) == ([(DIFFERENT, "queue", "mail")] if differs else [])


def test_a_queue_whose_settings_were_not_read_yet_is_not_said_to_differ() -> None:
    before, after = Topology("/", queues=(QueueDefinition("mail"),)), Topology("/", queues=(QueueDefinition("mail", "quorum", arguments={"x-max-length": 5}),))
    found = compared([before], [after])
    assert (found.differences, found.unknown) == ((), 1)


def test_a_binding_with_another_key_is_another_binding() -> None:
    assert differences(a_topology(("orders", "new", "mail")), a_topology(("orders", "paid", "mail"))) == [
        (MISSING, "binding", "orders → mail (key new)"),
        (ADDED, "binding", "orders → mail (key paid)"),
    ]


def test_an_operator_policy_and_a_policy_of_the_same_name_are_two() -> None:
    def one(most: int, *, operator: bool) -> Topology:
        return Topology(
            "/",
            policies=(PolicyDefinition("cap", "", "queues", 0, {"max-length": 5}), PolicyDefinition("cap", "", "queues", 0, {"max-length": most}, operator)),
        )

    found = compared([one(1, operator=True)], [one(2, operator=True)]).differences
    assert [(each.kind, each.keys()) for each in found] == [("operator_policy", ["definition.max-length"])]


def test_virtual_hosts_are_compared_by_name_unless_there_is_one_on_each_side() -> None:
    staging, production = a_topology(("orders", "a", "mail"), vhost="staging"), a_topology(("orders", "a", "mail"), vhost="production")
    assert compared([staging], [production], as_one=True).differences == ()
    found = compared([staging], [production]).differences
    assert [(one.what, one.name) for one in found if one.kind == "vhost"] == [(ADDED, "production"), (MISSING, "staging")]
    assert len(found) == 8


def test_temporary_objects_predeclared_exchanges_and_our_own_are_left_out() -> None:
    noise = Topology(
        "/",
        (ExchangeDefinition("", "direct"), ExchangeDefinition("amq.topic", "topic"), ExchangeDefinition("reply", "fanout", auto_delete=True)),
        (
            QueueDefinition("hareline.events", "classic"),
            QueueDefinition("gone", "classic", exclusive=True),
            QueueDefinition("short", "classic", auto_delete=True),
        ),
        tuple(BindingDefinition(*pair, "queue", "k") for pair in (("", "gone"), ("amq.topic", "hareline.events"), ("amq.topic", "short"), ("reply", "gone"))),
    )
    assert differences(Topology("/"), noise) == []


def test_a_binding_of_a_predeclared_exchange_counts() -> None:
    one = Topology("/", queues=(QueueDefinition("mail", "classic"),), bindings=(BindingDefinition("amq.topic", "mail", "queue", "k"),))
    assert without_own(one).bindings == one.bindings


@pytest.mark.parametrize("path", sorted(FIELD.glob("d*.json")), ids=lambda path: path.stem)
def test_definitions_from_the_field_are_read_and_no_address_in_them_is_shown(path: Path) -> None:
    definitions = json.loads(path.read_text(encoding="utf-8"))
    found, notes = of_export(definitions)
    assert compared(found, found).differences == ()
    shown = repr(compared([], found)) + repr(notes) + repr(exported(found, "", NOON, whole_broker=True))
    assert compared([], found).differences
    assert "SECRET" not in shown and "amqp://" not in shown


def test_operator_policies_among_the_parameters_are_compared() -> None:
    found, _ = of_export(json.loads((FIELD / "d08-4.0-export-pairs-secrets.json").read_text(encoding="utf-8")))
    (capped,) = [one for one in compared([], found).differences if one.kind == "operator_policy"]
    assert capped.after == {"name": "capped", "pattern": "^work", "apply-to": "queues", "priority": 0, "definition": {"max-length": 5000}}


@pytest.mark.parametrize("definitions", [None, [], {}, {"queues": 5}, {"queues": [{"name": 5}]}, {"queues": [{}]}, {"exchanges": [{"name": "a"}]}])
def test_what_is_no_export_is_refused(definitions: Any) -> None:
    with pytest.raises(InvalidQuestion):
        of_export(definitions)


def test_lines_have_the_settings_of_both_sides() -> None:
    one = Difference(DIFFERENT, "policy", "/", "p", {"pattern": "a", "definition": {"max-length": 5}}, {"pattern": "a", "definition": {"message-ttl": 7}})
    assert [(line.key, line.before, line.after, line.differs) for line in one.lines()] == [
        ("pattern", '"a"', '"a"', False),
        ("definition.max-length", "5", "", True),
        ("definition.message-ttl", "", "7", True),
    ]


def numbers(depth: float | None) -> tuple[float | None, ...]:
    return (depth, depth, 0, 1, 0.5, None, 0.0)


def test_figures_are_side_by_side_and_sorted_by_the_size_of_the_difference() -> None:
    before = {("/", "a"): numbers(10), ("/", "b"): numbers(5), ("/", "gone"): numbers(3), ("/", "c"): numbers(None)}
    after = {("/", "a"): numbers(11), ("/", "b"): numbers(0), ("/", "new"): numbers(7), ("/", "c"): numbers(2)}
    rows = side_by_side(before, after)
    assert [(row.name, row.difference("depth")) for row in ordered(rows, "-depth")] == [("b", -5), ("a", 1), ("c", None), ("gone", None), ("new", None)]
    assert [row.name for row in ordered(rows, "depth")] == ["a", "b", "c", "gone", "new"]
    assert [row.name for row in ordered(rows, "-name")][:2] == ["new", "gone"]
    assert all(row.difference("deliver_per_second") is None for row in rows)
    with pytest.raises(ValueError, match="allowed"):
        ordered(rows, "password")


def test_queues_of_two_virtual_hosts_belong_together_by_name() -> None:
    rows = side_by_side({("staging", "mail"): numbers(1)}, {("production", "mail"): numbers(4)}, as_one=True)
    assert [(row.vhost, row.name, row.difference("depth")) for row in rows] == [("staging", "mail", 3)]
    assert rows[0].as_json()["difference"] == dict(zip(COLUMNS, (3, 3, 0, 0, 0.0, None, 0.0), strict=True))
    assert FigureRow("/", "a", numbers(1), None).as_json()["after"] is None
