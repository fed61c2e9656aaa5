"""What stands in each box of a drawn workflow, and in each line of its list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from django.urls import reverse

from dashboard.flows import folded
from dashboard.flows.folded import Box
from dashboard.flows.layout import BAR
from dashboard.flows.text import WORST_FIRST, long, name_of, ran_for, states_text, waited_for
from dashboard.flows.tree import Member, Tree, relation
from dashboard.layout import formatting
from dashboard.layout.cells import shortened
from dashboard.tasks import states

NAME_CELLS, WORDS_CELLS = 20, 28
AFTER_NAMED = 3


class BoxText(msgspec.Struct):
    """`words` and `more` are the second and the third line of the box, `details` what the list adds; `wait` and `run` are widths in the drawing, `run_x` where
    the second begins."""

    key: str
    title: str
    name: str
    words: str
    more: str
    line: str
    state: states.State | None
    url: str = ""
    role: str = ""
    after: str = ""
    details: list[str] = []
    wait: str = ""
    run: str = ""
    run_x: str = ""
    critical: bool = False
    whole: str = ""


def box_texts(boxes: Sequence[Box], tree: Tree, critical: Sequence[str], now: datetime) -> dict[str, BoxText]:
    """The text of each box by its key."""
    longest = max((_total(one, now) for one in tree.tasks()), default=timedelta()) or timedelta(seconds=1)
    titles = {box.key: _title(box, tree) for box in boxes}
    path = set(critical)
    found = {}
    for box in boxes:
        text = _of_task(box, tree.members[box.key], tree, longest, now) if box.kind == folded.TASK else _of_many(box, tree, now)
        text.title = titles[box.key]
        text.name = shortened(text.title, NAME_CELLS)
        text.after = formatting.listed([titles[key] for key in box.before], AFTER_NAMED)
        text.critical = not path.isdisjoint(box.tasks)
        text.whole = "; ".join(part for part in (text.title, text.role, text.words, *text.details) if part)
        text.words, text.more = shortened(text.words, WORDS_CELLS), shortened(text.more, WORDS_CELLS)
        found[box.key] = text
    return found


def _title(box: Box, tree: Tree) -> str:
    if box.kind == folded.TASK:
        return name_of(tree.members[box.key])
    number = formatting.number(len(box.tasks))
    if box.kind == folded.MANY:
        return f"{name_of(tree.members[box.key])} × {number}"
    if box.kind == folded.MISSING:
        return "task not known" if len(box.tasks) == 1 else f"{number} tasks not known"
    return f"{number} tasks between" if box.kind == folded.BETWEEN else f"{number} more tasks"


def _of_task(box: Box, one: Member, tree: Tree, longest: timedelta, now: datetime) -> BoxText:
    state = states.STATES.get(one.state, states.STATES[states.UNKNOWN])
    ran, waited = ran_for(one, now), waited_for(one, now)
    role = relation(tree, box.key)
    words, line = (state.word, "") if ran is None else (f"{state.word}, {long(ran)}", f"ran {long(ran)}")
    retries = formatting.count(one.retries, "retry", "retries") if one.retries else ""
    details = [f"waited {long(waited)}"] if waited is not None else []
    details += [retries] if retries else []
    details += [f"replaced itself with {formatting.listed(one.others)}"] if one.others else []
    details += [f"on {one.worker}"] if one.worker else []
    details += [f"stamped {name}={value}" for name, value in one.stamps.items()]
    more = ", ".join(part for part in (role, retries, "replaced itself" if one.others else "") if part)
    wait = round(BAR * (waited or timedelta()) / longest)
    run = max(round(BAR * (ran or timedelta()) / longest), 2 if ran is not None else 0)
    return BoxText(
        box.key, "", "", words, more, line, state, reverse("task", args=[one.order]), role, "", details, str(wait), str(min(run, BAR - wait)), str(8 + wait)
    )


def _total(one: Member, now: datetime) -> timedelta:
    return (waited_for(one, now) or timedelta()) + (ran_for(one, now) or timedelta())


def _of_many(box: Box, tree: Tree, now: datetime) -> BoxText:
    known = [tree.members[key] for key in box.tasks if key in tree.members]
    if not known:
        words = "not kept or never seen"
        return BoxText(box.key, "", "", words, "", words, states.STATES[states.UNKNOWN], details=[f"id {key}" for key in box.tasks[:AFTER_NAMED]])
    counted = Counter(one.state for one in known)
    line = states_text(counted.items())
    worst = min(counted, key=lambda state: WORST_FIRST.index(state) if state in WORST_FIRST else -1)
    details = [f"slowest {long(slowest)}"] if (slowest := max((ran for one in known if (ran := ran_for(one, now)) is not None), default=None)) else []
    if box.kind != folded.MANY:
        names = list(dict.fromkeys(name_of(one) for one in known))
        details.append(formatting.listed(names))
    return BoxText(box.key, "", "", line, details[0] if details else "", line, states.STATES.get(worst), details=details)
