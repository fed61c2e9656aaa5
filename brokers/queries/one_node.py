"""One node of a broker's cluster."""

from __future__ import annotations

from django.db.models import F

from brokers.models import Node
from brokers.queries.pages import BrokerRef, of_whole_brokers
from brokers.scope import Scope


def node_by_id(scope: Scope, pk: int) -> Node | None:
    """With its broker, one that left the cluster included; None if there is none, or its broker may not be viewed as a whole."""
    return Node.objects.filter(of_whole_brokers(scope), pk=pk).select_related("broker").first()


def node_named(scope: Scope, broker: BrokerRef, name: str) -> Node | None:
    """The node of that name, or the last one that had it; None as above."""
    return Node.objects.filter(of_whole_brokers(scope, broker), name=name).order_by(F("gone_at").desc(nulls_first=True), "-pk").first()
