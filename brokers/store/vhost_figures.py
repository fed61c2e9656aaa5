"""What waits in each virtual host, and its rates, after a poll."""

from __future__ import annotations

from brokers.models import VirtualHost
from brokers.parts import QUEUES, VHOSTS
from brokers.stats import BrokerStats
from brokers.store.memory import BrokerMemory
from brokers.store.rows import update_rows

_FIELDS = ("ready", "unacknowledged", "publish_per_second", "deliver_per_second", "ack_per_second")
_COUNTERS = ("published", "delivered", "acknowledged")


def save_vhost_figures(broker_id: int, poll: BrokerStats, memory: BrokerMemory) -> None:
    """Stores the figures of the virtual hosts, and their snapshot. Of one that is not visible they are unknown. While they, or the
    queues, can't be read, the rows keep their figures, and history has a gap."""
    writer = memory.writer(broker_id, "vhosts")
    if QUEUES in poll.failed or VHOSTS in poll.failed:
        writer.write_gap(poll.at)
        return
    waiting = memory.waiting.count(poll.queues.values()).waiting
    changed, values = [], {}
    for pk, name, visible, *was in VirtualHost.objects.filter(broker_id=broker_id, gone_at=None).values_list("pk", "name", "visible", *_FIELDS):
        counted = poll.vhost_counters.get(name)
        rates = [memory.rate(("vhost", pk, field), poll.at, getattr(counted, field, None)) for field in _COUNTERS]
        figures = (*(waiting.get(name, (0, 0)) if visible else (None, None)), *rates)
        if figures != tuple(was):
            changed.append((pk, figures))
        if writer.is_new or figures != tuple(was):
            values[pk] = figures
    update_rows(VirtualHost, _FIELDS, changed)
    writer.write(values, poll.at)
