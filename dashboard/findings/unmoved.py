"""Since when a queue holds the same messages unacknowledged, and none comes or goes. Pure.

The row's own time of change does not say so: the memory that RabbitMQ reports of an idle queue changes by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brokers.models import Queue

Held = tuple[int | None, int | None]


class Unmoved:
    """Of the candidates of one broker, from round to round. After a restart it begins with the time of the row's last change."""

    def __init__(self) -> None:
        self._since: dict[int, tuple[Held, datetime]] = {}

    def read(self, queues: Iterable[Queue]) -> Mapping[int, datetime]:
        """{primary key: since when}; without those of which something moves, or that hold nothing."""
        before, self._since = self._since, {}
        for queue in queues:
            moves = any((queue.publish_per_second, queue.deliver_per_second, queue.ack_per_second, queue.redeliver_per_second))
            if not queue.unacknowledged or not queue.consumers or moves:
                continue
            held = (queue.ready, queue.unacknowledged)
            known = before.get(queue.pk)
            self._since[queue.pk] = known if known is not None and known[0] == held and known[1] <= queue.changed_at else (held, queue.changed_at)
        return {pk: since for pk, (_, since) in self._since.items()}
