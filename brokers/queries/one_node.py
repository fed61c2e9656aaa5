"""One node of a broker's cluster."""

from __future__ import annotations

from brokers.models import Node
from brokers.queries.pages import of_whole_brokers
from brokers.scope import Scope


def node_by_id(scope: Scope, pk: int) -> Node | None:
    """With its broker, one that left the cluster included; None if there is none, or its broker may not be viewed as a whole."""
    return Node.objects.filter(of_whole_brokers(scope), pk=pk).select_related("broker").first()
