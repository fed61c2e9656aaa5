"""What RabbitMQ's event exchange publishes (plugin rabbitmq_event_exchange): which virtual host an event names. Pure.

The bodies are empty; everything is in the headers. https://www.rabbitmq.com/docs/event-exchange
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KEYS = ("queue.#", "exchange.#", "binding.#", "policy.#", "vhost.#", "parameter.#")
"""What changes definitions. Connections, channels and consumers come far more often, and name nothing that is not counted anyway."""


def named_vhost(routing_key: str, headers: Mapping[str, Any], queue: str) -> str | None:
    """The virtual host whose definitions changed; None if any may have: virtual hosts themselves, global parameters, and the binding of our own `queue`, since
    it was not there before.

    >>> named_vhost("binding.created", {"vhost": "shop", "destination_name": "mail"}, "hareline.1.definitions"), named_vhost("vhost.created", {}, "")
    ('shop', None)
    """
    vhost = headers.get("vhost")
    is_ours = routing_key.startswith("binding.") and headers.get("destination_name") == queue
    return vhost if isinstance(vhost, str) and vhost and not is_ours and not routing_key.startswith("vhost.") else None
