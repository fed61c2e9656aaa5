"""A workflow as a few boxes: one a task, or one for many tasks of a name. Pure.

Each task is in exactly one box. Up to 40 tasks have a box each. Of more, tasks of one name that came after the same box are one box, and so is what came
after them; then the middle of a long chain; at last what is below the first 40 boxes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

import msgspec

from dashboard.flows.tree import Tree, preceding

MOST_BOXES = 40
FEW = 3
"""So many tasks of one name have a box each though others are folded."""
LONGEST_RUN, RUN_ENDS = 8, 2
"""Of a chain of more tasks, the first two and the last two have a box."""

TASK, MANY, BETWEEN, MORE, MISSING = "task", "many", "between", "more", "missing"


class Box(msgspec.Struct):
    """`kind`: task, many of one name, those between the ends of a chain, more of any name, or tasks of which only the id is known. `before`: the boxes of what
    came before its tasks. `above`: the one that it hangs below, "" at the top."""

    key: str
    kind: str
    tasks: tuple[str, ...]
    above: str = ""
    before: tuple[str, ...] = ()


def folded(tree: Tree) -> list[Box]:
    """The boxes, each after the one that it hangs below.

    >>> from dashboard.flows.tree import Member, grown
    >>> [(box.kind, len(box.tasks)) for box in folded(grown("a", [Member("a"), *(Member(f"b{n}", n, "mail", parent="a") for n in range(1, 101))]))]
    [('task', 1), ('many', 100)]
    """
    before = preceding(tree)
    hangs = {key: keys[len(keys) // 2] for key, keys in before.items()}
    most = FEW if len(tree.members) + len(tree.missing) > MOST_BOXES else MOST_BOXES
    boxes = _cut(_without_runs(_merged(tree, hangs, most), tree))
    at = {key: box.key for box in boxes for key in box.tasks}
    for box in boxes:
        places = (at[each] for key in box.tasks for each in before.get(key, ()))
        box.before = tuple(each for each in dict.fromkeys(places) if each != box.key)
    return boxes


def _merged(tree: Tree, hangs: Mapping[str, str], most: int) -> list[Box]:
    """More than `most` tasks of one name that hang below the same box are one box."""
    below: dict[str, list[str]] = defaultdict(list)
    for key in (*tree.members, *tree.missing):
        below[hangs.get(key, "")].append(key)
    boxes: list[Box] = []
    left: list[tuple[str, list[str]]] = [("", sorted(below[""], key=lambda key: key != tree.root))]
    at = 0
    while at < len(left):
        above, keys = left[at]
        at += 1
        named: dict[tuple[bool, str], list[str]] = defaultdict(list)
        for key in keys:
            named[key in tree.members, tree.members[key].name if key in tree.members else ""].append(key)
        for (known, _), group in named.items():
            for tasks in [group] if len(group) > most else [[key] for key in group]:
                kind = MISSING if not known else TASK if len(tasks) == 1 else MANY
                boxes.append(Box(tasks[0], kind, tuple(tasks), above))
                if following := [each for key in tasks for each in below.get(key, ())]:
                    left.append((tasks[0], following))
    return boxes


def _without_runs(boxes: list[Box], tree: Tree) -> list[Box]:
    """The middle of each long chain as one box."""
    number = Counter(box.above for box in boxes)
    known = {box.key: box for box in boxes}
    below = {box.above: box for box in boxes}
    gone: dict[str, str] = {}
    for box in boxes:
        if box.kind == MISSING or (box.above and number[box.above] == 1 and known[box.above].kind != MISSING):
            continue  # not the first of its chain
        run = [box]
        while number[run[-1].key] == 1 and below[run[-1].key].kind != MISSING:
            run.append(below[run[-1].key])
        middle = run[RUN_ENDS:-RUN_ENDS]
        if len(run) > LONGEST_RUN:
            for one in middle[1:]:
                gone[one.key] = middle[0].key
            middle[0].kind, middle[0].tasks = BETWEEN, tuple(key for one in middle for key in one.tasks)
    for box in boxes:
        box.above = gone.get(box.above, box.above)
    return [box for box in boxes if box.key not in gone]


def _cut(boxes: list[Box]) -> list[Box]:
    """The first ones, which are the nearest to the root; below each of them one with all the others there."""
    if len(boxes) <= MOST_BOXES:
        return boxes
    kept = {box.key: box.key for box in boxes[:MOST_BOXES]}  # the kept one at or above each
    more: dict[str, list[str]] = defaultdict(list)
    for box in boxes[MOST_BOXES:]:
        kept[box.key] = kept.get(box.above, "")
        more[kept[box.key]] += box.tasks
    return [*boxes[:MOST_BOXES], *(Box(f"more {above}", MORE, tuple(tasks), above) for above, tasks in more.items())]
