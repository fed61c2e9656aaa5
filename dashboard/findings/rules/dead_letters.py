"""Dead letters arrive in a queue and stay there: from which queues, and why.

RabbitMQ's rates do not count dead letters, so it is the depth that shows them: what arrives beyond what is published.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

import msgspec

from brokers import parts
from brokers.models import Queue
from brokers.rates import STATISTICS_SECONDS
from brokers.routing.versions import version_tuple
from dashboard.findings import queues
from dashboard.findings.facts import Facts
from dashboard.findings.queue_context import DeadLetterSource
from dashboard.findings.rule import Cause, Evidence, Found, Link, Report, Threshold
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting, queue_levels

KEY = "dead_letters"
NAME = "Dead letters arrive"
ABOUT = "Dead letters of other queues arrive in a queue, which grows by them."
NEEDS = ("broker", parts.QUEUES)
THRESHOLDS = (
    Threshold("rate", "Dead letters from which it counts", 0.005, "/s"),
    Threshold("many", "Dead letters that are a warning", 1, "/s"),
)
OPENS_AFTER = timedelta(0)  # the depth was followed for half a minute already
CLEARS_AFTER = timedelta(minutes=5)

CHANCE = 0.1
"""A smaller share of what is published may be by chance."""
ACCOUNTED = 0.5
"""The share of what arrives that sources must lose to be named."""
MOST_CAUSES = 5
DELIVERY_LIMIT = 20  # of quorum queues since RabbitMQ 4.0


class Leaving(msgspec.Struct, frozen=True):
    """Why messages leave a queue as dead letters, what speaks for it, and how likely that is: the higher the likelier."""

    why: str
    evidence: str
    weight: float


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    yield from queues.unsure(facts, KEY, lambda one: queue_levels.growth_per_second(one) is not None, "how it grows is unknown")
    for queue in facts.queues:
        sources = facts.context.dead_letters_of(queue.vhost, queue.name)
        rate = arriving_per_second(queue) if sources else 0.0
        if rate < thresholds.of(KEY, "rate", queue.vhost, queue.name) or thresholds.is_off(KEY, queue.vhost, queue.name):
            continue
        is_much = rate >= thresholds.of(KEY, "many", queue.vhost, queue.name)
        yield _found(queue, sources, rate, is_much, facts)


def arriving_per_second(queue: Queue) -> float:
    """How many dead letters arrive and stay: 0.0 where the queue does not grow, since then they are consumed, as those of a retry are."""
    growth, published = queue.growth_per_second, queue.publish_per_second or 0.0
    if growth is None or growth <= 0:
        return 0.0
    beyond = growth + (queue_levels.leaving_per_second(queue) or 0.0) - published
    return beyond if beyond > CHANCE * published else 0.0


def _found(queue: Queue, sources: Sequence[DeadLetterSource], rate: float, is_much: bool, facts: Facts) -> Found:
    version = version_tuple(facts.its_broker.version)
    explained = [(source, leaving) for source in sources if (row := facts.context.sources.get(source.pk)) for leaving in why_they_leave(row, version)]
    explained.sort(key=lambda one: (-one[1].weight, not one[0].certain, one[0].name))
    shown = shown_sources(sources, facts.context.sources, rate)
    names = [source.name for source in shown or sources]
    whose = formatting.listed(names) if shown or len(names) == 1 else f"one or more of {formatting.listed(names, 3)}"
    first = [one for one in explained if one[0] in shown]
    explained = first + [one for one in explained if one[0] not in shown]
    return Found(
        KEY,
        queues.object_of(queue),
        "warning" if is_much else "notice",
        f"gets dead letters of {whose}",
        summary=f"About {formatting.slow_rate(rate)} dead letters/s arrive and stay. It holds {formatting.count(queue.depth, 'message')}.",
        meaning=" ".join(["These messages were not processed where they were sent to.", queues.limit_sentence(queue)]).strip(),
        evidence=[
            Evidence("Dead letters", f"~{formatting.slow_rate(rate)}/s", facts.its_broker.polled_at, "by its depth: no rate of RabbitMQ counts them"),
            *queues.numbers(queue, facts.its_broker, facts.now),
            Evidence("Dead-lettered from", formatting.listed([source.name for source in sources], 5), source="by the topology"),
        ],
        causes=_causes(explained, sources),
        to_do=[f"Look at the headers x-death of its messages, and at why {whose} could not keep or process them."],
        links=[queues.link_to(queue), *(Link(f"Open {source.name}", "queue", source.pk) for source in _first(first, sources))],
        clears="when none arrived for 5 min",
    )


def shown_sources(sources: Sequence[DeadLetterSource], rows: Mapping[int, Queue], rate: float) -> list[DeadLetterSource]:
    """Those of which the numbers show that messages leave them unacknowledged, beyond chance: the fewest that account for most of what arrives. [] where they
    don't: then it may be any, since only the messages themselves have their queue (`x-death`)."""
    lost = {source: loss for source in sources if (row := rows.get(source.pk)) is not None and (loss := lost_per_second(row)) > _chance(row)}
    shown, sum_of_them = [], 0.0
    for source, loss in sorted(lost.items(), key=lambda one: -one[1]):
        if sum_of_them >= ACCOUNTED * rate:
            break
        shown.append(source)
        sum_of_them += loss
    return shown if sum_of_them >= ACCOUNTED * rate else []


