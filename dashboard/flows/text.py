"""Sentences about a workflow. Pure but for the words of states."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from dashboard.flows.critical import CriticalPath
from dashboard.flows.tree import BY_PLACE, Member, Tree, unknown_headers
from dashboard.layout import formatting
from dashboard.tasks.row import runtime_text
from dashboard.tasks.states import STATES
from workers.queries import FlowRows

WORST_FIRST = ("FAILURE", "UNKNOWN", "REJECTED", "REVOKED", "RETRY", "STARTED", "RECEIVED", "PENDING", "SUCCESS")
WAITING = ("PENDING", "RECEIVED", "RETRY")
NAMES_SHOWN = 8


def name_of(one: Member) -> str:
    return one.name or "name unknown"


def ran_for(one: Member, now: datetime) -> timedelta | None:
    """How long its last try ran, as its worker reported or by its events; of one that runs, until now; None where that is unknown."""
    if one.runtime_seconds is not None:
        return timedelta(seconds=one.runtime_seconds)
    if one.started_at is None:
        return None
    end = one.ended_at or (now if one.state == "STARTED" else None)
    return end - one.started_at if end is not None and end >= one.started_at else None


def waited_for(one: Member, now: datetime) -> timedelta | None:
    """How long it waited before its last try began; None where that is unknown."""
    if one.first_at is None:
        return None
    end = one.started_at or (now if one.state in WAITING else None)
    return None if end is None else max(end - one.first_at, timedelta())


def long(length: timedelta | None) -> str:
    return runtime_text(None if length is None else length.total_seconds())


def states_text(states: Iterable[tuple[str, int]]) -> str:
    """How many are in each state, the worst first.

    >>> states_text([("SUCCESS", 5), ("FAILURE", 1)])
    '1 failed, 5 succeeded'
    """
    counted: Counter[str] = Counter()
    for state, count in states:
        counted[state] += count
    order = sorted(counted, key=lambda state: WORST_FIRST.index(state) if state in WORST_FIRST else -1)
    return ", ".join(f"{formatting.number(counted[state])} {STATES[state].word if state in STATES else state.lower()}" for state in order)


def path_text(path: CriticalPath, tree: Tree) -> str:
    """The critical path in a sentence."""
    names = [name_of(tree.members[key]) for key in path.tasks]
    listed = ", then ".join(names[:NAMES_SHOWN]) + (f", then {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else "")
    took = f"{long(path.took)} {'from its beginning to its end' if path.ended else 'so far'}"
    return f"{took}: {long(path.worked)} of running, {long(path.waited)} of waiting. {listed}."


def gaps(tree: Tree, rows: FlowRows, is_whole: bool) -> list[str]:
    """Why the tree may not be complete, in sentences; [] where nothing shows that it is not. `is_whole`: the person may view all of the virtual host."""
    absent = "never seen, or no longer kept" if is_whole else "never seen, no longer kept, or not visible to you"
    found = []
    if rows.left_out:
        more = "more than " if rows.is_more else ""
        found.append(
            f"Of {more}{formatting.number(rows.total)} tasks the first {formatting.number(len(rows.tasks))} are drawn and listed; all are counted by name."
        )
    if tree.root not in tree.members:
        found.append(f"The root task was {absent}.")
    between = [key for key in tree.missing if key != tree.root]
    if between:
        below = sum(len(tree.children.get(key, ())) for key in between)
        verb = "is" if below == 1 else "are"
        parents = "a parent that was" if len(between) == 1 else f"{formatting.number(len(between))} parents that were"
        found.append(f"{formatting.count(below, 'task')} {verb} below {parents} {absent}; how many tasks are between them and the root is not known.")
    if tree.looped:
        tasks, shown = formatting.count(len(tree.looped), "task"), "it is" if len(tree.looped) == 1 else "they are"
        found.append(f"The parents of {tasks} lead back to the task itself, so {shown} shown below the root.")
    waits = sum(unknown_headers(chord, tree) or 0 for chord in tree.chords)
    if waits:
        tasks = formatting.count(waits, "task")
        found.append(
            f"celery.chord_unlock waits for {tasks} that {'is' if waits == 1 else 'are'} not tied to it here: the header of a chord that a program starts has "
            "roots of its own, and events do not name their group."
        )
    return found


def notes(tree: Tree) -> list[str]:
    """What may be, where events don't show it."""
    found = []
    if large := [chord for chord in tree.chords if chord.source == BY_PLACE]:
        tasks = formatting.count(sum(len(chord.tails) for chord in large), "task")
        found.append(
            f"{tasks} were sent by one task after celery.chord_unlock, so they are shown as what it waits for. Its events hold the beginning of that list "
            "only, so that others may be among them."
        )
    if not any(not group.source for group in tree.groups):
        return found
    return [
        *found,
        "Tasks in a dashed frame marked “may be a group” were sent by the same task. Events do not name groups and chords; they are certain only "
        "where celery.chord_unlock ran or Hareline has seen the messages.",
    ]
