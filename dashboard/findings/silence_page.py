"""The page on which a silence is made, and the list of those that hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property

import msgspec
from django.contrib.auth.models import AnonymousUser
from django.urls import reverse

from brokers import queries as broker_queries
from brokers.scope import Scope
from dashboard import queries
from dashboard.findings import silences
from dashboard.findings.checked import rule_name
from dashboard.findings.round import RULE_FAILED
from dashboard.findings.rules import ALL
from dashboard.layout import formatting
from dashboard.models import Finding, Silence, User
from dashboard.people import access

SHOWN_MATCHES = 8


class Choice(msgspec.Struct, frozen=True):
    value: str
    text: str
    help: str
    chosen: bool


class ListedSilence(msgspec.Struct, frozen=True):
    silence: Silence
    text: str
    matches: int
    hint: str  # what of it matches nothing now
    why_not: str


class SilencePage:
    """A form, and what it would do. `finding`: the one from which somebody came; None: only free patterns."""

    def __init__(self, user: User | AnonymousUser, finding: Finding | None, given: Mapping[str, str], now: datetime) -> None:
        self.user, self.finding, self.now = user, finding, now
        self.form = silences.filled_in(given, finding)
        self.patterns = silences.narrowed(user, silences.patterns(self.form, finding))
        self.until = silences.end_of(self.form, now)
        self.problems: dict[str, str] = {}

    @property
    def may_not(self) -> str:
        return silences.why_not(self.user, self.patterns)

    def check(self) -> bool:
        self.problems = silences.problems(self.patterns, self.form.reason, self.until, self.now)
        return not self.problems

    def save(self) -> Silence:
        """To be called once it is checked."""
        if self.until is None:
            raise ValueError("a silence needs an end")
        silence = silences.unsaved(self.patterns, self.form.reason, self.until, self.user.get_username(), self.now)
        return silences.add(self.user, silence, self.now)

    @property
    def address(self) -> str:
        return f"{reverse('silence')}{f'?finding={self.finding.pk}' if self.finding else ''}"

    @property
    def back(self) -> str:
        return reverse("finding", args=[self.finding.pk]) if self.finding else reverse("silences")

    @property
    def choices(self) -> list[Choice]:
        """What it may be about, the narrowest first."""
        one = self.finding
        if one is None:
            return []
        rule = rule_name(one.rule)
        place = " ".join(part for part in (one.broker.name if one.broker else "Hareline", one.vhost) if part)
        found = (
            (silences.FINDING, "This finding", f"“{rule}” of {one.name}"),
            (silences.OBJECT, f"All findings about {one.name}", f"every rule, in {place}"),
            (silences.RULE, "This rule here", f"“{rule}” of anything in {place}"),
            (silences.FREE, "Patterns", "* stands for anything, ? for one character"),
        )
        return [Choice(value, text, help, value == self.form.about) for value, text, help in found]

    @property
    def pattern_fields(self) -> list[tuple[str, str, str, str]]:
        """(field, label, value, problem) of the patterns that are typed."""
        labels = (("broker", "Broker"), ("vhost", "Virtual host"), ("name", "Name"))
        return [(field, label, getattr(self.form, field), self.problems.get(field, "")) for field, label in labels]

    @property
    def ends(self) -> Sequence[tuple[str, str, bool]]:
        return [(value, text, value == self.form.end) for value, text in silences.ENDS]

    @property
    def rules(self) -> list[tuple[str, str]]:
        return [("*", "Any rule"), *((key, rule_name(key)) for key in (*ALL, RULE_FAILED))]

    @cached_property
    def matches(self) -> Sequence[Finding]:
        """The open findings that it would be about now, of those that this person may see."""
        return silences.preview(self.patterns, access.scope_of(self.user), self.now)

    @property
    def shown_matches(self) -> Sequence[Finding]:
        return self.matches[:SHOWN_MATCHES]

    @property
    def more_matches(self) -> int:
        return max(0, len(self.matches) - SHOWN_MATCHES)

    @cached_property
    def hint(self) -> str:
        """What of it matches nothing now: a slip, or meant for what comes."""
        return silences.nothing_there(self.patterns, _vhosts(access.scope_of(self.user)), [key for key, _ in self.rules])

    @property
    def matches_text(self) -> str:
        found = len(self.matches)
        return f"Silences {formatting.count(found, 'open finding')}" if found else "No open finding matches; it would hold for later ones"


def _vhosts(scope: Scope) -> dict[str, set[str]]:
    """{broker: names of its virtual hosts}; {} for who may not see all of them, as a silence may be about others."""
    if not scope.is_everything:
        return {}
    found: dict[str, set[str]] = {broker.name: set() for broker in broker_queries.brokers(scope)}
    for vhost in broker_queries.virtual_hosts(scope):
        found.setdefault(vhost.broker.name, set()).add(vhost.name)
    return found


def listed(user: User | AnonymousUser, now: datetime) -> list[ListedSilence]:
    """Those that hold now, the one that ends first above."""
    scope = access.scope_of(user)
    opened, holding = queries.open_findings(scope, bodies=False), queries.visible_silences(scope, now)
    vhosts = _vhosts(scope) if holding else {}
    return [
        ListedSilence(
            one,
            silences.text(one),
            sum(queries.matches(one, finding) for finding in opened),
            silences.nothing_there(silences.patterns_of(one), vhosts, (*ALL, RULE_FAILED)),
            silences.why_not(user, silences.patterns_of(one)),
        )
        for one in holding
    ]
