"""Inspects the workers of one virtual host with the commands of `celery inspect`, on a connection and thread of its own.

Commands go to the control queues of all workers, or of some (`workers.inspection.audience`), by the default exchange; where that may not be written to,
to the control exchanges. Answers arrive in a queue of our own name: Celery's reply exchange may be refused, and newer brokers refuse its kind of queue.
We declare nothing but that queue, and no command changes anything on a worker.

No request is unroutable, though a worker that was killed has no control queue any more: each is addressed to our own queue, and to workers by the header
BCC (RabbitMQ's sender-selected distribution). Our queue is also bound to the control exchanges, where these are used and may be read.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import Any

import msgspec
import structlog
from amqp import Connection
from amqp.basic_message import Message
from amqp.channel import Channel

from workers.amqp_connection import Target, bind_where_possible, can_address, close_connection, existing_exchanges, explained, open_connection, raw_channel
from workers.celery_names import DEFAULT, CeleryNames
from workers.errors import NothingThere, WatchError
from workers.inspection import answers as inspection
from workers.inspection import formats
from workers.inspection.audience import JSON, MOST_ALONE, PROBE, Audience
from workers.inspection.requests import written
from workers.inspection.schedule import EVERY, OFTEN_SECONDS, Schedule
from workers.receiving.liveness import Subscription
from workers.redaction import Redaction

log = structlog.get_logger(__name__)

LARGE_ANSWER_BYTES = 256 * 1024
LARGEST_ANSWER_BYTES = 16 * 1024 * 1024
RETRY_SECONDS = (1.0, 2.0, 4.0, 5.0)
TICKETS_KEPT = 8192
INFORMED_SECONDS = 2.0
MOST_KEYS = 200
"""In the header of one message, of at most 131,072 bytes."""
ROUND_SECONDS = 0.2


class Answer(msgspec.Struct, frozen=True):
    """One worker's answer to one command, as fields of its row; and the tasks it listed, with whether these are all."""

    hostname: str
    fields: dict[str, Any]
    at: datetime
    command: str = ""
    requested_at: datetime | None = None
    uuids: frozenset[str] = frozenset()
    lists_all: bool = False
    clock: int | None = None  # the worker's Lamport clock, with `stats`
    queried: tuple[str, ...] = ()  # the tasks that `query_task` was about
    totals: dict[str, int] = {}  # how many tasks of each name it has started, with `stats`


