"""One finding's page: what is wrong, since when, how that shows, why, what to do; its chart, and what happened to it before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.contrib.auth.models import AnonymousUser
from django.urls import reverse
from django.utils import timezone

from brokers import queries as broker_queries
from brokers.queries import Page, kept
from brokers.scope import Scope
from dashboard import queries
from dashboard.findings import acts, links
from dashboard.findings import silences as making
from dashboard.findings.checked import rule_name
from dashboard.findings.notified import NOT_NOTIFIED, NOTIFIED, event_text, notified_text
from dashboard.findings.rule import Body, read_body
from dashboard.layout import charts as series
from dashboard.layout import formatting
from dashboard.layout.chart_marks import Mark
from dashboard.layout.chart_ranges import RANGES, Range, up_to
from dashboard.layout.charts import Chart, Line
from dashboard.layout.moments import at_text
from dashboard.models import Finding, FindingEvent, Silence, User
from dashboard.people import access

LOOKED_BACK = timedelta(days=30)
EVENTS = {
    "opened": "Found",
    "returned": "Back again",
    "closed": "Cleared",
    "level": "Level",
    "taken": "Taken on",
    "released": "Released",
    "silenced": "Silenced",
    "unsilenced": "Silence ended",
    "notified": "Notified",
    "not notified": "Not notified",
}


class ShownLink(msgspec.Struct, frozen=True):
    text: str
    url: str


class Happened(msgspec.Struct, frozen=True):
    """An event as a line: `words` say what, `text` is what a person wrote, or where a message went."""

    at: datetime
    words: str
    text: str
    user_name: str
    is_comment: bool


class ShownSilence(msgspec.Struct, frozen=True):
    """A silence of the finding; `text` has who made it and why, "" where that names what may not be viewed."""

    silence: Silence
    text: str
    may_end: bool


class Before(msgspec.Struct, frozen=True):
    """An earlier finding of the same rule and object."""

    finding: Finding
    url: str
    length: str
    comments: list[FindingEvent]


class FindingPage:
    """The data of one request about a finding, which may be over."""

    def __init__(self, scope: Scope, user: User | AnonymousUser, finding: Finding, now: datetime, at: datetime | None = None) -> None:
        """`at`: the past moment that the page shows."""
        self.scope, self.user, self.finding, self.now, self.at = scope, user, finding, now, at
        self.broker = finding.broker
        self.why_not = acts.why_not(user, finding) if at is None else "Actions are off: this page shows a past moment."
        self.comment, self.comment_problem = "", ""

    @cached_property
    def body(self) -> Body:
        return read_body(self.finding.body)

    @property
    def url(self) -> str:
        return reverse("finding", args=[self.finding.pk])

    @property
    def began(self) -> datetime:
        return self.finding.began

    @property
    def is_over(self) -> bool:
        return self.finding.closed_at is not None

    @property
    def level(self) -> str:
        """That of one that is over is no longer trouble."""
        return "ok" if self.is_over else self.finding.level

    @property
    def length(self) -> str:
        """How long it lasted, of one that is over."""
        return formatting.duration(max(timedelta(0), (self.finding.closed_at or self.now) - self.began))

    @property
    def rule(self) -> str:
        return rule_name(self.finding.rule)

    @property
    def place(self) -> str:
        """Broker and virtual host: "prod /shop"; what is about Hareline itself has neither."""
        return " ".join(part for part in (self.broker.name if self.broker else "Hareline", self.finding.vhost) if part)

    @property
    def object_url(self) -> str:
        return links.address_of_object(self.finding)

    @property
    def beginning_url(self) -> str:
        """What it is about at the moment when it began; "" where that has no history."""
        at = {"at": at_text(self.began)}
        if self.finding.kind in ("queue", "worker") and self.object_url:
            return f"{self.object_url}?{urlencode(at)}"
        return f"{reverse('overview')}?{urlencode({'broker': self.broker.name, **at})}" if self.broker else ""

    @cached_property
    def links(self) -> list[ShownLink]:
        found = [ShownLink(link.text, links.address_of(link, self.finding)) for link in self.body.links]
        return [link for link in found if link.url]

    @cached_property
    def effects(self) -> list[Finding]:
        return queries.effects_of(self.scope, self.finding) if self.at is None else []

    @cached_property
    def silences(self) -> list[ShownSilence]:
        """Those that silence it now, the one that ends last first. What silences made for others say stays with these."""
        found = [] if self.is_over or self.at is not None else queries.silences_of(self.finding, timezone.now())
        return [ShownSilence(one, self._silence_text(one), self._may_end(one)) for one in found]

    @property
    def silence_to_end(self) -> Silence | None:
        """The one that a button of the page ends."""
        return next((one.silence for one in self.silences if one.may_end), None)

    def _silence_text(self, silence: Silence) -> str:
        return f"by {silence.user_name}: “{silence.reason}”" if queries.patterns_in(self.scope, silence) else ""

    def _may_end(self, silence: Silence) -> bool:
        return queries.patterns_in(self.scope, silence) and not making.why_not(self.user, making.patterns_of(silence))

    @cached_property
    def notified(self) -> str:
        """Who was notified of it first and when, or why nobody was; "" where nobody is set up."""
        return notified_text([] if self.is_over or self.at is not None else queries.notified_of(self.finding), self.now, self._sees_targets)

    @property
    def _sees_targets(self) -> bool:
        return access.may(self.user, "settings")

    @property
    def silence_url(self) -> str:
        return f"{reverse('silence')}?finding={self.finding.pk}"

    @cached_property
    def _earlier(self) -> Page[Finding]:
        return queries.findings_like(self.finding, self.now - LOOKED_BACK)

    @property
    def times(self) -> str:
        """How often there was such a finding: "3 times in 30 days"."""
        total = self._earlier.total + 1
        words = {1: "once", 2: "twice"}.get(total, f"{total:,} times")
        return f"{words} in {LOOKED_BACK.days} days"

    @cached_property
    def before(self) -> list[Before]:
        comments: dict[int, list[FindingEvent]] = {}
        for event in queries.events_of(self._earlier.items) if self._earlier.items else ():
            if event.kind == "comment":
                comments.setdefault(event.finding_id, []).append(event)
        return [
            Before(one, reverse("finding", args=[one.pk]), _length(one, self.now), comments.get(one.pk, []))
            for one in self._earlier.items
            if one.opened_at <= self.finding.opened_at
        ]

    @cached_property
    def events(self) -> list[Happened]:
        """The latest first."""
        return [
            Happened(one.at, _words(one), self._event_text(one), one.user_name, one.kind == "comment")
            for one in reversed(queries.visible_events(self.scope, queries.events_of([self.finding])))
            if self.at is None or one.at <= self.at
        ]

    def _event_text(self, one: FindingEvent) -> str:
        if one.kind in (NOTIFIED, NOT_NOTIFIED):
            return event_text(one, self._sees_targets)
        return "" if one.kind in ("opened", "level", "returned") else one.text

    @property
    def range(self) -> Range | None:
        """The shortest range in which the beginning is well inside; None where it is beyond all."""
        ago = (self.now - self.began).total_seconds()
        return next((one for one in RANGES if ago < 0.85 * one.seconds), RANGES[-1] if not self.is_over else None)

    @cached_property
    def chart(self) -> Chart | None:
        """The course of what it is about; None where nothing of that is recorded, or it is too long ago."""
        shown, drawn = self.range, _drawn(self.finding)
        if shown is None or drawn is None or self.broker is None:
            return None
        title, unit, kind, pk, line = drawn
        stretch = up_to(self.now if self.at is None else self.at, shown, follows=self.at is None)
        where = (self.scope, self.broker.pk, kind, pk, line.metrics)
        if self.at is not None:
            history = broker_queries.history(*where, stretch.start, stretch.end, stretch.step_seconds)
        else:
            history = kept.shared(kept.state_of([self.broker]), broker_queries.history_until_now, *where, stretch.seconds, stretch.step_seconds)
        marks = [
            Mark(self.began, "again since" if self.finding.again_since else "at least since" if self.finding.since_at_least else "began", self.finding.level)
        ]
        marks += [Mark(self.finding.closed_at, "cleared", "ok")] if self.finding.closed_at else []
        return series.chart(
            "finding", title, unit, history=history, lines=[line], row="", broker_id=self.broker.pk, shown=stretch, now=self.now, marks=marks, decimals=0
        )


def _drawn(finding: Finding) -> tuple[str, str, str, int | None, Line] | None:
    """(title, unit, kind and key of the history, line) of what a chart of it shows."""
    if finding.kind == "queue" and finding.object_id:
        return f"Depth of {finding.name}", "messages", "queues", finding.object_id, Line("depth", ("ready", "unacknowledged"), "level", fill=True)
    if finding.kind == "worker" and finding.object_id:
        return f"Tasks running on {finding.name}", "tasks", "workers", finding.object_id, Line("running", ("active",), "level", fill=True)
    if finding.kind in ("broker", "node") and finding.broker:
        return f"Messages on {finding.broker.name}", "messages", "broker", None, Line("depth", ("ready", "unacknowledged"), "level", fill=True)
    return None


def _words(event: FindingEvent) -> str:
    words = EVENTS.get(event.kind, event.kind.capitalize())
    return f"{words}: {event.level}" if event.kind == "level" else words


def _length(one: Finding, now: datetime) -> str:
    return formatting.duration(max(timedelta(0), (one.closed_at or now) - one.began))


def context_of(pages: Sequence[FindingPage]) -> dict[str, Any]:
    """What templates print a finding from; none of it without one."""
    return {"page": pages[0], "finding": pages[0].finding} if pages else {"page": None, "finding": None}
