"""What the page of the audit log shows: a filter, a page of entries, and where the next one is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from urllib.parse import urlencode

import msgspec
from django.urls import reverse

from dashboard import queries
from dashboard.layout import moments
from dashboard.models import AuditEvent

FIELDS = ("who", "action", "object", "outcome", "from", "to")
PAGE_SIZE = 100
LONGEST = 200
OUTCOMES = ("done", "refused", "failed", "unchanged", "unknown")
LEVELS = {"done": "ok", "unchanged": "ok", "refused": "warning", "failed": "critical"}


class Line(msgspec.Struct, frozen=True):
    entry: AuditEvent
    outcome: str
    level: str
    where: str
    detail: str


def outcome_of(entry: AuditEvent, now: datetime) -> str:
    """The word for it: an intent without an outcome goes on, or its process ended before it was over."""
    if entry.outcome != queries.BEGUN:
        return entry.outcome
    return "in progress" if now - entry.at < queries.OVERDUE else "unknown"


def line(entry: AuditEvent, now: datetime) -> Line:
    outcome = outcome_of(entry, now)
    where = " / ".join(part for part in (entry.broker, entry.vhost, entry.name) if part)
    detail = json.dumps(entry.detail, ensure_ascii=False, indent=1) if entry.detail else ""
    return Line(entry, outcome, LEVELS.get(outcome, "unknown"), where, detail)


class AuditPage:
    """`given` are the parameters of the address."""

    def __init__(self, given: Mapping[str, str], now: datetime) -> None:
        self.now = now
        self.given = {name: given.get(name, "").strip()[:LONGEST] for name in FIELDS}
        self.before = int(given["before"]) if given.get("before", "").isdecimal() and len(given["before"]) < 18 else None
        self.problems = {name: f"Write a time as {moments.EXAMPLES}." for name in ("from", "to") if self.given[name] and not self._moment(name)}
        if self.given["outcome"] and self.given["outcome"] not in OUTCOMES:
            self.problems["outcome"] = f"There are {', '.join(OUTCOMES)}."

    @property
    def wanted(self) -> queries.AuditFilter:
        given = self.given
        return queries.AuditFilter(given["who"], given["action"], given["outcome"], given["object"], self._moment("from"), self._moment("to"))

    @cached_property
    def _found(self) -> list[AuditEvent]:
        return [] if self.problems else queries.audit_entries(self.wanted, self.now, PAGE_SIZE + 1, self.before)

    @property
    def lines(self) -> list[Line]:
        return [line(entry, self.now) for entry in self._found[:PAGE_SIZE]]

    @property
    def older(self) -> str:
        """The address of the next page, "" after the last."""
        return self._address("audit", before=str(self._found[PAGE_SIZE - 1].number)) if len(self._found) > PAGE_SIZE else ""

    @property
    def newest(self) -> str:
        return self._address("audit") if self.before else ""

    @property
    def exports(self) -> list[tuple[str, str]]:
        return [(name.upper(), self._address("audit_export", name)) for name in ("csv", "json")]

    @property
    def outcomes(self) -> tuple[str, ...]:
        return OUTCOMES

    @property
    def is_filtered(self) -> bool:
        return any(self.given.values())

    def _moment(self, name: str) -> datetime | None:
        return moments.moment_of(self.given[name], self.now) if self.given[name] else None

    def _address(self, route: str, *arguments: str, **more: str) -> str:
        query = urlencode({name: value for name, value in {**self.given, **more}.items() if value})
        return f"{reverse(route, args=arguments)}{f'?{query}' if query else ''}"
