"""What definitions.json declares, as kombu and Celery want it. The broker gets the same file when the demo's node starts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kombu.connection import Connection
from kombu.entity import Exchange, Queue

VHOST = "/shop"
DEFINITIONS: dict[str, Any] = json.loads(Path(__file__).with_name("definitions.json").read_text(encoding="utf-8"))
CELERY_QUEUES = ("orders.eu", "orders.us", "mail", "receipts", "search.index", "stock.sync", "reports.nightly", "thumbnails", "thumbnails.webp")


def exchange(name: str) -> Exchange:
    """The shop's exchange of that name."""
    found = _named("exchanges", name)
    return Exchange(name, type=found["type"], durable=found["durable"], arguments=found["arguments"] or None)


def queue(name: str) -> Queue:
    """The shop's queue of that name with its one binding; an exchange bound to an exchange is followed no further."""
    bindings = [binding for binding in DEFINITIONS["bindings"] if binding["vhost"] == VHOST and binding["destination"] == name]
    binding = bindings[0]
    return Queue(
        name,
        exchange=exchange(binding["source"]),
        routing_key=binding["routing_key"],
        binding_arguments=binding["arguments"] or None,
        queue_arguments=_named("queues", name)["arguments"] or None,
    )


def declare_job_queue(link: Connection, name: str) -> None:
    """A queue beside the definitions, bound to shop.jobs by its name."""
    Queue(name, exchange=exchange("shop.jobs"), routing_key=name)(link.default_channel).declare()


def _named(kind: str, name: str) -> dict[str, Any]:
    return next(item for item in DEFINITIONS[kind] if item["vhost"] == VHOST and item["name"] == name)


def url(amqp_url: str, vhost: str = VHOST) -> str:
    """The AMQP URL with another virtual host."""
    return f"{amqp_url.rsplit('/', 1)[0]}/{quote(vhost, safe='')}"


def connection(amqp_url: str, vhost: str, name: str, heartbeat_seconds: int = 10) -> Connection:
    """A connection to a virtual host, not opened yet, that the broker lists under `name`. Heartbeats (0: none) need a reader of the connection."""
    options = {"client_properties": {"connection_name": name}}
    return Connection(url(amqp_url, vhost), heartbeat=heartbeat_seconds, connect_timeout=5, transport_options=options)
