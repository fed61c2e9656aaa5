"""Receives what a broker's event exchange says of definitions, so that the poller reads at once what changed, where it changed.

The queue is exclusive and goes with the connection: what happens without it is unknown, so each connection begins with everything named as changed. Events
are hints and never facts; whether they come or not, everything is read again by its schedule.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import structlog
from amqp import Connection
from amqp.basic_message import Message
from amqp.channel import Channel
from django.db import DatabaseError, connection

from brokers import store
from brokers.diff import is_own
from brokers.stats import Actor
from workers.amqp_connection import Target, close_connection, existing_exchanges, explained, open_connection, raw_channel
from workers.errors import NothingThere, Refused, Unreachable, WatchError
from workers.receiving.definition_events import KEYS, actor, is_of_users, named_vhost

log = structlog.get_logger(__name__)

RETRY_SECONDS = (1.0, 2.0, 5.0, 15.0)
REFUSED_RETRY_SECONDS = 60.0  # each refusal is a line in the broker's log
TURN_SECONDS, STORED_EVERY_SECONDS, BOUND_EVERY_SECONDS = 0.5, 5.0, 30.0
MOST_WAITING = 10_000
"""Events in our queue; beyond, the broker drops the oldest."""


class DefinitionWatch:
    """Receives until stopped; `run` is the body of a thread. `exchange` is in the virtual host of the targets."""

    def __init__(self, broker_id: int, targets: Sequence[Target], exchange: str, queue_prefix: str) -> None:
        self.broker_id, self.targets, self.exchange = broker_id, tuple(targets), exchange
        self.queue = f"{queue_prefix}{secrets.token_hex(4)}"
        self._stopped = threading.Event()
        self._connection: Connection | None = None
        self._changed: Counter[str] = Counter()
        self._everything = 0
        self._actors: list[Actor] = []
        self._cancelled = False

    def stop(self) -> None:
        """From any thread."""
        self._stopped.set()

    def run(self) -> None:
        failures = 0
        try:
            while not self._stopped.is_set():
                began = time.monotonic()
                try:
                    with explained(self.targets[0]):
                        self._receive_until_stopped()
                    return
                except WatchError as error:
                    failures = 0 if time.monotonic() - began > BOUND_EVERY_SECONDS else failures + 1
                    self._save_problem(f"{error}")
                    rest = REFUSED_RETRY_SECONDS if isinstance(error, Refused) else RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)]
                except DatabaseError as error:
                    log.error("definition_events_not_stored", broker=self.broker_id, reason=str(error))
                    connection.close()
                    rest = RETRY_SECONDS[-1]
                except Exception as error:  # an error in Hareline, which ends no thread
                    log.exception("definition_watch_failed", broker=self.broker_id)
                    self._save_problem(f"Hareline’s thread that receives them ended by an error ({type(error).__name__}); the log has it")
                    rest = RETRY_SECONDS[-1]
                finally:
                    self._close()
                self._stopped.wait(rest)
        finally:
            connection.close()

    def _receive_until_stopped(self) -> None:
        opened, channel = self._consume()
        next_save = next_bind = 0.0
        while not self._stopped.is_set():
            self._read(opened, TURN_SECONDS)
            opened.heartbeat_tick()
            now = time.monotonic()
            if now >= next_bind:
                next_bind = now + BOUND_EVERY_SECONDS
                self._bind(channel)  # the binding goes with the exchange, where the plugin was off for a moment
            if self._changed or self._everything or self._actors or now >= next_save:
                next_save = now + STORED_EVERY_SECONDS
                self._save()

    def _consume(self) -> tuple[Connection, Channel]:
        opened = self._connection = open_connection(self.targets, "definitions")
        if not existing_exchanges(opened, [self.exchange], "topic"):
            raise NothingThere(f"the exchange {self.exchange} is gone: the plugin rabbitmq_event_exchange was disabled")
        channel = raw_channel(opened)
        channel.queue_declare(self.queue, exclusive=True, auto_delete=True, arguments={"x-max-length": MOST_WAITING})
        self._bind(channel)
        self._cancelled = False
        channel.basic_consume(self.queue, no_ack=True, callback=self._arrive, on_cancel=self._note_cancel)
        self._changed.clear()
        self._actors.clear()
        self._everything = 1
        return opened, channel

    def _bind(self, channel: Channel) -> None:
        for key in KEYS:
            channel.queue_bind(self.queue, self.exchange, key)

    def _read(self, opened: Connection, seconds: float) -> None:
        """Takes what arrives within so many seconds, and returns when they have passed."""
        deadline = time.monotonic() + seconds
        with contextlib.suppress(TimeoutError):
            while (left := deadline - time.monotonic()) > 0:
                opened.drain_events(timeout=max(left, 0.001))
        if self._cancelled:
            raise Unreachable(f"the queue {self.queue} was deleted")

    def _arrive(self, message: Message) -> None:
        key, headers = str(message.delivery_info.get("routing_key", "")), message.headers or {}
        found = actor(key, headers)
        if found is not None and len(self._actors) < MOST_WAITING and not is_own(found.name, found.vhost):
            self._actors.append(found)
        if is_of_users(key):
            return
        vhost = named_vhost(key, headers, self.queue)
        if vhost is None:
            self._everything += 1
        else:
            self._changed[vhost] += 1

    def _note_cancel(self, _: str) -> None:
        self._cancelled = True

    def _save(self) -> None:
        changed, everything, actors = dict(self._changed), self._everything, list(self._actors)
        store.note_definition_events(self.broker_id, self.targets[0].vhost, datetime.now(UTC), changed, everything, actors=actors)
        self._changed.clear()
        self._actors.clear()
        self._everything = 0

    def _save_problem(self, problem: str) -> None:
        try:
            store.note_definition_events(self.broker_id, self.targets[0].vhost, datetime.now(UTC), problem=problem)
        except DatabaseError as error:
            log.error("definition_events_not_stored", broker=self.broker_id, reason=str(error))
            connection.close()

    def _close(self) -> None:
        opened, self._connection = self._connection, None
        if opened is not None:
            close_connection(opened)
