"""The queues of a broker that may be in trouble: of thousands, those few that rules must look at."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from django.db.models import F, Q

from brokers.conditions import Condition
from brokers.models import Broker, Queue
from brokers.queries import pages

MOST = 2000
_NEARLY_FULL_DEPTH = 100
_WAITS_LONG = timedelta(minutes=1)


def troubled_queues(
    broker: Broker, also: Collection[int] = (), limited: Mapping[int, int] | None = None, held: bool = False, now: datetime | None = None
) -> list[Queue]:
    """With their broker, the deepest first, at most MOST of them; `also` are ids of queues to return in any case, if they are there. Internal queues of
    Celery and Hareline are left out, unless they are broken.

    In trouble may be what holds messages without a consumer, or with none active, what stands still, what grows, what is broken, whose oldest message waits,
    of those `limited` (key: its length limit) what is full and gets messages, and with `held` what holds messages unacknowledged while none comes or
    goes.
    """
    now = now or broker.polled_at
    suspect = (
        (Q(depth__gt=0) & (Q(consumers=0) | Q(active_consumers=0) | Q(still_since__isnull=False)))
        | Q(depth__gte=_NEARLY_FULL_DEPTH, growth_per_second__gt=0)
        | pages.condition_filter(Condition("broken", "=", True))
        | Q(pk__in=list(also))
    )
    if limited:
        suspect |= Q(pk__in=list(limited), publish_per_second__gt=0, depth__gte=min(limited.values()))
    if now is not None:
        suspect |= Q(ready__gt=0, oldest_at__lt=now - _WAITS_LONG)
        if held:
            suspect |= Q(unacknowledged__gt=0, consumers__gt=0, publish_per_second=0, deliver_per_second=0, ack_per_second=0)
    rows = Queue.objects.filter(suspect, broker_id=broker.pk, gone_at=None).exclude(pages.condition_filter(Condition("celery_own", "=", True)))
    found = list(rows.order_by(F("depth").desc(nulls_last=True), "pk")[:MOST])
    pages.share_brokers(found, [broker])
    return found
