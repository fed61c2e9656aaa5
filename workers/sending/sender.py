"""Sends one task through Celery itself, in bounded time, on a connection of its own that is closed at the end.

Of all settings none is the user's: an app of ours, that reads no configuration and becomes nobody's current app. Nothing is declared in the
broker, nothing is ever sent twice. The broker confirms what it took (publisher confirms) and gives back what no queue took (mandatory).
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
import structlog
from amqp.exceptions import AccessRefused, AMQPError, ChannelError, MessageNacked, NotFound
from celery import Celery
from celery.loaders.base import BaseLoader
from kombu.connection import Connection
from kombu.exceptions import KombuError
from kombu.messaging import Producer

from workers.amqp_connection import Target, explained
from workers.celery_names import EVENT_EXCHANGE
from workers.errors import Refused, WatchError
from workers.grants import send_grant
from workers.sending.producer_connection import CONFIRM_SECONDS, connected, own_errors
from workers.sending.send_options import DEFAULT_QUEUE

log = structlog.get_logger(__name__)

LONGEST_SECONDS = 15.0

NOT_ROUTED = frozenset((311, 403, 404, 406))
"""Reply codes by which RabbitMQ refuses a message before it routes it: too large, access refused, not found, precondition failed."""

Outcome = Literal["confirmed", "returned", "not sent", "unknown"]


class Sent(msgspec.Struct, frozen=True):
    """How a sending ended.

    confirmed: a queue has it. returned: the broker took it and no queue did, so it is gone. not sent: it never reached the broker.
    unknown: it had been written when the connection broke or the time ran out; it may have arrived, and it was not sent again.
    """

    uuid: str
    outcome: Outcome
    reason: str  # a sentence; "" if confirmed
    at: datetime
    exchange: str | None = None  # where Celery published, None if it did not come to that
    routing_key: str | None = None
    grant: str = ""  # the command that grants the permission which the broker's user lacks, "" where none is missing

    @property
    def confirmed(self) -> bool | None:
        """True, False (nothing has it), or None: not known whether it arrived."""
        return None if self.outcome == "unknown" else self.outcome == "confirmed"


class _NoSettings(BaseLoader):
    """No configuration module, whatever CELERY_CONFIG_MODULE is."""

    def read_configuration(self, env: str = "CELERY_CONFIG_MODULE") -> dict[str, Any]:
        return {}


class _Watched(Producer):
    """A producer that remembers how far the task got: Celery publishes an event after it, whose failure is not the task's."""

    attempt: _Attempt
    began = done = returned = False
    absence = ""  # why a queue that exists was not there for the message, as a clause
    began_at: datetime | None = None
    exchange_used: str | None = None
    routing_key_used: str | None = None

    def publish(self, body: Any, *positional: Any, **options: Any) -> Any:
        if self.done:
            return self._send_event(body, *positional, **options)
        exchange = options.get("exchange")
        self.exchange_used, self.routing_key_used = str(getattr(exchange, "name", exchange) or ""), str(options.get("routing_key") or "")
        answer = super().publish(body, *positional, **options)
        self.done = True
        return answer

    def _send_event(self, event: Any, *positional: Any, **options: Any) -> Any:
        """Sends the task-sent event with the time of the sending: Celery stamps it after the confirmation, when a quick worker has ended the task already.

        None for a task that no queue took: nothing is to be expected of it.
        """
        if self.returned:
            return None
        if isinstance(event, dict) and event.get("type") == "task-sent" and self.began_at is not None:
            event = {**event, "timestamp": self.began_at.timestamp()}
        return super().publish(event, *positional, **options)

    def _publish(self, *positional: Any, **named: Any) -> Any:
        if not self.began:
            self.attempt.begin(self)  # encoded, and about to be written to the socket
        return super()._publish(*positional, **named)

    def note_return(self, *_: Any) -> None:
        self.returned = True


class SendsAs(msgspec.Struct, frozen=True):
    """What the application that a task is sent for has of its own. `event_exchange`: where its events go; "": no task-sent event. `default_queue`: what that
    event names for a task sent to an exchange."""

    event_exchange: str = EVENT_EXCHANGE
    default_queue: str = DEFAULT_QUEUE


