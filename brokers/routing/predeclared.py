"""The exchanges that every virtual host has, which an export may leave out. Pure."""

from __future__ import annotations

PREDECLARED = {
    "amq.direct": "direct",
    "amq.fanout": "fanout",
    "amq.topic": "topic",
    "amq.headers": "headers",
    "amq.match": "headers",
    "amq.rabbitmq.trace": "topic",
}
OF_PLUGINS = frozenset({"amq.rabbitmq.event", "amq.rabbitmq.log"})
"""Topic and internal, added if something is bound to them; an export doesn't show whether they exist."""
INTERNAL = OF_PLUGINS | {"amq.rabbitmq.trace"}
OWN_EXCHANGES = PREDECLARED.keys() | OF_PLUGINS
