"""RabbitMQ's own id of a cluster, by which one cluster under two names of HARELINE_BROKERS is noticed.

The global parameters have it, for administrators and policymakers; the Prometheus plugin shows it to anybody. Other brokers have none.
"""

from __future__ import annotations

from brokers.errors import BrokerError
from brokers.management import parse
from brokers.management.management_api import ManagementApi
from brokers.polling.node_metrics import Seen, metrics_urls

MAY_READ_PARAMETERS = frozenset({"administrator", "policymaker"})
IDENTIFIED_EVERY_SECONDS = 300.0


def cluster_id(api: ManagementApi) -> str:
    """The id; "" if the broker has none, or shows it to nobody like our user, or does not respond."""
    try:
        if MAY_READ_PARAMETERS & set(api.user_tags()):
            return parse.cluster_id(api.get("/api/global-parameters"))
        for url in metrics_urls(api, Seen(api.overview(), api.nodes(), frozenset()))[:1]:
            return parse.cluster_id_in_metrics(api.metrics_of_node(url, "/metrics"))
    except BrokerError:
        return ""
    return ""
