"""Busy queues that a single node consumes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from brokers import parts
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report, Threshold
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting

KEY = "one_node"
NAME = "Busy queue on one node"
ABOUT = "All consumers of a busy queue are in one program or worker node: nothing takes from it while that is away."
NEEDS = ("broker", parts.QUEUES, parts.CONSUMERS)
THRESHOLDS = (Threshold("rate", "Messages acknowledged from which it counts", 50, "/s"),)
OPENS_AFTER = timedelta(minutes=5)  # not while nodes are started one after the other
CLEARS_AFTER = timedelta(minutes=1)
LEAST_RATE = 0.1


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    for queue in facts.busy_queues(LEAST_RATE if thresholds.explicit_any(KEY, "rate") else THRESHOLDS[0].default):
        if queue.ack_per_second < thresholds.of(KEY, "rate", queue.vhost, queue.name) or thresholds.is_off(KEY, queue.vhost, queue.name):
            continue
        nodes = facts.consuming_nodes(queue.vhost, queue.name)
        if len(nodes) != 1 or "" in nodes:  # "": not reported
            continue
        (node,) = nodes
        yield Found(
            KEY,
            Object("queue", queue.name, queue.vhost, queue.pk),
            "notice",
            f"is consumed by {node} alone",
            summary=f"All of its consumers are on {node}, which acknowledges {formatting.rate(queue.ack_per_second)} messages/s.",
            meaning="When that node stops, also for a deployment, nothing takes from the queue.",
            evidence=[
                Evidence("Consumed by", node, facts.its_broker.polled_at),
                Evidence("Acknowledged", f"{formatting.rate(queue.ack_per_second)}/s", queue.polled_at),
            ],
            causes=[Cause("Only this node was started with the queue (option -Q), or others left.")],
            to_do=["Let a second node, on another machine, consume it too."],
            links=[Link("Open the queue", "queue", queue.pk)],
            clears="when a second node consumes it, or it is less busy",
        )
