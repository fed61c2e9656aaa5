"""What the rules about configuration drift share: the drifts of one kind, and that none is reported anew while a deployment goes on. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from dashboard.findings.drift import Drift, What
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Object, Unsure
from dashboard.findings.thresholds import Thresholds
from workers.models import Worker

DEPLOYMENT = timedelta(minutes=2)
"""After a worker node left, another one with a new configuration may follow: so long no new drift is reported in its virtual host."""
OPENS_AFTER = timedelta(seconds=5)
OPENS_TEXT = "once it was seen for 5 s, but not within 2 min after a worker node of the virtual host left"


def unknown(facts: Facts) -> Iterator[Unsure]:
    """None can be assessed while configurations are not known."""
    if facts.drift is None:
        yield Unsure("the configurations of workers are not known yet")


def drifts(what: What, rule: str, facts: Facts, thresholds: Thresholds) -> Iterator[Drift]:
    """Those that the rule `rule` reports now."""
    opened = {(one.vhost, one.name) for one in facts.open_objects.get(rule, ())}
    deployed = {worker.vhost for worker in facts.groups.not_online if worker.state == Worker.GONE and worker.since and facts.now - worker.since < DEPLOYMENT}
    for one in facts.drift or ():
        if one.what == what and not thresholds.is_off(rule, one.vhost, one.name) and (one.vhost not in deployed or (one.vhost, one.name) in opened):
            yield one


def queue_of(one: Drift) -> Object:
    """The queue that a drift is about, with its key if the broker has it."""
    return Object("queue", one.name, one.vhost, one.pk)
