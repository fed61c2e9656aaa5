"""Compares what Hareline stored with the journal: every task, every moment of it, and the counts of every worker.

Reads the database directly (`script.soak_parts.rows_read`); nothing of Hareline's own reading is involved but the meaning of a stored timeline.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from script.soak_parts.journal import TrueTask, counts_by_worker
from script.soak_parts.rows_read import Database, moment_of, rows
from workers.receiving.task_state import happenings

EXAMPLES = 6


@dataclass(frozen=True)
class StoredTask:
    uuid: str
    state: str
    reason: str
    timeline: tuple[tuple[str, str, float], ...]  # (kind, worker, when by our clock), in the stored order


@dataclass(frozen=True)
class StoredWorker:
    hostname: str
    state: str
    event_counts: Mapping[str, int]
    lost_events: int
    reason: str = ""


@dataclass
class Findings:
    """`lost` and `double` count events, of timelines and of workers' counters; `wrong` counts tasks."""

    published: int = 0
    stored: int = 0
    lost: int = 0
    double: int = 0
    wrong: int = 0
    unknown: int = 0
    lost_events: int = 0
    worst_seconds: float = 0.0  # how far the worst stored time is off, beyond what its worker's clock may excuse
    examples: list[str] = field(default_factory=list)

    def example(self, text: str) -> None:
        if len(self.examples) < EXAMPLES:
            self.examples.append(text)


def compare(
    true: Mapping[str, TrueTask],
    tasks: Mapping[str, StoredTask],
    workers: Mapping[str, StoredWorker],
    excused_seconds: Mapping[str, float] = MappingProxyType({}),
) -> Findings:
    """What differs. A task that is stored but was never published is double, too: there is one task too many.

    `excused_seconds`: by how much the times of a worker may be off, since its clock can't be measured.
    """
    found = Findings(published=sum(len(task.events) for task in true.values()))
    for uuid, task in true.items():
        stored = tasks.get(uuid)
        if stored is None:
            found.lost += len(task.events)
            found.example(f"{uuid} is not stored")
        else:
            _compare_task(task, stored, found, excused_seconds)
    for uuid in tasks.keys() - true.keys():
        found.double += 1
        found.example(f"{uuid} is stored but was never published")
    _compare_counts(true.values(), workers, found)
    found.lost_events = sum(worker.lost_events for worker in workers.values())
    return found


def _compare_task(task: TrueTask, stored: StoredTask, found: Findings, excused_seconds: Mapping[str, float]) -> None:
    published = Counter((event.kind, event.worker) for event in task.events)
    kept = Counter((kind, worker) for kind, worker, _ in stored.timeline)
    missing, surplus = published - kept, kept - published
    found.stored += sum((published & kept).values())
    found.lost += sum(missing.values())
    found.double += sum(surplus.values())
    whole = not missing and not surplus
    if not whole:
        found.example(f"{task.uuid}: missing {dict(missing)}, too many {dict(surplus)}")
    if stored.state != task.state:
        found.unknown += stored.state == "UNKNOWN"
        found.wrong += 1
        found.example(f"{task.uuid} is {stored.state} ({stored.reason}), in truth {task.state}; {_shown(stored)}")
    elif _by_worker((event.kind, event.worker) for event in task.events) != _by_worker((kind, worker) for kind, worker, _ in stored.timeline):
        found.wrong += whole
        found.example(f"{task.uuid}: order {_shown(stored)}")
    if whole:
        _compare_times(task, stored, found, excused_seconds)


def _by_worker(moments: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """{worker: kinds in order}: among the events of one worker the order is certain."""
    found: dict[str, list[str]] = {}
    for kind, worker in moments:
        found.setdefault(worker, []).append(kind)
    return found


def _compare_times(task: TrueTask, stored: StoredTask, found: Findings, excused_seconds: Mapping[str, float]) -> None:
    true_times: dict[tuple[str, str], list[float]] = {}
    for event in task.events:
        true_times.setdefault((event.kind, event.worker), []).append(event.at)
    for kind, worker, at in stored.timeline:
        off = abs(at - true_times[(kind, worker)].pop(0)) - excused_seconds.get(worker, 0.0)
        if off > max(found.worst_seconds, 2.0):
            found.example(f"{task.uuid}: {kind} of {worker} is off by {off:.1f} s")
        found.worst_seconds = max(found.worst_seconds, off)


def _compare_counts(true: Iterable[TrueTask], workers: Mapping[str, StoredWorker], found: Findings) -> None:
    for hostname, (once, copied) in counts_by_worker(true).items():
        stored = workers.get(hostname)
        if stored is None:
            found.example(f"worker {hostname} is not stored")
            found.lost += sum(once.values())
            continue
        for kind in once:
            counted = stored.event_counts.get(kind, 0)
            if not once[kind] <= counted <= copied[kind]:
                found.lost += max(0, once[kind] - counted)
                found.double += max(0, counted - copied[kind])
                found.example(f"{hostname} counts {counted} {kind}, published {once[kind]} to {copied[kind]}")


def _shown(stored: StoredTask) -> str:
    return " ".join(f"{kind.removeprefix('task-')}@{at:.2f}" for kind, _, at in stored.timeline)


def read_tasks(database: Database, prefix: str) -> dict[str, StoredTask]:
    """{uuid: task} of those whose uuid begins with `prefix`."""
    found = {}
    statement = "SELECT uuid, state, unknown_reason, CAST(tries AS text) FROM workers_task WHERE uuid >= ? AND uuid < ?"
    for uuid, state, reason, tries in rows(database, statement, prefix, prefix + "\x7f"):
        timeline = tuple((moment.event, moment.worker, moment.at.timestamp()) for moment in happenings(json.loads(tries)))
        found[uuid] = StoredTask(uuid, state, reason, timeline)
    return found


def read_workers(database: Database, prefix: str) -> dict[str, StoredWorker]:
    statement = "SELECT hostname, state, CAST(event_counts AS text), lost_events, reason FROM workers_worker WHERE hostname >= ? AND hostname < ?"
    found = rows(database, statement, prefix, prefix + "\x7f")
    return {hostname: StoredWorker(hostname, state, json.loads(counts), *rest) for hostname, state, counts, *rest in found}


def newest_change(database: Database) -> float | None:
    """When a task was stored last, seconds since 1970."""
    ((newest,),) = rows(database, "SELECT max(changed_at) FROM workers_task")
    return None if newest is None else moment_of(newest).timestamp()
