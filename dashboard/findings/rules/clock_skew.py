"""A worker node whose clock is off: times of its tasks, ETAs and expiry are off by as much. And a node of the broker whose clock is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from brokers import parts
from brokers.models import Broker, Node
from dashboard.findings import folding
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report, Threshold, Unsure
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting, levels
from workers.models import Worker

KEY = "clock_skew"
NAME = "Clock off"
ABOUT = "The clock of a worker node, or of a node of the broker, differs from Hareline's."
NEEDS = ()
THRESHOLDS = (Threshold("seconds", "Difference", levels.CLOCK_SKEW_SECONDS, "s", least=1, most=3600),)
OPENS_AFTER = timedelta(seconds=5)  # what is compared are the extremes of many events, which a single odd one does not move
CLEARS_AFTER = timedelta(seconds=30)

BADLY = 60.0
"""From so many seconds on it is a warning: ETAs and expiry are then plainly wrong."""


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    online, least = facts.groups.online, thresholds.least_of(KEY, "seconds")
    unseen = [worker for worker in online if worker.clock_skew_seconds is None]
    for worker in (*facts.groups.unknown, *unseen):
        yield Unsure(worker.reason or "its clock was not compared yet", worker.vhost, "worker", worker.hostname)
    off = [worker for worker in online if abs(worker.clock_skew_seconds or 0.0) > least and _is_off(worker, thresholds)]
    own = len(off) == len(online) - len(unseen) and len({worker.hostname.partition("@")[2] for worker in off}) > 1
    yield from folding.findings(KEY, off, facts, lambda worker: _found(worker, own), lambda one, workers: _many(one, workers, facts))
    yield from _nodes(facts, thresholds)


def _nodes(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    """Of the broker."""
    hidden = levels.unavailable(facts.its_broker, facts.now) or levels.unread(facts.its_broker, parts.NODES, facts.now)
    if hidden:
        yield Unsure(hidden, kind="node")
        return
    reported = {one.name for one in facts.open_objects.get(KEY, ()) if one.kind == "node"}
    for node in facts.nodes:
        if node.clock_skew_seconds is None and node.name in reported:
            yield Unsure("its clock could not be compared", kind="node", name=node.name)
        elif node.running and abs(node.clock_skew_seconds or 0.0) > thresholds.of(KEY, "seconds", "", node.name):
            yield _of_node(node, facts.its_broker)


def _of_node(node: Node, broker: Broker) -> Found:
    skew = node.clock_skew_seconds or 0.0
    by, which = formatting.duration(abs(skew)), "fast" if skew > 0 else "slow"
    return Found(
        KEY,
        Object("node", node.name, pk=node.pk),
        "warning" if abs(skew) >= BADLY else "notice",
        f"has a clock that is {by} {which}",
        meaning="The times in its log, and the timestamps that it gives messages, are off by as much.",
        evidence=[Evidence("Difference", f"{'+' if skew > 0 else '-'}{by}", node.clock_at, "from the Date of its HTTP answers")],
        causes=[
            Cause("The clock of its machine is not synchronized (NTP)."),
            Cause("Hareline's own clock is off, or a proxy before the node sets the Date of its answers."),
        ],
        to_do=["Synchronize the clock."],
        command="timedatectl status",
        links=[Link(f"Charts of {node.name}", "node", node.pk), Link(f"Open {broker.name}", "overview")],
        clears="when its clock agrees for half a minute",
    )


def _is_off(worker: Worker, thresholds: Thresholds) -> bool:
    where = worker.vhost, worker.hostname
    return abs(worker.clock_skew_seconds or 0.0) > thresholds.of(KEY, "seconds", *where) and not thresholds.is_off(KEY, *where)


def _found(worker: Worker, own: bool) -> Found:
    skew = worker.clock_skew_seconds or 0.0
    by, which = formatting.duration(abs(skew)), "fast" if skew > 0 else "slow"
    host = worker.hostname.partition("@")[2] or worker.hostname
    theirs = Cause(f"The clock of {host} is not synchronized (NTP).")
    ours = Cause("Hareline's own clock is off.", "every worker node that reports its time differs, on several hosts")
    return Found(
        KEY,
        folding.object_of(worker),
        "warning" if abs(skew) >= BADLY else "notice",
        f"has a clock that is {by} {which}",
        meaning="Tasks with an ETA or an expiry run too early, too late or not at all there, and the times it reports are off by as much. "
        "Hareline puts events in order by its own clock.",
        evidence=[Evidence("Difference", f"{'+' if skew > 0 else '-'}{by}", worker.heartbeat_at, "from its heartbeats and answers")],
        causes=[ours, theirs] if own else [theirs],
        to_do=["Synchronize the clock."],
        command="timedatectl status",
        links=[Link(f"Open {worker.hostname}", "worker", worker.pk)],
        clears="when its clock agrees for half a minute",
    )


def _many(one: Object, workers: Sequence[Worker], facts: Facts) -> Found:
    largest = max((worker.clock_skew_seconds or 0.0 for worker in workers), key=abs)
    return Found(
        KEY,
        one,
        "warning" if abs(largest) >= BADLY else "notice",
        f"have clocks that are off, {len(workers):,} nodes",
        title=f"{len(workers):,} nodes {one.name} have clocks that are off",
        meaning="Tasks with an ETA or an expiry run too early, too late or not at all there.",
        evidence=[
            Evidence("Nodes", f"{len(workers):,}", facts.now, formatting.listed([worker.hostname for worker in workers])),
            Evidence("Largest difference", f"{'+' if largest > 0 else '-'}{formatting.duration(abs(largest))}", facts.now),
        ],
        causes=[Cause("The clocks of their machines are not synchronized (NTP), or Hareline's is not.")],
        to_do=["Synchronize the clocks."],
        command="timedatectl status",
        links=[Link("Worker nodes", "workers")],
        clears="when their clocks agree for half a minute",
    )
