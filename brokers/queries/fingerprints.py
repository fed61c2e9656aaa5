"""Whether a list changed, without reading it: for the tail, which checks at every stored poll. No scope: the values reveal only that something changed."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.models import Max, Model

from brokers.models import Binding, Change, Channel, Connection, Consumer, Exchange, Policy, Queue

Fingerprint = tuple[Any, ...]


def topology_fingerprints(broker_id: int, vhost: str) -> dict[str, Fingerprint]:
    """One value each for queues, exchanges, bindings and policies of a virtual host: it differs once any was added or deleted (policies: or changed)."""
    return {
        "queues": queues_fingerprint(broker_id, vhost),
        "exchanges": exchanges_fingerprint(broker_id, vhost),
        "bindings": _live(Binding, broker_id, vhost),
        "policies": _policies(broker_id, vhost),
    }


def _policies(broker_id: int, vhost: str) -> Fingerprint:
    columns = "name, operator, pattern, apply_to, priority, definition"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {Policy._meta.db_table} WHERE broker_id = %s AND vhost = %s ORDER BY id", [broker_id, vhost])  # noqa: S608  (ours)
        return tuple(map(repr, cursor.fetchall()))


def queues_fingerprint(broker_id: int, vhost: str) -> Fingerprint:
    return _live(Queue, broker_id, vhost)


def exchanges_fingerprint(broker_id: int, vhost: str) -> Fingerprint:
    return _live(Exchange, broker_id, vhost)


def clients_fingerprint(broker_id: int, vhost: str) -> Fingerprint:
    """Another value after each round that stored other consumers, connections or channels."""
    return (*(_counted(model, broker_id=broker_id, vhost=vhost) for model in (Consumer, Channel)), connections_fingerprint(broker_id, vhost))


def connections_fingerprint(broker_id: int, vhost: str) -> Fingerprint:
    return _live(Connection, broker_id, vhost)


def changes_fingerprint(broker_id: int) -> Fingerprint:
    return (Change.objects.filter(broker_id=broker_id).aggregate(last=Max("pk"))["last"],)


def counted_live(model: type[Model], broker_id: int) -> Fingerprint:
    """The same of every virtual host of a broker together."""
    return _counted(model, broker_id=broker_id, gone_at=None)


def _live(model: type[Model], broker_id: int, vhost: str) -> Fingerprint:
    return _counted(model, broker_id=broker_id, vhost=vhost, gone_at=None)


def _counted(model: type[Model], **where: Any) -> Fingerprint:
    """Count and highest key: keys are never reused, so adding raises one, and removing alone lowers the other. Written out, since each page and the tail
    query it for several tables: Django takes longer to build it than the database to answer."""
    conditions = " AND ".join(f"{name} IS NULL" if value is None else f"{name} = %s" for name, value in where.items())
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT COUNT(*), MAX(id) FROM {model._meta.db_table} WHERE {conditions}",  # noqa: S608  (names of our own models)
            [value for value in where.values() if value is not None],
        )
        return tuple(cursor.fetchone())
