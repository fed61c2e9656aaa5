"""Messages wait in a queue that nobody consumes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from brokers import parts
from brokers.models import Broker, Queue
from brokers.routing.queue_types import QUORUM
from dashboard.findings import queues
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Report
from dashboard.findings.rules.broker_version import DETECTS_QUORUM, celery_version
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting, queue_levels
from dashboard.layout.levels import Level
from workers.celery_names import DEFAULT
from workers.models import Worker

KEY = "no_consumer"
NAME = "Nobody consumes"
ABOUT = "Messages wait in a queue that no client consumes."
NEEDS = ("broker", parts.QUEUES)
THRESHOLDS = ()
OPENS_AFTER = timedelta(0)  # what may still come is waited for here
ANOTHER_POLL = timedelta(seconds=4)
"""Two polls that follow each other are no closer: the second one shows it too."""
_AT_MOST = formatting.duration(queue_levels.LEFT_ALONE)
OPENS_TEXT = f"with the second poll that shows it, but not within {_AT_MOST} after a consumer left or its worker node started"
CLEARS_AFTER = timedelta(seconds=20)

EXPLAINED_BY = ("unconsumed_route", "dead_letters")


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    broker = facts.its_broker
    yield from queues.unsure(facts, KEY, lambda one: one.depth is not None and one.consumers is not None, "its messages or consumers are unknown")
    causes, is_open = queues.found_by(facts, *EXPLAINED_BY), queues.is_open(facts, KEY)
    for queue in facts.queues:
        waits = queue_levels.nobody_takes(queue) and queues.waits_for_consumers(queue) and not queue_levels.is_broken(queue)
        if not waits or thresholds.is_off(KEY, queue.vhost, queue.name):
            continue
        if _only_keeps_dead_letters(queue, facts) or queues.only_delays(queue, facts) or (_may_come(queue, facts) and not is_open(queue)):
            continue
        cause = causes.get(("queue", queue.vhost, queue.name))
        yield _found(queue, broker, facts, queues.identity_of(facts, cause) if cause else "")


def _only_keeps_dead_letters(queue: Queue, facts: Facts) -> bool:
    """Nobody consumes a queue in which dead letters are kept to be looked at: that new ones arrive is a rule of its own, that they are there is none."""
    if queue.publish_per_second or queue.last_consumers or queues.configured(facts, queue):
        return False
    return any(source.certain for source in facts.context.dead_letters_of(queue.vhost, queue.name))


def _may_come(queue: Queue, facts: Facts) -> bool:
    """Whether a consumer may be about to come: as one restarts, or starts together with the broker or Hareline, or a worker node that is configured for it
    has just come online. Where none of that can be, another poll must show it."""
    since, broker = queue.nobody_consumes_since, facts.its_broker
    if since is None:
        return False
    came_back = broker.since if broker.since is not None and broker.since <= since else None  # nobody since before then is no matter of its start
    moments = [came_back, *(one.since for one in queues.configured(facts, queue) if one.state == Worker.ONLINE)]
    if facts.now - since < queue_levels.LEFT_ALONE and _left_with_its_node(queue, facts):  # which looks through all workers
        moments.append(since)
    is_soon = any(moment is not None and facts.now - moment < queue_levels.LEFT_ALONE for moment in moments)
    return is_soon or min(facts.now, broker.polled_at or facts.now) - since < ANOTHER_POLL


def _left_with_its_node(queue: Queue, facts: Facts) -> bool:
    """Whether consumers were there before and may be back after a restart: not those of worker nodes that have sent heartbeats since."""
    is_new = queue.nobody_since_at_least is not False and queue.nobody_consumes_since is not None and queue.first_seen_at >= queue.nobody_consumes_since
    if is_new and not any(one.state == Worker.GONE for one in queues.configured(facts, queue)):
        return False
    lost = {hostname_of(str(one.get("control") or "")) for one in queue.last_consumers or ()}
    alive = {one.hostname for one in facts.workers if one.vhost == queue.vhost and one.state == Worker.ONLINE and _beats_since(one, queue)}
    return not lost or not lost <= alive


def _beats_since(worker: Worker, queue: Queue) -> bool:
    beat_at, since = worker.heartbeat_at, queue.nobody_consumes_since
    return beat_at is not None and since is not None and beat_at > since


def _found(queue: Queue, broker: Broker, facts: Facts, under: str) -> Found:
    level = queue_levels.abandoned_level(queue, queue.depth or 0, broker, facts.now)
    if queue.nobody_consumes_since is not None and facts.now - queue.nobody_consumes_since < queue_levels.LEFT_ALONE:
        level = Level("notice", "has no consumer at the moment")
    workers = queues.configured(facts, queue)
    return Found(
        KEY,
        queues.object_of(queue),
        level.word,
        level.reason,
        since=queues.left_at(queue),
        since_at_least=queue.nobody_since_at_least is not False,
        summary=queues.waiting_text(queue),
        meaning=" ".join(["Nothing processes these messages.", queues.limit_sentence(queue)]).strip(),
        evidence=[*queues.numbers(queue, broker, facts.now, queues.usual_consumers(facts, queue)), *_last(queue)],
        causes=_causes(queue, workers, facts),
        to_do=[*(["Upgrade Celery to 5.5 or later, or use a classic queue."] if _refused(queue, workers, facts) else []), _to_do(queue, workers)],
        links=[queues.link_to(queue)],
        clears="when a client consumes it, or it is empty",
        under=under,
    )


def _last(queue: Queue) -> list[Evidence]:
    """Who consumed it last, and who is configured to."""
    names = last_consumers(queue)
    if not names:
        return []
    return [Evidence("Last consumed by", formatting.listed(names), queue.last_consumed_at, "when its last consumer left")]


def last_consumers(queue: Queue) -> list[str]:
    """Those that consumed it when it was consumed last: worker nodes by host name, other clients by name and host."""
    found = []
    for one in queue.last_consumers or ():
        control, client, host = (str(one.get(name) or "") for name in ("control", "client", "host"))
        found.append(hostname_of(control) or (f"{client} at {host}" if client and host else client or host or "a client without a name"))
    return sorted(set(found))


def hostname_of(control_queue: str) -> str:
    """The host name of the worker node with this control queue, whatever its exchange for remote control is called; "" of none.

    >>> hostname_of("a@web-1.celery.pidbox"), hostname_of("")
    ('a@web-1', '')
    """
    return control_queue and (DEFAULT.hostname_of(control_queue) or control_queue.removesuffix(".pidbox"))


def _causes(queue: Queue, workers: Sequence[Worker], facts: Facts) -> list[Cause]:
    nobody = "consumers at the broker: 0"
    gone = [worker for worker in workers if worker.state == Worker.GONE]
    alive = [worker for worker in workers if worker.state == Worker.ONLINE]
    causes = []
    refused = _refused(queue, workers, facts)
    if refused:
        names, known = queues.hostnames(refused), f"Celery {(refused[0].software or {}).get('version', '')}; the queue is a quorum queue; {nobody}"
        because = "RabbitMQ ends its connection each time that it begins to consume a quorum queue (540, global qos), which Celery before 5.5 does not support."
        causes.append(Cause(f"{formatting.listed(names)} may be configured to consume it: {because}", known))
    if queue.unacknowledged:
        taken = f"unacknowledged: {formatting.number(queue.unacknowledged)}"
        causes.append(Cause("A client that took messages of it has ended its consumer, as a worker node that shuts down does, or gets them one by one.", taken))
    if alive:
        beats = [worker.heartbeat_at for worker in alive if worker.heartbeat_at]
        beat = f"last heartbeat at {formatting.moment_text(max(beats), facts.now)}; {nobody}" if beats else nobody
        names = queues.hostnames(alive)
        causes.append(Cause(f"{formatting.listed(names)} {_is(names)} online and configured to consume it, but lost the consumer or had it cancelled.", beat))
    if gone:
        names = queues.hostnames(gone)
        reasons = "; ".join(sorted({worker.reason for worker in gone if worker.reason})[:2])
        causes.append(
            Cause(f"{formatting.listed(names)} {_is(names)} gone, and {'was' if len(names) == 1 else 'were'} configured to consume it.", reasons or nobody)
        )
    others = [worker for worker in workers if worker.state not in (Worker.GONE, Worker.ONLINE)]
    if others:
        names = queues.hostnames(others)
        causes.append(Cause(f"{formatting.listed(names)} {_is(names)} configured to consume it, but the broker has no consumer there.", nobody))
    names = [name for name in last_consumers(queue) if name not in {worker.hostname for worker in workers}]
    if names:
        causes.append(
            Cause(f"{formatting.listed(names)} consumed it, and ended or disconnected.", f"left at {formatting.moment_text(queue.last_consumed_at, facts.now)}")
        )
    return causes or [Cause("No known worker is configured for this queue, and no other client consumes it.", nobody)]


def _refused(queue: Queue, workers: Sequence[Worker], facts: Facts) -> list[Worker]:
    """The worker nodes whose Celery can't consume a quorum queue. They connect again and again, send heartbeats and answer no inspection, so that their queues
    are not known."""
    if queue.type != QUORUM:
        return []
    here = [worker for worker in facts.workers if worker.vhost == queue.vhost and (worker.queues is None or worker in workers)]
    return [worker for worker in here if worker.state != Worker.GONE and (version := celery_version(worker)) and version < DETECTS_QUORUM]


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _to_do(queue: Queue, workers: Sequence[Worker]) -> str:
    if workers:
        names = queues.hostnames(workers)
        return f"Restart {formatting.listed(names)}, or have {queue.name} consumed again by {'it' if len(names) == 1 else 'them'}."
    if last_consumers(queue):
        return f"Start again what consumed {queue.name}: {formatting.listed(last_consumers(queue))}."
    return f"Start a worker for {queue.name}. If the queue is no longer needed, remove the bindings that feed it."
