"""What the rules about queues share: the object, its numbers as evidence, who consumes it, and what else was found about it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from brokers.models import Broker, Queue
from brokers.routing.past import is_delay_level
from brokers.usuals import CONSUMERS, Usual
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Evidence, Found, Link, Object, Unsure
from dashboard.layout import formatting, queue_levels
from dashboard.queues.row import in_text
from workers.models import Worker

HELD_AT_MOST = 2.0
"""So many times what is published now before it expires may a queue hold that only delays: more may have come in before."""


def object_of(queue: Queue) -> Object:
    return Object("queue", queue.name, queue.vhost, queue.pk)


def link_to(queue: Queue) -> Link:
    return Link(f"Open {queue.name}", "queue", queue.pk)


def waits_for_consumers(queue: Queue) -> bool:
    """Whether its messages are there to be consumed: not those of a stream, which keeps them, nor those that are delayed in it on purpose."""
    return queue.type != "stream" and not is_delay_level(queue.name)


def only_delays(queue: Queue, facts: Facts) -> bool:
    """Whether its messages are there to expire and go on as dead letters, as in a queue for retries: nobody is to consume it.

    Not of one that was ever consumed or is configured to be, one whose dead letters reach no queue, nor one that holds more than can come in before it expires.
    Where nobody consumes what they reach either, only while it does not grow.
    """
    ttl_ms, exchange = queue_levels.smaller(queue, "message-ttl"), settings(queue).get("dead-letter-exchange")
    if ttl_ms is None or not isinstance(exchange, str) or queue.consumers or queue.last_consumers or configured(facts, queue):
        return False
    reached = {name for name, sources in facts.context.dead_letters.items() if name[0] == queue.vhost and any(one.pk == queue.pk for one in sources)}
    if not reached - {(queue.vhost, queue.name)}:
        return False
    if (queue.growth_per_second or 0.0) <= 0:
        return True
    rows = [one for one in facts.queues if (one.vhost, one.name) in reached]
    goes_on = any(one.consumers or one.last_consumers or configured(facts, one) for one in rows)
    most = (queue.publish_per_second or 0.0) * ttl_ms / 1000
    return goes_on and (not most or (queue.depth or 0) <= HELD_AT_MOST * most)  # of a queue that gets dead letters no rate is known


def left_at(queue: Queue) -> datetime | None:
    """Since when nobody consumes it: what is seen first of that its last consumer left, that the broker no longer lists it or that it counts none."""
    since, seen = queue.nobody_consumes_since, queue.last_consumed_at
    return seen if since is not None and seen is not None and timedelta(0) < since - seen < queue_levels.LEFT_ALONE else since


def unsure(facts: Facts, rule: str, is_known: Callable[[Queue], bool], why: str) -> Iterator[Unsure]:
    """Of the queues with an open finding of the rule those whose numbers it needs and does not know: so they neither confirm nor clear it."""
    opened = {(one.vhost, one.name) for one in facts.open_objects.get(rule, ()) if one.kind == "queue"}
    for queue in facts.queues if opened else ():
        if (queue.vhost, queue.name) in opened and not is_known(queue):
            yield Unsure(why, vhost=queue.vhost, kind="queue", name=queue.name)


def is_open(facts: Facts, rule: str) -> Callable[[Queue], bool]:
    """Whether a finding of the rule about a queue is open."""
    opened = {(one.vhost, one.name) for one in facts.open_objects.get(rule, ())}
    return lambda queue: (queue.vhost, queue.name) in opened


def found_by(facts: Facts, *rules: str) -> dict[tuple[str, str, str], Found]:
    """What these rules found in this round, by (kind, virtual host, name) of its object."""
    return {(one.object.kind, one.object.vhost, one.object.name): one for one in facts.found if one.rule in rules}


def identity_of(facts: Facts, found: Found) -> str:
    """Of what explains the finding, if anything does, or else its own: a cause has its effects directly under it."""
    return found.under or facts.identity(found.rule, found.object, found.detail)


def numbers(queue: Queue, broker: Broker, now: datetime, consumers_usual: Usual | None = None) -> list[Evidence]:
    """Ready, unacknowledged, growth, the oldest message, consumers and the length limit, as far as they are known."""
    at = broker.polled_at
    found = [Evidence("Ready", formatting.number(queue.ready), at)]
    if queue.unacknowledged:
        found.append(Evidence("Unacknowledged", formatting.number(queue.unacknowledged), at))
    growth = queue_levels.growth_per_second(queue)
    if growth is not None:
        found.append(Evidence("Growth", growth_text(growth), at, "by its depth" if queue.growth_per_second is not None else "by rates"))
    if queue.oldest_at is not None:
        source = "estimated from what went in and out" if queue.oldest_estimated else "timestamp of the message"
        found.append(Evidence("Oldest message", oldest_text(queue, now), at, source))
    usually = f", usually {amounts(consumers_usual)}" if consumers_usual is not None and consumers_usual.median > 0 else ""
    found.append(Evidence("Consumers", f"{formatting.number(queue.consumers)}{usually}", broker.consumers_at))
    return found + limit_evidence(queue)


def growth_text(growth: float) -> str:
    """
    >>> growth_text(0.054), growth_text(-12.4), growth_text(0)
    ('+0.05/s', '-12.4/s', '0/s')
    """
    return f"{'+' if growth > 0 else '-'}{formatting.slow_rate(abs(growth))}/s" if growth else "0/s"


def oldest_text(queue: Queue, now: datetime) -> str:
    return f"{'~' * queue.oldest_estimated}{formatting.age(queue.oldest_at, now)}"


def usually(usual: Usual, text: Callable[[float], str] = formatting.number) -> str:
    """ "usually 12 to 40 at this hour, from 5 weeks"."""
    return f"usually {amounts(usual, text)} {usual.basis}"


def amounts(usual: Usual, text: Callable[[float], str] = formatting.number) -> str:
    """
    >>> amounts(Usual(26.0, 3.0, 5)), amounts(Usual(2.0, 0.0, 5))
    ('13 to 39', '2')
    """
    low, high = text(usual.low), text(usual.high)
    return high if low == high else f"{low} to {high}"


def usual_consumers(facts: Facts, queue: Queue) -> Usual | None:
    return facts.context.usuals.get(queue.pk, {}).get(CONSUMERS)


def limit_evidence(queue: Queue) -> list[Evidence]:
    limit, full_in = queue_levels.length_limit(queue), queue_levels.time_to_limit(queue)
    if limit is None:
        return []
    when = f", in ~{formatting.duration(full_in)}" if full_in else ""
    return [Evidence("Length limit", f"{formatting.number(limit)}{when}", source=source_of(queue, "max-length"))]


def settings(queue: Queue) -> dict[str, Any]:
    """What is in force, by name without x-: arguments count before the policy. Of limits take `queue_levels.smaller`."""
    return {**(queue.effective_policy or {}), **{name.removeprefix("x-"): value for name, value in (queue.arguments or {}).items()}}


def source_of(queue: Queue, key: str) -> str:
    """Where a setting comes from: "policy mail-limits", "argument x-max-length"; "" if it is nowhere."""
    argument, by_policy = (queue.arguments or {}).get(f"x-{key}"), (queue.effective_policy or {}).get(key)
    if argument is not None and (by_policy is None or not isinstance(argument, int) or argument <= by_policy):
        return f"argument x-{key}"
    return "" if by_policy is None else f"policy {queue.policy or queue.operator_policy}"


def overflow_text(queue: Queue) -> str:
    """What happens at the length limit, as a clause."""
    found = settings(queue)
    if str(found.get("overflow", "drop-head")).startswith("reject"):
        return "new messages are refused"
    exchange = found.get("dead-letter-exchange")
    return f"the oldest go to {exchange or 'the default exchange'}" if isinstance(exchange, str) else "the oldest are dropped"


def limit_sentence(queue: Queue) -> str:
    """What is ahead at the present growth, as a sentence; "" without a limit."""
    full_in, limit = queue_levels.time_to_limit(queue), queue_levels.length_limit(queue)
    if full_in is None or limit is None:
        return ""
    if not full_in:
        return f"Its length limit of {formatting.number(limit)} is reached: {overflow_text(queue)}."
    return f"At this rate the length limit of {formatting.number(limit)} is reached in ~{formatting.duration(full_in)}; after that, {overflow_text(queue)}."


def configured(facts: Facts, queue: Queue) -> Sequence[Worker]:
    """The worker nodes, whatever their state, that are configured to consume it."""
    return facts.groups.by_queue.get((queue.vhost, queue.name), [])


def consuming(facts: Facts, queue: Queue) -> list[Worker]:
    """The worker nodes that consume it: those whose consumers the broker lists, or else those configured for it that are not gone."""
    names = facts.context.consuming.get((queue.vhost, queue.name))
    if names:
        return [worker for worker in facts.workers if worker.vhost == queue.vhost and worker.hostname in names]
    return [worker for worker in configured(facts, queue) if worker.state != Worker.GONE]


def hostnames(workers: Iterable[Worker]) -> list[str]:
    return sorted({worker.hostname for worker in workers})


def waiting_text(queue: Queue) -> str:
    """ "12,480 messages wait. In 24.0/s, out 0.0/s."."""
    wait = f"{formatting.count(queue.depth, 'message')} {'waits' if queue.depth == 1 else 'wait'}."
    if queue.publish_per_second is None or queue.deliver_per_second is None:
        return wait
    return f"{wait} In {in_text(queue)}/s, out {formatting.rate(queue.deliver_per_second)}/s."
