"""Watches the workers of one virtual host: receives their events, takes their answers, assesses and stores them. The body of one thread.

Every half second one transaction; messages are acknowledged after it, so that a crash, a locked database or a full disk loses nothing:
what could not be stored is stored later, and the broker keeps what could not be taken meanwhile. One event, worker or task on which our own
code fails is left out and counted, and the others go on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from queue import Empty, SimpleQueue

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from brokers import database_damage
from workers import queries, store
from workers.custom_events import fields_of
from workers.errors import NothingThere, Refused, Superseded, WatchError
from workers.inspection.inspector import Answer, Inspector
from workers.receiving import events
from workers.receiving.broker_look import BrokerLook, Shown
from workers.receiving.deliveries import Delivery
from workers.receiving.liveness import NOTHING_VISIBLE, Disturbance, Reading, Subscription
from workers.receiving.place import Place
from workers.receiving.receiver import EventFeed
from workers.receiving.redacted_events import redact
from workers.receiving.result_reading import reader_of
from workers.receiving.source_facts import NOT_INSPECTED, NOT_RECEIVED, facts_of
from workers.receiving.task_buffer import HEARTBEATS
from workers.receiving.task_watch import TaskWatch
from workers.receiving.worker_registry import WorkerRegistry, expected
from workers.receiving.worker_state import FIELDS, remembered
from workers.results.reader import taken

log = structlog.get_logger(__name__)

STORE_SECONDS = 0.5
ROUND_SECONDS = 0.1
MOST_A_ROUND = 2000
MOST_UNSTORED = 20_000  # events; larger transactions write a task once that is received, started and ended in one
BEHIND_SECONDS = 1.5  # so much longer between two transactions while more waits than is taken
RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0)
NOTHING_THERE_SECONDS = 5.0
BEAT_SECONDS = 5.0  # stored so often even if nothing is new, to show that the thread lives
INSPECTOR_END_SECONDS = 0.5


class VhostWatch:
    """Runs until stopped."""

    def __init__(self, place: Place) -> None:
        self.place = place
        now = datetime.now(UTC)
        self._stopped = threading.Event()
        self._feed = EventFeed(place.targets(), place.queue, place.names.event_exchanges, place.nodes)
        self._answers: SimpleQueue[Answer] = SimpleQueue()
        self._redaction = settings.REDACTION
        self._inspector = Inspector(place.targets(), f"hareline.{place.installation}.replies", self._answers, names=place.names, redaction=self._redaction)
        self._stored_at = now
        self._subscription = Subscription(now, "not connected yet" if place.receives_events else NOT_RECEIVED)
        self._reading = Reading()
        self._problem: WatchError | None = None
        self._disturbed: Disturbance | None = None
        self._failures, self._next_try, self._next_store, self._next_beat, self._unstored = 0, 0.0, 0.0, 0.0, 0
        self._behind = False  # the last round could not take all that had come
        self._batch = store.Batch()
        self._writer = store.Writer(0, "")
        self._registry = WorkerRegistry()
        self._tasks = TaskWatch(place.broker_id, place.vhost, self._inspector.query_tasks if place.inspects else None)
        self._results = reader_of(place, self._redaction)
        self._facts: store.SourceFacts | None = None
        self._look = BrokerLook(place.broker_id, place.vhost, place.names)
        self.failure = ""  # what ended `run`, if it was no stop
        self.superseded = False  # another watch of the virtual host ended it

    def stop(self) -> None:
        """From any thread."""
        self._stopped.set()
        self._inspector.stop()
        if self._results is not None:
            self._results.stop()

    def run(self) -> None:
        """Returns once stopped, with everything stored and acknowledged that had arrived. Or once another watch has taken the virtual host over:
        then nothing more is stored or acknowledged, and that one gets the messages."""
        inspection = threading.Thread(target=self._inspector.run, name=f"inspect {self.place.address.name} {self.place.vhost}", daemon=True)
        try:
            self._load()
            if self.place.inspects:
                inspection.start()
            if self._results is not None:
                self._results.start()
            while not self._stopped.is_set():
                if self.place.inspects and not inspection.is_alive():
                    raise RuntimeError("the thread that inspects workers has ended")
                self._round()
            self._store(datetime.now(UTC))
        except Superseded:
            self.superseded = True
            log.warning("superseded", broker=self.place.address.name, vhost=self.place.vhost, events_left_to_successor=self._batch.events)
        finally:
            self.stop()
            self._feed.close()
            connection.close()
            if inspection.is_alive():
                inspection.join(INSPECTOR_END_SECONDS)
            if self._results is not None:
                self._results.join(INSPECTOR_END_SECONDS)

    def _load(self) -> None:
        place, now = self.place, datetime.now(UTC)
        self._writer, uncertain = store.take_over(place.broker_id, place.vhost, now)  # before anything is read that the watch before could still change
        self._feed.resume(uncertain)
        rows = queries.all_workers(place.broker_id, place.vhost)
        self._registry = WorkerRegistry(remembered({name: getattr(row, name) for name in FIELDS}, row.pk, now) for row in rows)

    def _round(self) -> None:
        if self.place.receives_events:
            self._receive()
        else:
            self._stopped.wait(ROUND_SECONDS)
        self._take_answers()
        if time.monotonic() >= self._next_store + (BEHIND_SECONDS if self._behind else 0.0) or self._unstored >= MOST_UNSTORED:
            self._next_store = time.monotonic() + STORE_SECONDS
            try:
                self._store(datetime.now(UTC))
                database_damage.passed(f"events {self.place.address.name} {self.place.vhost}")
            except DatabaseError as error:
                database_damage.note(error, f"events {self.place.address.name} {self.place.vhost}")
                log.error("events_not_stored", broker=self.place.address.name, vhost=self.place.vhost, reason=str(error))
                connection.close()

    def _receive(self) -> None:
        try:
            if not self._feed.connected:
                if time.monotonic() < self._next_try:
                    self._stopped.wait(ROUND_SECONDS)
                    return
                self._feed.connect()
                self._failures, self._problem, self._subscription = 0, None, Subscription(datetime.now(UTC))
                log.info("receiving_events", broker=self.place.address.name, vhost=self.place.vhost)
            self._reading.note(time.monotonic(), datetime.now(UTC))
            deliveries = self._feed.receive(ROUND_SECONDS, MOST_A_ROUND)
            self._behind = self._feed.is_behind
            self._apply(deliveries)
        except WatchError as error:
            self._lose(error)
        except Exception as error:
            log.exception("receiving_failed", broker=self.place.address.name, vhost=self.place.vhost)
            self._feed.close()
            self._lose(WatchError(f"receiving events failed because of an error in Hareline ({type(error).__name__}); see the log"))

    def _lose(self, error: WatchError) -> None:
        now, self._behind = datetime.now(UTC), False
        pause = NOTHING_THERE_SECONDS if isinstance(error, NothingThere) else RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS) - 1)]
        self._next_try = time.monotonic() + pause
        self._failures += 1
        if self._problem is None or str(self._problem) != str(error):
            log.warning("events_not_received", broker=self.place.address.name, vhost=self.place.vhost, reason=str(error))
            self._subscription = Subscription(self._subscription.since if self._problem else now, str(error))
        self._problem = error
        self._note_break(error, now)

    def _note_break(self, problem: WatchError | None, now: datetime) -> None:
        if problem is not None and not isinstance(problem, Refused):
            self._disturbed = Disturbance(now, "our own connection to the broker came back after a break")

    def _apply(self, deliveries: Sequence[Delivery]) -> None:
        if not deliveries:
            return
        now, batch = datetime.now(UTC), self._batch
        received_at = now.timestamp()
        for delivery in deliveries:
            if delivery.again:
                continue
            parsed = events.parse(delivery.body, delivery.content_type, received_at)
            if parsed.refused:
                batch.refused.note(parsed.refused, self._redaction.text(parsed.example))
            redact(parsed.events, self._redaction)
            batch.events += len(parsed.events)
            self._unstored += max(len(parsed.events), 1)
            for event in parsed.events:
                try:
                    self._apply_one(event, now, received_at)
                except Exception as error:  # noqa: BLE001  (a fault in our own code; the same event again would fail again)
                    self._note_fault(error, f"{event.type} of {event.hostname}")
            for event, item in parsed.custom or ():
                self._apply_custom(event, item, received_at)
        batch.received_at = now

    def _apply_custom(self, event: events.Event, item: Mapping[str, object], received_at: float) -> None:
        try:
            self._tasks.add_custom_event(event, *fields_of(item, self._redaction), received_at)
        except Exception as error:  # noqa: BLE001  (a fault in our own code; the same event again would fail again)
            self._note_fault(error, f"{event.type} of {event.hostname}")

    def _apply_one(self, event: events.Event, now: datetime, received_at: float) -> None:
        if not self._registry.apply_event(event, now):
            self._batch.refused.note(1, f"more than {self._registry.most_workers} worker names: {event.type} of {event.hostname}")
            if event.type in HEARTBEATS:
                return  # nothing is measured of a worker that is not kept
        if not self._tasks.add_event(event, received_at):
            self._batch.refused.note(1, f"a task's event without its uuid: {event.type} of {event.hostname}")

    def _note_fault(self, error: Exception, what: str) -> None:
        if not self._batch.refused.faults:  # one traceback a batch is enough
            log.error("left_out", vhost=self.place.vhost, what=what, exc_info=error)
        self._batch.refused.note_fault(error, what)

    def _take_answers(self) -> None:
        try:
            while True:
                answer = self._answers.get_nowait()
                try:
                    self._registry.apply_answer(answer.hostname, answer.fields, answer.at)
                    self._tasks.note_answer(answer)
                except Exception as error:  # noqa: BLE001  (the next answer comes soon)
                    self._note_fault(error, f"answer of {answer.hostname} to {answer.command}")
        except Empty:
            return

    def _store(self, now: datetime) -> None:
        """Decides how workers are, stores what changed, acknowledges. Raises DatabaseError; then all of it is still to be stored. Raises Superseded."""
        registry, batch = self._registry, self._batch
        if now < self._stored_at:
            self._clock_set_back(now)
        self._stored_at = now
        shown = self._look.shown(now)
        self._reading.note(time.monotonic(), now)
        inspector = self._inspector
        visible = (NOTHING_VISIBLE if shown is None else shown.visible).blocked_too(inspector.blocked_since)
        listening, disturbance = self._reading.listening(self._subscription), self._disturbance(shown, now)
        registry.assess(listening, now, visible, self._inspection(), disturbance, inspector.trouble)
        while registry.faults:
            hostname, error = registry.faults.pop()
            self._note_fault(error, f"worker {hostname}")
        while registry.newly_online:
            inspector.inspect_soon(registry.newly_online.pop())
        inspector.expect(expected(registry.workers.values(), now, visible), all_known=visible.controlled is not None)
        facts = facts_of(self.place, self._subscription, self._problem, self._inspection(), inspector.error if self.place.inspects else None, self._results)
        batch.facts = facts if facts != self._facts else None
        if self._results is not None:
            self._tasks.read_ends.note(taken(self._results.outcomes))
        batch.tasks = self._tasks.prepare(registry.workers, not self._subscription.reason, self._note_fault)
        batch.statistics, batch.custom_events = self._tasks.statistics(), self._tasks.custom_events()
        batch.workers, batch.forgotten = registry.take_changes(), list(registry.forgotten)
        batch.lost_events = sum(worker.lost_events for worker in registry.workers.values())
        batch.uncertain = self._feed.uncertain()
        if not batch.is_empty or time.monotonic() >= self._next_beat:
            self._save(batch, now)
            self._facts = facts
        self._batch, self._unstored = store.Batch(), 0
        try:
            self._feed.acknowledge()
        except WatchError as error:
            self._lose(error)

    def _clock_set_back(self, now: datetime) -> None:
        """A moment that is still to come would count as just now until it has come."""
        log.warning("clock_set_back", vhost=self.place.vhost, seconds=round((self._stored_at - now).total_seconds(), 1))
        self._registry.clock_set_back(now)
        self._subscription = Subscription(min(self._subscription.since, now), self._subscription.reason)
        self._inspector.subscription = Subscription(min(self._inspector.subscription.since, now), self._inspector.subscription.reason)
        self._reading, self._disturbed = Reading(), None

    def _save(self, batch: store.Batch, now: datetime) -> None:
        registry = self._registry
        try:
            unstorable = store.save_batch(self._writer, self.place.broker_id, self.place.vhost, batch, now)
        except BaseException:
            for worker in batch.workers:
                worker.changed = True
            raise
        self._next_beat = time.monotonic() + BEAT_SECONDS
        registry.forgotten.clear()
        self._tasks.note_stored(batch.tasks, [task for task, _ in unstorable.tasks])
        for worker, error in unstorable.workers:
            log.error("worker_not_storable", vhost=self.place.vhost, worker=worker.hostname, exc_info=error)
            registry.start_anew(worker)
        for task, error in unstorable.tasks:
            log.error("task_not_storable", vhost=self.place.vhost, task=task.uuid, exc_info=error)

    def _disturbance(self, shown: Shown | None, now: datetime) -> Disturbance | None:
        """What may have cut workers off from the broker last: a break of our own connection, the start of a node, or an alarm."""
        self._note_break(self._problem if self.place.receives_events else self._inspector.error if self.place.inspects else None, now)
        restart = None if shown is None else shown.disturbance
        if restart is None or (self._disturbed is not None and self._disturbed.at >= restart.at):
            return self._disturbed
        return restart

    def _inspection(self) -> Subscription:
        return self._inspector.subscription if self.place.inspects else Subscription(self._subscription.since, NOT_INSPECTED)
