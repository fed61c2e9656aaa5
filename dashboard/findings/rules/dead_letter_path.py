"""Queues whose dead letters are dropped, and dead letters that go round."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from brokers import parts
from dashboard.findings import faulted
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report
from dashboard.findings.thresholds import Thresholds
from dashboard.findings.topology_faults import TopologyFault
from dashboard.layout import formatting

KEY = "dead_letter_path"
NAME = "Dead letters lead nowhere or go round"
ABOUT = "The dead letters of a queue are dropped, as their exchange does not exist or leads to no queue, or they come back to it without a delay or a consumer."
NEEDS = ("broker", parts.BINDINGS, parts.QUEUES)
THRESHOLDS = ()
OPENS_AFTER = timedelta(seconds=30)
CLEARS_AFTER = timedelta(seconds=10)


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    yield from faulted.unknown(facts)
    for one in faulted.faults("dead letters", KEY, facts, thresholds):
        yield _nowhere(one)
    for one in faulted.faults("loop", KEY, facts, thresholds):
        yield _loop(one)


def _nowhere(one: TopologyFault) -> Found:
    with_key = "" if one.key is None else f" with the routing key {one.key or '(empty)'}"
    target = one.target or "the default exchange"
    why = "does not exist" if one.missing else f"leads to no queue{with_key}"
    return Found(
        KEY,
        Object("queue", one.name, one.vhost, one.pk),
        "warning",
        f"dead-letters to an exchange that {'does not exist' if one.missing else 'leads to no queue'}",
        summary=f"Its dead letters go to {target}, which {why}.",
        meaning="Messages that are rejected, expire or find no room are lost instead of being kept.",
        evidence=[Evidence("Dead-letter exchange", target, source=why)],
        causes=[Cause("The exchange was deleted, or its name is misspelled." if one.missing else "No binding of the exchange matches the dead letters.")],
        to_do=[f"Declare the exchange {target}, and bind a queue to it." if one.missing else f"Bind a queue to {target} that takes them."],
        links=[Link("Open the queue", "queue", one.pk)],
        clears="when a queue takes its dead letters",
        detail="nowhere",
    )


def _loop(one: TopologyFault) -> Found:
    path = " → ".join((*one.queues, one.queues[0]))
    expires = one.kind == "expires"
    return Found(
        KEY,
        Object("queue", one.name, one.vhost, one.pk),
        "notice",
        "gets its own dead letters back" if len(one.queues) == 1 else f"gets its dead letters back by {formatting.listed(list(one.queues[1:]))}",
        summary=f"Dead letters go round: {path}.",
        meaning="Messages expire at each of them, and RabbitMQ drops one that comes round without having been rejected."
        if expires
        else "A message that a consumer rejects is back at once, and is rejected again as fast as the consumer can.",
        evidence=[Evidence("Round", path, source="each of them has a message TTL" if expires else "none of them has a message TTL")],
        causes=[
            Cause(
                "The queue that was to hold messages for a while has a consumer’s path behind it that expires too."
                if expires
                else "The queue that was to delay retries is missing."
            )
        ],
        to_do=[
            "Let one of the queues keep its messages until a consumer takes them."
            if expires
            else "Put a queue with a message TTL between them, and count the retries (header x-death)."
        ],
        links=[Link("Open the queue", "queue", one.pk)],
        clears="when the dead letters go elsewhere",
        detail="loop",
    )
