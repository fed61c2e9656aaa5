"""Everything of a broker in one go: its depths, and then its inventory, as the two threads of a poller read and store them one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

import msgspec

from brokers import store
from brokers.management.management_api import ManagementApi
from brokers.polling.depth_poll import poll_depths
from brokers.polling.inventory import Inventory, read_inventory
from brokers.polling.poll_loop import PollLoop
from brokers.polling.poll_memory import Permissions, PollMemory
from brokers.polling.viewed_objects import Published, Publishers
from brokers.stats import BrokerStats, ChannelStats, ConnectionStats, ConsumerStats, QueueKey, TransferStats
from brokers.topology import Topology


class Poll(msgspec.Struct):
    """A poll of the depths with the inventory that was read after it. `topologies` None: not read, or unchanged."""

    stats: BrokerStats
    inventory: Inventory

    @property
    def topologies(self) -> dict[str, Topology] | None:
        read = self.inventory.topologies
        return read.topologies if read and read.changed else None

    @property
    def consumers(self) -> list[ConsumerStats] | None:
        return self.inventory.clients.consumers

    @property
    def connections(self) -> list[ConnectionStats] | None:
        return self.inventory.clients.connections

    @property
    def channels(self) -> list[ChannelStats] | None:
        return self.inventory.clients.channels

    @property
    def permissions(self) -> Permissions | None:
        return self.inventory.permissions

    @property
    def publishers(self) -> Publishers:
        return self.inventory.publishers

    @property
    def published(self) -> Published:
        return self.inventory.published

    @property
    def transfers(self) -> list[TransferStats] | None:
        return self.inventory.transfers


def poll_once(
    api: ManagementApi,
    now: datetime,
    memory: PollMemory,
    viewed_queues: Iterable[QueueKey] = (),
    viewed_exchanges: Iterable[QueueKey] = (),
    viewed_connections: Iterable[QueueKey] = (),
) -> Poll:
    """The limits and failed parts of `stats` are those after both."""
    stats = poll_depths(api, now, memory, viewed_queues)
    inventory = read_inventory(api, now, memory, viewed_exchanges, viewed_connections)
    stats.visibility_limits, stats.failed = inventory.limits, frozenset(memory.unread)
    return Poll(stats, inventory)


def save_whole_poll(broker_id: int, poll: Poll, now: datetime, memory: store.BrokerMemory, may_store: Callable[[], bool] = lambda: True) -> bool:
    return store.save_depths(broker_id, poll.stats, now, memory, may_store) and store.save_inventory(broker_id, poll.inventory, memory, may_store)


def run_rounds(loop: PollLoop) -> float:
    """A round of both; the seconds until the next."""
    seconds = loop.run_round()
    loop.inventory.run_round()
    return seconds
