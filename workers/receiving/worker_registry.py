"""The workers of one virtual host in memory: events and answers change them, and their state is assessed as time passes.

Pure and bounded: at most `MOST_WORKERS` are kept, and those gone longest are removed first; more names are refused and counted. Applying an event
twice changes no state, only the counts: `receiver` makes sure that a redelivered message is not applied again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from workers.receiving.events import Event
from workers.receiving.liveness import ANSWER_HOLDS, NOTHING_VISIBLE, Disturbance, Evidence, Subscription, Visible, assess, silent_after
from workers.receiving.vacancies import Vacancies
from workers.receiving.worker_state import LONGEST_FREQUENCY, OTHER, WorkerState, cap_times, resume, started_anew

MOST_WORKERS = 5000
ASSESSED_AT_ONCE = 1000  # so that a round of the receiver stays short, and no more change at once
SETTLED = timedelta(seconds=10)  # within which a worker that has just started has declared its control queue
COUNTED = frozenset(
    f"task-{word}" for word in ("received", "started", "succeeded", "failed", "retried", "revoked", "rejected", "sent", "progress")
)  # fmt: skip
REMOTE_CONTROL_OFF = "its remote control is off (worker_enable_remote_control): the broker has no control queue of it"
_HEARTBEATS = frozenset(("worker-heartbeat", "worker-online"))


class WorkerRegistry:
    """The workers of one virtual host by host name. Their skew and their lost events are measured in `workers.receiving.task_buffer`."""

    def __init__(self, known: Iterable[WorkerState] = (), most_workers: int = MOST_WORKERS) -> None:
        self.workers = {worker.hostname: worker for worker in known}
        self.most_workers = most_workers
        self.forgotten: list[int] = []  # primary keys whose rows are to go
        self.newly_online: list[str] = []
        self.faults: list[tuple[str, Exception]] = []  # errors in our own code with a worker, for the caller to report
        self._turns: deque[str] = deque()  # who is assessed next, where they are not assessed all at once
        self._vacancies = Vacancies()
        for worker in sorted(self.workers.values(), key=lambda worker: worker.since or worker.first_seen_at):
            resume(worker)
            self._vacancies.note(worker)

    def apply(self, events: Iterable[Event], now: datetime) -> int:
        """How many events were refused because there are too many names. `now`: when they were received."""
        return sum(not self.apply_event(event, now) for event in events)

    def apply_event(self, event: Event, now: datetime) -> bool:
        """As `apply`, of one event; False if it is refused."""
        kind = event.type
        worker = self.workers.get(event.hostname)
        if worker is None:
            if kind == "task-sent":  # from a producer, gen<pid>@host, which is no worker
                return True
            worker = self._meet(event.hostname, now, kind in _HEARTBEATS)
            if worker is None:
                return False
        if kind in COUNTED:
            counts = worker.event_counts
            counts[kind] = counts.get(kind, 0) + 1
            worker.changed = True
            worker.last_event_at = now
        elif kind in _HEARTBEATS:
            _heartbeat(worker, event, now)
        elif kind == "worker-offline":
            _offline(worker, event, now)
        else:
            worker.event_counts[OTHER] = worker.event_counts.get(OTHER, 0) + 1
            worker.changed = True
        return True

    def apply_answer(self, hostname: str, fields: Mapping[str, Any], now: datetime) -> bool:
        """What a worker answered, as fields of its row. False: there are too many names to keep it."""
        worker = self.workers.get(hostname) or self._meet(hostname, now, True)
        if worker is None:
            return False
        for name, value in fields.items():
            setattr(worker, name, value)
        for name in {"active_tasks", "configuration"} & fields.keys():
            setattr(worker, f"{name}_at", now)
        worker.inspected_at = worker.answered_at = now
        worker.inspect_reason = ""
        worker.changed = True
        return True

    def assess(
        self,
        subscription: Subscription,
        now: datetime,
        visible: Visible = NOTHING_VISIBLE,
        inspection: Subscription | None = None,
        disturbance: Disturbance | None = None,
        trouble: Callable[[str], str] = lambda _: "",
    ) -> None:
        """Brings state, reason and rates of workers up to `now`: of all, or of the next thousand where there are more.

        `visible`: what the broker shows of them. With `inspection`, each also gets the reason why its pool and slots are unknown or old, "" if it
        responds; `trouble`: why a worker does not answer everything, as far as our own requests show it.
        """
        for worker in self._next_assessed():
            try:
                self._assess(worker, subscription, now, visible, disturbance)
                _rates(worker, subscription, now)
                if inspection is not None:
                    _note_answer(worker, inspection, now, visible, trouble)
            except Exception as error:  # noqa: BLE001  (a fault in our own code with one worker must not stop the others)
                self.faults.append((worker.hostname, error))
                self.start_anew(worker)

    def _next_assessed(self) -> list[WorkerState]:
        if len(self.workers) <= ASSESSED_AT_ONCE:
            return list(self.workers.values())
        self._turns = self._turns or deque(self.workers)
        names = [self._turns.popleft() for _ in range(min(ASSESSED_AT_ONCE, len(self._turns)))]
        return [self.workers[name] for name in names if name in self.workers]

    def start_anew(self, worker: WorkerState) -> None:
        """Resets a worker on which our own code failed to a host name of which nothing is known."""
        if self.workers.get(worker.hostname) is worker:
            self.workers[worker.hostname] = anew = started_anew(worker)
            self._vacancies.note(anew)

    def clock_set_back(self, now: datetime) -> None:
        for worker in self.workers.values():
            cap_times(worker, now)

    def take_changes(self) -> list[WorkerState]:
        """The workers that changed since the last call, which are clean from now on."""
        found = [worker for worker in self.workers.values() if worker.changed]
        for worker in found:
            worker.changed = False
        return found

    def _assess(self, worker: WorkerState, subscription: Subscription, now: datetime, visible: Visible, disturbance: Disturbance | None) -> None:
        evidence = Evidence(
            worker.heartbeat_at, worker.frequency, worker.offline_at, worker.answered_at, worker.last_event_at, worker.arrived_at, worker.pool,
            visible.has_control_queue(worker.hostname),
        )  # fmt: skip
        verdict = assess(evidence, subscription, now, disturbance, visible.blocked_by(worker.hostname))
        if verdict is None or (verdict.state, verdict.reason, verdict.silence) == (worker.state, worker.reason, worker.silence):
            return
        if worker.state == "gone" and verdict.state == "unknown":
            return  # that we receive no events changes nothing for one that had gone before
        if verdict.state != worker.state:
            worker.since = verdict.since or now
            if verdict.state == "online":
                self.newly_online.append(worker.hostname)
        worker.state, worker.reason, worker.silence, worker.changed = verdict.state, verdict.reason, verdict.silence, True
        if verdict.state == "gone":
            if verdict.silence == "shut down":  # a worker ends its tasks before it shuts down
                worker.active, worker.reserved, worker.scheduled, worker.active_tasks, worker.active_tasks_at = 0, 0, 0, [], now
                worker.reserved_routes, worker.scheduled_routes = [], []
            self._vacancies.note(worker)

    def _meet(self, hostname: str, now: datetime, proven: bool) -> WorkerState | None:
        """A new worker, None if there is no room for it. `proven`: it sent a heartbeat or answered, so it is worth more than a name in a task's event."""
        if len(self.workers) >= self.most_workers:
            vacated = self._vacancies.take(self.workers, proven)
            if vacated is None:
                return None
            del self.workers[vacated.hostname]
            if vacated.id is not None:
                self.forgotten.append(vacated.id)
        worker = self.workers[hostname] = WorkerState(hostname=hostname, first_seen_at=now)
        self._vacancies.note(worker)
        return worker


