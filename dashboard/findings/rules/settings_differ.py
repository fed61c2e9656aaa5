"""Worker nodes that know the same tasks, so are of one application, and have different settings."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from dashboard.findings import drifted
from dashboard.findings.drift import Drift
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting
from workers.name_patterns import pattern_of

KEY = "settings_differ"
NAME = "Workers configured differently"
ABOUT = "Worker nodes with the same tasks differ in settings that decide where tasks go."
NEEDS = ()
THRESHOLDS = ()
OPENS_AFTER = timedelta(minutes=5)  # while a deployment replaces node after node they differ
CLEARS_AFTER = timedelta(0)


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    yield from drifted.unknown(facts)
    applications: dict[tuple[str, str], list[Drift]] = {}
    for one in facts.drift or ():
        if one.what == "settings" and not thresholds.is_off(KEY, one.vhost, one.detail):
            applications.setdefault((one.vhost, one.detail), []).append(one)
    for (vhost, hostname), drifts in applications.items():
        yield _found(vhost, hostname, drifts, facts)


def _found(vhost: str, hostname: str, drifts: list[Drift], facts: Facts) -> Found:
    names = [one.name for one in drifts]
    members = sorted({*drifts[0].workers, *drifts[0].others})
    others = sorted({other for one in drifts for other in one.others})
    pk = next((worker.pk for worker in facts.workers if (worker.vhost, worker.hostname) == (vhost, others[0])), None) if others else None
    return Found(
        KEY,
        Object("worker", pattern_of(hostname), vhost),
        "notice",
        f"and others with the same tasks differ in {formatting.listed(names)}",
        title=f"{formatting.count(len(members), 'worker node')} with the same tasks differ in {formatting.listed(names)}",
        meaning="Where a task goes and how it runs depends on which of them sends or takes it.",
        evidence=[Evidence(one.name, " / ".join(one.values), one.at, f"another value on {formatting.listed(list(one.others))}") for one in drifts[:8]],
        causes=[Cause("Some run an older version of the application, or have other environment variables."), Cause("A deployment has stopped halfway.")],
        to_do=["Deploy the same version and settings to all of them."],
        links=[Link(f"Open {others[0]}", "worker", pk)] if others and pk is not None else [Link("Worker nodes", "workers")],
        clears="when all of them report the same settings",
    )
