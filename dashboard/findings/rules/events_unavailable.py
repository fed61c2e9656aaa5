"""Celery's events of a virtual host can't be received: refused, out of reach. Workers and tasks there are unknown meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report, Unsure
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting
from workers.models import EventSource, Worker

KEY = "events_unavailable"
NAME = "Events not received"
ABOUT = "Hareline can't receive the events of workers in a virtual host, so that workers and tasks there are unknown."
NEEDS = ("broker",)
THRESHOLDS = ()
OPENS_AFTER = timedelta(seconds=10)
CLEARS_AFTER = timedelta(seconds=10)


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    for source in facts.sources:
        if source.state == EventSource.UNKNOWN:  # Hareline's receiver is behind, which is a finding about Hareline itself
            yield Unsure(source.reason or "events have not been received yet", source.vhost, "source")
        elif source.state in (EventSource.REFUSED, EventSource.UNREACHABLE) and not thresholds.is_off(KEY, source.vhost):
            yield _found(source, facts)


def object_of(source: EventSource) -> Object:
    return Object("source", f"events of {source.vhost}", source.vhost, source.pk)


def _found(source: EventSource, facts: Facts) -> Found:
    refused = source.state == EventSource.REFUSED
    unknown = [worker.hostname for worker in facts.workers if worker.vhost == source.vhost and worker.state == Worker.UNKNOWN]
    reason = source.reason.strip().rstrip(".")
    evidence = [Evidence("Last event", formatting.moment_text(source.received_at, facts.now) if source.received_at else "never", source.received_at)]
    if unknown:
        evidence.append(Evidence("Worker nodes unknown since", f"{len(unknown):,}", facts.now, formatting.listed(unknown)))
    return Found(
        KEY,
        object_of(source),
        "warning",
        "are refused to Hareline's user" if refused else "can't be received",
        title=f"Celery’s events of {source.vhost} {'are refused to Hareline’s user' if refused else 'can’t be received'}",
        since=source.since,
        summary=f"{reason[:1].upper()}{reason[1:]}." if reason else "",
        meaning="The state of worker nodes and tasks there is unknown; queues are read all the same.",
        evidence=evidence,
        causes=[Cause("Hareline's user lacks a permission in the virtual host.") if refused else Cause("The AMQP port is closed, or the network is cut.")],
        to_do=["Grant it, as below." if refused and source.grant else "Check the broker's AMQP listener and the network between it and Hareline."],
        command=source.grant,
        links=[Link("Worker nodes", "workers")],
        clears="when events are received again",
    )
