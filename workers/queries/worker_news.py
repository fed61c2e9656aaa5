"""What live pages of worker nodes watch."""

from __future__ import annotations

from django.db import connection

from workers.models import EventSource


def revisions() -> dict[tuple[int, str], int]:
    """{(broker id, virtual host): revision} of event sources: it grows with every stored batch. For the tail."""
    return {(broker_id, vhost): revision for broker_id, vhost, revision in EventSource.objects.values_list("broker_id", "vhost", "revision")}


def workers_fingerprint(broker_id: int, vhost: str) -> tuple[tuple[object, ...], ...]:
    """Another value after a worker came, went, or changed what it consumes and how many slots it has, or where they have other names. For the tail."""
    with connection.cursor() as cursor:  # written out, since each page and the tail query it: Django takes ten times as long to build it as to run it
        cursor.execute(_FINGERPRINT, [broker_id, vhost])
        return tuple(cursor.fetchall())


_FINGERPRINT = """
    SELECT worker.id, worker.state, worker.pool, worker.concurrency, CAST(worker.queues AS text), CAST(source.names AS text)
    FROM workers_worker worker LEFT JOIN workers_eventsource source ON source.broker_id = worker.broker_id AND source.vhost = worker.vhost
    WHERE worker.broker_id = %s AND worker.vhost = %s ORDER BY worker.id"""
