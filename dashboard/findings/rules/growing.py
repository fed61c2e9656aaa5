"""A queue that is consumed grows all the same, or reaches its length limit or the memory mark of its node soon.

Its depth decides, so that dead letters and what expires count.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from brokers import parts
from brokers.models import Broker, Queue
from brokers.usuals import DEPTH
from dashboard.findings import queues
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Report, Threshold
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting, queue_levels

KEY = "growing"
NAME = "Growing"
ABOUT = "A queue with consumers that grows all the same, beyond its usual depth; a warning once it reaches a limit soon."
NEEDS = ("broker", parts.QUEUES)
THRESHOLDS = (
    Threshold("depth", "Messages from which growth counts, if its usual depth is not known or lower", queue_levels.WORTH_A_LOOK_DEPTH, "messages", least=1),
    Threshold("rate", "Growth from which it counts", 0.1, "/s"),
    Threshold("soon", "Time to its limit or the memory mark that is a warning", queue_levels.SOON.total_seconds(), "s", least=60),
)
LEARNED = {"depth": "the queue's own usual depth counts where it is known and higher; a value that a person set counts alone"}
OPENS_AFTER = timedelta(seconds=5)
CLEARS_AFTER = timedelta(minutes=1)

SHARE_OF_PUBLISHED = 0.1
"""A smaller share of what comes in may be by chance."""
STAYS = 0.5
"""An open finding stays, however slowly the queue grows now, unless it shrinks, until its depth is below this share of what opened it."""
STOOD = ("no_consumer", "stuck")
"""While such a finding is open still and not seen any more, the growth is of the time before: it is looked at anew once that has closed."""
RATES_SHOW = 0.5
"""Rates that account for a smaller share of the growth do not explain it."""
ENOUGH_FOR_MEMORY = 1000
"""The memory of a queue with fewer messages does not show how much each takes."""


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    yield from queues.unsure(facts, KEY, lambda one: one.depth is not None and queue_levels.growth_per_second(one) is not None, "how it grows is unknown")
    is_open, causes = queues.is_open(facts, KEY), queues.found_by(facts, "stuck", "dead_letters")
    stood = [queues.is_open(facts, rule) for rule in STOOD]
    for queue in facts.queues:
        if queue.consumers == 0 or not queue.depth or not queues.waits_for_consumers(queue) or queue_levels.is_broken(queue):
            continue
        growth = queue_levels.growth_per_second(queue)
        opened = is_open(queue)
        if not opened and ("queue", queue.vhost, queue.name) not in causes and any(one(queue) for one in stood):
            continue
        if (
            growth is None
            or growth < 0
            or (not growth and not (opened and _has_no_bound(queue)))
            or thresholds.is_off(KEY, queue.vhost, queue.name)
            or _only_drains(queue, facts)
        ):
            continue
        soon = timedelta(seconds=thresholds.of(KEY, "soon", queue.vhost, queue.name))
        memory = memory_in(queue, growth, facts)
        full_in = queue_levels.time_to_limit(queue)
        ends = [left for left in (full_in, memory) if left is not None and left <= soon]
        enough = max(thresholds.of(KEY, "rate", queue.vhost, queue.name), SHARE_OF_PUBLISHED * (queue.publish_per_second or 0.0))
        if ends or (queue.depth >= least_depth(queue, facts, thresholds) * (STAYS if opened else 1.0) and (opened or growth >= enough)):
            cause = causes.get(("queue", queue.vhost, queue.name))
            yield _found(queue, growth, memory, bool(ends), facts, queues.identity_of(facts, cause) if cause else "")


def _has_no_bound(queue: Queue) -> bool:
    """Whether only its consumers keep it from growing: one that stands at its limit, or whose messages expire, does not grow on."""
    return queue_levels.length_limit(queue) is None and queue_levels.smaller(queue, "message-ttl") is None


def least_depth(queue: Queue, facts: Facts, thresholds: Thresholds) -> float:
    """The depth from which growth counts: what a person set, or else beyond what is usual of the queue."""
    explicit = thresholds.explicit(KEY, "depth", queue.vhost, queue.name)
    if explicit is not None:
        return explicit
    usual = facts.context.usuals.get(queue.pk, {}).get(DEPTH)
    default = thresholds.of(KEY, "depth", queue.vhost, queue.name)
    return default if usual is None else max(default, usual.high)


def _only_drains(queue: Queue, facts: Facts) -> bool:
    """Whether more leaves than comes in now: the depth is followed over half a minute, so that it still seems to grow after a burst. Dead letters are not
    counted as coming in, so of a queue that gets some this can't be known."""
    leaving = queue.deliver_per_second if not queue.ack_per_second and not queue.unacknowledged else queue.ack_per_second
    if queue.publish_per_second is None or leaving is None or facts.context.dead_letters_of(queue.vhost, queue.name):
        return False
    return leaving > queue.publish_per_second


