"""Who publishes to the exchanges on open pages, and what the connections on open pages publish to: read for these alone, as each takes requests of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from brokers import parts as parts_of_polls
from brokers.errors import ObjectNotFound
from brokers.management.management_api import ManagementApi
from brokers.parts import Parts
from brokers.rates import known_total
from brokers.stats import PublishedTo, QueueKey

MOST_EXCHANGES = 20
MOST_CONNECTIONS = 5
MOST_CHANNELS = 20

Read = TypeVar("Read")
Publishers = dict[QueueKey, list[dict[str, Any]] | None]
"""By (virtual host, exchange)."""
Published = dict[QueueKey, list[PublishedTo] | None]
"""By (virtual host, connection)."""


def publishers(api: ManagementApi, parts: Parts, rates_mode: str, viewed: Iterable[QueueKey]) -> Publishers:
    """The publishers to these exchanges."""
    return _of_each(parts, parts_of_polls.PUBLISHERS, rates_mode, islice(viewed, MOST_EXCHANGES), api.exchange_publishers)


def published(api: ManagementApi, parts: Parts, rates_mode: str, viewed: Iterable[QueueKey]) -> Published:
    """The exchanges that these connections publish to, the busiest first."""
    return _of_each(parts, parts_of_polls.PUBLISHED, rates_mode, islice(viewed, MOST_CONNECTIONS), partial(_published_by, api))


def _of_each(parts: Parts, part: str, rates_mode: str, keys: Iterable[QueueKey], request: Callable[[str, str], Read]) -> dict[QueueKey, Read | None]:
    """What is read of each object. Only the rates mode "detailed" counts per channel; otherwise it is None (unknown). An object that cannot be read, or
    was deleted meanwhile, is missing."""
    viewed = list(keys)
    if rates_mode != "detailed" or not viewed:
        parts.not_requested(part)
        return dict.fromkeys(viewed)
    found: dict[QueueKey, Read | None] = {}
    for vhost, name in viewed:
        answer = parts.fetch(part, partial(_unless_deleted, request, vhost, name))
        if answer is not None:
            found[vhost, name] = answer
    return found


def _unless_deleted(request: Callable[[str, str], Read], vhost: str, name: str) -> Read | None:
    try:
        return request(vhost, name)
    except ObjectNotFound:
        return None


def _published_by(api: ManagementApi, _vhost: str, connection: str) -> list[PublishedTo]:
    rates: dict[str, list[float | None]] = defaultdict(list)
    for channel in api.channels_of(connection)[:MOST_CHANNELS]:
        for one in api.published_to(channel):
            rates[one.exchange].append(one.per_second)
    found = [PublishedTo(exchange, known_total(known)) for exchange, known in rates.items()]
    return sorted(found, key=lambda one: (-(one.per_second or 0), one.exchange))