class Inspector:
    """Inspects until stopped; `run` is the body of a thread. Answers go to `answers`; `subscription` has the reason if workers can't be inspected."""

    def __init__(
        self,
        targets: Sequence[Target],
        reply_prefix: str,
        answers: SimpleQueue[Answer],
        schedule: Callable[[], Schedule] = Schedule,
        names: CeleryNames = DEFAULT,
        redaction: Redaction | None = None,
    ) -> None:
        self.targets, self.answers, self.names = targets, answers, names
        self._redaction = redaction or Redaction()
        self.subscription = Subscription(datetime.now(UTC), "not tried yet")
        self.error: WatchError | None = None
        self._reply_prefix, self._new_schedule = reply_prefix, schedule
        self._newcomers: SimpleQueue[str] = SimpleQueue()
        self._queries: SimpleQueue[tuple[str, tuple[str, ...]]] = SimpleQueue()
        self._stopped, self._was_informed = threading.Event(), threading.Event()
        self._tickets: OrderedDict[str, tuple[str, datetime, str, tuple[str, ...]]] = OrderedDict()
        self._audience = Audience(names.content_type)
        self._expected: tuple[Mapping[str, bool], bool] | None = None
        self._introduced: list[tuple[str, str]] = []  # workers that have just answered for the first time, with the content type
        self._may_address = self._is_bound = False
        self._pidboxes: tuple[str, ...] = ()
        self.blocked_since: datetime | None = None  # the broker takes nothing from us: what is sent meanwhile would all arrive at once afterwards
        self._connection: Connection | None = None
        self._failures = 0

    def inspect_soon(self, hostname: str) -> None:
        """Inspects this worker at once, because it has just come online."""
        self._newcomers.put(hostname)

    def query_tasks(self, hostname: str, uuids: Iterable[str]) -> None:
        """Requests from the worker which of these tasks it has, soon; from another thread."""
        self._queries.put((hostname, tuple(uuids)))

    def expect(self, hostnames: Mapping[str, bool], *, all_known: bool = False) -> None:
        """The workers that may answer, from another thread, with whether their heartbeats arrive; `all_known`: the broker showed all of them."""
        self._expected = hostnames, all_known
        self._was_informed.set()

    def trouble(self, hostname: str) -> str:
        """Why a living worker does not answer at all, or not everything, as a clause; "" if it does, or while there is reason to wait."""
        return self._audience.trouble(hostname, time.monotonic())

    def stop(self) -> None:
        self._stopped.set()
        self._was_informed.set()

    def run(self) -> None:
        while not self._stopped.is_set():
            try:
                with explained(self.targets[0]):
                    self._inspect_until_stopped()
                return
            except WatchError as error:
                self._note(error)
            except Exception as error:
                log.exception("inspecting_workers_failed", vhost=self.targets[0].vhost)
                self._note(WatchError(f"inspecting workers failed because of an error in Hareline ({type(error).__name__}); see the log"))
            finally:
                self._close()
            self._stopped.wait(RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS) - 1)])
            self._failures += 1

    def _note(self, error: WatchError) -> None:
        if self.subscription.reason != str(error):
            since = self.subscription.since if self.error is not None else datetime.now(UTC)
            self.subscription = Subscription(since, str(error))
            log.warning("workers_not_inspected", vhost=self.targets[0].vhost, reason=str(error))
        self.error = error

    def _inspect_until_stopped(self) -> None:
        self._connection = connection = open_connection(self.targets, "inspection")
        self.blocked_since = None
        connection.on_blocked, connection.on_unblocked = self._note_blocked, self._note_unblocked
        self._find_pidboxes(connection)
        channel = raw_channel(connection)
        queue = f"{self._reply_prefix}.{secrets.token_hex(4)}"
        channel.queue_declare(queue, durable=False, exclusive=True, auto_delete=True, arguments={"x-expires": 60_000})
        schedule = self._new_schedule()
        channel.basic_consume(queue, no_ack=True, callback=lambda message: self._take_answer(message, schedule))
        self._may_address, self._is_bound = can_address(connection, queue), False
        self._was_informed.wait(INFORMED_SECONDS)  # whether anybody is there
        self._take_expected(time.monotonic())
        if not self._may_address:
            self._bind(connection, queue)
            probes = self._audience.probes(time.monotonic())
            self._probe(channel, queue, probes or ([] if self._audience.nobody_is_there else [(None, self.names.content_type or JSON)]))
            channel.queue_declare(queue, passive=True)  # if we lack permission, the broker's refusal arrives before the answer to this
        self.subscription, self.error, self._failures = Subscription(datetime.now(UTC)), None, 0
        next_check = 0.0
        while not self._stopped.is_set():
            now = time.monotonic()
            self._inspect(channel, queue, schedule, now)
            if now >= next_check:
                next_check = now + 1.0
                connection.heartbeat_tick()
            with contextlib.suppress(TimeoutError):
                connection.drain_events(timeout=ROUND_SECONDS)

    def _bind(self, connection: Connection, queue: str) -> None:
        self._is_bound = True
        bind_where_possible(connection, queue, self._pidboxes)

    def _find_pidboxes(self, connection: Connection) -> None:
        """Notes which of the control exchanges exist. Raises NothingThere if none does."""
        self._pidboxes = existing_exchanges(connection, self.names.pidboxes, "fanout")
        if not self._pidboxes:
            listed = " or ".join(self.names.pidboxes)
            raise NothingThere(f"there is no exchange {listed}: no worker with remote control has been started here")

    def _inspect(self, channel: Channel, queue: str, schedule: Schedule, now: float) -> None:
        """Sends what is due: to everybody at once where all answer in one format, else to each that answers, and little to those that don't."""
        if self.blocked_since is not None:
            return
        audience = self._audience
        self._take_expected(now)
        for hostname in self._take_newcomers():
            audience.meet(hostname, now)
        probes = audience.probes(now)
        if self._may_address or not audience.answering(now):  # else they would reach those that answer too, in formats that these do not take
            self._probe(channel, queue, probes)
        while self._introduced:
            hostname, content_type = self._introduced.pop()
            for command in EVERY:
                audience.note_sent(hostname, command, now)
                self._request(channel, queue, command, content_type, [hostname])
        answering = audience.answering(now)
        spoken = set(answering.values())
        self._query(channel, queue, answering)
        if not answering:
            return
        if self._may_address and len(answering) <= MOST_ALONE and (len(spoken) > 1 or not audience.all_answer(now)):
            for command in schedule.due(now):
                for hostname, content_type in answering.items():
                    if audience.is_due(hostname, command, now):
                        audience.note_sent(hostname, command, now)
                        self._request(channel, queue, command, content_type, [hostname])
            return
        for command in schedule.due(now, audience.slowness(now)):
            for hostname in answering:
                audience.note_sent(hostname, command, now)
            for content_type in spoken:
                spoken_by = [hostname for hostname, spoken in answering.items() if spoken == content_type]
                self._request(channel, queue, command, content_type, spoken_by if self._may_address else None)

    def _query(self, channel: Channel, queue: str, answering: Mapping[str, str]) -> None:
        """Requests nothing of workers that do not answer now: what was queued for them is dropped, and queued again while it is needed."""
        with contextlib.suppress(Empty):
            while True:
                hostname, uuids = self._queries.get_nowait()
                if hostname in answering:
                    self._request(channel, queue, inspection.QUERY_TASK, answering[hostname], [hostname], uuids)

    def _note_blocked(self, _reason: str) -> None:
        self.blocked_since = self.blocked_since or datetime.now(UTC)

    def _note_unblocked(self) -> None:
        self.blocked_since = None

    def _take_expected(self, now: float) -> None:
        expected, self._expected = self._expected, None
        if expected is not None:
            hostnames, all_known = expected
            self._audience.expect(hostnames, now, all_known)

    def _probe(self, channel: Channel, queue: str, probes: Iterable[tuple[str | None, str]]) -> None:
        for hostname, content_type in probes:
            if hostname is None and not self._is_bound:
                self._bind(channel.connection, queue)
            self._request(channel, queue, PROBE, content_type, None if hostname is None else [hostname])

    def _take_newcomers(self) -> list[str]:
        found: dict[str, None] = {}
        with contextlib.suppress(Empty):
            while True:
                found[self._newcomers.get_nowait()] = None
        return list(found)

    def _request(self, channel: Channel, queue: str, command: str, content_type: str, hostnames: Sequence[str] | None, uuids: tuple[str, ...] = ()) -> None:
        """Sends a command to these workers; None: to whoever is there."""
        ticket = secrets.token_hex(8)
        self._tickets[ticket] = (command, datetime.now(UTC), content_type, uuids)
        while len(self._tickets) > TICKETS_KEPT:
            self._tickets.popitem(last=False)
        destination = None if self._may_address else hostnames  # else the key addresses them
        body, encoding = written(command, uuids, queue, ticket, destination, content_type)
        properties = {"content_type": content_type, "content_encoding": encoding, "delivery_mode": 1}
        properties["expiration"] = str(int(OFTEN_SECONDS * 1000))  # a busy worker that did not take it in time gets another anyway
        if hostnames is None or not self._may_address:
            for pidbox in self._pidboxes:
                channel.basic_publish(Message(body, application_headers={"clock": 0}, **properties), pidbox, "")
            return
        keys = [f"{hostname}.{pidbox}" for hostname in hostnames for pidbox in self._pidboxes]
        for start in range(0, len(keys), MOST_KEYS):
            headers = {"clock": 0, "BCC": keys[start : start + MOST_KEYS]}
            channel.basic_publish(Message(body, application_headers=headers, **properties), "", queue)

    def _take_answer(self, message: Message, schedule: Schedule) -> None:
        """Reads one worker's answer. What can't be read is left out, since the next comes soon."""
        ticket = (message.headers or {}).get("ticket")
        request = self._tickets.get(ticket) if isinstance(ticket, str) else None  # whoever may write to the queue may put anything there
        if request is None or len(message.body) > LARGEST_ANSWER_BYTES:
            return
        command, requested_at, content_type, queried = request
        if len(message.body) > LARGE_ANSWER_BYTES:
            schedule.slow_down(command)
        try:
            body = message.body if isinstance(message.body, bytes) else message.body.encode()
            replies = formats.read(body, message.properties.get("content_type"))
        except formats.Unreadable as error:
            log.warning("answer_not_understood", command=command, reason=str(error)[:200])
            return
        for hostname, answer in inspection.by_hostname(replies).items():
            if self._audience.answered(hostname, content_type, time.monotonic(), command):
                self._introduced.append((hostname, content_type))
            failed = isinstance(answer, dict) and "error" in answer
            fields = {} if failed else inspection.redacted(inspection.READERS[command](answer), self._redaction)
            listed, clock = inspection.uuids(command, answer), inspection.lamport_clock(command, answer)
            totals = inspection.totals(command, answer)
            queried = () if failed else queried
            self.answers.put(Answer(hostname, fields, datetime.now(UTC), command, requested_at, *listed, clock, queried, totals))

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            close_connection(connection)
