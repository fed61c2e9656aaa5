"""The clocks of a cluster's nodes: that of the node that is polled with each poll, those of the nodes at the other addresses once a minute."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from brokers.errors import BrokerError
from brokers.management.management_api import ManagementApi
from brokers.polling.poll_memory import InventoryMemory, LastRead, NodeClock
from brokers.stats import NodeStats, Overview

EVERY = timedelta(minutes=1)
HOLDS = timedelta(minutes=3)
"""What is older is not known any more: the node does not respond, or its address is not among those of HARELINE_BROKERS."""


def read(api: ManagementApi, kept: InventoryMemory, now: datetime) -> None:
    """Notes the clocks of the nodes at the other addresses, where there are any and it is time."""
    if len(api.address.urls) < 2 or not kept.clocks_read.due(now, every=EVERY):
        return
    began, polled, found = api.busy_seconds, api.current_url(), dict(kept.clocks)
    for url in api.address.urls:
        if url != polled:
            try:
                name = api.node_at(url)
            except BrokerError:  # which the polls report where it matters
                continue
            if api.clock_seconds is not None:
                found[name] = NodeClock(now, api.clock_seconds)
    kept.clocks = found
    kept.clocks_read = LastRead(now, api.busy_seconds - began)


def add(nodes: Iterable[NodeStats], overview: Overview, clocks: Mapping[str, NodeClock], now: datetime) -> None:
    """Gives each node what is known of its clock; `overview` is that of this poll."""
    for node in nodes:
        known = clocks.get(node.name)
        if node.name == overview.node and overview.clock_seconds is not None:
            node.clock_skew_seconds, node.clock_at = overview.clock_seconds, now
        elif known is not None and timedelta(0) <= now - known.at < HOLDS:
            node.clock_skew_seconds, node.clock_at = known.seconds, known.at