class _Task(msgspec.Struct, frozen=True):
    """What is to be sent."""

    name: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    options: Mapping[str, Any]
    uuid: str
    sends_as: SendsAs


class _Attempt:
    """What the thread that sends and the one that waits for it share."""

    def __init__(self, task: _Task) -> None:
        self.task = task
        self.producer: _Watched | None = None
        self.result: Sent | None = None
        self.abandoned = False  # the caller has been answered that nothing was sent, so nothing may be sent any more
        self.lock = threading.Lock()

    def begin(self, producer: _Watched) -> None:
        """From now on the message may have left. Raises _Abandoned if it must not."""
        with self.lock:
            if self.abandoned:
                raise _Abandoned
            producer.began, producer.began_at = True, datetime.now(UTC)


class _Abandoned(Exception):
    """Nobody waits for this sending any more."""


def send(
    targets: Sequence[Target],
    task: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    options: Mapping[str, Any],
    uuid: str,
    sends_as: SendsAs | None = None,
) -> Sent:
    """How it ended, at the latest after LONGEST_SECONDS. Never raises for what the broker or the network does.

    `options` are those of `send_task`; the task-sent event follows, by Celery's names unless `sends_as` has others.
    """
    attempt = _Attempt(_Task(task, args, kwargs, options, uuid, sends_as or SendsAs()))
    thread = threading.Thread(target=_run, args=(attempt, targets), name=f"send {uuid}", daemon=True)
    thread.start()
    thread.join(LONGEST_SECONDS)
    with attempt.lock:
        if attempt.result is not None:
            return attempt.result
        attempt.abandoned = True
        producer = attempt.producer
        late = f"the broker did not answer within {LONGEST_SECONDS:g} seconds"
        if producer is not None and producer.done:
            return _ended(uuid, producer)
        if producer is not None and producer.began:
            return _sent(uuid, producer, "unknown", f"It is not known whether it arrived: {late}. It was not sent again.")
    return Sent(uuid, "not sent", f"Nothing was sent: {late}.", datetime.now(UTC))


def _run(attempt: _Attempt, targets: Sequence[Target]) -> None:
    uuid = attempt.task.uuid
    connection: Connection | None = None
    try:
        connection, target = connected(targets)
        result = _publish(attempt, connection, target)
    except Exception as error:
        why, grant = f"{error}", ""
        if isinstance(error, Refused) and error.action in ("vhost", "permission"):
            grant = send_grant(targets[0].user, targets[0].vhost)
        if not isinstance(error, WatchError):
            log.exception("sending_failed", uuid=uuid)
            why = f"{type(error).__name__}, see the log"
        producer = attempt.producer
        if producer is not None and producer.done:
            result = _ended(uuid, producer)
        elif producer is not None and producer.began:
            result = _sent(uuid, producer, "unknown", f"It is not known whether it arrived: {why}. It was not sent again.")
        else:
            result = Sent(uuid, "not sent", f"Nothing was sent: {why}.", datetime.now(UTC), grant=grant)
    with attempt.lock:
        attempt.result = result
    if connection is not None:
        with contextlib.suppress(OSError, AMQPError, KombuError):  # it may be broken already, and the result is known
            connection.release()


def _app(sends_as: SendsAs) -> Celery:
    app = Celery("hareline", broker="pyamqp://", backend="disabled://", loader=_NoSettings, fixups=(), set_as_current=False)
    app.conf.update(task_publish_retry=False, task_ignore_result=False, task_send_sent_event=bool(sends_as.event_exchange))
    app.conf.update(event_exchange=sends_as.event_exchange or EVENT_EXCHANGE, task_default_queue=sends_as.default_queue)
    return app


