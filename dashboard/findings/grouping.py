"""Which finding explains another, where the rule itself did not say so. Pure.

A worker that is gone or stands still carries the findings about the queues that it alone consumes; a broker that blocks publishers, those about queues and
failing tasks that began after it did.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import msgspec

from dashboard.findings.facts import Facts
from dashboard.findings.rule import Found

BLOCKED = "publishers_blocked"
"""The rule of `dashboard.findings.rules.publishers_blocked`."""


DEAD_LETTERS = "dead_letters"
"""Of `dashboard.findings.rules.dead_letters`: an alarm keeps messages out, and makes no consumer reject any."""


POLLS_UNSEEN = 2
"""An alarm is known since the poll that shows it: it may have begun after the one before, and a poll takes its time."""


def grouped(found: Iterable[Found], facts: Facts) -> list[Found]:
    """The findings of a rule, each under what explains it."""
    return [one if one.under else msgspec.structs.replace(one, under=_above(one, facts)) for one in found]


def _above(one: Found, facts: Facts) -> str:
    if one.object.kind == "queue":
        return _worker(one, facts) or ("" if one.rule == DEAD_LETTERS else _alarm(one, facts))
    return _alarm(one, facts) if one.object.kind == "task" else ""


def _worker(one: Found, facts: Facts) -> str:
    """Of the workers that consume the queue, if all of them are out of order and nobody else consumes it: the first."""
    consuming = facts.groups.by_queue.get((one.object.vhost, one.object.name), ())
    known = [
        facts.explained.get(("worker", worker.pk), "") for worker in consuming if worker.state != worker.ONLINE or ("worker", worker.pk) in facts.explained
    ]
    alive = [worker for worker in consuming if worker.state == worker.ONLINE and ("worker", worker.pk) not in facts.explained]
    explaining = [identity for identity in known if identity]
    queue = facts.queues_by_key.get(one.object.pk)
    others = queue is not None and queue.consumers is not None and queue.consumers > len(explaining)
    return "" if alive or others or not explaining else explaining[0]


def _alarm(one: Found, facts: Facts) -> str:
    alarm = next((other for other in facts.found if other.rule == BLOCKED), None)
    unseen = timedelta(seconds=POLLS_UNSEEN * (facts.its_broker.poll_seconds or 0.0))
    if alarm is None or (one.since is not None and alarm.since is not None and one.since < alarm.since - unseen):
        return ""
    return facts.identity(alarm.rule, alarm.object, alarm.detail)