def _chance(queue: Queue) -> float:
    """What published and acknowledged messages a second may differ by chance: twice the root of what comes while rates are measured."""
    return 2 * math.sqrt((queue.publish_per_second or 0.0) / STATISTICS_SECONDS) if queue.ack_per_second else 0.0


def _first(explained: Sequence[tuple[DeadLetterSource, Leaving]], sources: Sequence[DeadLetterSource]) -> list[DeadLetterSource]:
    return list(dict.fromkeys(source for source, _ in explained))[:3] or list(sources[:3])


def _causes(explained: Sequence[tuple[DeadLetterSource, Leaving]], sources: Sequence[DeadLetterSource]) -> list[Cause]:
    found = [Cause(f"{source.name}: {leaving.why}.", leaving.evidence) for source, leaving in explained[:MOST_CAUSES]]
    if found:
        return found
    return [Cause(f"{formatting.listed([source.name for source in sources])} dead-letters into it; why is not known.", "by the topology")]


def why_they_leave(queue: Queue, version: tuple[int, ...]) -> list[Leaving]:
    """Why messages may leave the queue as dead letters, the likeliest first; a weight of 1 or more where its numbers show it."""
    found = []
    limit, ttl_ms = queue_levels.length_limit(queue), queue_levels.smaller(queue, "message-ttl")
    is_full, in_force = queue_levels.is_at_limit(queue), queues.settings(queue)
    lost = lost_per_second(queue)
    loses = f"{formatting.slow_rate(lost)}/s leave it unacknowledged" if lost > 0 else ""
    overflow = str(in_force.get("overflow", "drop-head"))
    if limit is not None and overflow in ("drop-head", "reject-publish-dlx") and is_full:
        found.append(Leaving(f"it is full, at its length limit of {formatting.number(limit)}", loses or queues.source_of(queue, "max-length"), 4.0))
    if ttl_ms is not None:
        waits = queue.ready and not queue.deliver_per_second
        weight = 3.0 if waits and queue.consumers == 0 else 2.0 if waits or lost > 0 else 0.5
        where = f"{queues.source_of(queue, 'message-ttl')}{'; nobody consumes it' if queue.consumers == 0 else ''}"
        found.append(Leaving(f"its messages expire after {formatting.duration(ttl_ms / 1000)}", f"{where}{'; ' * bool(loses)}{loses}", weight))
    if queue.consumers:
        rejected = lost > 0 and ttl_ms is None and not is_full
        found.append(
            Leaving("its consumers reject messages without requeueing them", loses or formatting.count(queue.consumers, "consumer"), 1.5 if rejected else 0.4)
        )
        delivery_limit = queue_levels.smaller(queue, "delivery-limit") or (DELIVERY_LIMIT if version >= (4,) else None)
        if queue.type == "quorum" and delivery_limit is not None:
            redelivered = queue.redeliver_per_second or 0.0
            evidence = f"redelivered {formatting.rate(redelivered)}/s" if redelivered else queues.source_of(queue, "delivery-limit")
            found.append(Leaving(f"its messages are delivered more than {delivery_limit} times", evidence, 2.5 if redelivered else 0.3))
    return sorted(found, key=lambda one: -one.weight)


def lost_per_second(queue: Queue) -> float:
    """How many messages leave the queue without being acknowledged: what is published and neither stays nor is acknowledged. 0.0 while that is unknown."""
    growth, published, acknowledged = queue.growth_per_second, queue.publish_per_second, queue.ack_per_second
    if growth is None or published is None:
        return 0.0
    lost = published - (acknowledged or 0.0) - growth
    return lost if lost > CHANCE * published else 0.0
