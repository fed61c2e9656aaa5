"""A queue that can't be used: a quorum queue or stream without majority or leader, a classic queue whose node is down. And one that misses members."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from brokers import parts
from brokers.models import Queue
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report
from dashboard.findings.rules import node_down
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting, queue_levels

KEY = "queue_unavailable"
NAME = "Queue unavailable"
ABOUT = "A quorum queue or stream without a majority of its members or without a leader, or a classic queue that is down."
NEEDS = ("broker", parts.QUEUES)
THRESHOLDS = ()
OPENS_AFTER = timedelta(0)
CLEARS_AFTER = timedelta(seconds=10)

MOST = 100
"""Beyond so many, the others are one finding."""


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    broken = [queue for queue in facts.queues if _short(queue, facts)]
    broken = [queue for queue in broken if not thresholds.is_off(KEY, queue.vhost, queue.name)]
    broken.sort(key=lambda queue: (-(queue.depth or 0), queue.pk))
    for queue in broken[:MOST]:
        yield _found(queue, facts)
    if len(broken) > MOST:
        yield _others(broken[MOST:], facts)


def _short(queue: Queue, facts: Facts) -> str:
    """What is wrong, as a clause; "" for nothing."""
    if queue_levels.is_broken(queue):
        return queue_levels.queue_level(queue, facts.its_broker, facts.now).reason
    missing = queue_levels.members_text(queue)
    return f"has {missing}" if missing else ""


def _found(queue: Queue, facts: Facts) -> Found:
    broken, at = queue_levels.is_broken(queue), facts.its_broker.polled_at
    evidence = [Evidence("State", queue.state or "not reported", at)]
    if queue.members:
        online = "not reported" if queue.online is None else f"{len(queue.online):,} of {len(queue.members):,}"
        evidence.append(Evidence("Members online", online, at, formatting.listed([str(name) for name in queue.members], 5)))
        evidence.append(Evidence("Leader", "not reported" if queue.leader is None else queue.leader or "none", at))
    elif queue.node:
        evidence.append(Evidence("Node", queue.node, at))
    return Found(
        KEY,
        Object("queue", queue.name, queue.vhost, queue.pk),
        "critical" if broken else "warning",
        _short(queue, facts),
        summary="Its depth is unknown." if queue.depth is None else f"It holds {formatting.count(queue.depth, 'message')}.",
        meaning="Nothing can be published to it or consumed from it."
        if broken
        else "It works, and its messages are safe while most of its members are online.",
        evidence=evidence,
        causes=[_cause(queue)],
        to_do=["Bring the queue's nodes back, or check the broker's log for what stopped it."],
        links=[Link(f"Open {queue.name}", "queue", queue.pk)],
        clears="when it has a leader and all members, and runs" if queue.members else "when it runs again",
        under=_under([queue], facts),
    )


def _cause(queue: Queue) -> Cause:
    if queue.members and queue.online is not None and len(queue.online) < len(queue.members):
        away = [str(name) for name in queue.members if name not in queue.online]
        return Cause(f"{formatting.listed(away)} {'is' if len(away) == 1 else 'are'} not running, or cut off from the others.", _members(queue))
    if queue.leader == "":
        return Cause("Its members have elected no leader.", _members(queue))
    return Cause(f"The broker reports the queue as {queue.state}; its node is {queue.node or 'not reported'}.")


def _members(queue: Queue) -> str:
    return f"members: {formatting.listed([str(name) for name in queue.members or ['not reported']], 5)}"


def _under(queues: list[Queue], facts: Facts) -> str:
    """The finding about a node that is down and that all of them miss."""
    for node in facts.nodes:
        if not node.running and all(_misses(queue, node.name) for queue in queues):
            return facts.identity(node_down.KEY, node_down.object_of(node))
    return ""


def _misses(queue: Queue, node: str) -> bool:
    if queue.members:
        return node in queue.members and (queue.online is None or node not in queue.online)
    return queue.node == node


def _others(queues: list[Queue], facts: Facts) -> Found:
    broker = facts.its_broker
    broken = [queue for queue in queues if queue_levels.is_broken(queue)]
    return Found(
        KEY,
        Object("broker", broker.name, pk=broker.pk),
        "critical" if broken else "warning",
        f"has {len(queues):,} more queues that are unavailable or miss members",
        summary=f"Only the {MOST:,} deepest have a finding of their own.",
        evidence=[
            Evidence("Can't be used", f"{len(broken):,}", broker.polled_at, formatting.listed([queue.name for queue in broken])),
            Evidence("Miss members", f"{len(queues) - len(broken):,}", broker.polled_at),
        ],
        links=[Link("All of them", "queues", query="is:broken")],
        clears="when fewer are",
        detail="more",
        under=_under(queues, facts),
    )
