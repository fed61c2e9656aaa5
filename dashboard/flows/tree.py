"""The tasks of one root as a tree, and the groups and chords in it. Pure.

Events carry a task's root and its parent, nothing else. In a chain each task is the parent of the next; the tasks of a group have the task that started it.
The body of a chord has as its parent the header task that ended last, or the task `celery.chord_unlock`, depending on the result backend. So a group is certain
only by the arguments of such a task, or by messages that Hareline has seen (`workers.canvas`); else several tasks of one parent only may be one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from workers.canvas import ACCUMULATE, UNLOCK, Unlock

MOST_JOINS = 200
BY_UNLOCK, BY_MESSAGE = "the arguments of celery.chord_unlock", "messages that were seen"
BY_PLACE = "what was sent after celery.chord_unlock, whose arguments were cut"


class Member(msgspec.Struct):
    """One task of a workflow, as stored. `order`: that in which tasks were first seen. `others`: the names of what it replaced itself with."""

    uuid: str
    order: int = 0
    name: str = ""
    state: str = "PENDING"
    last_seen_state: str | None = None
    parent: str | None = None
    sent_at: datetime | None = None
    received_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    runtime_seconds: float | None = None
    retries: int = 0
    worker: str = ""
    others: tuple[str, ...] = ()
    unlock: Unlock | None = None
    group: str | None = None
    body: str | None = None  # of the chord whose header it is in
    stamps: dict[str, str] = {}

    @property
    def first_at(self) -> datetime | None:
        """When it came into being, as far as events show."""
        return min((at for at in (self.sent_at, self.received_at, self.started_at) if at is not None), default=None)

    @property
    def is_unlock(self) -> bool:
        return self.name == UNLOCK


class Group(msgspec.Struct, frozen=True):
    """Tasks that were started together. `source` is what shows it; "" where they only may be a group: one parent started them."""

    tasks: tuple[str, ...]
    id: str = ""
    source: str = ""


class Chord(msgspec.Struct, frozen=True):
    """A header and the body that ran after it. `tails`: the last task of each part of the header, of those that are known; `wanted`: how many parts it has.

    `unlock`: the task that waited for them, "" where there is none; `then`: what was started afterwards, "" before that.
    """

    tails: tuple[str, ...]
    wanted: int | None
    unlock: str
    then: str
    body: str
    body_name: str
    source: str


class Tree(msgspec.Struct):
    """`children` of each, from the top on; what is in `missing` is known by its id only, as the parent of a task. `looped`: tasks whose own parents lead back
    to them, which are put below the root."""

    root: str
    members: dict[str, Member]
    parents: dict[str, str]  # of every task but those at the top
    children: dict[str, list[str]]
    top: list[str]
    missing: list[str]
    looped: list[str]
    groups: list[Group] = []
    chords: list[Chord] = []

    def tasks(self) -> Iterator[Member]:
        return iter(self.members.values())

    def above(self, key: str) -> Iterator[str]:
        """Its parent, the parent of that, and so on."""
        while (found := self.parents.get(key)) is not None:
            yield found
            key = found


def grown(root: str, members: Iterable[Member]) -> Tree:
    """The tree. Whatever the ids are, it has each task once and no cycle.

    >>> grown("a", [Member("a"), Member("b", 1, parent="a"), Member("c", 2, parent="b")]).children
    {'a': ['b'], 'b': ['c']}
    """
    known = {one.uuid: one for one in sorted(members, key=lambda one: one.order)}
    parents = {one.uuid: one.parent for one in known.values() if one.parent and one.parent != one.uuid and one.uuid != root}
    missing = [parent for parent in dict.fromkeys(parents.values()) if parent not in known]
    looped = _cut(parents)
    has_root = root in known or root in missing
    for key in (*looped, *(each for each in missing if each != root)):
        if has_root and key != root:
            parents[key] = root
    children: dict[str, list[str]] = defaultdict(list)
    keys = [*known, *missing]
    for key in keys:
        if key in parents:
            children[parents[key]].append(key)
    top = sorted((key for key in keys if key not in parents), key=lambda key: key != root)
    tree = Tree(root, known, parents, dict(children), top, missing, looped)
    tree.chords = _chords(tree)
    tree.groups = _groups(tree)
    return tree


def _cut(parents: dict[str, str]) -> list[str]:
    """Takes the parent from one task of each cycle; these tasks."""
    safe: set[str] = set()
    found = []
    for key in list(parents):
        path: dict[str, None] = {}
        while key in parents and key not in safe and key not in path:
            path[key] = None
            key = parents[key]
        if key in path:
            del parents[key]
            found.append(key)
        safe.update(path)
    return found


def _chords(tree: Tree) -> list[Chord]:
    found: list[Chord] = []
    after: dict[str, set[str]] = defaultdict(set)
    for chord in (*_by_unlock(tree), *_by_message(tree)):
        if len(found) >= MOST_JOINS:
            break
        first = chord.unlock or chord.then
        if first and not _reached(tree, after, first).isdisjoint(chord.tails):
            continue  # forged: what comes after the header would be before it
        for tail in chord.tails:
            after[tail].add(first)
        if chord.unlock and chord.then:
            if chord.unlock in _reached(tree, after, chord.then):
                chord = msgspec.structs.replace(chord, then="")
            else:
                after[chord.unlock].add(chord.then)
        found.append(chord)
    return found


def _reached(tree: Tree, after: dict[str, set[str]], start: str) -> set[str]:
    """`start`, and what comes after it."""
    seen, left = {start}, [start]
    while left:
        key = left.pop()
        following = [each for each in (*tree.children.get(key, ()), *after.get(key, ())) if each not in seen]
        seen.update(following)
        left += following
    return seen


def _by_unlock(tree: Tree) -> Iterator[Chord]:
    """The chords whose header a task waited for. Which tasks these are is certain where their number is that of all that was started beside it. Of a large
    header its arguments don't have the number: then it is all that its parent sent after it, if these are more than the number that could be read."""
    unlocks = [(one, one.unlock) for one in tree.tasks() if one.is_unlock and one.unlock is not None]
    beside: dict[str, set[str]] = defaultdict(set)
    for one, _ in unlocks:
        beside[tree.parents.get(one.uuid, "")].add(one.uuid)
    for one, wanted in unlocks[:MOST_JOINS]:
        parent = tree.parents.get(one.uuid, "")
        seen = [each.uuid for each in tree.tasks() if each.body == wanted.body and each.group == wanted.group]
        others = [key for key in tree.children.get(parent, ()) if key not in beside[parent] and key in tree.members and key != wanted.body]
        alone = len(beside[parent]) == 1 and wanted.headers == len(others)
        after = [key for key in others if not _sent_before(tree.members[key], one)]
        by_place = bool(parent) and len(beside[parent]) == 1 and wanted.headers is None and not seen and len(after) > max(wanted.at_least, 1)
        tails = seen if len(seen) == wanted.headers or not parent else _tails(tree, others) if alone else _tails(tree, after) if by_place else seen
        then = next(iter(tree.children.get(one.uuid, ())), wanted.body if wanted.body in tree.members else "")
        yield Chord(tuple(tails), wanted.headers, one.uuid, then, wanted.body, wanted.body_name, BY_PLACE if by_place else BY_UNLOCK)


