"""Messages stay unacknowledged for longer than RabbitMQ waits: it closes the channel, and delivers them again.

RabbitMQ's `consumer_timeout` is 30 minutes by default. No API gives it, so it is a setting of Hareline (HARELINE_CONSUMER_TIMEOUT), but for queues that
have one of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from brokers import parts
from brokers.models import Queue
from brokers.routing.queue_types import QUORUM
from brokers.routing.versions import version_tuple
from dashboard.findings import queues
from dashboard.findings.facts import Facts
from dashboard.findings.queue_context import HeldTask
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report, Threshold
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting, queue_levels
from workers.models import Worker

KEY = "consumer_timeout"
NAME = "Held beyond the consumer timeout"
ABOUT = "Messages that stay unacknowledged for longer than RabbitMQ's consumer timeout, as tasks with a late ETA do: it requeues them."
NEEDS = ("broker", parts.QUEUES)
THRESHOLDS = (Threshold("share", "Share of the consumer timeout from which it counts", 80, "%", least=1, most=100),)
OPENS_AFTER = timedelta(seconds=5)
CLEARS_AFTER = timedelta(seconds=30)

SINCE = (3, 8, 15)
"""Earlier versions of RabbitMQ wait for ever."""
OWN_SINCE = (3, 12)
"""Earlier ones know no timeout of a queue."""
QUORUM_ALONE_SINCE = (4, 3)
"""From then on it is the queues that wait, and classic queues and streams wait for ever."""


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    version = version_tuple(facts.its_broker.version)
    if version < SINCE:
        return
    held: dict[tuple[str, str], list[HeldTask]] = {}
    queues_of = {(queue.vhost, queue.name): queue for queue in facts.queues}
    for task in facts.context.held:
        queue = queues_of.get((task.vhost, task.queue))
        timeout = of_queue(queue, facts)
        if timeout is not None and _is_beyond(task, timeout, thresholds.of(KEY, "share", task.vhost, task.queue) / 100, facts.now):
            held.setdefault((task.vhost, task.worker), []).append(task)
    explained: dict[tuple[str, str], str] = {}
    for (vhost, hostname), tasks in held.items():
        if thresholds.is_off(KEY, vhost, hostname):
            continue
        first = min(tasks, key=lambda task: task.received_at)
        found = _of_worker(vhost, hostname, facts.groups.by_name.get((vhost, hostname)), tasks, queues_of.get((vhost, first.queue)), facts)
        explained |= {(vhost, task.queue): facts.identity(KEY, found.object) for task in tasks}
        yield found
    for queue in facts.queues:
        timeout = of_queue(queue, facts)
        if timeout is None or not _keeps(queue, facts, timeout * thresholds.of(KEY, "share", queue.vhost, queue.name) / 100):
            continue
        if not thresholds.is_off(KEY, queue.vhost, queue.name):
            yield _of_queue(queue, timeout, facts, explained.get((queue.vhost, queue.name), ""))


def of_queue(queue: Queue | None, facts: Facts) -> timedelta | None:
    """The timeout of a queue: its own, by argument or policy (since RabbitMQ 3.12), or else the broker's; None where it waits for ever."""
    if queue is not None and queue.type != QUORUM and version_tuple(facts.its_broker.version) >= QUORUM_ALONE_SINCE:
        return None
    own = _own(queue, facts)
    return facts.context.consumer_timeout if own is None else timedelta(milliseconds=own)


def _own(queue: Queue | None, facts: Facts) -> int | None:
    if queue is None or version_tuple(facts.its_broker.version) < OWN_SINCE:
        return None
    return queue_levels.smaller(queue, "consumer-timeout")


def _source(queue: Queue | None, facts: Facts) -> str:
    return queues.source_of(queue, "consumer-timeout") if queue is not None and _own(queue, facts) is not None else "HARELINE_CONSUMER_TIMEOUT"


def _is_beyond(task: HeldTask, timeout: timedelta, share: float, now: datetime) -> bool:
    """Whether it is held for nearly as long, or will be, as its ETA is later."""
    if task.eta is not None and task.eta - task.received_at > timeout:
        return True
    return now - task.received_at >= share * timeout


def _keeps(queue: Queue, facts: Facts, waits: timedelta) -> bool:
    """Whether the same messages are unacknowledged for so long."""
    polled_at = facts.its_broker.polled_at
    return bool(queue.unacknowledged and queue.consumers and polled_at and polled_at - _since(queue, facts) >= waits)


