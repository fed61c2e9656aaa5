"""A cluster that is partitioned: nodes that run and do not see each other. One finding, whatever the number of nodes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from brokers import parts
from brokers.models import Broker
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting

KEY = "partition"
NAME = "Cluster partitioned"
ABOUT = "Nodes of a cluster run, and report that they were cut off from others."
NEEDS = ("broker", parts.NODES)
THRESHOLDS = ()
OPENS_AFTER = timedelta(0)
CLEARS_AFTER = timedelta(seconds=10)


def object_of(broker: Broker) -> Object:
    return Object("broker", broker.name, pk=broker.pk)


def look(facts: Facts, _: Thresholds) -> Iterable[Report]:
    broker = facts.its_broker
    cut = [node for node in facts.nodes if node.running and node.partitions]
    if not cut:
        return
    yield Found(
        KEY,
        object_of(broker),
        "critical",
        "is partitioned",
        summary=f"{formatting.listed([node.name for node in cut])} {'was' if len(cut) == 1 else 'were'} cut off from other nodes of {broker.name}.",
        meaning="Each side may have gone on by itself: what it holds of a classic queue can differ, and stays so until nodes of one side are restarted.",
        evidence=[Evidence(node.name, f"cut off from {formatting.listed([str(name) for name in node.partitions])}", node.at) for node in cut],
        causes=[Cause("The network between the nodes was interrupted, or one of them stood still for longer than net_ticktime.")],
        to_do=["Restart the nodes of the side whose messages you can lose, unless cluster_partition_handling does that."],
        command="rabbitmq-diagnostics cluster_status",
        links=[Link(f"Open {broker.name}", "overview")],
        clears="when no node reports a partition",
    )
