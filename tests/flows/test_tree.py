"""The tasks of a root as one tree: recorded workflows, forged ids, tasks that are missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.flows.tree import BY_MESSAGE, BY_PLACE, BY_UNLOCK, Member, Tree, grown, relation
from tests.flows.recorded import logged, members, recording, root_of, tries
from workers.canvas import ACCUMULATE, UNLOCK, Unlock, unlock_of

RECORDED = [(name, which) for name in ("joined_by_header", "joined_by_unlock") for which in recording(name)["started"] if root_of(name, which) != "u69"]
"""All but a group that a program started: its tasks are roots of their own."""


def whole(name: str, which: str) -> Tree:
    return grown(root_of(name, which), members(name, which))


@pytest.mark.parametrize(("name", "which"), RECORDED)
def test_a_recorded_tree_is_the_one_that_the_tasks_wrote_themselves(name: str, which: str) -> None:
    tree = whole(name, which)
    lines = tries(logged(name, tree.root))
    assert set(tree.members) == set(lines)
    assert (tree.missing, tree.looped) == ([], [])
    for uuid, runs in lines.items():
        assert tree.parents.get(uuid) == runs[0].get("parent"), uuid  # a retry, and what a task replaced itself with, name others
        assert tree.members[uuid].name == ("celery.chord_unlock" if runs[0]["name"] == "chord_unlock" else runs[0]["name"])
        assert [each.rpartition(".")[2] for each in tree.members[uuid].others] == [each["name"] for each in runs[1:] if each["name"] != runs[0]["name"]]


@pytest.mark.parametrize(("name", "which"), RECORDED)
def test_what_is_certain_of_groups_and_chords_agrees_with_what_the_tasks_wrote(name: str, which: str) -> None:
    tree = whole(name, which)
    lines = {uuid: runs[0] for uuid, runs in tries(logged(name, tree.root)).items()}
    for group in tree.groups:
        if group.source:
            last = [tail for chord in tree.chords if chord.source and tree.members[chord.unlock].unlock.group == group.id for tail in chord.tails]  # type: ignore[union-attr]
            assert {lines[uuid]["group"] for uuid in last} == {group.id}
    for chord in tree.chords:
        assert {lines[uuid]["body"] for uuid in chord.tails} <= {chord.body}
        assert not chord.tails or len(chord.tails) == chord.wanted


def shape(tree: Tree) -> list[tuple[str, int]]:
    return [(tree.members[chord.then].name if chord.then else "", len(chord.tails)) for chord in tree.chords]


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        ("chain_chord", [("total", 2)]),
        ("in-chord", [("total", 3)]),
        ("replace_group", [("total", 2)]),
        ("chord", [("total", 0)]),  # started by a program, so that each header task is a root of its own
        ("chain", []),
        ("calls", []),
    ],
)
def test_a_chord_is_found_by_the_task_that_waits_for_its_header(which: str, expected: list[tuple[str, int]]) -> None:
    assert shape(whole("joined_by_unlock", which)) == expected


def test_without_such_a_task_children_of_one_parent_only_may_be_a_group() -> None:
    tree = whole("joined_by_header", "chord")
    assert tree.chords == []
    assert [(len(group.tasks), group.source) for group in tree.groups] == [(3, "")]


def test_what_replaced_a_task_is_tied_to_it() -> None:
    tree = whole("joined_by_header", "replace_group")
    (swapped,) = [one for one in tree.tasks() if one.others]
    assert (swapped.name, swapped.others) == ("swap_group", (ACCUMULATE,))
    assert len(tree.children[swapped.uuid]) == 3


def test_messages_make_a_chord_certain_and_its_body_a_chain() -> None:
    header = [Member(f"h{number}", number + 1, "leaf", parent="a", group="g", body="end") for number in range(2)]
    tree = grown("a", [Member("a"), *header, Member("then", 3, "total", parent="h1"), Member("end", 4, "outer", parent="then")])
    (chord,) = tree.chords
    assert (chord.tails, chord.then, chord.source) == (("h0", "h1"), "then", BY_MESSAGE)
    assert [(group.tasks, group.id, group.source) for group in tree.groups] == [(("h0", "h1"), "g", BY_MESSAGE)]
    assert [relation(tree, key) for key in ("a", "h0", "then", "end")] == ["root", "chord header", "chord body", "chord body"]


def test_the_header_of_a_large_chord_is_tied_by_its_place_where_its_number_was_cut() -> None:
    at = datetime(2026, 11, 30, tzinfo=UTC)
    cut = "{'interval': None, 'max_retries': None, 'result': [" + "((...), None), " * 60 + "((...), ..."
    unlock = unlock_of("('g', {'task': 'total', 'args': (), 'options': {'task_id': 'b'}})", cut)
    assert unlock == Unlock("g", "b", "total", None, 60)
    waits = Member("u", 1, UNLOCK, parent="a", sent_at=at, unlock=unlock)
    header = [Member(f"h{number}", 2 + number, "leaf", parent="a", sent_at=at + timedelta(seconds=1)) for number in range(90)]
    before = Member("before", 100, "leaf", parent="a", sent_at=at - timedelta(seconds=1))
    tree = grown("a", [Member("a"), waits, *header, before, Member("b", 101, "total", parent="u")])
    (chord,) = tree.chords
    assert (len(chord.tails), chord.wanted, chord.then, chord.source) == (90, None, "b", BY_PLACE)
    assert [(len(group.tasks), group.source) for group in tree.groups] == [(91, "")]
    assert (relation(tree, "h0"), relation(tree, "before"), relation(tree, "b")) == ("chord header", "", "chord body")
    few = grown("a", [Member("a"), waits, *header[:50], Member("b", 101, "total", parent="u")])
    assert few.chords[0].tails == ()  # fewer than could be read, so that others are missing


def test_two_chords_of_one_parent_whose_headers_can_not_be_told_apart_have_none() -> None:
    unlocks = [Member(f"u{number}", number + 1, UNLOCK, parent="a", unlock=Unlock(f"g{number}", f"b{number}", "total", 2)) for number in range(2)]
    tree = grown("a", [Member("a"), *unlocks, *(Member(f"h{number}", 5 + number, "leaf", parent="a") for number in range(4))])
    assert [(chord.tails, chord.wanted, chord.source) for chord in tree.chords] == [((), 2, BY_UNLOCK)] * 2
    assert [group.source for group in tree.groups] == [""]


@pytest.mark.parametrize(
    ("given_tasks", "top", "missing", "looped"),
    [
        ([], [], [], []),
        ([("a", None)], ["a"], [], []),
        ([("a", "a")], ["a"], [], []),
        ([("b", "a"), ("c", "b")], ["a"], ["a"], []),  # the root is not kept
        ([("a", None), ("c", "b")], ["a"], ["b"], []),
        ([("a", "b"), ("b", "a")], ["a"], [], []),  # whatever it names, the root is the root
        ([("a", None), ("b", "c"), ("c", "b")], ["a"], [], ["b"]),
        ([("a", None), ("b", "b")], ["a", "b"], [], []),
        ([("b", "c"), ("c", "b")], ["b"], [], ["b"]),
    ],
)
def test_missing_parents_and_cycles(given_tasks: list[tuple[str, str | None]], top: list[str], missing: list[str], looped: list[str]) -> None:
    tree = grown("a", [Member(uuid, order, parent=parent) for order, (uuid, parent) in enumerate(given_tasks)])
    assert (tree.top, tree.missing, tree.looped) == (top, missing, looped)


IDS = st.sampled_from([f"t{number}" for number in range(12)])
MAYBE = st.none() | IDS


@st.composite
def forged(draw: st.DrawFn) -> list[Member]:
    """Tasks with any parents, groups, bodies and arguments, cycles among them."""
    found = []
    for order, uuid in enumerate(draw(st.lists(IDS, unique=True, max_size=12))):
        unlock = draw(st.none() | st.builds(Unlock, IDS, IDS, st.just("total"), st.none() | st.integers(0, 4)))
        facts: dict[str, Any] = {"parent": draw(MAYBE), "group": draw(MAYBE), "body": draw(MAYBE), "unlock": unlock}
        found.append(Member(uuid, order, UNLOCK if unlock else draw(st.sampled_from(["leaf", "step"])), **facts))
    return found


@given(forged(), IDS)
def test_any_set_of_tasks_is_a_tree_with_each_once(tasks: list[Member], root: str) -> None:
    tree = grown(root, tasks)
    seen, left = [], list(tree.top)
    while left:
        key = left.pop()
        seen.append(key)
        left += tree.children.get(key, ())
    assert sorted(seen) == sorted({*tree.members, *tree.missing})
    assert set(tree.members) == {one.uuid for one in tasks}
    assert {key for chord in tree.chords for key in chord.tails} <= set(tree.members)
