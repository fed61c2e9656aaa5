"""The rules: what each looks at, its thresholds with what is set where, and what another value would have done in the last day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from django.contrib.auth.models import AnonymousUser

from brokers import queries as broker_queries
from brokers.scope import Scope
from dashboard import queries
from dashboard.findings import rule_settings
from dashboard.findings.last_day import LastDay, last_day, really, shown
from dashboard.findings.rule import Rule, Threshold
from dashboard.findings.rules import OWN_RULES, RULES
from dashboard.findings.thresholds import OFF
from dashboard.layout import formatting
from dashboard.models import Finding, RuleSetting, User

MOST_SPANS = 12


class ListedRule(msgspec.Struct, frozen=True):
    """`thresholds`: label and default of each. `found`: how many findings of it there were within a day."""

    rule: Rule
    thresholds: list[tuple[str, str]]
    settings: int
    open: int


class ListedSetting(msgspec.Struct, frozen=True):
    setting: RuleSetting
    what: str
    where: str


class ThresholdRow(msgspec.Struct, frozen=True):
    threshold: Threshold
    default: str
    learned: str


class SpanRow(msgspec.Struct, frozen=True):
    level: str
    title: str
    opened_at: datetime
    ended_at: datetime | None
    lasted: timedelta


def listed(scope: Scope) -> list[tuple[str, list[ListedRule]]]:
    """(about what, its rules)."""
    settings, open_now = queries.rule_settings(scope), queries.open_findings(scope)

    def row(rule: Rule) -> ListedRule:
        thresholds = [(one.label, rule_settings.value_text(one, one.default)) for one in rule.THRESHOLDS]
        return ListedRule(
            rule, thresholds, sum(one.rule == rule.KEY for one in settings), sum(one.rule == rule.KEY and one.under_id is None for one in open_now)
        )

    return [("Brokers, queues, tasks and worker nodes", [row(rule) for rule in RULES]), ("Hareline itself", [row(rule) for rule in OWN_RULES])]


class RulePage:
    """One rule. `given`: the form as it was filled in, {} for an empty one."""

    def __init__(self, scope: Scope, user: User | AnonymousUser, rule: Rule, given: Mapping[str, str], now: datetime) -> None:
        self.scope, self.user, self.rule, self.now = scope, user, rule, now
        self.form = rule_settings.filled_in(given, rule)
        self.problems: dict[str, str] = {}
        self.preview: LastDay | None = None
        self.why_not = rule_settings.why_not(user)

    @property
    def settings(self) -> list[ListedSetting]:
        """The most general first, as the most specific one counts."""
        return [
            ListedSetting(one, rule_settings.setting_text(self.rule, one), rule_settings.where_text(one.broker, one.vhost, one.name))
            for one in rule_settings.of_rule(queries.rule_settings(self.scope), self.rule.KEY)
        ]

    @property
    def thresholds(self) -> list[ThresholdRow]:
        learned: Mapping[str, str] = getattr(self.rule, "LEARNED", {})
        return [ThresholdRow(one, rule_settings.value_text(one, one.default), learned.get(one.key, "")) for one in self.rule.THRESHOLDS]

    @property
    def choices(self) -> list[tuple[str, str, bool]]:
        """(value, label, chosen) of what can be set."""
        found = [(one.key, f"{one.label}{f' ({unit})' if (unit := rule_settings.UNITS.get(one.unit, one.unit)) else ''}") for one in self.rule.THRESHOLDS]
        return [(key, label, key == self.form.threshold) for key, label in [*found, (OFF, "The whole rule off")]]

    @property
    def pattern_fields(self) -> list[tuple[str, str, str, str]]:
        """(field, label, value, problem)."""
        labels = (("broker", "Broker"), ("vhost", "Virtual host"), ("name", "Name"))
        return [(field, label, getattr(self.form, field), self.problems.get(field, "")) for field, label in labels]

    @property
    def opens_text(self) -> str:
        after = self.rule.OPENS_AFTER
        opens = f"once it was seen for {formatting.duration(after)}" if after else "as soon as it is seen"
        clears = self.rule.CLEARS_AFTER
        opens = getattr(self.rule, "OPENS_TEXT", "") or opens
        return f"A finding opens {opens}, and closes {f'when it was gone for {formatting.duration(clears)}' if clears else 'as soon as it is gone'}."

    @property
    def found(self) -> Sequence[Finding]:
        """What it found in the last day."""
        return really(self.scope, self.rule.KEY, self.now)

    def check(self) -> bool:
        self.problems = rule_settings.problems(self.rule, self.form, [one.name for one in broker_queries.brokers(self.scope)])
        return not self.problems

    def look_back(self) -> None:
        """To be called once it is checked."""
        self.preview = last_day(self.scope, self.rule, self.form, self.now)

    @property
    def spans(self) -> list[tuple[str, list[SpanRow], int]]:
        """(heading, the newest, how many more) of what there would have been, with the new value and with what is set."""
        replayed = self.preview.replayed if self.preview else None
        if replayed is None:
            return []
        found = (("With this value", replayed.after, replayed.after_seconds), ("With what is set now", replayed.before, replayed.before_seconds))
        return [
            (
                f"{heading}: {formatting.count(len(spans), 'finding')}{f', {formatting.duration(timedelta(seconds=seconds))} in all' if spans else ''}",
                [SpanRow(one.level, one.title, one.opened_at, one.ended_at, (one.ended_at or self.now) - one.opened_at) for one in shown(spans, MOST_SPANS)],
                max(0, len(spans) - MOST_SPANS),
            )
            for heading, spans, seconds in found
        ]
