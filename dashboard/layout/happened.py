"""What is marked on charts: changes of the broker, findings that opened or closed, moments that people named."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from brokers.models import Change
from brokers.scope import Scope
from dashboard import queries
from dashboard.layout.chart_marks import Mark
from dashboard.layout.chart_ranges import Stretch
from dashboard.models import Finding


def marks_of_changes(changes: Iterable[Change]) -> list[Mark]:
    return [Mark(change.at, change.text) for change in changes]


def marks_of_people(scope: Scope, broker_id: int, shown: Stretch) -> list[Mark]:
    """Of the broker, or of none: a deployment, a migration."""
    return [Mark(one.at, one.title, "accent") for one in queries.marks(scope, broker_id, shown.start, shown.end)]


def marks_of_findings(findings: Sequence[Finding]) -> list[Mark]:
    """Two of each that is over; a chart leaves out what is not in its stretch."""
    found = [Mark(one.opened_at, f"Found: {one.title}", one.level) for one in findings]
    return found + [Mark(one.closed_at, f"Cleared: {one.title}", "ok") for one in findings if one.closed_at]
