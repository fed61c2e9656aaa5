"""A worker node prepared for the board, the table, the overview and live patches.

Pure but for rendering the page's own partials. A number that was not reported is a dash or a reason; a worker that is gone keeps what was
last known of it, marked as such.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import lru_cache

from django.template.loader import render_to_string

from dashboard.findings.open_now import NOTHING_KNOWN, OpenNow
from dashboard.layout import formatting, levels
from dashboard.live.rows import LiveRow
from dashboard.workers.running import RunningList, running_list
from dashboard.workers.slots import Slots, slots_of
from workers.models import Worker
from workers.presence import worker_as_of

SHOWN_TASKS = 3
HEARTBEATS_MISSED = 3
DEFAULT_HEARTBEAT_SECONDS = 2.0
NOTICEABLE_SKEW_SECONDS = 0.3  # below it is the network's delay


def worker_row(worker: Worker, now: datetime, lost: Collection[str] = (), opened: OpenNow = NOTHING_KNOWN) -> LiveRow:
    """The worker as a row; `lost` are queues that it reports to consume while the broker shows no consumer of it there. `opened`: the findings that are open.

    It follows the clock: a row that is built again once nothing was stored for long is unknown then.
    """
    worker = worker_as_of(worker, now)
    level = level_of(worker, now, lost, opened)
    slots = slots_of(worker)
    alive = worker.state == Worker.ONLINE
    key = f"worker-{worker.pk}"
    free = free_slots(worker)
    return LiveRow(
        key=key,
        text={
            "level": level.name,
            "reason": level.reason,
            "used": formatting.number(worker.active if alive else None),
            "concurrency": formatting.number(worker.concurrency),
            "free": formatting.number(free),
            "reserved": formatting.number(worker.reserved if alive else None),
            "scheduled": formatting.number(worker.scheduled if alive else None),
            "slots": slots.figure,
            "pool": pool_text(worker),
            "prefetch": formatting.number(worker.prefetch),
            "load": load_text(worker),
            "uptime": formatting.duration(worker.uptime_seconds),
            "succeeded": formatting.rate(worker.succeeded_per_second if alive else None),
            "failed": formatting.rate(worker.failed_per_second if alive else None),
            "processed": formatting.number(worker.processed),
            "heartbeat": heartbeat_text(worker, now),
            "trouble": "" if level.word == "ok" else trouble_text(worker, level, now),
            "pulse": pulse_text(worker, now),
            "note": note_text(worker),
        },
        mark={"level": level.word, "state": worker.state, "used": _figure(worker.active, free), "slots": _figure(worker.concurrency, free)},
        number={
            "active": worker.active if alive else None,
            "reserved": worker.reserved if alive else None,
            "concurrency": worker.concurrency if alive else None,
            "succeeded_per_second": worker.succeeded_per_second if alive else None,
            "failed_per_second": worker.failed_per_second if alive else None,
            "scheduled": worker.scheduled if alive else None,
            "prefetch": worker.prefetch if alive else None,
            "load": worker.load[0] if alive and worker.load else None,
            "clock_skew_seconds": worker.clock_skew_seconds if alive else None,
        },
        html={
            "level": _level_html(level),
            "slots": _slots_html(slots, key if slots.bar else ""),
            "tasks": _tasks_html(_shown(worker)),
        },
        fixed={"worker": worker, "hostname": worker.hostname, "lost": sorted(lost)},
    )


def free_slots(worker: Worker) -> int | None:
    """Slots that run nothing, None where unknown."""
    if worker.state != Worker.ONLINE or worker.concurrency is None or worker.active is None:
        return None
    return max(0, worker.concurrency - worker.active)


def _figure(value: int | None, free: int | None) -> str:
    """What the page's sums add up: "" where the slots aren't known."""
    return "" if free is None else str(value)


def level_of(worker: Worker, now: datetime, lost: Collection[str] = (), opened: OpenNow = NOTHING_KNOWN) -> levels.Level:
    """Its level: of the worst finding about it; where it lost queues at least that of the worst finding about one of those."""
    broker_id = worker.broker_id
    found = opened.level("worker", worker.pk, broker_id, levels.worker_level(worker, now))
    if not lost or worker.state != Worker.ONLINE:
        return found
    word = "critical" if opened.stands_still(broker_id) else opened.level_by_name("queue", broker_id, worker.vhost, lost) or "notice"
    return levels.worst([levels.Level(word, f"alive, not consuming {formatting.listed(sorted(lost))}"), found]) or found


def host_of(hostname: str) -> str:
    """The machine's part of a worker's name.

    >>> host_of("worker-a@web-1"), host_of("odd")
    ('web-1', 'odd')
    """
    return hostname.rpartition("@")[2] or hostname


def pool_text(worker: Worker) -> str:
    """Pool and size: "prefork 8", "prefork · 4 slots (autoscale 2–6)", "pool unknown"."""
    if worker.pool is None:
        size = "" if worker.concurrency is None else f", {worker.concurrency:,} slots"
        return f"pool unknown{size}"
    if worker.autoscale_max is not None:
        slots = "slots unknown" if worker.concurrency is None else formatting.count(worker.concurrency, "slot")
        return f"{worker.pool} · {slots} (autoscale {worker.autoscale_min or 0:,}–{worker.autoscale_max:,})"
    return worker.pool if worker.concurrency is None else f"{worker.pool} {worker.concurrency:,}"


def load_text(worker: Worker) -> str:
    """The machine's load over the last minute, as the worker's heartbeat reports it."""
    return f"{worker.load[0]:.1f}" if worker.load else formatting.UNKNOWN


def heartbeat_text(worker: Worker, now: datetime) -> str:
    if worker.past_at is not None:
        return "not recorded"
    return "no heartbeat yet" if worker.heartbeat_at is None else f"{formatting.age(worker.heartbeat_at, now)} ago"


def skew_text(worker: Worker) -> str:
    """ "clock 0.4 s ahead"; "" while it is within the network's delay."""
    skew = worker.clock_skew_seconds
    if skew is None or abs(skew) < NOTICEABLE_SKEW_SECONDS:
        return ""
    return f"clock {formatting.duration(abs(skew))} {'ahead' if skew > 0 else 'behind'}"


