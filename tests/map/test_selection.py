"""What of a graph is shown: neighbours, at most so many nodes, and groups as one node."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.map.folding import Group, alike, contracted, machinery, stands_for
from dashboard.map.graph import Edge, Graph, Key, Node
from dashboard.map.selection import distances, most_important, part_of

links = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")), max_size=12)


def graph(*pairs: tuple[str, str], kinds: dict[str, str] | None = None, own: dict[str, str] | None = None) -> Graph:
    """Nodes that are called as their ids, with an edge for each pair; queues unless `kinds` has another kind."""
    found = Graph()
    for name in dict.fromkeys(name for pair in pairs for name in pair):
        found.add(Node(name, (kinds or {}).get(name, "queue"), name, "/", 1, own=(own or {}).get(name, "")))
    for source, target in pairs:
        found.connect(Edge(source, target, "binding", [])).keys.append(Key(""))
    return found


@given(links, st.integers(0, 5))
def test_what_is_shown_around_a_focus_is_connected_with_it_and_no_farther(pairs: list[tuple[str, str]], hops: int) -> None:
    found = distances(graph(*pairs), "a", hops)
    for node, distance in found.items():
        assert distance <= hops
        assert distance == 0 or any({node, other} in ({*pair},) for pair in pairs for other in found if found[other] == distance - 1)


def test_what_everything_is_connected_with_leads_no_farther_unless_it_is_looked_at() -> None:
    wide = graph(("hub", "a"), ("hub", "b"))
    assert distances(wide, ["a"], 3, {"hub"}) == {"a": 0, "hub": 1}
    assert distances(wide, ["hub"], 3, {"hub"}) == {"hub": 0, "a": 1, "b": 1}


def test_a_part_has_the_edges_within_it_once() -> None:
    found = part_of(graph(("a", "b"), ("b", "b"), ("b", "c")), ["a", "b"])
    assert (set(found.nodes), set(found.edges)) == ({"a", "b"}, {("a", "b", "binding"), ("b", "b", "binding")})


@given(links, st.sets(st.sampled_from("abcdef")))
def test_without_some_nodes_the_others_and_the_edges_between_them_are_left(pairs: list[tuple[str, str]], ids: set[str]) -> None:
    whole = graph(*pairs)
    left = graph(*(pair for pair in pairs if not ids & {*pair}))
    found = whole.without(ids & whole.nodes.keys())
    assert found.nodes.keys() == whole.nodes.keys() - ids and found.edges.keys() == left.edges.keys()
    assert {one: sorted(edge.key for edge in found.of(one)) for one in whole.nodes} == {one: sorted(edge.key for edge in left.of(one)) for one in whole.nodes}
    assert whole.edges.keys() == graph(*pairs).edges.keys(), "it stays as it was"


def test_of_too_many_the_most_important_are_shown_with_what_they_are_connected_with() -> None:
    many = graph(*((f"x{number}", f"q{number}") for number in range(50)))
    by_name = sorted(many.nodes)
    assert most_important(many, ["q7", *by_name], most=2) == ["q7", "x7"]
    assert len(most_important(many, by_name, ["q9"], most=10)) == 10
    assert most_important(many, by_name, ["q9"], most=10)[0] == "q9"


def test_objects_are_folded_where_names_and_connections_are_alike() -> None:
    pairs = [("tenants", f"tenant-{number}") for number in range(5)] + [("tenants", "mail"), ("odd", "tenant-9")]
    found = alike(graph(*pairs, kinds={"tenants": "exchange", "odd": "exchange"}))
    assert {found[f"tenant-{number}"].name for number in range(5)} == {"tenant-*"}
    assert len(found) == 5


def test_numbers_at_the_end_of_a_word_are_alike_and_different_words_are_not() -> None:
    names = [*(f"q{number}" for number in (7, 17, 170, 2999)), *(f"customers{number}" for number in range(9, 13))]
    found = alike(graph(*(("hub", name) for name in names), kinds={"hub": "exchange"}))
    assert {name: fold.name for name, fold in found.items()} == {name: "q*" if name[0] == "q" else "customers*" for name in names}


def test_words_are_folded_only_where_they_are_many_and_what_is_opened_is_not() -> None:
    few = [("orders", f"orders.{word}") for word in ("eu", "us", "ch", "at")]
    many = [("orders", f"orders.{letter}x") for letter in "abcdefghij"]
    assert alike(graph(*few, kinds={"orders": "exchange"})) == {}
    found = alike(graph(*many, kinds={"orders": "exchange"}))
    assert {fold.name for fold in found.values()} == {"orders.*"} and len(found) == 10
    fold = next(iter(found.values()))
    assert alike(graph(*many, kinds={"orders": "exchange"}), {fold.id}) == {}


def test_a_fold_keeps_its_id_when_members_come_and_go() -> None:
    def fold_of(names: range) -> set[str]:
        return {fold.id for fold in alike(graph(*((f"x{0}", f"job-{number}") for number in names), kinds={"x0": "exchange"})).values()}

    assert fold_of(range(5)) == fold_of(range(2, 9)) != set()


def test_the_edges_of_a_group_are_one_edge_for_each_end_with_all_keys() -> None:
    whole = graph(("x", "a"), ("x", "b"), ("a", "b"), own={"a": "events", "b": "events"})
    found = contracted(whole, stands_for(whole, machinery))
    fold = next(node for node in found.nodes.values() if node.kind == "fold")
    assert isinstance(fold.facts, Group) and set(fold.facts.members) == {"a", "b"}
    assert [(edge.source, edge.target, len(edge.keys)) for edge in found.edges.values()] == [("x", fold.id, 2)]


@given(links)
def test_contracting_loses_no_edge_but_those_within_a_group(pairs: list[tuple[str, str]]) -> None:
    whole = graph(*pairs)
    fold = Node("fold", "fold", "abc", "/", 1)
    group = {one: fold for one in "abc" if one in whole.nodes}
    found = contracted(whole, group)
    ends = {(("fold" if source in group else source), ("fold" if target in group else target)) for source, target in pairs}
    assert {(edge.source, edge.target) for edge in found.edges.values()} == ends - {("fold", "fold")}


@pytest.mark.parametrize("hops", [0, 1])
def test_a_focus_that_is_not_there_shows_nothing(hops: int) -> None:
    assert distances(graph(("a", "b")), ["nothing"], hops) == {}
