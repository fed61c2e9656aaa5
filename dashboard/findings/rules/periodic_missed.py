"""A periodic task that was due and did not run, by the schedules that worker nodes report and by the periods that were observed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from dashboard.findings.facts import Facts
from dashboard.findings.missed_runs import Expected
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report, Threshold, Unsure
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting
from dashboard.layout.filter_language import quoted

KEY = "periodic_missed"
NAME = "Periodic task did not run"
ABOUT = "A periodic task was due, by a schedule that worker nodes report or by the period that was observed, and no run of it was seen."
NEEDS = ()
THRESHOLDS = (Threshold("missed", "Runs missed in a row; of an observed period at least 2", 1, least=1),)
OPENS_AFTER = timedelta(0)
CLEARS_AFTER = timedelta(0)
MOST = 50
"""Of a virtual host so many have a finding of their own."""
FROM_ALL = 2
"""So many periodic tasks, none of which runs, are explained by their scheduler."""


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    by_vhost: dict[str, list[Expected]] = {}
    for one in facts.expected:
        by_vhost.setdefault(one.vhost, []).append(one)
    for vhost, expected in by_vhost.items():
        yield from _of_vhost(vhost, expected, facts, thresholds)


def _of_vhost(vhost: str, expected: Sequence[Expected], facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    known = [one for one in expected if one.is_known]
    missed = [one for one in known if one.missed >= _least(one, thresholds) and not thresholds.is_off(KEY, vhost, one.task)]
    under = ""
    if len(known) >= FROM_ALL and len(missed) == len(known) and not thresholds.is_off(KEY, vhost):
        above = _none_runs(vhost, missed, facts)
        under = facts.identity(KEY, above.object, above.detail)
        yield above
    elif len(known) < len(expected):
        yield Unsure("events were not received when its periodic tasks were due", vhost, "vhost")
    for one in missed[:MOST]:
        yield _found(one, under, facts)
    for one in expected:
        if not one.is_known:
            yield Unsure("events were not received when it was due last", vhost, "task", one.task)


def _least(one: Expected, thresholds: Thresholds) -> float:
    least = thresholds.of(KEY, "missed", one.vhost, one.task)
    return max(least, 2) if one.is_observed else least


def _found(one: Expected, under: str, facts: Facts) -> Found:
    named = "" if one.is_observed or one.name == one.task else f" ({one.name})"
    since = formatting.moment_text(one.since, facts.now)
    was = "expected" if one.is_observed else "due"
    known_by = "no schedule is known; its runs came regularly" if one.is_observed else f"reported by {formatting.listed(list(one.sources), 2)}"
    never = one.last_run_at is None
    return Found(
        KEY,
        Object("task", one.task, one.vhost),
        "notice" if never else "warning",
        f"was {was} and did not run",
        since=one.since,
        title=f"{one.task}{named} was {was} at {since} and did not run",
        summary="No run of it was seen in the last 24 hours." if never else f"Its last run was at {formatting.moment_text(one.last_run_at, facts.now)}.",
        meaning="What it does by its schedule is not done.",
        evidence=[
            Evidence("Schedule", one.schedule, one.read_at, known_by),
            Evidence("Runs missed", f"{one.missed:,}", one.read_at, f"in a row, the first at {since}"),
            Evidence("Last run", formatting.moment_text(one.last_run_at, facts.now) if one.last_run_at else "none in 24 h", one.last_run_at),
        ],
        causes=_causes(one),
        to_do=["Look whether its scheduler (celery beat, or what else sends it) runs, and what it logs for this entry."],
        links=[Link("Periodic tasks", "periodic"), Link("Its tasks", "tasks", query=f"name:{quoted(one.task)}")],
        clears="when a run of it is seen" + (", or an hour (at least ten periods) without one has passed" if one.is_observed else ""),
        detail="" if one.is_observed else one.name,
        under=under,
    )


def _causes(one: Expected) -> list[Cause]:
    found = [Cause("Its scheduler does not run, or is cut off from the broker.")]
    if one.is_observed:
        return [*found, Cause("It was removed from its schedule, or paused there.")]
    found.append(Cause("No scheduler uses this schedule: worker nodes only report what their own configuration has, which may be disabled where beat runs."))
    return [*found, Cause("It was sent and waits in its queue, where senders report no task-sent events: a run is seen only once a worker node takes it.")]


def _none_runs(vhost: str, missed: Sequence[Expected], facts: Facts) -> Found:
    first = min((one.since for one in missed if one.since), default=None)
    names = formatting.listed([one.task for one in missed], 5)
    ran = [one.last_run_at for one in missed if one.last_run_at]
    return Found(
        KEY,
        Object("vhost", vhost, vhost),
        "warning" if ran else "notice",
        "has periodic tasks, none of which runs",
        since=first,
        title=f"No periodic task of {vhost} runs: {len(missed):,} were due",
        summary=f"The last run of any was at {formatting.moment_text(max(ran), facts.now)}." if ran else "No run of any was seen in the last 24 hours.",
        meaning="What they do by their schedules is not done.",
        evidence=[Evidence("Periodic tasks", f"{len(missed):,}", missed[0].read_at, names)],
        causes=[Cause("Their scheduler (celery beat) does not run, or is cut off from the broker.")],
        to_do=["Look whether celery beat runs."],
        links=[Link("Periodic tasks", "periodic")],
        clears="when a run of one of them is seen",
    )
