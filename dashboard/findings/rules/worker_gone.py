"""A worker node that sends no heartbeats any more though it did not shut down: killed, or standing still. And the tasks that it held.

Which of these is known as far as the broker shows it: the connection of a process that was killed is closed, and its control queue goes with it; that of a
process that stands still, or behind a network that was cut, stays until the broker's own heartbeat misses it. A clean shutdown is no finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from dashboard.findings import folding
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Object, Report, Threshold, Unsure
from dashboard.findings.rules import broker_away, publishers_blocked
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting
from dashboard.layout.levels import WORST_FIRST, Word
from workers.models import Worker
from workers.presence import has_left
from workers.queries.held_tasks import HeldTasks
from workers.receiving.liveness import DEFAULT_FREQUENCY, silent_after

KEY = "worker_gone"
NAME = "Worker gone"
ABOUT = "A worker node sends no heartbeats any more, and did not shut down: it was killed, stands still, or is cut off."
NEEDS = ()
THRESHOLDS = (Threshold("critical_for", "Critical for so long, then a warning", 3600, "s", least=60, most=86400 * 7),)
OPENS_AFTER = timedelta(0)  # four heartbeats in a row have been missed already
CLEARS_AFTER = timedelta(seconds=5)


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    troubled = []
    for worker in facts.groups.not_online:
        if has_left(worker, facts.now, facts.gone_for) or thresholds.is_off(KEY, worker.vhost, worker.hostname):
            continue
        if (stands_still(worker) or was_killed(worker)) and not _may_be_the_broker(worker, facts):
            troubled.append(worker)
            facts.explained["worker", worker.pk] = facts.identity(KEY, folding.object_of(worker))
        elif was_killed(worker) or worker.state == Worker.UNKNOWN:
            cause = broker_away.KEY if stands_still(worker) or was_killed(worker) else publishers_blocked.KEY if worker.silence == "blocked" else ""
            under = next((facts.identity(one.rule, one.object) for one in facts.found if one.rule == cause), "")
            yield Unsure(worker.reason or "no heartbeat received yet", worker.vhost, "worker", worker.hostname, under)
            yield from _unsure_pattern(worker, facts, under)
    held = {worker.pk: _held(worker, facts) for worker in troubled}
    levels = {worker.pk: _level(worker, held[worker.pk], thresholds, facts) for worker in troubled}
    worst = sorted(troubled, key=lambda worker: (WORST_FIRST.index(levels[worker.pk]), worker.hostname))
    yield from folding.findings(
        KEY,
        worst,
        facts,
        lambda worker: _found(worker, held[worker.pk], levels[worker.pk], facts),
        lambda one, workers: _many(one, workers, {worker.pk: held[worker.pk] for worker in workers}, levels, facts),
    )


def stands_still(worker: Worker) -> bool:
    """Whether it is silent while the broker still has its connection."""
    return worker.state == Worker.UNKNOWN and worker.silence == "connected"


def was_killed(worker: Worker) -> bool:
    return worker.state == Worker.GONE and worker.silence != "shut down"


def _may_be_the_broker(worker: Worker, facts: Facts) -> bool:
    """Whether its heartbeats may be missing only since nothing goes, or went until just now, through the broker."""
    frequency = timedelta(seconds=worker.heartbeat_seconds) if worker.heartbeat_seconds else DEFAULT_FREQUENCY
    return facts.passage is not None and worker.heartbeat_at is not None and not facts.passage.missed(worker.heartbeat_at, silent_after(frequency))


def _unsure_pattern(worker: Worker, facts: Facts, under: str) -> Iterable[Unsure]:
    """The finding about all nodes of its pattern can't be cleared either."""
    for one in facts.open_objects.get(KEY, ()):
        if one.pk is None and one.vhost == worker.vhost and folding.matches(one.name, worker.hostname):
            yield Unsure(worker.reason or "no heartbeat received yet", one.vhost, "worker", one.name, under)