def memory_in(queue: Queue, growth: float, facts: Facts) -> timedelta | None:
    """About when the queue alone fills its node's memory up to the mark, at what its messages take now; None if that can't be estimated."""
    if not queue.memory_bytes or not queue.depth or queue.depth < ENOUGH_FOR_MEMORY or growth <= 0:
        return None
    home = queue.leader or queue.node
    node = next((one for one in facts.nodes if one.name == home), None)
    if node is None or node.memory_limit_bytes is None or node.memory_used_bytes is None:
        return None
    left = node.memory_limit_bytes - node.memory_used_bytes
    seconds = max(0, left) / (queue.memory_bytes / queue.depth) / growth
    return timedelta(seconds=seconds) if seconds < timedelta(days=365).total_seconds() else None


def _found(queue: Queue, growth: float, memory: timedelta | None, is_soon: bool, facts: Facts, under: str) -> Found:
    broker, now = facts.its_broker, facts.now
    full_in, limit = queue_levels.time_to_limit(queue), queue_levels.length_limit(queue)
    if is_soon and full_in is not None and (memory is None or full_in <= memory):
        when = f"in ~{formatting.duration(full_in)}" if full_in else "now"
        short = f"reaches its length limit of {formatting.number(limit)} {when}"
    elif is_soon:
        short = f"fills the memory of its node up to the mark in ~{formatting.duration(memory)}"
    elif not growth:
        short = f"has grown to {formatting.count(queue.depth, 'message')} and does not shrink"
    else:
        short = f"is growing by {formatting.slow_rate(growth)}/s"
    return Found(
        KEY,
        queues.object_of(queue),
        "warning" if is_soon else "notice",
        short,
        summary=queues.waiting_text(queue),
        meaning=" ".join(["Messages wait longer and longer before they are processed.", queues.limit_sentence(queue)]).strip(),
        evidence=[*queues.numbers(queue, broker, now, queues.usual_consumers(facts, queue)), *_of_depth(queue, facts), *_of_memory(memory)],
        causes=_causes(queue, growth, broker, facts),
        to_do=["Add slots or worker nodes for this queue, or slow down what publishes to it."],
        links=[queues.link_to(queue)],
        clears="when it shrinks for a minute",
        under=under,
    )


def _of_depth(queue: Queue, facts: Facts) -> list[Evidence]:
    usual = facts.context.usuals.get(queue.pk, {}).get(DEPTH)
    return [] if usual is None else [Evidence("Depth", f"{formatting.number(queue.depth)}, {queues.usually(usual)}", facts.its_broker.polled_at)]


def _of_memory(memory: timedelta | None) -> list[Evidence]:
    if memory is None or memory > timedelta(days=2):
        return []
    return [Evidence("Memory mark of its node", f"in ~{formatting.duration(memory)}", source="estimated from the memory of its messages now")]


def _causes(queue: Queue, growth: float, broker: Broker, facts: Facts) -> list[Cause]:
    workers = queues.consuming(facts, queue)
    found = []
    usual = queues.usual_consumers(facts, queue)
    if usual is not None and queue.consumers is not None and queue.consumers < round(usual.low):
        found.append(Cause(f"Fewer consume it than usual: {formatting.count(queue.consumers, 'consumer')}.", queues.usually(usual)))
    full = [worker for worker in workers if worker.concurrency and (worker.active or 0) >= worker.concurrency]
    if full and len(full) == len(workers):
        slots = sum(worker.concurrency or 0 for worker in full)
        found.append(Cause("All slots of the workers that consume it are busy.", f"{slots:,} of {slots:,} on {formatting.listed(queues.hostnames(full))}"))
    if facts.context.dead_letters_of(queue.vhost, queue.name) and not queue.publish_per_second:
        found.append(Cause("Dead letters of other queues arrive in it.", "nothing is published to it"))
    if not growth:
        return [*found, Cause("Its consumers take as much as arrives, but not the backlog.", _rates(queue))]
    if _rates_show(queue, growth):
        return [*found, Cause(f"{formatting.slow_rate(growth)} messages/s more arrive than leave.", _rates(queue))]
    return found or [Cause("Its depth grew by more than its rates show now: messages came all at once, or dead letters arrive in it.")]


def _rates_show(queue: Queue, growth: float) -> bool:
    """Whether what is published and acknowledged now accounts for how its depth grew over the last minutes. True where that is not known."""
    if queue.publish_per_second is None or queue.ack_per_second is None:
        return True
    return queue.publish_per_second - queue.ack_per_second >= RATES_SHOW * growth


def _rates(queue: Queue) -> str:
    if queue.publish_per_second is None or queue.ack_per_second is None:
        return ""
    return f"published {formatting.rate(queue.publish_per_second)}/s, acknowledged {formatting.rate(queue.ack_per_second)}/s"
