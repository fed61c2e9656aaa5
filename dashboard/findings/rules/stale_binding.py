"""A binding in the broker that the configuration of no worker has: Celery adds bindings and never removes one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta

from brokers import parts
from brokers.characters import shell_word
from dashboard.findings import drifted
from dashboard.findings.drift import Drift
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Report
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting

KEY = "stale_binding"
NAME = "Binding that nobody configures"
ABOUT = "A queue that workers consume has a binding that the configuration of none of them has."
NEEDS = ("broker", parts.BINDINGS)
THRESHOLDS = ()
OPENS_AFTER, OPENS_TEXT = drifted.OPENS_AFTER, drifted.OPENS_TEXT
CLEARS_AFTER = timedelta(0)


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    yield from drifted.unknown(facts)
    by_queue: dict[tuple[str, str], list[Drift]] = {}
    for one in drifted.drifts("binding", KEY, facts, thresholds):
        by_queue.setdefault((one.vhost, one.name), []).append(one)
    for (vhost, queue), drifts in by_queue.items():
        yield _found(vhost, queue, drifts, facts)


def _found(vhost: str, queue: str, drifts: list[Drift], facts: Facts) -> Found:
    exchange, key, properties_key, arguments = _parts(drifts[0])
    many = len(drifts) > 1
    listed = []
    for one in drifts[:5]:
        source, its_key, _, its_arguments = _parts(one)
        if one.since:
            listed.append(Evidence(f"From {source}", _shown(its_key, its_arguments), facts.now, f"there since {one.since:%Y-%m-%d %H:%M} UTC"))
    return Found(
        KEY,
        drifted.queue_of(drifts[0]),
        "notice",
        f"has {formatting.count(len(drifts), 'binding')} that no worker’s configuration has",
        summary=f"From {exchange} with {_shown(key, arguments)}{f', and {len(drifts) - 1:,} more' if many else ''}.",
        meaning="Messages that match it still reach this queue, whose workers may not expect them, and may reach it besides another one.",
        evidence=[
            *listed,
            Evidence("Configured", formatting.listed(list(drifts[0].values), 5) or "nothing", drifts[0].at, f"by {formatting.listed(list(drifts[0].workers))}"),
        ],
        causes=[
            Cause("The exchange or the routing key of the queue was changed in the configuration: Celery declares the new binding and leaves the old one."),
            Cause("Somebody or another program made it on purpose; then switch this rule off for the queue."),
        ],
        to_do=["If nobody needs it, delete the binding."],
        command=f"rabbitmqadmin -V {shell_word(vhost)} delete binding source={shell_word(exchange)} destination_type=queue "
        f"destination={shell_word(queue)} properties_key={shell_word(properties_key or key or '~')}",
        links=[Link(f"Bindings of {queue}", "queues", query=queue)],
        clears="when the binding is deleted, or configured again",
    )


def _parts(drift: Drift) -> tuple[str, str, str, str]:
    """(exchange, key, properties key, arguments as text)."""
    exchange, key, properties_key, arguments = json.loads(drift.detail)
    return exchange, key, properties_key, arguments


def _shown(key: str, arguments: str) -> str:
    return " ".join(filter(None, (key or "no key", f"and {arguments}" if arguments else "")))
