"""A node of a cluster that its other nodes list, and that does not run, or that they were cut off from."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from brokers import parts
from brokers.characters import shell_word
from brokers.models import Node
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report
from dashboard.findings.rules import partition
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting

KEY = "node_down"
NAME = "Node down"
ABOUT = "A node of the cluster does not run."
NEEDS = ("broker", parts.NODES)
THRESHOLDS = ()
OPENS_AFTER = timedelta(0)
CLEARS_AFTER = timedelta(seconds=10)


def object_of(node: Node) -> Object:
    return Object("node", node.name, pk=node.pk)


def look(facts: Facts, _: Thresholds) -> Iterable[Report]:
    broker = facts.its_broker
    running = [node.name for node in facts.nodes if node.running]
    cut_off = {str(name) for node in facts.nodes if node.running for name in node.partitions}
    for node in facts.nodes:
        if not node.running:
            since = next((change.at for change in facts.changes if change.kind == "node" and change.name == node.name), None)
            yield Found(
                KEY,
                object_of(node),
                "critical",
                "does not run with the nodes that it was cut off from" if node.name in cut_off else "is not running",
                since=since,
                summary=f"It is a node of {broker.name}, {len(running):,} of whose {formatting.count(len(facts.nodes), 'node')} run.",
                meaning="Classic queues that live only on this node can't be used; quorum queues keep working while most of their members run.",
                evidence=[
                    Evidence("Running nodes", f"{len(running):,} of {len(facts.nodes):,}", broker.polled_at, formatting.listed(sorted(running))),
                ],
                causes=[
                    Cause("It was stopped, it ended by an error, or it is cut off from the others.", "the other nodes list it, but it does not respond to them")
                ],
                to_do=["Check the node and its log."],
                command=f"rabbitmq-diagnostics -n {shell_word(node.name)} status",
                links=[Link(f"Charts of {node.name}", "node", node.pk), Link(f"Open {broker.name}", "overview")],
                clears="when it runs again, or is removed from the cluster",
                under=facts.identity(partition.KEY, partition.object_of(broker)) if node.name in cut_off else "",
            )