class _Tasks:
    """What it held: `running` and `waiting` as its last heartbeat and inspection had it, None if unknown; `open` those without an end by their events."""

    def __init__(self, worker: Worker, held: HeldTasks | None) -> None:
        self.running, self.waiting, self.open = worker.active, worker.reserved, held
        listed = worker.active_tasks or []
        if held is not None and 0 < held.total == len(held.tasks):  # others ended after they were listed
            left = {task.uuid for task in held.tasks}
            listed = [task for task in listed if task.get("uuid") in left]
            self.running = min(self.running or 0, len(listed)) if worker.active_tasks else self.running
        self.early = sum(task.get("acknowledged") is True for task in listed)
        self.late = sum(task.get("acknowledged") is False for task in listed)

    @property
    def reported(self) -> int:
        return (self.running or 0) + (self.waiting or 0)

    @property
    def amount(self) -> int:
        """As far as is known: by their events, where these were received of any, else by what it reported last."""
        return self.open.total if self.open is not None and self.open.total else self.reported


def _held(worker: Worker, facts: Facts) -> _Tasks:
    tasks = _Tasks(worker, None)
    return _Tasks(worker, facts.held(worker)) if tasks.reported or worker.events_off is False else tasks


def _level(worker: Worker, tasks: _Tasks, thresholds: Thresholds, facts: Facts) -> Word:
    if not tasks.amount:
        return "warning" if stands_still(worker) else "notice"
    critical_for = timedelta(seconds=thresholds.of(KEY, "critical_for", worker.vhost, worker.hostname))
    long_ago = worker.since is not None and facts.now - worker.since > critical_for
    return "warning" if long_ago else "critical"


def _found(worker: Worker, tasks: _Tasks, level: Word, facts: Facts) -> Found:
    now, amount = facts.now, tasks.amount
    still = stands_still(worker)
    return Found(
        KEY,
        folding.object_of(worker),
        level,
        _short(still, amount),
        since=worker.heartbeat_at or worker.since,
        summary=f"Its last heartbeat was at {formatting.moment_text(worker.heartbeat_at, now)}." if worker.heartbeat_at else f"{_sentence(worker.reason)}",
        meaning=_meaning(worker, tasks),
        evidence=_evidence(worker, tasks, facts),
        causes=_causes(worker, facts),
        to_do=[
            "Look at its host: is the process stopped, swapped out or in a deadlock? Kill it if it does not go on, so that its tasks return to their queues."
            if still
            else "Check the host: was the process killed, did it run out of memory, is the network cut?"
        ],
        command=f"kill -CONT {worker.pid}" if still and worker.pid else "",
        links=[Link("Show its tasks and queues", "worker", worker.pk)],
        clears="when it sends heartbeats again, shuts down cleanly, or is forgotten",
    )


def _short(still: bool, amount: int) -> str:
    tasks = formatting.count(amount, "task")
    if still:
        return f"does not respond and holds {tasks}" if amount else "does not respond"
    return f"is gone with {tasks}" if amount else "is gone; it held no known task"


def _meaning(worker: Worker, tasks: _Tasks) -> str:
    if not tasks.amount:
        return "It held no task as far as is known, so none is lost."
    if stands_still(worker):
        return "Its tasks make no progress, and the broker gives them to nobody else while it has the connection."
    parts = []
    if tasks.early:
        were = "was" if tasks.early == 1 else "were"
        parts.append(
            f"{formatting.count(tasks.early, 'running task')} {were} acknowledged early (acks_late off) and {'is' if tasks.early == 1 else 'are'} lost."
        )
    if tasks.late:
        parts.append(f"{formatting.count(tasks.late, 'running task')} with acks_late {'returns' if tasks.late == 1 else 'return'} to the queue, to run again.")
    if not parts and tasks.running:
        parts.append("Running tasks with acks_late return to their queues; those acknowledged early are lost.")
    if tasks.waiting:
        returns = "returns" if tasks.waiting == 1 else "return"
        parts.append(f"{formatting.count(tasks.waiting, 'task')} that had not begun {returns} to {'its queue' if tasks.waiting == 1 else 'their queues'}.")
    return " ".join(parts) or "Unacknowledged tasks return to their queues once the broker notices; tasks acknowledged early are lost."


