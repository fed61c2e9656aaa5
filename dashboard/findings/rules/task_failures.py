"""A task fails far more often than is usual for it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import timedelta

from dashboard.findings.facts import Facts
from dashboard.findings.outcomes import KEPT, NEWEST, TaskOutcomes
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report, Threshold, Unsure
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting

KEY = "task_failures"
NAME = "Task fails more often"
ABOUT = "Of the latest executions of a task far more failed than is usual for it."
NEEDS = ()
THRESHOLDS = (
    Threshold("rise", "Rise of the share that fails", 20, "%", least=1, most=100),
    Threshold("failures", "Failures at least", 5, least=2, most=50),
    Threshold("executions", "Executions at least", 10, least=2, most=50),
)
OPENS_AFTER = timedelta(0)
CLEARS_AFTER = timedelta(seconds=30)

WITHOUT_PAST = 20
"""So many executions must there be of a task of which nothing is known from before, and half of them have failed."""
FAILS_MOSTLY, ALMOST_ALL = 0.5, 0.8
LEAST_USUAL = 0.01
DEVIATIONS = 3.0
_ROBUST = 1.4826
"""By which a median deviation estimates a standard deviation."""


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    known = {(one.vhost, one.name): one for one in facts.outcomes}
    in_trouble = {(one.vhost, one.name) for one in facts.open_objects.get(KEY, ())}
    for key, outcomes in known.items():
        if not thresholds.is_off(KEY, *key) and _jumped(outcomes, thresholds, key in in_trouble):
            yield _found(outcomes, facts)
    for vhost, name in in_trouble:
        one = known.get((vhost, name))
        ended = one.ended if one is not None else 0
        if ended < thresholds.of(KEY, "executions", vhost, name) and not thresholds.is_off(KEY, vhost, name) and not _is_over(one, facts):
            yield Unsure("it has hardly been executed lately", vhost, "task", name)


def _is_over(one: TaskOutcomes | None, facts: Facts) -> bool:
    """Whether the task was not executed for so long that it counts as no longer run."""
    return one is not None and one.silent_since is not None and facts.now - one.silent_since > KEPT


def _jumped(one: TaskOutcomes, thresholds: Thresholds, is_open: bool) -> bool:
    where = one.vhost, one.name
    if one.failed < thresholds.of(KEY, "failures", *where) or one.ended < thresholds.of(KEY, "executions", *where):
        return False
    if one.usual is None and not is_open:
        return one.ended >= WITHOUT_PAST and one.share >= FAILS_MOSTLY
    usual = max(one.usual or 0.0, LEAST_USUAL)
    chance = usual + DEVIATIONS * math.sqrt(usual * (1 - usual) / one.ended)
    varies = usual + DEVIATIONS * _ROBUST * one.spread
    if one.newest_failed >= NEWEST * max(usual + FAILS_MOSTLY, ALMOST_ALL):
        return True  # of fifty they are few yet
    limit = max(usual + thresholds.of(KEY, "rise", *where) / 100, chance, min(varies, 1.0))
    return one.share >= ((usual + limit) / 2 if is_open else limit)  # or it opened and closed again and again about the limit


def _found(one: TaskOutcomes, facts: Facts) -> Found:
    usual = "not known yet" if one.usual is None else _percent(one.usual)
    now = facts.now
    since = f"the latest, since {formatting.moment_text(one.first_at, now)}"
    evidence = [
        Evidence("Failed", f"{one.failed:,} of {one.ended:,} ({_percent(one.share)})", one.last_at, since),
        Evidence("Usual", usual, now, f"median, of {one.usual_of:,} executions before" if one.usual is not None else f"{one.usual_of:,} executions before"),
    ]
    evidence += [Evidence("Exception", text or "not reported", one.last_at, f"{amount:,} of {one.failed:,}") for text, amount in one.exceptions]
    evidence += [Evidence(worker or "unknown worker", f"{failed:,} of {ended:,} failed", one.last_at) for worker, failed, ended in one.workers]
    fails_now = one.newest_failed >= NEWEST * ALMOST_ALL
    return Found(
        KEY,
        Object("task", one.name, one.vhost),
        "critical" if fails_now or one.share >= FAILS_MOSTLY else "warning",
        f"fails far more often than usual ({usual})" if one.usual is not None else "fails in many of its executions",  # shares change with each execution
        since=one.since,
        summary=f"{one.failed:,} of its latest {one.ended:,} executions failed.",
        meaning="What these tasks should have done is not done, unless somebody runs them again.",
        evidence=evidence,
        causes=_causes(one),
        to_do=["Read the traceback of one of them; compare the version of the workers that fail with the others."],
        links=[
            Link("Their failures in groups", "failures", query=f"name:{_quoted(one.name)}"),
            Link("The tasks that failed", "tasks", query=f"state:FAILURE name:{_quoted(one.name)}"),
        ],
        clears="when its latest executions fail as rarely as usual, or when it was not executed for a day",
    )


def _causes(one: TaskOutcomes) -> list[Cause]:
    found = []
    if one.workers:
        worker, failed, ended = one.workers[0]
        others = one.ended - ended
        if others >= 5 and failed == one.failed and failed >= ended / 2:
            found.append(
                Cause(
                    f"{worker or 'One worker'} alone fails: a bad deployment or a broken host.",
                    f"{failed:,} of its {ended:,}, none of the {others:,} elsewhere",
                )
            )
    if one.exceptions and one.exceptions[0][1] >= one.failed * 0.8:
        text, amount = one.exceptions[0]
        found.append(
            Cause(
                "All for one reason: a bug of a new version, or something that the task needs is down.",
                f"{text[:120] or 'no text'}, {amount:,} of {one.failed:,}",
            )
        )
    return found or [Cause("A new version of the task, other input, or something that it needs is down.")]


def _percent(share: float) -> str:
    """
    >>> _percent(0.001), _percent(0.5), _percent(0.999), _percent(0.0)
    ('<1 %', '50 %', '>99 %', '0 %')
    """
    if 0 < share < 0.01:
        return "<1 %"
    return ">99 %" if 0.99 < share < 1 else f"{100 * share:.0f} %"


def _quoted(name: str) -> str:
    return f'"{name}"' if any(letter in name for letter in ' "') else name
