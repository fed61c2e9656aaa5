"""A queue has messages and consumers, and nothing is acknowledged: a process that was stopped, a deadlock, tasks that take long, or no active consumer.

Where one worker node lets several of its queues stand still, that is one finding about the node, with its queues under it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from brokers import parts
from brokers.clock import is_within
from brokers.models import Broker, Queue
from dashboard.findings import queues
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report, Threshold
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting, queue_levels
from dashboard.layout.levels import WORST_FIRST, Level
from workers.models import Worker
from workers.presence import LATE_AFTER

KEY = "stuck"
NAME = "Nothing acknowledged"
ABOUT = "A queue that has messages and consumers, none of which acknowledges anything."
NEEDS = ("broker", parts.QUEUES)
THRESHOLDS = (
    Threshold("after", "Without an acknowledgement for", queue_levels.LEFT_ALONE.total_seconds(), "s", least=5),
    Threshold("busy", "The same while all slots of its workers are busy, until it is a warning", 1800, "s", least=5),
)
OPENS_AFTER = timedelta(0)  # nothing was acknowledged for half a minute already
CLEARS_AFTER = timedelta(seconds=20)

ALIVE_BEATS = 5
"""A worker node whose last heartbeat is older than so many of its intervals does not run."""


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    broker = facts.its_broker
    yield from queues.unsure(facts, KEY, _is_known, "its messages or acknowledgements are unknown")
    still: list[tuple[Queue, Level, list[Worker]]] = []
    for queue in facts.queues:
        if queue_levels.is_broken(queue) or not queues.waits_for_consumers(queue) or thresholds.is_off(KEY, queue.vhost, queue.name):
            continue
        workers = queues.consuming(facts, queue)
        level = _level(queue, workers, thresholds, facts.now)
        if level is not None:
            still.append((queue, level, workers))
    shared = {key: one for key, one in _shared(still).items() if ("worker", key) not in facts.explained}  # of those a rule before reported more
    for worker, its_queues in shared.values():
        yield _of_worker(worker, its_queues, facts)
    for queue, level, workers in still:
        is_shared = len(workers) == 1 and workers[0].pk in shared
        yield _of_queue(queue, level, workers, broker, facts, facts.identity(KEY, _object(workers[0])) if is_shared else "")


def _is_known(queue: Queue) -> bool:
    return queue.depth is not None and queue.consumers is not None and not (queue.ready and queue.ack_per_second is None and queue.still_since is None)


def _level(queue: Queue, workers: Sequence[Worker], thresholds: Thresholds, now: datetime) -> Level | None:
    """None while it does not stand still for long enough."""
    if not queue.depth or not queue.consumers:
        return None
    if queue.active_consumers == 0:
        return queue_levels.inactive_level(queue, queue.consumers, queue.depth)
    if queue.still_since is None:
        return None
    still = max(now - queue.still_since, timedelta())
    if still < timedelta(seconds=thresholds.of(KEY, "after", queue.vhost, queue.name)):
        return None
    level = queue_levels.still_level(queue, still, now)
    if workers and all(_is_busy(worker, now) for worker in workers) and still < timedelta(seconds=thresholds.of(KEY, "busy", queue.vhost, queue.name)):
        return Level("notice", f"waits for tasks that take long: nothing was acknowledged since {formatting.moment_text(queue.still_since, now)}")
    return level


def _is_busy(worker: Worker, now: datetime) -> bool:
    """Whether it lives and all its slots work, so that it can't take more."""
    return bool(_lives(worker, now) and worker.concurrency and (worker.active or 0) >= worker.concurrency)


def _lives(worker: Worker, now: datetime) -> bool:
    """While events are not received: whether it did when they were last."""
    if worker.state == Worker.GONE or worker.heartbeat_at is None:
        return False
    received_at, late = getattr(worker, "beat_at", None), timedelta()
    if worker.state == Worker.UNKNOWN:
        received_at, late = worker.since, LATE_AFTER
    as_of = now if received_at is None else min(now, received_at)
    return is_within(worker.heartbeat_at, max(as_of, worker.heartbeat_at), timedelta(seconds=ALIVE_BEATS * (worker.heartbeat_seconds or 2.0)) + late)


def _shared(still: Iterable[tuple[Queue, Level, list[Worker]]]) -> Mapping[int, tuple[Worker, list[tuple[Queue, Level]]]]:
    """By its key each worker node that alone consumes several of these queues."""
    found: dict[int, tuple[Worker, list[tuple[Queue, Level]]]] = {}
    for queue, level, workers in still:
        if len(workers) == 1:
            found.setdefault(workers[0].pk, (workers[0], []))[1].append((queue, level))
    return {key: one for key, one in found.items() if len(one[1]) > 1}


def _object(worker: Worker) -> Object:
    return Object("worker", worker.hostname, worker.vhost, worker.pk)


