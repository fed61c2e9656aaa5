"""What a rule about queues would have found in the past: the rule itself and the life of findings, over the recorded numbers of one queue.

Pure. What no history is kept of is as it is now (limits, what is usual) or unknown (worker nodes). Steps are a minute or more, so that what came and went
between two of them is not seen, and what the poller follows at every poll (growth, the age of the oldest message, since when nothing is acknowledged) is
made from the steps.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import msgspec

from brokers.depth_growth import DepthGrowth
from brokers.head_age import HeadAge
from brokers.models import Broker, Queue
from dashboard.findings import lifecycle
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Found, Object, Rule, Unsure, identity
from dashboard.findings.thresholds import Thresholds

NUMBERS = ("ready", "unacknowledged", "consumers", "publish_per_second", "deliver_per_second", "ack_per_second", "redeliver_per_second", "memory_bytes")
REPLAYED = ("no_consumer", "growing", "stuck", "oldest_message")
"""The rules whose facts are all among these numbers."""


class Span(msgspec.Struct):
    """A finding that there would have been. `ended_at` None: still open at the end."""

    queue: str
    level: str
    title: str
    opened_at: datetime
    ended_at: datetime | None = None


class _Open(msgspec.Struct):
    """As `lifecycle.Known`."""

    identity: str
    rule: str
    level: str
    kind: str
    vhost: str
    name: str
    opened_at: datetime
    span: Span
    absent_since: datetime | None = None
    lower_since: datetime | None = None
    closed_at: datetime | None = None
    pk: int = 0
    under_id: int | None = None

    @property
    def title(self) -> str:
        return self.span.title


def as_it_was(queue: Queue, times: Sequence[datetime], values: dict[str, Sequence[float | None]]) -> list[Queue | None]:
    """The queue at each of the times; None where its numbers are unknown. `values` by name of NUMBERS."""
    found: list[Queue | None] = []
    growth: DepthGrowth | None = None
    head: HeadAge | None = None
    came = left = 0.0
    nobody_since = still_since = published_at = None
    was_consumed = False
    before: Queue | None = None
    for place, at in enumerate(times):
        numbers = {name: values[name][place] for name in NUMBERS}
        if numbers["ready"] is None or numbers["unacknowledged"] is None:
            found.append(None)
            growth = head = before = nobody_since = still_since = None
            continue
        one = copy.copy(queue)
        for name, value in numbers.items():
            setattr(one, name, value if value is None or name.endswith("_per_second") else int(value))
        one.depth = (one.ready or 0) + (one.unacknowledged or 0)
        one.active_consumers, one.delayed = None, None
        seconds = (at - times[place - 1]).total_seconds() if place else 0.0
        came, left = came + seconds * (one.publish_per_second or 0.0), left + seconds * (one.ack_per_second or 0.0)
        head = head or HeadAge(at.timestamp(), one.depth, int(came), int(left))
        arrived = head.read(at.timestamp(), one.ready or 0, one.depth, int(came), int(left))
        one.oldest_at, one.oldest_estimated = (None if arrived is None else datetime.fromtimestamp(arrived, UTC)), True
        if growth is None:
            growth = DepthGrowth(at.timestamp(), one.depth)
            one.growth_per_second = None
        else:
            one.growth_per_second = growth.read(at.timestamp(), one.depth, one.publish_per_second)
        is_fed = bool(one.publish_per_second) or (before is not None and (before.depth or 0) < one.depth)
        nobody_since = (nobody_since or at) if one.consumers == 0 else None
        was_consumed = was_consumed or bool(one.consumers)
        published_at = (at if is_fed else published_at) if one.consumers == 0 else None
        still = bool(one.ready and one.consumers) and one.ack_per_second == 0 and (one.deliver_per_second == 0 or bool(one.unacknowledged))
        still_since = (still_since or at) if still else None
        one.nobody_consumes_since, one.nobody_since_at_least = nobody_since, not was_consumed
        one.last_publish_at, one.still_since = published_at, still_since
        found.append(one)
        before = one
    return found


def replay(rule: Rule, base: Facts, times: Sequence[datetime], queue: Sequence[Queue | None], thresholds: Thresholds) -> list[Span]:
    """The findings that the rule would have made of one queue. `base`: the facts of its broker as they are now. May raise what the rule raises."""
    facts = replace(base, workers=(), found=[], explained={}, open_objects={})
    broker = copy.copy(base.its_broker)
    facts.broker, broker.state = broker, Broker.UP
    opened: dict[str, _Open] = {}
    lately: dict[str, _Open] = {}
    pending: dict[str, lifecycle.Pending] = {}
    spans: list[Span] = []
    for at, one in zip(times, queue, strict=True):
        if one is None or (not one.depth and not opened and not pending):
            continue
        broker.polled_at = broker.tried_at = at
        one.broker = broker
        facts.now, facts.queues, facts.found, facts.explained = at, [one], [], {}
        facts.open_objects = {rule.KEY: [Object("queue", known.name, known.vhost, one.pk) for known in opened.values()]}
        seen, unsure = _looked(rule, facts, thresholds)
        recent = {key: known for key, known in lately.items() if known.closed_at and at - known.closed_at <= lifecycle.RETURNS_WITHIN}
        steps = lifecycle.advance(opened, recent, lifecycle.Round(seen, {rule.KEY: unsure}), pending, at, lambda _: (rule.OPENS_AFTER, rule.CLEARS_AFTER))
        for step in steps:
            _apply(step, at, one, opened, lately, spans)
    return spans


def _looked(rule: Rule, facts: Facts, thresholds: Thresholds) -> tuple[dict[str, Found], list[Unsure]]:
    seen, unsure = {}, []
    for report in rule.look(facts, thresholds):
        if isinstance(report, Unsure):
            unsure.append(report)
        elif report.object.kind == "queue" and not thresholds.is_off(rule.KEY, report.object.vhost, report.object.name):
            seen[identity(rule.KEY, "", report.object, report.detail)] = report
    return seen, unsure


def _apply(step: lifecycle.Step, at: datetime, queue: Queue, opened: dict[str, _Open], lately: dict[str, _Open], spans: list[Span]) -> None:
    known = opened.get(step.identity)
    if step.found is not None and known is None:
        span = Span(queue.name, step.level, step.found.whole_title, at)
        before = lately.pop(step.identity, None) if step.what == "returned" else None
        if before is not None:
            span, before.span.ended_at = before.span, None
        else:
            spans.append(span)
        object = step.found.object
        opened[step.identity] = _Open(step.identity, step.found.rule, step.level, object.kind, object.vhost, object.name, at, span)
    elif known is not None and step.found is not None:
        known.level, known.lower_since, known.absent_since = step.level, step.lower_since, None
        known.span.level = lifecycle.worse(known.span.level, step.level)
    elif known is not None and step.what == "closed":
        known.closed_at = known.span.ended_at = at
        lately[step.identity] = opened.pop(step.identity)
    elif known is not None and step.what == "absent":
        known.absent_since = step.absent_since


def total_seconds(spans: Iterable[Span], until: datetime) -> float:
    """How long there was a finding, of all together."""
    return sum(((one.ended_at or until) - one.opened_at).total_seconds() for one in spans)
