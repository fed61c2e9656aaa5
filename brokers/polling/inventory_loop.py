"""Reads the inventory of a broker after each poll of its depths that was stored, in a thread and an HTTP session of its own, and stores it.

It works under the lease of the poll loop, and only while that stores polls: of a broker that does not respond nothing more is requested.
"""

from __future__ import annotations

import threading
import time

import structlog
from django.db import DatabaseError, connection

from brokers import database_damage, queries, store
from brokers.addresses import BrokerAddress
from brokers.clock import Clock
from brokers.management.management_api import ManagementApi
from brokers.polling.broker_lease import BrokerLease, LeaseLost
from brokers.polling.inventory import read_inventory
from brokers.polling.poll_memory import InventoryMemory, LastRead, PollMemory
from brokers.stats import NamedChanges

log = structlog.get_logger(__name__)

IDLE_SECONDS, LOOK_SECONDS = 5.0, 1.0
"""How long it waits for a poll; and how often it looks whether the broker's event exchange has named a change, while its events are received."""
PATIENCE_SECONDS = 1.0
"""So long each of its requests waits for depths that are just read and stored."""
AFTER_SECONDS = 0.25
"""So long after a poll was stored it begins: until then pages get the depths, for which they need a processor that the broker would use for our lists."""


class InventoryLoop:
    """Work for one broker beside its PollLoop. `memory` and `stored` are those of the PollLoop, of which each thread writes its own half."""

    def __init__(
        self, address: BrokerAddress, broker_id: int, api: ManagementApi, lease: BrokerLease, memory: PollMemory, stored: store.BrokerMemory, clock: Clock
    ) -> None:
        self.address, self.broker_id = address, broker_id
        self.due_at = time.monotonic()
        self._api, self._lease, self._memory, self._stored, self._clock = api, lease, memory, stored, clock
        if api.before_request != lease.renew:
            self._api.before_request = self._before_request
        self._stopped, self._news = threading.Event(), threading.Event()
        self._anew: InventoryMemory | None = None  # what to go on with instead, set by any thread
        self._may_read = False
        self._damage = f"inventory of {address.name}"
        self._vhosts_gone = stored.vhosts_gone

    def depths_were_stored(self) -> None:
        """There is a new poll of the depths: a round is due. Callable from any thread."""
        self._may_read = True
        self._news.set()

    def begin_anew(self, with_failures: bool = True) -> None:
        """Nothing that was read counts as stored, and nothing is read until depths are stored again. Callable from any thread."""
        self._may_read = False
        self._anew = self._memory.inventory.reset() if with_failures else InventoryMemory()

    def stop(self) -> None:
        """Ends the current request and the loop. Callable from any thread."""
        self._stopped.set()
        self._news.set()
        self._api.close()

    def run(self) -> None:
        """A round after each poll of the depths, until stopped."""
        try:
            while not self._stopped.is_set():
                self.due_at = time.monotonic()
                named = self._memory.inventory.named
                if self._news.wait(IDLE_SECONDS if named is None else LOOK_SECONDS):
                    self._news.clear()
                    self._stopped.wait(AFTER_SECONDS)
                    self.run_round()
                elif named is not None and self._named_since(named):
                    self.run_round()
        finally:
            connection.close()

    def run_round(self) -> None:
        """Reads what is due and stores it, however that ends."""
        if not self._may_read or self._stopped.is_set():
            return
        try:
            self._round()
            database_damage.passed(self._damage)
        except LeaseLost:
            self.begin_anew()
        except DatabaseError as error:
            database_damage.note(error, self._damage)
            log.error("inventory_lost", broker=self.address.name, reason=str(error))
            self._lost()
        except Exception:
            log.exception("inventory_failed", broker=self.address.name)
            self._lost()

    def _named_since(self, named: NamedChanges) -> bool:
        """True if a change was named since the last round."""
        try:
            return self._may_read and queries.named_changes(self.broker_id, self._clock.now()) not in (None, named)
        except DatabaseError:  # the next round reports it
            connection.close()
            return False

    @property
    def standing_by(self) -> bool:
        """True while the PollLoop stores nothing."""
        return not self._may_read

    def _before_request(self) -> None:
        self._let_depths_pass()
        self.due_at = time.monotonic()  # a long round is not stuck
        self._lease.renew()

    def _let_depths_pass(self) -> None:
        """Waits while depths are read and stored: both threads share one interpreter, one database and the broker's processors."""
        self._memory.depths_are_stored.wait(PATIENCE_SECONDS)

    def _lost(self) -> None:
        self._memory.inventory = self._memory.inventory.reset()
        connection.close()

    def _round(self) -> None:
        anew, self._anew = self._anew, None
        if anew is not None:
            self._memory.inventory = anew
        self._check_stored()
        now, gone = self._clock.now(), self._stored.vhosts_gone
        if gone != self._vhosts_gone:  # one that was made anew since is not the one that was stored
            self._vhosts_gone = gone
            self._memory.inventory.topologies, self._memory.inventory.topology = None, LastRead()
        self._memory.inventory.named = queries.named_changes(self.broker_id, now)
        requests = queries.active_detail_requests(self.broker_id, now)
        viewed = {kind: [(found.vhost, found.name) for found in requests if found.kind == kind] for kind in ("exchange", "connection")}
        found = read_inventory(self._api, now, self._memory, viewed["exchange"], viewed["connection"])
        if self._stopped.is_set() or self._anew is not None:  # it failed because the session is closed; or the broker fails, or is no longer ours
            return
        self._let_depths_pass()
        if not store.save_inventory(self.broker_id, found, self._stored, self._lease.hold):
            raise LeaseLost

    def _check_stored(self) -> None:
        """Reads and stores everything anew where another process stored meanwhile, or a copy of the database was put back: what this one takes for stored
        is not there, even if the broker's lists are the same as before."""
        stored_at = queries.inventory_stored_at(self.broker_id)
        if stored_at != self._stored.inventory_at:
            self._stored.inventory_at, self._stored.topologies = stored_at, {}
            self._memory.inventory = self._memory.inventory.reset()