def _heartbeat(worker: WorkerState, event: Event, now: datetime) -> None:
    timestamp = event.timestamp
    if _precedes_offline(worker, event):
        return  # it was sent before worker-offline and only arrived later
    worker.offline_at = worker.offline_timestamp = worker.offline_clock = None
    at = _sent_at(worker, timestamp, now)
    worker.arrived_at = now
    if event.pid is not None:
        if worker.pid not in (None, event.pid):
            worker.active = worker.reserved = worker.scheduled = worker.active_tasks = worker.active_tasks_at = None  # of the process before
            worker.uptime_seconds = worker.peak_memory_bytes = worker.reserved_routes = worker.scheduled_routes = None
        worker.pid = event.pid
    worker.heartbeat_at = at if worker.heartbeat_at is None else max(worker.heartbeat_at, at)
    if event.freq and 0 < event.freq <= LONGEST_FREQUENCY:
        worker.heartbeat_seconds = event.freq
    if event.active is not None and (worker.active_tasks_at is None or at >= worker.active_tasks_at):
        worker.active = event.active
    if event.loadavg:
        worker.load = event.loadavg[:3]
    software = {name: value for name, value in (("ident", event.sw_ident), ("version", event.sw_ver), ("system", event.sw_sys)) if value}
    worker.software = software or worker.software
    worker.changed = True


