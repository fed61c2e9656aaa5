"""The overview at a poll: the broker's totals, counters, version and listeners.

With many queues it costs the broker about as much as their depths. It is then read every 15 s, and at once when the number of queues, exchanges or
connections has changed, which RabbitMQ returns cheaply without statistics. While a virtual host is not visible it is read at each poll: then only the
overview counts all messages.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from brokers.management.management_api import ManagementApi
from brokers.polling.poll_memory import LastRead, PollMemory
from brokers.stats import Overview

RARELY = timedelta(seconds=15)
SOURCES_OF_MANY = frozenset({"detailed", "totals"})  # of depths


def read(api: ManagementApi, memory: PollMemory, now: datetime) -> Overview:
    """The overview as of `memory.depths.overview_read`, but with the node's clock as of now. Raises BrokerError."""
    kept, sign = memory.depths, None
    if _is_costly(api, memory):
        counted = api.overview(with_statistics=False)
        if counted.churn:  # a version that always answers with statistics
            return _noted(memory, counted, LastRead(now))
        sign = (counted.node, *sorted(counted.object_totals.items()))
        if kept.overview is not None and not kept.overview_read.due(now, sign, RARELY):
            return _noted(memory, msgspec.structs.replace(kept.overview, clock_seconds=counted.clock_seconds), kept.overview_read)
    return _noted(memory, api.overview(), LastRead(now, sign=sign))


def _noted(memory: PollMemory, overview: Overview, read: LastRead) -> Overview:
    memory.depths.overview, memory.depths.overview_read = overview, read
    return overview


def _is_costly(api: ManagementApi, memory: PollMemory) -> bool:
    """True where the depths of many queues come from a source that lists all of them."""
    kept, visible = memory.depths, memory.visible_vhosts
    sees_all = kept.nodes is not None and visible is not None and not kept.vhosts.keys() - visible
    return kept.source in SOURCES_OF_MANY and sees_all and api.is_rabbitmq
