"""What a rule would have done in the last day with another setting, and what it did: for the page of the rule."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

import msgspec

from brokers import queries as broker_queries
from brokers.models import Broker, Queue
from brokers.scope import EVERYTHING, Scope
from dashboard import queries
from dashboard.findings.facts import Facts
from dashboard.findings.replay import NUMBERS, REPLAYED, Span, as_it_was, replay, total_seconds
from dashboard.findings.rule import Rule
from dashboard.findings.rule_settings import SettingForm
from dashboard.findings.rules import ALL
from dashboard.findings.thresholds import OFF, Thresholds
from dashboard.layout.typed_numbers import number
from dashboard.models import Finding, RuleSetting

DAY = timedelta(hours=24)
STEP, STEP_OF_MANY = timedelta(minutes=1), timedelta(minutes=5)
MANY_QUEUES = 500
"""With more queues a day's raw history takes seconds to read; then every fifth minute is."""
MOST_QUEUES = 200
MOST_SECONDS = 3.0
"""Of processor time."""


class Replayed(msgspec.Struct, frozen=True):
    """`before`: what there would have been with what is set now, `after`: with the new setting. `queues` of `matching` were replayed, the deepest first."""

    before: list[Span]
    after: list[Span]
    queues: int
    matching: int
    step: timedelta
    since: datetime

    @property
    def before_seconds(self) -> float:
        return total_seconds(self.before, self.since + DAY)

    @property
    def after_seconds(self) -> float:
        return total_seconds(self.after, self.since + DAY)


class LastDay(msgspec.Struct, frozen=True):
    """`found`: what the rule really found in the last day; `matching` of these are about what the setting is for. `why_not`: why there is no replay."""

    found: list[Finding]
    matching: list[Finding]
    replayed: Replayed | None = None
    why_not: str = ""


def really(scope: Scope, rule: str, now: datetime) -> list[Finding]:
    """What the rule found: open now or closed within a day, the newest first."""
    return queries.findings_of_rule(scope, rule, now - DAY)


def last_day(scope: Scope, rule: Rule, form: SettingForm, now: datetime) -> LastDay:
    """For a form without problems."""
    found = really(scope, rule.KEY, now)
    matching = [one for one in found if _is_about(one, form)]
    if form.threshold == OFF:
        return LastDay(found, matching, why_not="Switched off, it would have found none of these.")
    if rule.KEY not in REPLAYED:
        why = "No history is kept of what this rule looks at, so what another value would have done can't be replayed. This is what it found with what was set."
        return LastDay(found, matching, why_not=why)
    replayed = replayed_day(scope, rule, form, now)
    return LastDay(found, matching, replayed, "" if replayed.queues else "No queue that matches held messages in the last day.")


def _is_about(finding: Finding, form: SettingForm) -> bool:
    broker = finding.broker.name if finding.broker else ""
    return all(fnmatchcase(value, pattern) for value, pattern in ((broker, form.broker), (finding.vhost, form.vhost), (finding.name, form.name)))


def replayed_day(scope: Scope, rule: Rule, form: SettingForm, now: datetime, clock: Callable[[], float] = time.thread_time) -> Replayed:
    """Each matching queue twice over the last day, until MOST_SECONDS of processor time are spent."""
    settings = queries.rule_settings(EVERYTHING)
    value = number(form.value) or 0.0
    added = RuleSetting(rule=rule.KEY, threshold=form.threshold, broker=form.broker, vhost=form.vhost, name=form.name, value=value)
    before: list[Span] = []
    after: list[Span] = []
    done, matching, step, began, start = 0, 0, STEP, clock(), now - DAY
    for broker in broker_queries.brokers(scope):
        if not fnmatchcase(broker.name, form.broker):
            continue
        queues = [one for one in broker_queries.deep_queues(scope, broker, 10 * MOST_QUEUES) if _matches(one, form)]
        matching += len(queues)
        if not queues:
            continue
        step = max(step, STEP if broker_queries.number_of_queues(scope, broker) <= MANY_QUEUES else STEP_OF_MANY)
        times, values = broker_queries.histories(
            scope, broker.pk, "queues", [one.pk for one in queues[:MOST_QUEUES]], NUMBERS, start, now, step.total_seconds()
        )
        facts = _facts(scope, broker, now)
        for queue in queues[:MOST_QUEUES]:
            if clock() - began > MOST_SECONDS:
                break
            past = as_it_was(queue, times, {name: values[name][queue.pk] for name in NUMBERS})
            before += replay(rule, facts, times, past, _thresholds(settings, broker))
            after += replay(rule, facts, times, past, _thresholds([*(one for one in settings if not _same(one, added)), added], broker))
            done += 1
    return Replayed(before, after, done, matching, step, start)


def _facts(scope: Scope, broker: Broker, now: datetime) -> Facts:
    return Facts(now=now, broker=broker, nodes=broker_queries.nodes(scope, broker.pk))


def _thresholds(settings: Iterable[RuleSetting], broker: Broker) -> Thresholds:
    return Thresholds(ALL.values(), settings, broker.name)


def _same(one: RuleSetting, other: RuleSetting) -> bool:
    return (one.rule, one.threshold, one.broker, one.vhost, one.name) == (other.rule, other.threshold, other.broker, other.vhost, other.name)


def _matches(queue: Queue, form: SettingForm) -> bool:
    return fnmatchcase(queue.vhost, form.vhost) and fnmatchcase(queue.name, form.name)


def shown(spans: Sequence[Span], most: int) -> list[Span]:
    """The newest, at most so many."""
    return sorted(spans, key=lambda one: one.opened_at, reverse=True)[:most]
