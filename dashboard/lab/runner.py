"""Runs the experiments that people start, from their rows, in rounds: makes what they need, ends them, and removes what is left, also of a process that was
killed. One process of an installation does; others stand by."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from brokers import queries as broker_queries
from brokers.errors import BrokerError, BrokerRefused
from brokers.management.changing import LabVhosts
from brokers.polling import leases
from brokers.scope import EVERYTHING
from dashboard import queries, store
from dashboard.lab.running import Running, Start
from dashboard.layout import amqp_targets
from dashboard.models import LabExperiment
from workers.lab.catalog import PATTERNS
from workers.lab.place import Place
from workers.lab.process import HostProcess

LEASE, LEASE_SECONDS, RENEWED_SECONDS = "lab", 30.0, 2.0
AGAIN, SWEEP = timedelta(seconds=5), timedelta(minutes=1)
WRITE = timedelta(seconds=1)
INTERRUPTED = "Hareline was ended in the middle of it, so that it was removed at the next start."
STOPPED = "Hareline was stopped."
log = structlog.get_logger(__name__)


class Runner:
    """Of this process, `holder`. `start` begins the program of an experiment."""

    def __init__(self, holder: str, installation: str, start: Start = HostProcess, clock: Callable[[], float] = time.monotonic) -> None:
        self.holder, self._installation, self._start, self._clock = holder, installation, start, clock
        self._leased_at = clock()
        self._vhosts: dict[str, LabVhosts] = {}
        self.running: dict[int, Running] = {}
        self._again_at: dict[int, datetime] = {}
        self._written_at: dict[int, datetime] = {}
        self._sweep_at: dict[str, datetime] = {}

    def round(self, now: datetime) -> bool:
        """False where another process holds the lease: what this one ran it has ended then."""
        began = self._clock()
        if not self._has_lease(now, began, again=True):
            return False
        rows = queries.active_experiments(EVERYTHING)
        for gone in self.running.keys() - {row.pk for row in rows}:
            self.running.pop(gone).end()
        for row in rows:
            if self._again_at.get(row.pk, now) <= now:
                if not self._has_lease(now, began):
                    return False
                self._one(row, now, began)
        if self._has_lease(now, began):
            self._sweep({row.vhost for row in rows}, now, began)
        return True

    def _has_lease(self, now: datetime, began: float, again: bool = False) -> bool:
        """Whether this process may go on. The lease is renewed as long as a round takes, so that a broker that hangs does not cost the experiments of others
        their process; one step lasts less than the lease (`brokers.management.changing`)."""
        at = self._clock()
        if not again and at - self._leased_at < RENEWED_SECONDS:
            return True
        if leases.take(LEASE, self.holder, now + timedelta(seconds=at - began), LEASE_SECONDS):
            self._leased_at = at
            return True
        self._end_all()
        return False

    def stop(self, now: datetime) -> None:
        """Ends and removes everything, as far as the brokers are there."""
        self._end_all()
        for row in queries.active_experiments(EVERYTHING):
            if row.holder == self.holder:
                self._remove(row, STOPPED, now)
        for vhosts in self._vhosts.values():
            vhosts.close()
        leases.release(LEASE, self.holder)

    def _one(self, row: LabExperiment, now: datetime, began: float) -> None:
        try:
            if why := self._why_over(row, now):
                self._end(row.pk)
                self._remove(row, why, now)
            elif row.pk not in self.running:
                self._begin(row, now)
            else:
                self._go_on(row, self.running[row.pk], now)
        except BrokerRefused as error:
            self._end(row.pk)
            if self._has_lease(now, began):  # to remove it is another step
                self._remove(row, _sentence(error), now)
        except (BrokerError, OSError) as error:
            self._again_at[row.pk] = now + AGAIN
            store.note_experiment(row.pk, row.state, problem=_sentence(error))

    def _why_over(self, row: LabExperiment, now: datetime) -> str:
        """Why the experiment is over; "" if it goes on."""
        if row.state == LabExperiment.REMOVING:
            return row.reason
        if row.stopped_by:
            return f"Stopped by {row.stopped_by}."
        if row.ends_at <= now:
            return "Its time was over."
        if row.broker not in settings.LAB:
            return f"HARELINE_LAB no longer names {row.broker}."
        if row.pattern not in PATTERNS:
            return f"This version of Hareline has no pattern {row.pattern}."
        return INTERRUPTED if row.state != LabExperiment.WAITING and row.pk not in self.running else ""

    def _begin(self, row: LabExperiment, now: datetime) -> None:
        broker = broker_queries.broker(EVERYTHING, row.broker)
        targets = amqp_targets.targets(broker, row.vhost) if broker is not None else []
        if not targets:
            return self._later(row, "No AMQP address of the broker is known yet.", now)
        if targets[0].refusal:
            return self._remove(row, f"{targets[0].refusal[:1].upper()}{targets[0].refusal[1:]}.", now)
        place = Place(targets[0].url, row.vhost, settings.CA_FILE)
        running = Running(row.pattern, row.knobs, row.revision, place, self._vhosts_of(row.broker), self._start)
        store.note_experiment(row.pk, LabExperiment.WAITING, holder=self.holder)  # before anything is made, so that it is removed whatever happens
        running.start()
        self.running[row.pk] = running
        return store.note_experiment(row.pk, LabExperiment.STARTING, started_at=now, problem="")

    def _later(self, row: LabExperiment, problem: str, now: datetime) -> None:
        self._again_at[row.pk] = now + AGAIN
        store.note_experiment(row.pk, row.state, problem=problem)

    def _go_on(self, row: LabExperiment, running: Running, now: datetime) -> None:
        running.round()
        if row.revision != running.revision:
            running.change(row.knobs, row.revision)
        if now - self._written_at.get(row.pk, now - WRITE) >= WRITE:
            self._written_at[row.pk] = now
            state = LabExperiment.RUNNING if running.publishes else LabExperiment.STARTING
            store.note_experiment(row.pk, state, measured=running.measured(now.timestamp()), measured_at=now, problem="")

    def _end(self, pk: int) -> None:
        if (running := self.running.pop(pk, None)) is not None:
            running.end()

    def _end_all(self) -> None:
        for pk in list(self.running):
            self._end(pk)

    def _remove(self, row: LabExperiment, why: str, now: datetime) -> None:
        """Removes its virtual host; where the broker does not answer, that is tried again until it does."""
        store.note_experiment(row.pk, LabExperiment.REMOVING, reason=why)
        if amqp_targets.address(row.broker) is None:
            left = f" HARELINE_BROKERS no longer names {row.broker}: remove the virtual host {row.vhost} there by hand if it is left."
            return store.note_experiment(row.pk, LabExperiment.ENDED, ended_at=now, reason=why + left)
        try:
            self._vhosts_of(row.broker).remove(row.vhost)
        except BrokerRefused as error:
            why += f" Its virtual host is left: {error}." if row.started_at else ""  # else it was never made
            return store.note_experiment(row.pk, LabExperiment.ENDED, ended_at=now, reason=why, problem="")
        except BrokerError as error:
            self._again_at[row.pk] = now + AGAIN
            return store.note_experiment(row.pk, LabExperiment.REMOVING, problem=_sentence(error))
        return store.note_experiment(row.pk, LabExperiment.ENDED, ended_at=now, problem="")

    def _sweep(self, known: set[str], now: datetime, began: float) -> None:
        """Removes virtual hosts of the lab that no row knows: the database is another one, or was restored."""
        for name in settings.LAB:
            if self._sweep_at.get(name, now) > now:
                continue
            self._sweep_at[name] = now + SWEEP  # where it fails too: a broker that answers slowly delays the experiments of others
            try:
                vhosts = self._vhosts_of(name)
                for left in vhosts.found():
                    if left not in known and self._has_lease(now, began):
                        vhosts.remove(left)
                        log.info("lab_vhost_removed", broker=name, vhost=left)
            except BrokerError as error:
                log.warning("lab_sweep_failed", broker=name, reason=str(error))

    def _vhosts_of(self, broker: str) -> LabVhosts:
        if broker not in self._vhosts:
            address = amqp_targets.address(broker)
            if address is None:
                raise BrokerError(f"HARELINE_BROKERS no longer names {broker}")
            self._vhosts[broker] = LabVhosts(address, settings.CA_FILE, self._installation)
        return self._vhosts[broker]


def run(runner: Runner, wait: Callable[[float], bool], round_seconds: Mapping[bool, float]) -> None:
    """Rounds until `wait` returns True, then ends everything. `round_seconds`: while experiments run, and while none does."""
    while not wait(round_seconds[bool(runner.running)]):
        try:
            runner.round(timezone.now())
        except DatabaseError as error:
            log.warning("lab_round_failed", reason=str(error).strip())
    runner.stop(timezone.now())


def _sentence(error: Exception) -> str:
    text = str(error).strip().rstrip(".") or type(error).__name__
    return f"{text[:1].upper()}{text[1:][:600]}."
