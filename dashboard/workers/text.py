"""The sentences of a worker node's page: its prefetch, its events compared with its own count, and its data sources.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from dashboard.layout import formatting
from workers.models import EventSource, Worker
from workers.presence import mended_tasks, process_began_at

SLOT_NOUNS: Mapping[str | None, str] = {"prefork": "process", "threads": "thread", "gevent": "greenlet", "eventlet": "greenlet", "solo": "slot"}
SLOT_NOUNS_MANY: Mapping[str, str] = {"process": "processes"}


class Source(msgspec.Struct, frozen=True):
    """Where something is known from: `level` is a word of `dashboard.layout.levels`."""

    level: str
    title: str
    text: str
    grant: str = ""  # the line that would permit it


class Registered(msgspec.Struct, frozen=True):
    name: str
    attributes: str


def slots_noun(worker: Worker, amount: int) -> str:
    """ "8 processes", "1 thread"."""
    noun = SLOT_NOUNS.get(worker.pool, "slot")
    return formatting.count(amount, noun, SLOT_NOUNS_MANY.get(noun))


def prefetch_story(worker: Worker) -> str:
    """How many messages the node may hold and how that number comes about (celery/worker/consumer/tasks.py: concurrency times
    worker_prefetch_multiplier, one more for each ETA task held; with autoscale the maximum counts, with solo the machine's cores)."""
    if worker.prefetch is None:
        return f"Unknown, because {worker.inspect_reason or 'the node has not been inspected yet'}."
    if worker.prefetch == 0:
        return "No limit: it prefetches every ready message of its queues."
    held = worker.scheduled or 0
    start = f"Up to {formatting.count(worker.prefetch, 'unacknowledged message')}"
    tail = f", including {held:,} for tasks that wait for their ETA" if held else ""
    if worker.pool == "solo":
        return f"{start} (the solo pool counts the machine's cores, not its one slot){tail}."
    base = worker.autoscale_max or worker.concurrency
    if not base or (worker.prefetch - held) % base or worker.prefetch <= held:
        return f"{start}{tail}."
    return f"{start} ({slots_noun(worker, base)} × worker_prefetch_multiplier {(worker.prefetch - held) // base}){tail}."


def events_story(worker: Worker, now: datetime) -> tuple[str, str]:
    """(level, sentence) of the reconciliation: the tasks that the node reports to have started, compared with the events that arrived."""
    if worker.events_off:
        return "notice", (
            "It runs tasks but sends no task events. Start it with -E or set worker_send_task_events = True; "
            "with task_send_sent_event = True in the producers, sent tasks are seen too."
        )
    since = formatting.moment_text(worker.first_seen_at, now)
    if worker.lost_events:
        mended = mended_tasks(worker)
        listed = f" The state of {formatting.count(mended, 'task')} was put right by what it lists." if mended else ""
        return "warning", f"{formatting.count(worker.lost_events, 'task event')} lost since {since}, by its own count of started tasks.{listed}"
    if worker.processed is None and heartbeats_off(worker):
        return "unknown", "Its heartbeats are off (--without-heartbeat), so it reports no count of processed tasks to compare the events with."
    if worker.processed is None:
        return "unknown", "Its heartbeats have not reported a count of processed tasks yet."
    base = worker.processed if worker.processed_at_first_sight is None else worker.processed_at_first_sight
    seen, began = worker.processed - base, process_began_at(worker)
    since = formatting.moment_text(max(worker.first_seen_at, began or worker.first_seen_at), now)  # each process counts from zero
    if seen <= 0:
        return "ok", f"No tasks processed since {since}."
    return "ok", f"{formatting.count(seen, 'task')} processed since {since}, no events missing."


def heartbeats_off(worker: Worker) -> bool:
    """Whether it answers, and never sent a heartbeat."""
    return worker.heartbeat_at is None and worker.inspected_at is not None and not worker.inspect_reason


def sources(worker: Worker, source: EventSource | None, now: datetime, source_visible: bool = True) -> list[Source]:
    """The data sources: events and inspection, each with its age or with what is missing."""
    hidden = Source("unknown", "Events", "Whether events of the virtual host are received is not visible to you.")
    return [_events(worker, source, now) if source_visible else hidden, _inspect(worker, source, now)]


def _events(worker: Worker, source: EventSource | None, now: datetime) -> Source:
    if source is None:
        return Source("unknown", "Events", "The receiver has not connected to this virtual host yet.")
    if source.state != EventSource.RECEIVING:
        level = "notice" if source.state == EventSource.OFF else "unknown"
        return Source(level, "Events", _sentence(source.reason) or f"Events are {source.state}.", source.grant)
    if worker.heartbeat_at is None:
        off = "its heartbeats are off (--without-heartbeat)" if heartbeats_off(worker) else "no heartbeat of this node yet"
        return Source("ok", "Events", f"Received; {off}.")
    every = f", one every {formatting.duration(worker.heartbeat_seconds)}" if worker.heartbeat_seconds else ""
    return Source("ok", "Events", f"Last heartbeat {formatting.age(worker.heartbeat_at, now)} ago{every}.")


def _inspect(worker: Worker, source: EventSource | None, now: datetime) -> Source:
    if worker.inspected_at is not None and not worker.inspect_reason:
        return Source("ok", "Inspection", f"Last response {formatting.age(worker.inspected_at, now)} ago: pool, slots, queues, registered tasks.")
    old = f" Values are from {formatting.age(worker.inspected_at, now)} ago." if worker.inspected_at is not None else ""
    reason = worker.inspect_reason or (source.inspect_reason if source else "") or "it has not been inspected yet"
    return Source("unknown", "Inspection", f"{_sentence(reason)}{old}", source.inspect_grant if source else "")


def _sentence(clause: str) -> str:
    clause = clause.strip()
    return f"{clause[:1].upper()}{clause[1:].rstrip('.')}." if clause else ""


def registered_tasks(worker: Worker, wanted: str) -> list[Registered]:
    """The tasks that the node can run, those whose name contains `wanted` (any case)."""
    tasks = [_registered(task) for task in worker.registered or []]
    return sorted((task for task in tasks if wanted.casefold() in task.name.casefold()), key=lambda task: task.name)


def _registered(task: Mapping[str, Any]) -> Registered:
    attributes = task.get("attributes") or {}
    return Registered(str(task.get("name", "")), ", ".join(f"{key}={value}" for key, value in sorted(attributes.items())))


def event_counts(worker: Worker) -> Sequence[tuple[str, str]]:
    """Kinds of events with their counts, the most frequent first."""
    counts = sorted((worker.event_counts or {}).items(), key=lambda item: (-item[1], item[0]))
    return [(kind, formatting.number(count)) for kind, count in counts]


def processes_story(worker: Worker) -> str:
    """The pool's processes, threads or greenlets as a sentence, "" where the list of processes is shown instead."""
    if worker.processes and worker.pool != "solo":
        return ""
    if worker.concurrency is None:
        return f"Unknown, because {worker.inspect_reason or 'the node has not been inspected yet'}."
    pid = f" ({worker.pid})" if worker.pid else ""
    if worker.pool == "solo":
        return f"The solo pool runs tasks in the worker's own process{pid}, one at a time; it sends no heartbeat meanwhile."
    return f"{slots_noun(worker, worker.concurrency)} in one process{pid}."