def trouble_text(worker: Worker, level: levels.Level, now: datetime) -> str:
    """What stands out, after the node's name: "alive, not consuming mail", "gone since 03:02:12", "its clock is 9 s off"."""
    if worker.state == Worker.ONLINE:
        return level.reason
    return f"{worker.state} since {formatting.moment_text(worker.since, now)}" if worker.since else worker.state


def pulse_text(worker: Worker, now: datetime) -> str:
    """How the node's heart beats: "heartbeat 1 s ago"; of one that is gone or unknown the last heartbeat: why stands beside its slots, or above all of them."""
    if worker.state != Worker.ONLINE:
        return f"last heartbeat {formatting.moment_text(worker.heartbeat_at, now)}" if worker.heartbeat_at else ""
    if worker.heartbeat_at is None:
        return "responds, no heartbeat yet" if worker.past_at is None else ""
    silent_seconds = (now - worker.heartbeat_at).total_seconds()
    late = silent_seconds > HEARTBEATS_MISSED * (worker.heartbeat_seconds or DEFAULT_HEARTBEAT_SECONDS)
    if late and worker.pool == "solo" and worker.active:
        return "no heartbeat while it runs a task (solo)"
    return f"heartbeat {formatting.age(worker.heartbeat_at, now)} ago"


def note_text(worker: Worker) -> str:
    """ "up 2 d 4 h", with the clock where it is off, but not so far that the level reports it."""
    if worker.state != Worker.ONLINE:
        return ""
    up = "" if worker.uptime_seconds is None else f"up {formatting.duration(worker.uptime_seconds)}"
    skew = "" if abs(worker.clock_skew_seconds or 0) > levels.CLOCK_SKEW_SECONDS else skew_text(worker)
    return ", ".join(words for words in (up, skew) if words)


def _shown(worker: Worker) -> RunningList:
    running = running_list(worker).first(SHOWN_TASKS)
    return running if worker.state == Worker.ONLINE else RunningList(nothing=running.nothing)


@lru_cache(maxsize=1024)
def _level_html(level: levels.Level) -> str:
    """The level's shape and word; why it is unknown is shown once above the nodes, and on the node's own page."""
    text = level.name if level.word == "unknown" else ""
    return render_to_string("components/_level.html", {"level": level, "text": text, "pill": False}).strip()


@lru_cache(maxsize=4096)
def _slots_html(slots: Slots, key: str) -> str:
    """The drawing and its sentence. It holds no age, so that it is sent only when it changes."""
    return render_to_string("workers/_slots.html", {"slots": slots, "key": key}).strip()


@lru_cache(maxsize=4096)
def _tasks_html(running: RunningList) -> str:
    """Running tasks with the moment they started; the page's script turns moments into running times."""
    return render_to_string("workers/_tasks.html", {"running": running}).strip()