def _sent_before(one: Member, other: Member) -> bool:
    """Celery sends chord_unlock before the header; both are sent by one task, so by one clock."""
    return one.sent_at is not None and other.sent_at is not None and one.sent_at < other.sent_at


def _tails(tree: Tree, keys: Iterable[str]) -> list[str]:
    return [tail for key in keys for tail in _ends(tree, key)]


def _ends(tree: Tree, key: str) -> list[str]:
    """The last tasks below one."""
    found, left = [], [key]
    while left:
        at = left.pop()
        below = [each for each in tree.children.get(at, ()) if each in tree.members]
        left += reversed(below)
        if not below and at in tree.members:
            found.append(at)
    return found


def _by_message(tree: Tree) -> Iterator[Chord]:
    """The chords that messages name and no task waited for."""
    waited_for = {one.unlock.body for one in tree.tasks() if one.unlock is not None}
    headers: dict[str, list[str]] = defaultdict(list)
    for one in tree.tasks():
        if one.body and one.body not in waited_for:
            headers[one.body].append(one.uuid)
    for body, tails in headers.items():
        then = _entry(tree, body, set(tails))
        name = tree.members[body].name if body in tree.members else ""
        yield Chord(tuple(tails), None, "", then, body, name, BY_MESSAGE)


def _entry(tree: Tree, body: str, tails: set[str]) -> str:
    """What was started after the header, where the body is a chain whose last task has the id; "" before that."""
    if body not in tree.members:
        return ""
    above_tails = {key for tail in tails for key in tree.above(tail)}
    key = body
    for parent in tree.above(body):
        if parent in tails or parent in above_tails or parent not in tree.members:
            break
        key = parent
    return key


