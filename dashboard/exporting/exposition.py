"""The text of a scrape, built for each request from what is stored; nothing is counted twice, nothing kept."""

from __future__ import annotations

from datetime import datetime

from brokers import queries
from brokers.scope import Scope
from dashboard.exporting.broker_tables import broker_tables
from dashboard.exporting.celery_tables import celery_tables
from dashboard.exporting.names import Wanted
from dashboard.exporting.own import own_text
from dashboard.exporting.text import left_out, pieces


class NotKnown(Exception):
    """A broker or a family that is wanted is not there: `field` and the text of an error."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


def exposition(scope: Scope, wanted: Wanted, now: datetime) -> str:
    """All families that are wanted, as far as the scope allows. Raises NotKnown."""
    brokers = [broker for broker in queries.brokers(scope) if wanted.takes_broker(broker.name)]
    absent = sorted(set(wanted.brokers) - {broker.name for broker in brokers})
    if absent:
        raise NotKnown("broker", f"There is no broker {absent[0]!r}.")
    if unknown := wanted.unknown_families():
        raise NotKnown("family", f"There is no family {unknown[0]!r}; docs/metrics.md lists all.")
    tables = [*broker_tables(scope, brokers, wanted, now), *celery_tables(scope, brokers, wanted)]
    found = [own_text(scope, brokers, wanted, now)]
    for table in tables:
        found += pieces(table, wanted)
    return "".join((*found, left_out(tables, wanted)))
