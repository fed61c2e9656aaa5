"""The poll loop of a broker: its depths, again and again, in a thread of its own, so that no broker waits for another's timeouts.

The rest is read in another thread (`brokers.polling.inventory_loop`). Failures are stored as data; if the database cannot be written, the poll is dropped
and the process continues. Of several processes one polls a broker (`brokers.polling.broker_lease`), the others stand by.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from datetime import datetime

import structlog
from django.db import DatabaseError, connection

from brokers import database_damage, queries, store, wake
from brokers.addresses import BrokerAddress
from brokers.clock import Clock
from brokers.database.engine import written_back_later
from brokers.errors import BrokerError, BrokerRefused, BrokerUnreachable
from brokers.management.management_api import Limits, ManagementApi
from brokers.models import Broker
from brokers.polling import pace
from brokers.polling.broker_lease import LEASE_SECONDS, BrokerLease, LeaseLost
from brokers.polling.cluster_identity import IDENTIFIED_EVERY_SECONDS, cluster_id
from brokers.polling.depth_poll import poll_depths
from brokers.polling.inventory_loop import InventoryLoop
from brokers.polling.poll_memory import DepthMemory, PollMemory
from brokers.polling.share import LOOK_SECONDS, Share
from brokers.stats import BrokerStats

log = structlog.get_logger(__name__)

_REMEMBERED_POLLS = 5
CLOCK_SET_SECONDS = 5.0


class PollLoop:
    """Polls the depths of one broker, `run()` until `stop`; `inventory` reads the rest, in a thread of its own. `standing_by` while another process has the
    lease."""

    def __init__(
        self,
        address: BrokerAddress,
        broker_id: int,
        holder: str,
        poll_seconds: float,
        ca_file: str | None = None,
        limits: Limits | None = None,
        *,
        api: ManagementApi | None = None,
        inventory_api: ManagementApi | None = None,
        clock: Clock | None = None,
        one_of_several: bool = False,
        share: Share | None = None,
    ):
        self.address, self.broker_id, self.holder, self.poll_seconds = address, broker_id, holder, poll_seconds
        self.standing_by = False
        self.due_at = time.monotonic()
        self._clock = clock or Clock()
        self._lease = BrokerLease(address.name, holder, self._clock)
        self._api = api or ManagementApi(address, ca_file, limits)
        self._api.before_request = self._lease.renew
        self._stopped, self._due = threading.Event(), threading.Event()
        self._share = share
        if share is not None:
            share.offer(address.name, [self._lease.name], self._due.set)
        self._memory, self._stored = PollMemory(), store.BrokerMemory(poll_seconds)
        inventory_api = inventory_api or api or ManagementApi(address, ca_file, limits)
        self.inventory = InventoryLoop(address, broker_id, inventory_api, self._lease, self._memory, self._stored, self._clock)
        self._costs: deque[float] = deque(maxlen=_REMEMBERED_POLLS)
        self._failed_as = ""
        self._one_of_several = one_of_several
        self._identified_at: float | None = None
        self._began: tuple[datetime, float] | None = None  # when the round before began, by the clock and by one that nobody sets

    @property
    def idle_seconds(self) -> float | None:
        """For how long it has sent the broker no request, 0 while it waits for an answer; None while it stands by. Callable from any thread."""
        since = self._api.idle_since
        return None if self.standing_by else 0.0 if since is None else time.monotonic() - since

    def stop(self) -> None:
        """Ends the current request and the loop. Callable from any thread."""
        self._stopped.set()
        self._due.set()
        self._api.close()
        self.inventory.stop()

    def run(self) -> None:
        """Polls until stopped, then releases the lease."""
        try:
            while not self._stopped.is_set():
                seconds = self.run_round()
                self.due_at = time.monotonic() + seconds
                self._due.wait(seconds)
                self._due.clear()
            self._lease.release()
        except DatabaseError as error:
            log.warning("lease_not_freed", broker=self.address.name, reason=str(error))
        finally:
            connection.close()

    def run_round(self) -> float:
        """Seconds to wait until the next round, however this one ended."""
        began = self._clock.monotonic()
        interval = self.poll_seconds
        try:
            interval = self._round()
            database_damage.passed(self._lease.name)
        except LeaseLost:
            log.warning("lease_lost", broker=self.address.name)
            self.standing_by = True
            self._begin_anew()
        except DatabaseError as error:
            database_damage.note(error, self._lease.name)
            self._drop_round(str(error))
        except Exception:
            log.exception("poll_failed", broker=self.address.name)
            self._drop_round("an internal error")
        finally:
            self._memory.depths_are_stored.set()
        return max(interval - (self._clock.monotonic() - began), 0.2)

    def _drop_round(self, reason: str) -> None:
        log.error("round_lost", broker=self.address.name, reason=reason, next_try_seconds=self.poll_seconds)
        self._begin_anew()
        connection.close()

    def _begin_anew(self) -> None:
        """Nothing read since counts as stored."""
        self._memory.depths = self._memory.depths.reset()
        self.inventory.begin_anew()

    def _round(self) -> float:
        """Polls and stores; the seconds from its start to that of the next poll. Raises LeaseLost, and then nothing is stored."""
        now = self._clock.now()
        self._note_clock(now)
        self._lease.seconds = max(LEASE_SECONDS, 3 * self._stored.poll_seconds)
        permitted = self._may_hold()
        self.standing_by = not (permitted and self._lease.hold())
        if self.standing_by:
            self._begin_anew()
            return min(LOOK_SECONDS, self.poll_seconds) if permitted and self._share else self.poll_seconds
        if self._is_watched_already(now):
            return self.poll_seconds
        viewed = [(found.vhost, found.name) for found in queries.active_detail_requests(self.broker_id, now) if found.kind == "queue"]
        began, is_first = self._clock.monotonic(), self._memory.depths.queue_keys is None
        if is_first:
            self._memory.depths.stored_vhosts = queries.vhost_names(self.broker_id)
        self._memory.depths_are_stored.clear()
        try:
            stats = poll_depths(self._api, now, self._memory, viewed)
        except BrokerError as error:
            if not self._stopped.is_set():
                self._save_failure(error, now, (self._clock.monotonic() - began) * 1000)
            return self.poll_seconds * random.uniform(0.8, 1.0)  # noqa: S311  (so that many pollers do not hit a recovering broker at once)
        if not self._stopped.is_set():  # else the last parts failed because the session is closed
            if not is_first and stats.busy_seconds is not None:  # the first poll reads more than those that follow
                self._costs.append(stats.busy_seconds)
            self._save(stats)
        return self._stored.poll_seconds

    def _may_hold(self) -> bool:
        """True if the broker is this process's to poll. What is another one's share is given up at once, after the round in which it was noticed."""
        if self._share is None or self._share.permits(self._lease.name):
            self._lease.resume()
            return True
        if not self.standing_by:
            self._lease.release()
        return False

    def _note_clock(self, now: datetime) -> None:
        """Begins anew where the clock was set: moments that are still to come are never due, and rates over an hour that did not pass are wrong."""
        monotonic = self._clock.monotonic()
        if self._began is not None:
            was, was_monotonic = self._began
            ahead_seconds = (now - was).total_seconds() - (monotonic - was_monotonic)
            if now < was:
                self._memory.depths = DepthMemory()
                self.inventory.begin_anew(with_failures=False)
            if now < was or ahead_seconds > max(CLOCK_SET_SECONDS, 2 * self._stored.poll_seconds):
                log.warning("clock_set", broker=self.address.name, by_seconds=round(ahead_seconds, 1))
                self._stored.forget()
        self._began = (now, monotonic)

    def _is_watched_already(self, now: datetime) -> bool:
        """True if another broker of HARELINE_BROKERS is the same cluster, and responds."""
        if not self._one_of_several:
            return False
        if self._identified_at is None or self._clock.monotonic() - self._identified_at >= IDENTIFIED_EVERY_SECONDS:
            store.save_cluster_id(self.broker_id, cluster_id(self._api))
            self._identified_at = self._clock.monotonic()
        name = queries.watched_as(self.broker_id, now)
        if name:
            store.save_same_cluster(self.broker_id, name, now)
            self._begin_anew()
        return bool(name)

    def _save(self, stats: BrokerStats) -> None:
        self._stored.poll_seconds = pace.interval_seconds(self.poll_seconds, self._costs)
        stats.depth_source_reason = "; ".join(filter(None, (stats.depth_source_reason, pace.longer_because(self.poll_seconds, self._costs))))
        with written_back_later():
            stored = store.save_depths(self.broker_id, stats, self._clock.now(), self._stored, self._lease.hold)
        if not stored:
            raise LeaseLost
        wake.others()
        if self._failed_as:
            log.info("broker_answers_again", broker=self.address.name)
            self._failed_as = ""
        self.inventory.depths_were_stored()

    def _save_failure(self, error: BrokerError, began_at: datetime, took_ms: float) -> None:
        state = Broker.UNREACHABLE if isinstance(error, BrokerUnreachable) else Broker.REFUSED if isinstance(error, BrokerRefused) else Broker.UNKNOWN
        if self._failed_as != state:
            log.warning("broker_not_polled", broker=self.address.name, state=state, reason=str(error))
            self._failed_as = state
        self._begin_anew()
        if not store.save_failure(self.broker_id, state, str(error), self._clock.now(), took_ms, self._stored, self._lease.hold, began_at):
            raise LeaseLost
