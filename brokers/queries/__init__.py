"""The only reader of what is stored about brokers, by subject.

Every query takes `scope` (what this person may view) and `at` (None: now). A broker is given by name or primary key. Queries run in any
thread and read all rows, so no cursor stays open.
"""

from brokers.queries.brokers_and_nodes import (
    active_detail_requests,
    broker,
    broker_by_id,
    broker_names,
    brokers,
    changes,
    installation_id,
    inventory_stored_at,
    nodes,
    poll_attempts,
    revisions,
    vhost_names,
    virtual_host,
    virtual_hosts,
    watched_as,
)
from brokers.queries.clients import (
    channel_page,
    channels,
    client_trends,
    connection_by_id,
    connection_page,
    connection_values,
    connections,
    connections_by_ids,
    consumers,
)
from brokers.queries.exchange_traces import bound_exchanges, exchanges_of_types, queues_bound_by, traces_fingerprint
from brokers.queries.exchanges_and_bindings import (
    binding_counts,
    binding_page,
    bindings,
    delay_level_count,
    exchange,
    exchange_by_id,
    exchanges,
    exchanges_by_ids,
    exchanges_named,
    permissions,
    policies,
    policy_names,
    transfers,
)
from brokers.queries.pages import CHANNEL_SORTS, CONNECTION_SORTS, EXCHANGE_SORTS, LARGEST_PAGE, QUEUE_SORTS, Page
from brokers.queries.past_routing import past_routing, routing_state
from brokers.queries.queue_lists import internal_queues, queue, queue_by_id, queue_counts, queue_names, queue_names_ending, queues, queues_by_ids, queues_named
from brokers.queries.time_series import History, history, history_until_now, sparklines, sparklines_until_now
from brokers.queries.topologies import QueueFacts, queue_facts, topology

__all__ = [
    "CHANNEL_SORTS", "CONNECTION_SORTS", "EXCHANGE_SORTS", "LARGEST_PAGE", "QUEUE_SORTS", "History", "Page", "QueueFacts", "active_detail_requests",
    "binding_counts", "binding_page", "bindings", "bound_exchanges", "broker", "broker_by_id", "broker_names", "brokers", "changes", "channel_page",
    "channels", "client_trends", "connection_by_id", "connection_page", "connection_values", "connections", "connections_by_ids", "consumers",
    "delay_level_count", "exchange", "exchange_by_id", "exchanges", "exchanges_by_ids", "exchanges_named", "exchanges_of_types", "history",
    "history_until_now", "installation_id", "internal_queues", "inventory_stored_at", "nodes", "past_routing", "permissions", "policies", "policy_names",
    "poll_attempts", "queue", "queue_by_id", "queue_counts", "queue_facts", "queue_names", "queue_names_ending", "queues", "queues_bound_by",
    "queues_by_ids", "queues_named", "revisions", "routing_state", "sparklines", "sparklines_until_now", "topology", "traces_fingerprint", "transfers",
    "vhost_names", "virtual_host", "virtual_hosts", "watched_as",
]  # fmt: skip
