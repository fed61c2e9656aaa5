"""Whether the events of a broker's definitions are received, and the thread that does it: where its plugin is on and HARELINE_EVENTS names the broker."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from brokers import amqp_address, queries, store
from brokers.addresses import BrokerAddress
from brokers.stats import Listener
from workers.amqp_connection import Target
from workers.receiving.definition_watch import DefinitionWatch

END_SECONDS = 1.0


class DefinitionWatches:
    """Of one broker, for the thread of its BrokerWatch while that leads."""

    def __init__(self, address: BrokerAddress, broker_id: int, installation: str, is_allowed: bool, ca_file: str | None = None) -> None:
        self._address, self._broker_id, self._is_allowed, self._ca_file = address, broker_id, is_allowed, ca_file
        self._prefix = f"hareline.{installation}.definitions."
        self._targets: list[Target] = []
        self._running: tuple[DefinitionWatch, threading.Thread] | None = None

    def keep(self, listeners: Sequence[Listener]) -> None:
        """Starts it, or starts it again, or ends it, as what was polled last requires."""
        vhost = queries.vhost_of_event_exchange(self._broker_id) if self._is_allowed else None
        if vhost is None:
            self.end()
            store.forget_definition_events(self._broker_id)
            return
        targets = [Target(one.url, vhost, self._ca_file, one.refusal) for one in amqp_address.addresses(self._address, listeners, vhost)]
        if self._running is not None and (targets != self._targets or not self._running[1].is_alive()):
            self.end()
        if self._running is None and targets:
            self._targets = targets
            watch = DefinitionWatch(self._broker_id, targets, queries.EVENT_EXCHANGE, self._prefix)
            thread = threading.Thread(target=watch.run, name=f"definitions {self._address.name}", daemon=True)
            self._running = (watch, thread)
            thread.start()

    def stop(self) -> None:
        """Returns at once; `end` waits."""
        if self._running is not None:
            self._running[0].stop()

    def end(self) -> None:
        """Its queue goes with its connection, even if the thread does not end in time."""
        self.stop()
        if self._running is not None:
            self._running[1].join(END_SECONDS)
            self._running = None
