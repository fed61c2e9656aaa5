"""The only writer of what is stored about brokers. Every save is one short transaction that increments `Broker.revision`, which the tail watches.

A poller keeps a `BrokerMemory` for each broker and passes it to every save: `save_whole_poll(broker_id, poll, now, memory, may_store)`.
`SnapshotWriter` also writes other kinds of snapshots (workers).
"""

from brokers.store.detail_requests import save_detail_request, save_published, save_publishers
from brokers.store.installation import ensure_brokers, installation_id, save_cluster_id, save_same_cluster
from brokers.store.memory import BrokerMemory
from brokers.store.permissions import save_permissions
from brokers.store.polls import save_failure, save_poll
from brokers.store.retention import trim_history
from brokers.store.snapshots import SnapshotWriter
from brokers.store.topologies import save_topology
from brokers.store.whole_polls import save_whole_poll

__all__ = [
    "BrokerMemory", "SnapshotWriter", "ensure_brokers", "installation_id", "save_cluster_id", "save_detail_request", "save_failure",
    "save_permissions", "save_poll",
    "save_published", "save_publishers", "save_same_cluster", "save_topology", "save_whole_poll", "trim_history",
]  # fmt: skip
