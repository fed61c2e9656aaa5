"""What the connections on open pages publish to: read for them alone, since it takes a request for each of their channels."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from brokers import parts as parts_of_polls
from brokers.errors import ObjectNotFound
from brokers.management.management_api import ManagementApi
from brokers.parts import Parts
from brokers.stats import PublishedTo, QueueKey

MOST_VIEWED = 5
MOST_CHANNELS = 20

Published = dict[QueueKey, list[PublishedTo] | None]
"""By (virtual host, connection); None: the broker does not count it."""


def published(api: ManagementApi, parts: Parts, rates_mode: str, viewed: Iterable[QueueKey]) -> Published:
    """The exchanges that these connections publish to, the busiest first. Only the rates mode "detailed" counts them; a connection that cannot be read
    is missing."""
    wanted = list(viewed)[:MOST_VIEWED]
    if rates_mode != "detailed":
        return dict.fromkeys(wanted)
    found: Published = {}
    for vhost, name in wanted:
        found |= parts.fetch(parts_of_polls.PUBLISHED, partial(_of, api, vhost, name)) or {}
    if not wanted:
        parts.failures.pop(parts_of_polls.PUBLISHED, None)  # no open page: not requested, so not failing either
    return found


def _of(api: ManagementApi, vhost: str, connection: str) -> Published:
    """{} if the connection was closed meanwhile."""
    rates: dict[str, float | None] = {}
    try:
        for channel in api.channels_of(connection)[:MOST_CHANNELS]:
            for one in api.published_to(channel):
                known = [rate for rate in (rates.get(one.exchange), one.per_second) if rate is not None]
                rates[one.exchange] = sum(known) if known else None
    except ObjectNotFound:
        return {}
    busiest = sorted(rates.items(), key=lambda item: (-(item[1] or 0), item[0]))
    return {(vhost, connection): [PublishedTo(exchange, rate) for exchange, rate in busiest]}