def _precedes_offline(worker: WorkerState, event: Event) -> bool:
    if worker.offline_timestamp is None or event.timestamp is None or event.timestamp > worker.offline_timestamp:
        return False
    return worker.offline_clock is None or event.clock is None or event.clock <= worker.offline_clock


def _offline(worker: WorkerState, event: Event, now: datetime) -> None:
    received = now.timestamp() + max(worker.clock_skew_seconds or 0.0, 0.0)  # by its clock: it can't have been sent later
    worker.offline_at, worker.offline_clock = now, event.clock
    worker.offline_timestamp = None if event.timestamp is None else min(event.timestamp, received)
    worker.answered_at = None
    worker.changed = True


def _sent_at(worker: WorkerState, timestamp: float | None, now: datetime) -> datetime:
    """When a heartbeat was sent by our clock: on receipt, unless its timestamp and the known skew show that it waited in the queue for us."""
    if timestamp is None or worker.clock_skew_seconds is None:
        return now
    age = now.timestamp() + worker.clock_skew_seconds - timestamp
    return now - timedelta(seconds=age) if silent_after(worker.frequency).total_seconds() < age < LONGEST_FREQUENCY else now


def _note_answer(worker: WorkerState, inspection: Subscription, now: datetime, visible: Visible, trouble: Callable[[str], str]) -> None:
    reason = "" if worker.state == "gone" else _unanswered(worker, inspection, now)
    if worker.state != "gone" and not inspection.reason:
        if reason:
            never = trouble(worker.hostname) if worker.inspected_at is None else ""
            reason = _why_unanswered(worker, visible) or never or reason
        else:
            reason = trouble(worker.hostname)
    if reason != worker.inspect_reason:
        worker.inspect_reason, worker.changed = reason, True


def _unanswered(worker: WorkerState, inspection: Subscription, now: datetime) -> str:
    if inspection.reason:
        return inspection.reason
    waited_since = max(moment for moment in (worker.answered_at, inspection.since, worker.first_seen_at) if moment is not None)
    if now - waited_since <= ANSWER_HOLDS:
        return worker.inspect_reason if worker.inspected_at is None else ""
    if worker.inspected_at is None:
        return "it has not responded yet"
    return f"it has not responded since {worker.inspected_at:%Y-%m-%d %H:%M:%S} UTC"


def _why_unanswered(worker: WorkerState, visible: Visible) -> str:
    """The cause, as far as the broker shows it; else ""."""
    settled = visible.polled_at is not None and visible.polled_at - max(worker.began_at or worker.first_seen_at, worker.first_seen_at) > SETTLED
    if visible.has_control_queue(worker.hostname) is False and settled:
        return REMOTE_CONTROL_OFF
    return "" if visible.blocked is None else visible.blocked.reason(worker.hostname)


def _rates(worker: WorkerState, subscription: Subscription, now: datetime) -> None:
    rates: tuple[float | None, float | None] = (None, None)
    if worker.state == "online" and not subscription.reason and not worker.events_off:
        counts = worker.event_counts
        worker.throughput.note(now, counts.get("task-succeeded", 0), counts.get("task-failed", 0))
        rates = worker.throughput.per_second() or rates
    else:
        worker.throughput.samples.clear()
    if rates != (worker.succeeded_per_second, worker.failed_per_second):
        (worker.succeeded_per_second, worker.failed_per_second), worker.changed = rates, True


def expected(workers: Iterable[WorkerState], now: datetime, visible: Visible) -> dict[str, bool]:
    """{worker: whether its heartbeats arrive} of those that may answer remote control: those with a control queue, as far as that is known."""
    found = dict.fromkeys(visible.controlled or (), False)
    for worker in workers:
        if worker.state != "gone" and visible.has_control_queue(worker.hostname) is not False:
            found[worker.hostname] = worker.heartbeat_at is not None and now - worker.heartbeat_at <= silent_after(worker.frequency)
    return found
