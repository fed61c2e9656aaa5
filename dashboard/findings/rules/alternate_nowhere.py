"""Alternate exchanges that do not exist, or from where no queue can be reached."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from brokers import parts
from dashboard.findings import faulted
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report
from dashboard.findings.thresholds import Thresholds

KEY = "alternate_nowhere"
NAME = "Alternate exchange leads nowhere"
ABOUT = "The alternate exchange of an exchange does not exist, or no queue can be reached from it."
NEEDS = ("broker", parts.BINDINGS)
THRESHOLDS = ()
OPENS_AFTER = timedelta(seconds=30)
CLEARS_AFTER = timedelta(seconds=10)


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    yield from faulted.unknown(facts)
    for one in faulted.faults("alternate", KEY, facts, thresholds):
        why = "does not exist" if one.missing else "leads to no queue"
        yield Found(
            KEY,
            Object("exchange", one.name, one.vhost, one.pk),
            "warning" if one.missing else "notice",
            f"has an alternate exchange that {why}",
            summary=f"What it can’t route goes to {one.target}, which {why}.",
            meaning="Messages that match none of its bindings are dropped, as if it had no alternate exchange.",
            evidence=[Evidence("Alternate exchange", one.target, source=why)],
            causes=[Cause("The alternate exchange was deleted, or its name is misspelled." if one.missing else "Nothing is bound to the alternate exchange.")],
            to_do=[f"Declare the exchange {one.target}, and bind a queue to it." if one.missing else f"Bind a queue to {one.target}."],
            links=[Link("Open the exchange", "exchange", one.pk)],
            clears="when a queue can be reached from the alternate exchange",
        )
