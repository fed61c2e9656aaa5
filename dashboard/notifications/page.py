"""The pages about targets: the list, and the form of one with its latest messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import msgspec
from django.urls import reverse

from dashboard import queries
from dashboard.findings.rules import ALL
from dashboard.layout import formatting
from dashboard.layout.levels import Level
from dashboard.models import Delivery, Target
from dashboard.notifications import addresses, form, targets
from dashboard.notifications.choosing import LEVELS
from dashboard.notifications.targets import schedule_of, selection_of

KINDS = (
    (Target.APPRISE, "Chat or pager", "Slack, Teams, Telegram, PagerDuty, Opsgenie and others, by an address of apprise"),
    (Target.MAIL, "Mail", "by an SMTP server"),
    (Target.WEBHOOK, "Webhook", "a signed POST of JSON to an address of yours"),
    (Target.HEARTBEAT, "Dead man’s switch", "a GET every minute as long as Hareline itself is well"),
)
SHOWN_MESSAGES = 20
ZONES = ("UTC", "Europe/London", "Europe/Berlin", "America/New_York", "America/Los_Angeles", "Asia/Kolkata", "Asia/Shanghai", "Asia/Tokyo", "Australia/Sydney")
_WHAT = {Delivery.OPENED: "opened", Delivery.RECOVERED: "recovered", Delivery.REPEATED: "still open", Delivery.DIGEST: "digest"}


class Row(msgspec.Struct, frozen=True):
    """A target of the list."""

    target: Target
    kind: str
    level: Level
    gets: str
    waiting: str
    given_up: str
    not_since: bool  # no message was delivered since the last one that could not be
    address: str
    problem: str = ""  # why messages to it can't be planned


class Line(msgspec.Struct, frozen=True):
    """A message to a target."""

    delivery: Delivery
    what: str
    level: Level


def kind_name(kind: str) -> str:
    return next(name for key, name, _ in KINDS if key == kind)


def rows(now: datetime) -> list[Row]:
    queues = queries.delivery_queues()
    return [_row(one, queues.get(one.pk, queries.Queue()), now) for one in queries.targets()]


def _row(target: Target, queue: queries.Queue, now: datetime) -> Row:
    waiting = f"{formatting.count(queue.waiting, 'message')}, the oldest for {formatting.age(queue.oldest_at, now)}" if queue.waiting else ""
    last = f", last {formatting.age(queue.last_given_up_at, now)} ago" if queue.given_up else ""
    given_up = f"{formatting.count(queue.given_up, 'message')} could not be delivered{last}" if queue.given_up else ""
    lost, reached = queue.last_given_up_at, target.last_success_at
    not_since = lost is not None and (reached is None or reached < lost)
    problem = targets.problem(target, now)
    level = Level("critical", problem, "can’t be used") if problem else _level(target)
    gets = "" if problem else _gets(target)
    return Row(target, kind_name(target.kind), level, gets, waiting, given_up, not_since, reverse("target", args=[target.pk]), problem)


def _level(target: Target) -> Level:
    if target.paused:
        return Level("unknown", "", "paused")
    if target.failures:
        return Level("warning", target.last_error, "failing")
    return Level("ok", "", "works") if target.last_success_at else Level("unknown", "", "not tried yet")


def _gets(target: Target) -> str:
    """What it is notified of, in a clause."""
    if target.kind == Target.HEARTBEAT:
        return "a ping every minute"
    selection = selection_of(target)
    only = [", ".join(getattr(selection, name)) for name in form.PATTERNS if getattr(selection, name)]
    parts = [formatting.listed(selection.levels, 4) + (f" of {'; '.join(only)}" if only else "")] if target.at_once else []
    parts += [schedule_of(target).text()] if target.at_once else []
    parts += [f"repeated every {formatting.duration(target.repeat_seconds)}"] if target.at_once and target.repeat_seconds else []
    parts += [f"digest at {target.digest_hour}:00 {schedule_of(target).zone}"] if target.digest_hour is not None else []
    return ", ".join(parts)


class TargetPage:
    """The form of a new target of a kind, or of a stored one. `values` are its fields as they are shown."""

    def __init__(self, kind: str, target: Target | None, now: datetime) -> None:
        self.kind, self.target, self.now = kind, target, now
        self.values: dict[str, Any] = form.filled_in(target) if target else form.usual(kind)
        self.problems: dict[str, str] = {}

    def fill(self, given: Mapping[str, str], many: Mapping[str, Sequence[str]]) -> None:
        """With what was posted; boxes that are not ticked are not posted."""
        self.values |= {name: given.get(name, "") for name in self.values if name not in form.MANY} | {name: list(many[name]) for name in form.MANY}

    def forget_secrets(self) -> None:
        """Before the form is shown again: what was typed there is not sent back, and each such field says so."""
        for field in form.SECRETS:
            if self.problems and self.values[field]:
                self.problems.setdefault(field, "Enter it again: what is secret is not sent back to the page.")
            self.values[field] = ""

    @property
    def address(self) -> str:
        return reverse("target", args=[self.target.pk]) if self.target else f"{reverse('target_new')}?kind={self.kind}"

    @property
    def title(self) -> str:
        return self.target.name if self.target else f"New target: {kind_name(self.kind).lower()}"

    @property
    def kinds(self) -> list[dict[str, Any]]:
        return [{"address": f"{reverse('target_new')}?kind={key}", "name": name, "about": about, "current": key == self.kind} for key, name, about in KINDS]

    @property
    def levels(self) -> list[tuple[str, bool]]:
        return [(word, word in self.values["levels"]) for word in LEVELS]

    @property
    def days(self) -> list[tuple[str, str, bool]]:
        return [(value, name, value in self.values["days"]) for value, name in form.day_names()]

    @property
    def patterns(self) -> list[tuple[str, str, str, str]]:
        """(field, label, value, problem)."""
        return [(field, label, self.values[field], self.problems.get(field, "")) for field, label in form.PATTERNS.items()]

    @property
    def rules(self) -> list[str]:
        return sorted(ALL)

    @property
    def zones(self) -> Sequence[str]:
        return ZONES

    @property
    def key_help(self) -> str:
        least = f"At least {addresses.SHORTEST_KEY} characters."
        return f"{least} HMAC-SHA256 over timestamp and body, in the header X-Hareline-Signature. Without a key nothing is signed."

    @property
    def recovery_help(self) -> str:
        """What a recovery does at a service that keeps incidents."""
        if self.kind != Target.APPRISE or self.target is None:
            return ""
        scheme = self.target.shown.partition(":")[0].lower()
        if scheme == "pagerduty":
            return "Each finding is an incident there, which its recovery resolves."
        return "A recovery is a message of its own: where the service keeps alerts, as Opsgenie does, a person closes them."

    @property
    def gets_findings(self) -> bool:
        return self.kind != Target.HEARTBEAT

    @property
    def row(self) -> Row | None:
        return _row(self.target, queries.delivery_queues().get(self.target.pk, queries.Queue()), self.now) if self.target else None

    @cached_property
    def messages(self) -> list[Line]:
        return [_line(one) for one in queries.latest_deliveries(self.target.pk, SHOWN_MESSAGES)] if self.target else []


def _line(one: Any) -> Line:
    what = (
        f"{formatting.count(one.findings, 'finding')} {_WHAT[one.kind]}"
        if one.kind != Delivery.DIGEST
        else f"digest of {formatting.count(one.findings, 'finding')}"
    )
    if one.state == Delivery.SENT:
        return Line(one, what, Level("notice", one.error, "sent in part") if one.error else Level("ok", "", "sent"))
    if one.state == Delivery.FAILED:
        return Line(one, what, Level("critical", one.error, "could not be delivered"))
    return Line(one, what, Level("warning", one.error, "tried again") if one.attempts else Level("unknown", "", "waits"))
