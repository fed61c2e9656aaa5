"""Ids and addresses of the map: what other rooms need to link to it. Pure but for the addresses."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from urllib.parse import urlencode

from django.urls import reverse

EXCHANGE, QUEUE, WORKER, CONSUMERS, PUBLISHER = "exchange", "queue", "worker", "consumers", "publisher"
_APART = "\x1f"


def node_id(kind: str, broker_id: int, vhost: str, name: str) -> str:
    """The id of an object on the map: the same at every poll, also where it was deleted and made again, and safe in an attribute whatever its name holds.

    >>> node_id("queue", 1, "/", "mail")
    'queue-d80f95f7de2b4bb3'
    """
    return f"{kind}-{blake2b(_APART.join((str(broker_id), vhost, name)).encode(), digest_size=8).hexdigest()}"


def path_address(broker: str, vhost: str, steps: Iterable[Iterable[str]]) -> str:
    """The map with the path of a message lit up; each step has the ids of what it reaches at once."""
    return f"{reverse('map')}?{urlencode({'broker': broker, 'vhost': vhost, 'path': '~'.join(','.join(step) for step in steps)})}"


def task_address(broker: tuple[int, str], vhost: str, exchange: str | None, queues: Iterable[str], worker: str | None) -> str:
    """The map with the path of a task lit up, as far as it is known: the exchange (None: not known), its queues and the worker node that received it; "" where
    no queue is known. `broker`: its key and its name."""
    names = [[(EXCHANGE, exchange)] if exchange is not None else [], [(QUEUE, name) for name in queues], [(WORKER, worker)] if worker else []]
    if not names[1]:
        return ""
    key, name = broker
    return path_address(name, vhost, [[node_id(kind, key, vhost, one) for kind, one in step] for step in names if step])
