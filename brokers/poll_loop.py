"""Polling brokers for ever: a thread a broker, each on its own, so that none waits for another's time-outs.

Failures are facts to store; a database that can't be written costs the round, never the process. Of several processes one polls a broker
(the lease), the others stand by.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from datetime import UTC, datetime

import structlog
from django.db import DatabaseError, connection

from brokers import leases, pace, queries, store
from brokers.addresses import BrokerAddress
from brokers.errors import BrokerError, BrokerRefused, BrokerUnreachable
from brokers.management_api import Limits, ManagementApi
from brokers.models import Broker
from brokers.poll_memory import PollMemory
from brokers.poller import Poll, poll_once
from brokers.scope import EVERYTHING

log = structlog.get_logger(__name__)

_REMEMBERED_POLLS = 5


class PollLoop:
    """Polls one broker, `run()` until `stop`. `standing_by` while another process has the lease."""

    def __init__(self, address: BrokerAddress, broker_id: int, holder: str, poll_seconds: float, ca_file: str | None = None, limits: Limits | None = None):
        self.address, self.broker_id, self.holder, self.poll_seconds = address, broker_id, holder, poll_seconds
        self.standing_by = False
        self._api = ManagementApi(address, ca_file, limits)
        self._stopped = threading.Event()
        self._memory, self._stored = PollMemory(), store.BrokerMemory(poll_seconds)
        self._costs: deque[float] = deque(maxlen=_REMEMBERED_POLLS)
        self._failed_as = ""

    def stop(self) -> None:
        """From any thread: ends the request under way and the loop."""
        self._stopped.set()
        self._api.close()

    def run(self) -> None:
        """Returns once stopped, the lease freed."""
        try:
            while not self._stopped.is_set():
                self._stopped.wait(self._survived_round())
            leases.release(self._lease, self.holder)
        except DatabaseError as error:
            log.warning("lease_not_freed", broker=self.address.name, reason=str(error))
        finally:
            connection.close()

    @property
    def _lease(self) -> str:
        return f"poll {self.address.name}"

    def _survived_round(self) -> float:
        """Seconds to wait until the next round, however this one ended."""
        began = time.monotonic()
        interval = self.poll_seconds
        try:
            interval = self._round()
        except DatabaseError as error:
            self._lose_round(str(error))
        except Exception:
            log.exception("poll_failed", broker=self.address.name)
            self._lose_round("an error of ours")
        return max(interval - (time.monotonic() - began), 0.2)

    def _lose_round(self, reason: str) -> None:
        log.error("round_lost", broker=self.address.name, reason=reason, next_try_seconds=self.poll_seconds)
        self._memory = PollMemory()  # nothing of what was seen counts as stored
        connection.close()

    def _round(self) -> float:
        """One poll, stored. The seconds from its start to that of the next."""
        now = datetime.now(UTC)
        self.standing_by = not self._hold_lease(now)
        if self.standing_by:
            return self.poll_seconds
        interests = queries.active_interests(self.broker_id, now)
        looked_at = {kind: [(found.vhost, found.name) for found in interests if found.kind == kind] for kind in ("queue", "exchange")}
        began, busy = time.monotonic(), self._api.busy_seconds
        try:
            poll = poll_once(self._api, now, self._memory, looked_at["queue"], looked_at["exchange"])
        except BrokerError as error:
            if not self._stopped.is_set():
                self._save_failure(error, (time.monotonic() - began) * 1000)
            return self.poll_seconds * random.uniform(0.8, 1.0)  # noqa: S311  (so that many pollers don't fall on a broker that comes back)
        if self._hold_lease(datetime.now(UTC)):
            self._costs.append(self._api.busy_seconds - busy)
            self._save(poll)
        return self._stored.poll_seconds

    def _hold_lease(self, now: datetime) -> bool:
        return leases.take(self._lease, self.holder, now, max(30.0, 3 * self._stored.poll_seconds))

    def _save(self, poll: Poll) -> None:
        stats, now = poll.stats, datetime.now(UTC)
        self._stored.poll_seconds = pace.interval_seconds(self.poll_seconds, self._costs)
        stats.depth_source_reason = "; ".join(filter(None, (stats.depth_source_reason, pace.longer_because(self.poll_seconds, self._costs))))
        if any(part is not None for part in (poll.topologies, poll.connections, poll.channels, poll.consumers)):
            store.save_topology(self.broker_id, poll.topologies, poll.connections, poll.channels, poll.consumers, stats.at, self._stored)
        if poll.permissions is not None:
            store.save_permissions(self.broker_id, poll.permissions.found if poll.permissions.known else None)
        store.save_poll(self.broker_id, stats, now, self._stored)
        for (vhost, name), publishers in poll.publishers.items():
            exchange = queries.exchange(EVERYTHING, self.broker_id, vhost, name)
            if exchange is not None:
                store.save_publishers(exchange.pk, publishers, stats.at)
        if self._failed_as:
            log.info("broker_answers_again", broker=self.address.name)
            self._failed_as = ""

    def _save_failure(self, error: BrokerError, took_ms: float) -> None:
        state = Broker.UNREACHABLE if isinstance(error, BrokerUnreachable) else Broker.REFUSED if isinstance(error, BrokerRefused) else Broker.UNKNOWN
        if self._failed_as != state:
            log.warning("broker_not_polled", broker=self.address.name, state=state, reason=str(error))
            self._failed_as = state
        self._memory = PollMemory()
        store.save_failure(self.broker_id, state, str(error), datetime.now(UTC), took_ms, self._stored)