def _of_worker(worker: Worker, its_queues: Sequence[tuple[Queue, Level]], facts: Facts) -> Found:
    names = sorted(queue.name for queue, _ in its_queues)
    since = min((queue.still_since for queue, _ in its_queues if queue.still_since), default=None)
    waiting = sum(queue.ready or 0 for queue, _ in its_queues)
    return Found(
        KEY,
        _object(worker),
        min((level.word for _, level in its_queues), key=WORST_FIRST.index),
        f"acknowledges nothing in {len(names)} queues",
        since=since,
        summary=f"{formatting.listed(names)} stand still: {formatting.count(waiting, 'message')} ready.",
        meaning="Nothing processes the messages of these queues.",
        evidence=[
            Evidence("Queues", formatting.listed(names, 5)),
            Evidence("Ready", formatting.number(waiting), facts.its_broker.polled_at),
            *_of_slots(worker, facts.now),
        ],
        causes=_causes([worker], facts.now),
        to_do=_to_do([worker]),
        links=[Link(f"Open {worker.hostname}", "worker", worker.pk)],
        clears="when one of its messages is acknowledged",
    )


def _of_queue(queue: Queue, level: Level, workers: Sequence[Worker], broker: Broker, facts: Facts, under: str) -> Found:
    prefetch = sum(worker.prefetch or 0 for worker in workers)
    held = f"{formatting.count(queue.consumers, 'consumer')}, {formatting.number(queue.unacknowledged)} unacknowledged"
    if queue.active_consumers == 0:
        causes = [Cause("The broker lists consumers, and delivers to none of them.", f"active consumers at the broker: 0 of {queue.consumers:,}")]
    else:
        causes = _causes(workers, facts.now, held)
    evidence = queues.numbers(queue, broker, facts.now, queues.usual_consumers(facts, queue))
    if prefetch and queue.unacknowledged and queue.unacknowledged >= prefetch:
        evidence.append(Evidence("Prefetch", f"{formatting.number(prefetch)}, all of it in use", source="as its workers report it"))
    if queue.ack_per_second is not None:
        evidence.append(Evidence("Acknowledged", f"{formatting.rate(queue.ack_per_second)}/s", broker.polled_at))
    for worker in workers[:3]:
        evidence += _of_slots(worker, facts.now)
    return Found(
        KEY,
        queues.object_of(queue),
        level.word,
        level.reason,
        since=queue.still_since,
        summary=queues.waiting_text(queue),
        meaning=" ".join(["Nothing processes these messages.", queues.limit_sentence(queue)]).strip(),
        evidence=evidence,
        causes=causes,
        to_do=_to_do(workers) if queue.active_consumers != 0 else _to_activate(queue, broker),
        links=[queues.link_to(queue), *(Link(f"Open {worker.hostname}", "worker", worker.pk) for worker in workers[:3])],
        clears="when a message is acknowledged",
        under=under,
    )


def _to_activate(queue: Queue, broker: Broker) -> list[str]:
    steps = ["Let its consumers attach again, as by restarting their worker nodes: with a single active consumer, one must be active."]
    if queue.type == "quorum" and broker.version.startswith("4."):
        steps.append("RabbitMQ 4 loses it in a quorum queue when a consumer of a higher priority attaches while messages are requeued (its issue 14141).")
    return steps


def _of_slots(worker: Worker, now: datetime) -> list[Evidence]:
    beat = f"last heartbeat at {formatting.moment_text(worker.heartbeat_at, now)}" if worker.heartbeat_at else "no heartbeat received"
    slots = f"{formatting.number(worker.active)} of {formatting.number(worker.concurrency)} slots busy"
    return [Evidence(worker.hostname, f"{worker.state}, {slots}", worker.heartbeat_at, beat)]


def _causes(workers: Sequence[Worker], now: datetime, held: str = "") -> list[Cause]:
    """The likeliest first."""
    silent = [worker for worker in workers if not _lives(worker, now)]
    busy = [worker for worker in workers if _is_busy(worker, now)]
    idle = [worker for worker in workers if worker not in silent and worker not in busy]
    found = []
    if silent:
        beats = max((worker.heartbeat_at for worker in silent if worker.heartbeat_at), default=None)
        beat = f"last heartbeat at {formatting.moment_text(beats, now)}" if beats else "no heartbeat received"
        found.append(Cause(f"{formatting.listed(queues.hostnames(silent))} stands still: stopped by a signal, frozen with its host, or cut off.", beat))
    if busy:
        found.append(Cause(f"{formatting.listed(queues.hostnames(busy))} is busy with tasks that take long, or that wait for each other.", _longest(busy, now)))
    if idle:
        found.append(
            Cause(f"{formatting.listed(queues.hostnames(idle))} lives but acknowledges nothing: it is blocked between taking messages and running them.", held)
        )
    return found or [Cause("Its consumers are attached, but acknowledge nothing: stopped, blocked, or busy with tasks that take long.", held)]


def _longest(workers: Iterable[Worker], now: datetime) -> str:
    started = [str(task["started_at"]) for worker in workers for task in worker.active_tasks or () if task.get("started_at")]
    if not started:
        return "all its slots are busy"
    return f"all its slots are busy, the longest for {formatting.age(datetime.fromisoformat(min(started)), now)}"


def _to_do(workers: Sequence[Worker]) -> list[str]:
    if not workers:
        return ["Look at what its consumers are doing; restart one that does not respond."]
    return [f"Look at what {formatting.listed(queues.hostnames(workers))} {'is' if len(workers) == 1 else 'are'} doing; restart one that does not respond."]
