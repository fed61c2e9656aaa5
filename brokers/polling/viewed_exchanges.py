"""Who publishes to the exchanges that somebody looks at."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from brokers import parts as parts_of_polls
from brokers.errors import ObjectNotFound
from brokers.management.management_api import ManagementApi
from brokers.parts import Parts
from brokers.stats import QueueKey

MOST_VIEWED_EXCHANGES = 20


def publishers(api: ManagementApi, parts: Parts, rates_mode: str, viewed: Iterable[QueueKey]) -> dict[QueueKey, list[dict[str, Any]] | None]:
    """The publishers to the exchanges on an open page. Only the rates mode "detailed" counts per publisher; otherwise it is None (unknown).
    An exchange that cannot be read is missing."""
    wanted = list(viewed)[:MOST_VIEWED_EXCHANGES]
    if rates_mode != "detailed":
        return dict.fromkeys(wanted)

    def of(vhost: str, name: str) -> dict[QueueKey, list[dict[str, Any]] | None]:
        try:
            return {(vhost, name): api.exchange_publishers(vhost, name)}
        except ObjectNotFound:  # deleted meanwhile
            return {}

    found: dict[QueueKey, list[dict[str, Any]] | None] = {}
    for vhost, name in wanted:
        found |= parts.fetch(parts_of_polls.PUBLISHERS, partial(of, vhost, name)) or {}
    if not wanted:
        parts.failures.pop(parts_of_polls.PUBLISHERS, None)  # no open page: not requested, so not failing either
    return found
