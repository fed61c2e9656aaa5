"""A memory or disk alarm: the broker takes nothing from publishers, Celery's heartbeats included, and so hides what it can't show meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from brokers.models import Broker, Node
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting, levels
from workers.models import Worker

KEY = "publishers_blocked"
NAME = "Publishers blocked"
ABOUT = "A memory or disk alarm of a node, by which the broker takes no messages, and no worker's heartbeats, until it clears."
NEEDS = ("broker",)
THRESHOLDS = ()
OPENS_AFTER = timedelta(0)
CLEARS_AFTER = timedelta(seconds=10)

MOST_LINKED = 3
BLOCKED_STATES = ("blocked", "blocking")


def object_of(broker: Broker) -> Object:
    return Object("broker", broker.name, pk=broker.pk)


def look(facts: Facts, _: Thresholds) -> Iterable[Report]:
    broker = facts.its_broker
    if not broker.alarms:
        return
    resources = sorted({str(alarm.get("resource")) for alarm in broker.alarms})
    nodes = sorted({str(alarm.get("node")) for alarm in broker.alarms})
    blocked, how_many = facts.blocked()
    connections = sorted(one.provided_name or one.name for one in blocked if one.state in BLOCKED_STATES)
    silent = [worker.hostname for worker in facts.workers if worker.state == Worker.UNKNOWN and worker.silence == "blocked"]
    evidence = [item for node in facts.nodes if node.name in nodes for item in _measured(node)]
    if connections:
        total = max(how_many, len(connections))
        evidence.append(Evidence("Blocked connections", f"{total:,}", broker.connections_at, formatting.listed(connections, total=total)))
    if silent:
        evidence.append(Evidence("Worker nodes without heartbeat since", f"{len(silent):,}", None, formatting.listed(sorted(silent))))
    yield Found(
        KEY,
        object_of(broker),
        "critical",
        f"blocks publishers: {formatting.listed(resources)} alarm on {formatting.listed(nodes)}",
        title=f"{broker.name} blocks publishers",
        since=levels.blocked_since(broker.alarms),
        summary=f"The {formatting.listed(resources)} alarm is set on {formatting.listed(nodes)}.",
        meaning="Every publishing connection is blocked until the alarm clears, and Celery’s heartbeats with it. Consumers keep working.",
        evidence=evidence,
        causes=_causes(facts, resources, nodes),
        to_do=["Let consumers drain the deepest queues, or raise the limit." if "memory" in resources else "Free disk space on the node, or lower the limit."],
        command="rabbitmq-diagnostics memory_breakdown" if "memory" in resources else "rabbitmq-diagnostics check_local_alarms",
        links=[
            Link("The deepest queues", "queues"),
            *(Link(f"Charts of {node.name}", "node", node.pk) for node in facts.nodes if node.name in nodes[:MOST_LINKED]),
            Link(f"Open {broker.name}", "overview"),
        ],
        clears="when no node has an alarm",
    )


def _measured(node: Node) -> Iterable[Evidence]:
    if node.memory_alarm:
        used, limit = formatting.data_size(node.memory_used_bytes), formatting.data_size(node.memory_limit_bytes)
        yield Evidence(f"Memory of {node.name}", f"{used} of {limit}", node.at)
    if node.disk_alarm:
        free, limit = formatting.data_size(node.disk_free_bytes), formatting.data_size(node.disk_free_limit_bytes)
        yield Evidence(f"Free disk of {node.name}", f"{free}, limit {limit}", node.at)


def _causes(facts: Facts, resources: list[str], nodes: list[str]) -> list[Cause]:
    reached = Cause(f"{formatting.listed(nodes)} reached its limit of {formatting.listed(resources)}.")
    deep = sorted((queue for queue in facts.queues if queue.depth), key=lambda queue: -(queue.depth or 0))[:3]
    if not deep or "memory" not in resources:
        return [reached]
    listed = formatting.listed([f"{queue.name} ({queue.depth:,})" for queue in deep])
    return [reached, Cause("Messages that are not consumed fill the memory.", f"deepest of the queues in trouble: {listed}")]
