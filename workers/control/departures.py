"""Which worker nodes have closed their control queue: a node that shuts down answers nothing, so that is how it is seen to follow the order."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence

from amqp import Connection
from amqp.exceptions import NotFound, ResourceLocked

from workers.amqp_connection import Target, close_connection, explained, open_connection, raw_channel
from workers.celery_names import DEFAULT, CeleryNames
from workers.errors import Unreachable

ROUND_SECONDS = 0.3


def departed(targets: Sequence[Target], hostnames: Sequence[str], seconds: float, names: CeleryNames = DEFAULT) -> list[str]:
    """Those without a control queue, once that is all of them or the time is over. Raises WatchError. Queues are looked up, never declared."""
    if not targets:
        raise Unreachable("no address of the broker is known")
    staying, deadline = list(hostnames), time.monotonic() + seconds
    with explained(targets[0]):
        connection = open_connection(targets, "control")
        try:
            while True:
                staying = [hostname for hostname in staying if any(_exists(connection, f"{hostname}.{pidbox}") for pidbox in names.pidboxes)]
                if not staying or time.monotonic() > deadline:
                    return [hostname for hostname in hostnames if hostname not in staying]
                with contextlib.suppress(TimeoutError):
                    connection.drain_events(timeout=ROUND_SECONDS)
        finally:
            close_connection(connection)


def _exists(connection: Connection, queue: str) -> bool:
    channel = raw_channel(connection)
    try:
        channel.queue_declare(queue, passive=True)
    except NotFound:
        return False
    except ResourceLocked:  # exclusive, so somebody has it
        return True
    channel.close()
    return True