def _since(queue: Queue, facts: Facts) -> datetime:
    """Since when nothing of its messages has moved."""
    return facts.context.unmoved.get(queue.pk, queue.changed_at)


def _of_worker(vhost: str, hostname: str, worker: Worker | None, tasks: Sequence[HeldTask], queue: Queue | None, facts: Facts) -> Found:
    """`queue`: of the task that was received first, where it is a candidate."""
    timeout = of_queue(queue, facts) or timedelta()
    first = min(task.received_at for task in tasks)
    names = sorted({task.name for task in tasks if task.name})
    etas = [task.eta for task in tasks if task.eta is not None and task.eta > facts.now]
    evidence = [
        Evidence("Tasks", f"{len(tasks):,}: {formatting.listed(names)}" if names else f"{len(tasks):,}", source="events of the worker"),
        Evidence("Held for", formatting.age(first, facts.now), facts.now, "the one received first"),
        Evidence("Consumer timeout", formatting.duration(timeout), source=_source(queue, facts)),
    ]
    if etas:
        evidence.append(Evidence("Latest ETA", formatting.moment_text(max(etas), facts.now)))
    cause = Cause("It holds tasks with a countdown or an ETA in memory until they are due, unacknowledged.", f"{len(etas):,} not due yet")
    return Found(
        KEY,
        Object("worker", hostname, vhost, worker.pk if worker else None),
        "warning",
        _short(len(tasks), first + timeout - facts.now),
        since=first,
        summary=f"It received {formatting.count(len(tasks), 'task')} and does not run them within {formatting.duration(timeout)}. "
        + _when(first, timeout, facts),
        meaning="RabbitMQ then closes the channel (PRECONDITION_FAILED): all that it holds is delivered again, and tasks may run twice.",
        evidence=evidence,
        causes=[cause]
        if etas
        else [Cause("It took more tasks than it runs in that time: its prefetch is high, or its tasks take long.", "received, not started")],
        to_do=[
            "Use shorter countdowns, Celery's native delayed delivery with quorum queues, or a longer consumer_timeout.",
            "Where tasks take long, lower worker_prefetch_multiplier.",
        ],
        links=[Link(f"Open {hostname}", "worker", worker.pk)] if worker else [],
        clears="when it started or returned these tasks",
    )


def _short(many: int, left: timedelta) -> str:
    if left > timedelta():
        return f"holds {formatting.count(many, 'task')} that will be requeued in ~{formatting.duration(left)}"
    return f"holds {formatting.count(many, 'task')} beyond the consumer timeout"


def _when(first: datetime, timeout: timedelta, facts: Facts) -> str:
    left = first + timeout - facts.now
    if left > timedelta():
        return f"RabbitMQ requeues the first in ~{formatting.duration(left)}."
    return f"RabbitMQ requeues the first since {formatting.moment_text(first + timeout, facts.now)}, when it next checks."


def _of_queue(queue: Queue, timeout: timedelta, facts: Facts, under: str) -> Found:
    many, since = queue.unacknowledged or 0, _since(queue, facts)
    return Found(
        KEY,
        queues.object_of(queue),
        "warning",
        f"has {formatting.count(many, 'message')} unacknowledged for {formatting.age(since, facts.now)}",
        since=since,
        since_at_least=True,
        summary=f"{formatting.count(many, 'message')} {'was' if many == 1 else 'were'} delivered and not acknowledged since. " + _when(since, timeout, facts),
        meaning="RabbitMQ then closes the channel (PRECONDITION_FAILED) and delivers them again: what runs may run twice.",
        evidence=[
            *queues.numbers(queue, facts.its_broker, facts.now),
            Evidence("Unchanged since", formatting.moment_text(since, facts.now), since),
            Evidence("Consumer timeout", formatting.duration(timeout), source=_source(queue, facts)),
        ],
        causes=[
            Cause("Its consumers run tasks that take long and acknowledge late, or hold tasks with a late ETA.", formatting.count(queue.consumers, "consumer"))
        ],
        to_do=["Look at what its consumers run. Acknowledge earlier, or set a longer consumer_timeout."],
        links=[queues.link_to(queue)],
        clears="when its messages are acknowledged or returned",
        under=under,
    )
