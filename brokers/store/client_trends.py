"""How many connections and channels each client has had in the last hour: what shows a leak.

Bounded: the clients with the most, one sample a minute, an hour long.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from brokers.models import ClientTrend
from brokers.stats import ConnectionStats
from brokers.store.rows import insert_rows, update_rows

MOST_CLIENTS = 200
SAMPLES = 60
EVERY_SECONDS = 55
"""A little less than a minute, since polls are not punctual."""

Client = tuple[str, str, str, str]
"""(virtual host, user, host, library)."""


def save_trends(broker_id: int, connections: Iterable[ConnectionStats], at: datetime) -> None:
    """Adds a sample to each client's trend, unless the latest is less than a minute old; clients that left, or have few, are dropped."""
    counted: dict[Client, list[int]] = defaultdict(lambda: [0, 0])
    for one in connections:
        client = counted[one.vhost, one.user, one.peer_host, one.product]
        client[0] += 1
        client[1] += one.channels or 0
    most = dict(sorted(counted.items(), key=lambda item: (-max(item[1]), item[0]))[:MOST_CLIENTS])
    rows = ClientTrend.objects.filter(broker_id=broker_id).order_by("pk").values_list("pk", "vhost", "user", "peer_host", "product", "samples")
    now, changed, gone = round(at.timestamp()), [], []
    for pk, vhost, user, peer_host, product, samples in rows:
        counts = most.pop((vhost, user, peer_host, product), None)
        if counts is None:
            gone.append(pk)
        elif not samples or now - samples[-1][0] >= EVERY_SECONDS or now < samples[-1][0]:
            kept = [sample for sample in samples if sample[0] < now]
            changed.append((pk, ([*kept[1 - SAMPLES :], [now, *counts]],)))
    update_rows(ClientTrend, ("samples",), changed)
    ClientTrend.objects.filter(pk__in=gone).delete()
    insert_rows(
        ClientTrend, ("broker", "vhost", "user", "peer_host", "product", "samples"), [(broker_id, *client, [[now, *counts]]) for client, counts in most.items()]
    )
