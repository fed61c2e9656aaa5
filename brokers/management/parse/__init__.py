"""Answers of the management API and the Prometheus plugin, as typed structs: the only place that knows RabbitMQ's field names.

Pure. Tolerates what RabbitMQ omits (a queue just declared has no figures, nor has a broker whose statistics are off), of `""`,
`[]`, null and floats in place of numbers and tables, and of bytes that are not UTF-8. Anything else raises BrokerAnswerUnusable.
"""

from brokers.management.parse.brokers import cluster_id, cluster_id_in_metrics, nodes, overview, reason, user_tags, vhosts
from brokers.management.parse.clients import channels, connections, consumers, names, published_to
from brokers.management.parse.depths import Depth, DepthsReader
from brokers.management.parse.queues import queue, queues
from brokers.management.parse.topology import (
    SeenBinding,
    SeenExchange,
    SeenUser,
    bindings,
    exchanges,
    operator_policies,
    permissions,
    policies,
    publishers,
    topic_permissions,
    users,
)
from brokers.management.parse.transfers import federation_links, parameters, shovels
from brokers.management.parse.values import Page, page

__all__ = [
    "Depth",
    "DepthsReader",
    "Page",
    "SeenBinding",
    "SeenExchange",
    "SeenUser",
    "bindings",
    "channels",
    "cluster_id",
    "cluster_id_in_metrics",
    "connections",
    "consumers",
    "exchanges",
    "federation_links",
    "names",
    "nodes",
    "operator_policies",
    "overview",
    "page",
    "parameters",
    "permissions",
    "policies",
    "published_to",
    "publishers",
    "queue",
    "queues",
    "reason",
    "shovels",
    "topic_permissions",
    "user_tags",
    "users",
    "vhosts",
]