def _groups(tree: Tree) -> list[Group]:
    by_id: dict[str, list[str]] = defaultdict(list)
    for one in tree.tasks():
        if one.group and one.body != one.uuid:
            by_id[one.group].append(one.uuid)
    found = [Group(tuple(keys), key, BY_MESSAGE) for key, keys in by_id.items()]
    grouped = {key for keys in by_id.values() for key in keys}
    after = {key for chord in tree.chords for key in (chord.unlock, chord.then, chord.body)}
    for parent, keys in tree.children.items():
        caller = tree.members.get(parent)
        parts = [key for key in keys if key in tree.members and key not in grouped and key not in after and not tree.members[key].is_unlock]
        chord = next((each for each in tree.chords if each.unlock and each.tails and each.unlock in keys and each.wanted == len(parts)), None)
        if chord is not None and caller is not None:
            unlock = tree.members[chord.unlock].unlock
            found.append(Group(tuple(parts), unlock.group if unlock else "", BY_UNLOCK))
        elif len(parts) > 1 and parent not in tree.missing and not _replaced_by_a_group(caller):
            found.append(Group(tuple(parts)))
    return found


def _replaced_by_a_group(one: Member | None) -> bool:
    """Its children are the group, and what followed the task itself: which is which shows only by the arguments of celery.chord_unlock."""
    return one is not None and ACCUMULATE in one.others


def relation(tree: Tree, key: str) -> str:
    """The part that a task has in its workflow, "" where nothing shows one."""
    one = tree.members[key]
    if key == tree.root:
        return "root"
    if one.is_unlock:
        return "waits for the header"
    if any(key in (chord.then, chord.body) for chord in tree.chords):
        return "chord body"
    if any(key in chord.tails for chord in tree.chords):
        return "chord header"
    return "in a group" if any(key in group.tasks and group.source for group in tree.groups) else ""


def unknown_headers(chord: Chord, tree: Tree) -> int | None:
    """How many parts of a chord's header are not among the tasks; None where their number is not known."""
    return None if chord.wanted is None else max(0, chord.wanted - len(chord.tails))


def preceding(tree: Tree) -> dict[str, tuple[str, ...]]:
    """{task: what it came after}: its parent, or for what follows a chord's header all known parts of that. Without a cycle."""
    found: dict[str, tuple[str, ...]] = {key: (parent,) for key, parent in tree.parents.items()}
    for chord in tree.chords:
        first = chord.unlock or chord.then
        if chord.tails and first:
            found[first] = chord.tails
        if chord.unlock and chord.then:
            found[chord.then] = (chord.unlock,)
    return found
