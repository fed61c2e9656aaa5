"""Sends the messages that wait: to each target one after the other, to several at a time, so that one that hangs holds up no other."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings

from dashboard import queries, store
from dashboard.models import Delivery
from dashboard.notifications import messages, sending, vault
from dashboard.notifications.backoff import may_try
from dashboard.notifications.sending import Outcome
from dashboard.notifications.targets import address_of

log = structlog.get_logger(__name__)
AT_A_TIME = 4
_LONGEST_GROUP = timedelta(hours=1)
Send = Callable[[str, dict[str, Any], messages.Message], Outcome]


class Deliverer:
    """The database is used only by the thread that calls `round`; the others only send."""

    def __init__(self, send: Send = sending.send) -> None:
        self._send = send
        self._sending: dict[int, tuple[Delivery, Future[Outcome]]] = {}  # by target

    def round(self, now: datetime) -> int:
        """How many messages are being sent now. Raises DatabaseError; what was sent already is stored with the next round, and not sent again."""
        for target, (delivery, future) in list(self._sending.items()):
            if future.done():
                self._save(delivery, sending.result(future), now)
                del self._sending[target]
        for delivery in queries.head_deliveries():
            if len(self._sending) < AT_A_TIME and delivery.target_id not in self._sending and self._is_due(delivery, now):
                self._begin(delivery, now)
        return len(self._sending)

    @staticmethod
    def _is_due(delivery: Delivery, now: datetime) -> bool:
        waits = timedelta(0) < delivery.due_at - now <= _LONGEST_GROUP  # one further off was planned before the clock was set back
        return not waits and may_try(delivery.target.next_try_at, now)

    def _begin(self, delivery: Delivery, now: datetime) -> None:
        if not store.begin_attempt(delivery, now):
            return
        try:
            address = address_of(delivery.target)
        except vault.Unreadable as error:
            self._save(delivery, Outcome(str(error)), now)
            return
        except Exception as error:  # noqa: BLE001  (its text may hold what is secret)
            log.error("the address of a target can't be used", target=delivery.target.name, error=type(error).__name__)
            self._save(delivery, Outcome(f"its address can't be used ({type(error).__name__})"), now)
            return
        rows = queries.items_of(delivery)
        try:
            items = [messages.Item(one.finding, one.event, one.key) for one in rows]
            message = messages.composed(delivery.key, delivery.kind, items, settings.PUBLIC_URL, now)
        except Exception as error:  # of this message alone: it is tried again and given up like any other, and the other targets get theirs
            log.exception("a message can't be made", target=delivery.target.name, message=delivery.key)
            self._save(delivery, Outcome(f"the message could not be made ({type(error).__name__})"), now)
            return
        self._sending[delivery.target_id] = delivery, sending.in_background(self._send, delivery.target.kind, address, message)

    @staticmethod
    def _save(delivery: Delivery, outcome: Outcome, now: datetime) -> None:
        target = delivery.target
        if not outcome.error:
            store.save_sent(delivery, outcome.note, now)
            log.info("notification sent", target=target.name, message=delivery.key, attempt=delivery.attempts)
        elif store.save_failure(delivery, outcome.error, random.random(), now):  # noqa: S311  (so that not all try at once)
            log.warning("notification given up", target=target.name, message=delivery.key, reason=outcome.error, attempts=delivery.attempts)
        elif target.failures == 0:
            log.warning("notification failed; it is tried again", target=target.name, message=delivery.key, reason=outcome.error)
