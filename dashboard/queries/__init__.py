"""The only reader of what `dashboard.models` has. Writers are in `dashboard.store`."""

from dashboard.queries.findings import latest_closed, matches, open_findings, own_open_findings, rounds, rule_settings, silences
from dashboard.queries.past_findings import (
    closed_findings,
    effects_of,
    events_of,
    finding,
    findings_by_ids,
    findings_like,
    latest_change,
    latest_opened,
    silence,
)
from dashboard.queries.people import audit_event, audit_events_of, migration_differences, token, user_of_session

__all__ = [
    "audit_event",
    "audit_events_of",
    "closed_findings",
    "effects_of",
    "events_of",
    "finding",
    "findings_by_ids",
    "findings_like",
    "latest_change",
    "latest_closed",
    "latest_opened",
    "matches",
    "migration_differences",
    "open_findings",
    "own_open_findings",
    "rounds",
    "rule_settings",
    "silence",
    "silences",
    "token",
    "user_of_session",
]