def _evidence(worker: Worker, tasks: _Tasks, facts: Facts) -> list[Evidence]:
    at, inspected = worker.heartbeat_at, worker.active_tasks_at
    every = f"one every {formatting.duration(worker.heartbeat_seconds)} before" if worker.heartbeat_seconds else ""
    found = [Evidence("Last heartbeat", formatting.moment_text(at, facts.now) if at else "none received", at, every)]
    if stands_still(worker) or worker.silence == "disconnected":
        value = "gone: the broker closed its connection" if worker.silence == "disconnected" else "present: the broker has its connection"
        found.append(Evidence("Control queue", value, facts.its_broker.polled_at))
    found.append(Evidence("Running", formatting.number(tasks.running), inspected or at, "as it reported last"))
    found.append(Evidence("Reserved", formatting.number(tasks.waiting), at, "as it reported last"))
    if tasks.early or tasks.late:
        found.append(Evidence("Acknowledged early", f"{tasks.early:,} of {tasks.early + tasks.late:,} running", inspected))
    if tasks.open is not None and tasks.open.total:
        names = [f"{task.name or 'unknown'} {task.uuid}" for task in tasks.open.tasks]
        found.append(Evidence("Tasks without an end", f"{tasks.open.total:,}", facts.now, formatting.listed(names, 5)))
    queues = [str(queue.get("name")) for queue in worker.queues or ()]
    if queues:
        found.append(Evidence("Consumed", formatting.listed(queues, 5), worker.inspected_at))
    return found


def _causes(worker: Worker, facts: Facts) -> list[Cause]:
    host = worker.hostname.partition("@")[2]
    there = [one for one in facts.groups.by_host.get(host, ()) if host and one.pk != worker.pk]
    silent = [one.hostname for one in there if stands_still(one) or was_killed(one)]
    alive = [one.hostname for one in there if one.state == Worker.ONLINE]
    if stands_still(worker):
        process = Cause("The process stands still: stopped by a signal, swapped out, or in a deadlock.", "the broker still has its connection")
        network = Cause(f"The network between {host or 'its host'} and the broker is cut, and the broker has not noticed yet.", "no heartbeat arrives")
    else:
        closed = "its connection at the broker is closed" if worker.silence == "disconnected" else ""
        process = Cause("The process was killed, by the kernel for lack of memory, by a deployment or a person, or it ended by an error.", closed)
        network = Cause(f"{host or 'Its host'} is down, or cut off from the broker.", "")
    if silent and not alive:
        return [Cause(network.text, f"silent too: {formatting.listed(silent)}"), process]
    if alive:
        return [Cause(process.text, "; ".join(filter(None, [process.evidence, f"on the same host, {formatting.listed(alive)} responds"])))]
    return [process, network]


def _many(one: Object, workers: Sequence[Worker], held: dict[int, _Tasks], levels: dict[int, Word], facts: Facts) -> Found:
    """Pods and machines of one kind."""
    facts.explained |= {("worker", worker.pk): facts.identity(KEY, one) for worker in workers}
    amount = sum(tasks.amount for tasks in held.values())
    still = [worker for worker in workers if stands_still(worker)]
    seen = [at for worker in workers if (at := worker.heartbeat_at or worker.since) is not None]
    last = formatting.moment_text(max(seen, default=None), facts.now)
    level = min((levels[worker.pk] for worker in workers), key=WORST_FIRST.index)
    what = "do not respond" if len(still) == len(workers) else "are gone"
    with_tasks = f" with {formatting.count(amount, 'task')}" if amount else ""
    return Found(
        KEY,
        one,
        level,
        f"{what}{with_tasks}, {len(workers):,} nodes",
        title=f"{len(workers):,} nodes {one.name} {what}{with_tasks or '; they held no known task'}",
        since=min(seen, default=None),
        summary=f"Their names differ only in what a machine made up. The last heartbeat of any was at {last}.",
        meaning="Unacknowledged tasks return to their queues; tasks acknowledged early are lost." if amount else "They held no task as far as is known.",
        evidence=[
            Evidence("Nodes", f"{len(workers):,}", facts.now, formatting.listed([worker.hostname for worker in workers])),
            Evidence("Tasks", f"{amount:,}", facts.now, "as they reported last, or by events"),
        ],
        causes=[Cause("They were ended without a clean shutdown: by a deployment that does not wait for them, or for lack of memory.")],
        to_do=["Give pods time to shut down (terminationGracePeriodSeconds), and look for the reason why they ended."],
        links=[Link("Worker nodes", "workers")],
        clears="when they send heartbeats again, or leave the list",
    )


def _sentence(clause: str) -> str:
    text = clause.strip().rstrip(".")
    return f"{text[:1].upper()}{text[1:]}." if text else ""
