"""The oldest message of a queue waits for longer than is usual there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from brokers import parts
from brokers.models import Queue
from brokers.usuals import OLDEST, Usual
from dashboard.findings import queues
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Report, Threshold
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting, queue_levels

KEY = "oldest_message"
NAME = "Messages wait long"
ABOUT = "The oldest message of a queue that is consumed waits for longer than is usual there."
NEEDS = ("broker", parts.QUEUES)
THRESHOLDS = (
    Threshold("age", "Age of the oldest message, where what is usual is not known", 3600, "s", least=1),
    Threshold("least", "Age below which it never counts", 300, "s"),
    Threshold("times", "So many times what is usual", 2, ""),
)
LEARNED = {"age": "so many times the queue's usual age counts where that is known; a value that a person set counts alone"}
OPENS_AFTER = timedelta(seconds=5)
CLEARS_AFTER = timedelta(minutes=1)

STAYS = 0.8
"""An open finding stays until the age is below this share of what opened it."""
MUCH = 4.0
"""So many times the age from which it counts is a warning."""


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    yield from queues.unsure(facts, KEY, _is_known, "the age of its oldest message is unknown")
    is_open, causes = queues.is_open(facts, KEY), queues.found_by(facts, "no_consumer", "stuck", "growing")
    for queue in facts.queues:
        if queue.oldest_at is None or not queue.ready or not queues.waits_for_consumers(queue) or queue_levels.is_broken(queue):
            continue
        if thresholds.is_off(KEY, queue.vhost, queue.name):
            continue
        usual = facts.context.usuals.get(queue.pk, {}).get(OLDEST)
        most, age = longest(queue, usual, thresholds), facts.now - queue.oldest_at
        if age >= most * (STAYS if is_open(queue) else 1.0):
            cause = causes.get(("queue", queue.vhost, queue.name))
            yield _found(queue, age, most, usual, facts, queues.identity_of(facts, cause) if cause else "")


def _is_known(queue: Queue) -> bool:
    return queue.ready is not None and (not queue.ready or queue.oldest_at is not None)


def longest(queue: Queue, usual: Usual | None, thresholds: Thresholds) -> timedelta:
    """The age that counts: what a person set, or else some times what is usual."""
    place = (queue.vhost, queue.name)
    explicit = thresholds.explicit(KEY, "age", *place)
    if explicit is not None or usual is None:
        return timedelta(seconds=thresholds.of(KEY, "age", *place))
    return timedelta(seconds=max(thresholds.of(KEY, "least", *place), thresholds.of(KEY, "times", *place) * usual.high))


def _found(queue: Queue, age: timedelta, most: timedelta, usual: Usual | None, facts: Facts, under: str) -> Found:
    broker, about = facts.its_broker, "~" * queue.oldest_estimated
    expected = queues.usually(usual, formatting.duration) if usual is not None else ""
    evidence = queues.numbers(queue, broker, facts.now, queues.usual_consumers(facts, queue))
    if usual is not None:
        evidence.append(Evidence("Usual age of the oldest", f"~{queues.amounts(usual, formatting.duration)}", source=usual.basis))
    return Found(
        KEY,
        queues.object_of(queue),
        "warning" if age >= MUCH * most else "notice",
        f"has messages that wait for {about}{formatting.duration(age)}",
        since=queue.oldest_at,
        summary=" ".join([queues.waiting_text(queue), f"Its oldest message is {about}{formatting.duration(age)} old{f', {expected}' if expected else ''}."]),
        meaning=f"What is published now waits about as long. It counts from {formatting.duration(most)} on.",
        evidence=evidence,
        causes=_causes(queue, facts),
        to_do=["Add slots or worker nodes for this queue, or slow down what publishes to it."],
        links=[queues.link_to(queue)],
        clears=f"when its oldest message is younger than {formatting.duration(most * STAYS)}",
        under=under,
    )


def _causes(queue: Queue, facts: Facts) -> list[Cause]:
    found = []
    usual = queues.usual_consumers(facts, queue)
    if usual is not None and queue.consumers is not None and queue.consumers < round(usual.low):
        found.append(Cause(f"Fewer consume it than usual: {formatting.count(queue.consumers, 'consumer')}.", queues.usually(usual)))
    rates = f"published {formatting.rate(queue.publish_per_second)}/s, acknowledged {formatting.rate(queue.ack_per_second)}/s"
    return [*found, Cause("Its consumers need longer for what arrived than it took to arrive.", rates)]
