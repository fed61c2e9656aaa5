"""A target of notifications that can't be reached: people are not notified there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting

KEY = "notification_failing"
NAME = "Notification target not reached"
ABOUT = "A target of notifications that failed several times in a row, or whose settings can’t be used: what is wrong is not reported there."
NEEDS = ()
THRESHOLDS = ()
OPENS_AFTER = timedelta(0)
CLEARS_AFTER = timedelta(0)

FAILURES = 3
"""So many in a row, half a minute's worth: a single one is tried again at once and may pass."""


def look(facts: Facts, _: Thresholds) -> Iterable[Report]:
    unusable = {name for name, _, _ in facts.unusable_targets}
    for name, why, since in facts.unusable_targets:
        yield Found(
            KEY,
            Object("hareline", name),
            "warning",
            "can’t be used, so nobody is notified there",
            since=since,
            since_at_least=True,
            title=f"Notifications to {name} can’t be planned",
            summary=f"{why}.",
            causes=[Cause("An older version stored what this one refuses.", why)],
            to_do=["Open Who is notified, correct the target and save it. It is notified of what is still open then."],
            links=[Link("Who is notified", "targets")],
            clears="when it is corrected, paused or removed",
        )
    for target in facts.failing_targets:
        if target.failures < FAILURES or target.name in unusable:
            continue
        reached = target.last_success_at
        yield Found(
            KEY,
            Object("hareline", target.name),
            "warning",
            "can’t be reached, so nobody is notified there",
            since=target.failing_since,
            title=f"Notifications to {target.name} fail",
            summary=f"{target.last_error[:1].upper()}{target.last_error[1:]}.",
            evidence=[
                Evidence("Failed attempts in a row", formatting.number(target.failures), target.last_failure_at),
                Evidence("Last success", "never" if reached is None else formatting.moment_text(reached, facts.now), reached),
            ],
            causes=[Cause("The service is away or refuses what Hareline sends, or its address or key is no longer valid.", target.last_error)],
            to_do=["Open Who is notified, correct the address, and send a test. What waits is sent once the target is reached."],
            links=[Link("Who is notified", "targets")],
            clears="with the next message that is delivered",
        )
