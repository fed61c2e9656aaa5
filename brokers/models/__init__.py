"""What is stored about brokers: current rows, history, versions of the topology, leases.

Written only by `brokers.store` (and `brokers.polling.leases`), read only by `brokers.queries`. Every fact belongs to a broker and, where AMQP
has one, a virtual host. Rows deleted at the broker keep their primary key and get `gone_at`; an object that is deleted and
recreated is a new row. None always means unknown, never zero. Credentials are never stored.
"""

from __future__ import annotations

from brokers.models.clients import Channel, ClientTrend, Connection, Consumer
from brokers.models.keys import AutoKey
from brokers.models.objects import Binding, Exchange, Permission, Policy, Queue, Transfer
from brokers.models.past import Change, DefinitionActor, Rollup, RollupBlock, Snapshot, SnapshotBlock, TopologyVersion, UsualHour, Usuals
from brokers.models.places import Broker, Installation, Node, PollAttempt, VirtualHost
from brokers.models.running import DefinitionEvents, DetailRequest, Heartbeat, Lease

__all__ = [
    "AutoKey",
    "Binding",
    "Broker",
    "Change",
    "Channel",
    "ClientTrend",
    "Connection",
    "Consumer",
    "DefinitionActor",
    "DefinitionEvents",
    "DetailRequest",
    "Exchange",
    "Heartbeat",
    "Installation",
    "Lease",
    "Node",
    "Permission",
    "Policy",
    "PollAttempt",
    "Queue",
    "Rollup",
    "RollupBlock",
    "Snapshot",
    "SnapshotBlock",
    "TopologyVersion",
    "Transfer",
    "UsualHour",
    "Usuals",
    "VirtualHost",
]
