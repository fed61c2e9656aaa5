"""What is open now, for other rooms: the findings of a broker, and by object the worst of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from brokers.clock import is_within
from dashboard import queries
from dashboard.layout.levels import WORST_FIRST
from dashboard.models import Finding, FindingRound, Silence

LOOKED_WITHIN = timedelta(seconds=30)
"""Findings are of now while the rules looked so recently."""


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """The worst first; of equal ones the oldest first."""
    order = [str(word) for word in WORST_FIRST]
    return sorted(findings, key=lambda one: (order.index(one.level), one.since or one.opened_at, one.pk))


def by_object(findings: Iterable[Finding]) -> Mapping[tuple[str, int], Finding]:
    """{(kind, primary key): the worst finding about that object}."""
    found: dict[tuple[str, int], Finding] = {}
    for one in worst_first(findings):
        if one.object_id is not None:
            found.setdefault((one.kind, one.object_id), one)
    return found


def is_of_now(looked: FindingRound | None, now: datetime) -> bool:
    """Whether the rules looked lately: else what is open is as of their last round, and what is new is not there."""
    return looked is not None and is_within(looked.at, now, LOOKED_WITHIN)


def silenced_until(finding: Finding, silences: Iterable[Silence]) -> datetime | None:
    """Until when it is silenced; None if it is not."""
    matching = [one.until for one in silences if queries.matches(one, finding)]
    return max(matching, default=None)
