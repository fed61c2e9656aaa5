"""Messages wait in a queue that nobody consumes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from brokers import parts
from brokers.models import Broker, Queue
from brokers.routing.past import is_delay_level
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting, queue_levels

KEY = "no_consumer"
NAME = "Nobody consumes"
ABOUT = "Messages wait in a queue that no client consumes."
NEEDS = ("broker", parts.QUEUES)
THRESHOLDS = ()
OPENS_AFTER = timedelta(0)  # queue_levels.LEFT_ALONE already waits for a consumer that restarts
CLEARS_AFTER = timedelta(seconds=20)


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    broker = facts.its_broker
    for queue in facts.queues:
        waits = queue.consumers == 0 and queue.depth and queue.type != "stream" and not is_delay_level(queue.name)
        if waits and not thresholds.is_off(KEY, queue.vhost, queue.name):
            yield _found(queue, broker, facts)


def _found(queue: Queue, broker: Broker, facts: Facts) -> Found:
    now = facts.now
    level = queue_levels.queue_level(queue, broker, now)
    workers = [worker.hostname for worker in facts.workers_by_queue.get((queue.vhost, queue.name), ())]
    growth = queue_levels.growth_per_second(queue)
    evidence = [Evidence("Ready", formatting.number(queue.ready), broker.polled_at), Evidence("Consumers", "0", broker.polled_at)]
    if growth:
        evidence.append(Evidence("Growth", f"{'+' if growth > 0 else '-'}{formatting.slow_rate(abs(growth))}/s", broker.polled_at))
    return Found(
        KEY,
        Object("queue", queue.name, queue.vhost, queue.pk),
        level.word,
        level.reason,
        since=queue.nobody_consumes_since,
        since_at_least=queue.nobody_since_at_least is not False,
        summary=f"{formatting.count(queue.depth, 'message')} {'waits' if queue.depth == 1 else 'wait'}.",
        meaning="Nothing processes these messages.",
        evidence=evidence,
        causes=[Cause(_why(workers), "consumers at the broker: 0")],
        to_do=[_to_do(queue, workers)],
        links=[Link(f"Open {queue.name}", "queue", queue.pk)],
        clears="when a client consumes it, or it is empty",
    )


def _why(workers: list[str]) -> str:
    if not workers:
        return "No known worker is configured for this queue, and no other client consumes it."
    return f"{formatting.listed(workers)} {'is' if len(workers) == 1 else 'are'} configured to consume it, but the broker has no consumer there."


def _to_do(queue: Queue, workers: list[str]) -> str:
    if workers:
        return f"Restart {formatting.listed(workers)}, or have {queue.name} consumed again by {'it' if len(workers) == 1 else 'them'}."
    return f"Start a worker for {queue.name}. If the queue is no longer needed, remove the bindings that feed it."
