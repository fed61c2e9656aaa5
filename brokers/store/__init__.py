"""The only writer of what is stored about brokers. Every save is one short transaction that increments `Broker.revision`, which the tail watches.

A poller keeps a `BrokerMemory` for each broker and passes it to every save: `save_depths(broker_id, stats, now, memory, may_store)`.
`SnapshotWriter` also writes other kinds of snapshots (workers).
"""

from brokers.store.blocks import drop_packed, save_blocks
from brokers.store.definition_events import forget_definition_events, note_definition_events
from brokers.store.detail_requests import save_detail_request, save_published, save_publishers
from brokers.store.installation import ensure_brokers, installation_id, save_cluster_id, save_same_cluster
from brokers.store.memory import BrokerMemory
from brokers.store.permissions import save_permissions
from brokers.store.polls import save_failure, save_poll
from brokers.store.retention import make_snapshot_days, trim_history, trim_tiers
from brokers.store.rollups import save_rollup_blocks, save_rollups
from brokers.store.rounds import save_depths, save_inventory
from brokers.store.snapshots import SnapshotWriter
from brokers.store.starts import note_start
from brokers.store.topologies import save_topology

__all__ = [
    "BrokerMemory",
    "SnapshotWriter",
    "drop_packed",
    "ensure_brokers",
    "forget_definition_events",
    "installation_id",
    "make_snapshot_days",
    "note_definition_events",
    "note_start",
    "save_blocks",
    "save_cluster_id",
    "save_depths",
    "save_detail_request",
    "save_failure",
    "save_inventory",
    "save_permissions",
    "save_poll",
    "save_published",
    "save_publishers",
    "save_rollup_blocks",
    "save_rollups",
    "save_same_cluster",
    "save_topology",
    "trim_history",
    "trim_tiers",
]  # fmt: skip
