"""An entry of task_routes that matches no task that any worker knows: renamed, mistyped, or left over."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from dashboard.findings import drifted
from dashboard.findings.drift import Drift
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting

KEY = "route_unmatched"
NAME = "Route that matches no task"
ABOUT = "An entry of task_routes matches no task that a worker of the virtual host has registered."
NEEDS = ()
THRESHOLDS = ()
OPENS_AFTER, OPENS_TEXT = drifted.OPENS_AFTER, drifted.OPENS_TEXT
CLEARS_AFTER = timedelta(0)


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    yield from drifted.unknown(facts)
    for one in drifted.drifts("route unmatched", KEY, facts, thresholds):
        yield _found(one)


def _found(one: Drift) -> Found:
    evidence = [Evidence("Reported by", formatting.listed(list(one.workers)), one.at, "setting task_routes")]
    causes = [Cause("The task was renamed or removed, or only producers without a worker here send it.")]
    if one.near:
        evidence.append(Evidence("Nearest task", one.near, one.at))
        causes.insert(0, Cause("The entry is mistyped, so that the task goes to the default queue.", f"nearly matches {one.near}"))
    return Found(
        KEY,
        Object("task", one.name, one.vhost),
        "warning" if one.near else "notice",
        "is in task_routes and matches no known task",
        title=f"The route {one.name} matches no known task",
        meaning="Tasks that it was meant for go to the default queue." if one.near else "It has no effect.",
        evidence=evidence,
        causes=causes,
        to_do=["Correct the entry, or remove it. The page Why shows where a task goes."],
        links=[Link("Where a task goes", "why"), Link("Worker nodes", "workers")],
        clears="when a worker has a task of that name, or no configuration has the entry",
    )