def _publish(attempt: _Attempt, connection: Connection, target: Target) -> Sent:
    task, uuid = attempt.task, attempt.task.uuid
    app = _app(task.sends_as)
    try:
        with explained(target):
            producer = _Watched(connection.channel())
            producer.attempt = attempt
        producer.channel.events["basic_return"].add(producer.note_return)
        with attempt.lock:
            attempt.producer = producer
        quiet = {"declare": [], "mandatory": True, "retry": False, "add_to_parent": False, "confirm_timeout": CONFIRM_SECONDS}
        try:
            with own_errors():
                app.send_task(task.name, list(task.args), dict(task.kwargs), task_id=uuid, producer=producer, **quiet, **task.options)
            if producer.returned and not producer.exchange_used:
                producer.absence = _why_absent(connection, producer.routing_key_used or "")
        except _Abandoned:
            return _sent(uuid, producer, "not sent", "Nothing was sent: it took too long to connect.")
        except (AMQPError, KombuError, MessageNacked, OSError) as error:
            return _ended(uuid, producer) if producer.done else _failed(uuid, producer, error, target)
        return _ended(uuid, producer)
    finally:
        app.close()


def _ended(uuid: str, producer: _Watched) -> Sent:
    """After the broker's confirmation."""
    if not producer.returned:
        return _sent(uuid, producer, "confirmed", "")
    exchange, key = producer.exchange_used, producer.routing_key_used
    where = f"the exchange {exchange} with the key {key}" if exchange else f"the queue {key}"
    why = "no binding of it matches" if exchange else producer.absence or "there is none of that name"
    return _sent(uuid, producer, "returned", f"It reached no queue and is gone: it was sent to {where}, and {why}.")


def _why_absent(connection: Connection, queue: str) -> str:
    """Why a queue that exists takes nothing, as a clause: RabbitMQ routes past one whose node is down, and gives the reason only to a declaration. "" if
    there is no such queue, or that can't be found out."""
    try:
        connection.channel().queue_declare(queue, passive=True)
    except NotFound as error:
        return absence_text(str(error.reply_text))
    except (AMQPError, KombuError, OSError):
        return ""
    return ""


def absence_text(reply: str) -> str:
    """The broker's reason why it can't find a queue, as a clause; "" if there is none of that name.

    >>> absence_text("NOT_FOUND - home node 'rabbit@n1' of durable queue 'mail' in vhost '/' is down or inaccessible")
    'its node rabbit@n1 is down'
    """
    text = " ".join(reply.split()).removeprefix("NOT_FOUND - ")
    node = re.match(r"home node '([^']+)'", text)
    if node:
        return f"its node {node[1]} is down"
    return "" if text.startswith("no queue") else f"the broker can't use it now: {text}"


def _failed(uuid: str, producer: _Watched, error: Exception, target: Target) -> Sent:
    """Before any confirmation: a message that the broker did not accept for routing is not there, any other may be."""
    reason = " ".join(str(getattr(error, "message", "") or getattr(error, "reply_text", "") or error).split())[:300] or type(error).__name__
    if not producer.began:
        return _sent(uuid, producer, "not sent", f"Nothing was sent: {reason}.")
    if isinstance(error, MessageNacked):
        why = "the broker refused it (nack): a queue is full and rejects what is published, or had a fault. Another queue or a dead-letter exchange may have it"
        return _sent(uuid, producer, "unknown", f"It is not known whether it arrived: {why}. It was not sent again.")
    if isinstance(error, NotFound):
        return _sent(uuid, producer, "not sent", f"The broker refused it: there is no exchange {producer.exchange_used}.")
    if isinstance(error, AccessRefused):
        why = f"the user {target.user} may not write to {_exchange_text(producer.exchange_used)} in the virtual host {target.vhost} ({reason})"
        refused = _sent(uuid, producer, "not sent", f"The broker refused it: {why}.")
        return msgspec.structs.replace(refused, grant=send_grant(target.user, target.vhost, producer.exchange_used or ""))
    if isinstance(error, ChannelError) and error.code in NOT_ROUTED:
        return _sent(uuid, producer, "not sent", f"The broker refused it: {reason}.")
    if isinstance(error, TimeoutError):
        reason = f"no confirmation came within {CONFIRM_SECONDS:g} seconds (a broker with an alarm blocks publishers, for one)"
    return _sent(uuid, producer, "unknown", f"It is not known whether it arrived: {reason}. It was not sent again.")


def _exchange_text(name: str | None) -> str:
    return f"the exchange {name}" if name else "the default exchange (amq.default)"


def _sent(uuid: str, producer: _Watched, outcome: Outcome, reason: str) -> Sent:
    return Sent(uuid, outcome, reason, producer.began_at or datetime.now(UTC), producer.exchange_used, producer.routing_key_used)
