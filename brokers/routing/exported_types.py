"""The type of a queue in RabbitMQ's exported definitions, where it may be left to the default type of its virtual host.

Pure. Rules: RabbitMQ 4.0.5 gives durable, shared queues without a type the default of their virtual host, when they are declared and when they are imported,
and then exports the type; 3.10.8 imports them as classic and does not export the default at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from brokers.routing.fields import exported_table
from brokers.routing.queue_types import CLASSIC, KNOWN_TYPES, UNKNOWN_TYPE, type_named

_NAMES = ("default_queue_type", "defaultqueuetype")


class DefaultType(msgspec.Struct, frozen=True):
    """The default type of a virtual host's queues; `uncertainty`: why it can't be decided, "" if it can."""

    vhost: str
    type: str = CLASSIC
    uncertainty: str = ""


def default_type(definitions: Mapping[str, Any], vhost: str | None) -> DefaultType:
    """From all places where an export may hold it: at the top level, in the virtual host's entry, and in the metadata of both; none is classic.

    >>> default_type({"vhosts": [{"name": "shop", "metadata": {"default_queue_type": "quorum"}}]}, "shop").type
    'quorum'
    """
    listed = definitions.get("vhosts")
    entries = [item for item in (listed if isinstance(listed, list) else ()) if isinstance(item, Mapping)]
    mine = [item for item in entries if item.get("name") == vhost] if vhost is not None else entries if len(entries) == 1 else []
    found = []
    for place in (definitions, *mine):
        for holder in (place, exported_table(place, "metadata", "definitions.")):
            found += [named for name in _NAMES if (named := type_named(holder.get(name)))]
    name = vhost or "/"
    kinds = sorted(set(found))
    if len(kinds) > 1:
        return DefaultType(name, found[0], f"the definitions give virtual host {name} the default types {' and '.join(kinds)}")
    return DefaultType(name, kinds[0] if kinds else CLASSIC)


def type_of(item: Mapping[str, Any], arguments: Mapping[str, Any], default: DefaultType, version: tuple[int, ...]) -> tuple[str, str]:
    """(the type of a queue, why it is not certain or ""). "" as type: it can't be decided.

    >>> type_of({"name": "jobs"}, {}, DefaultType("shop", "quorum"), (3, 10))
    ('classic', '')
    """
    by_argument, by_field = type_named(arguments.get("x-queue-type")), type_named(item.get("type"))
    if by_argument or by_field:
        kind = by_argument or by_field or CLASSIC
        if by_argument and by_field and by_argument != by_field:
            return kind, f"the definitions give it the types {by_argument} (x-queue-type) and {by_field} (type)"
        return kind, "" if kind in KNOWN_TYPES else f"it is of type {kind}, whose rules Hareline does not know"
    shared = item.get("durable") is not False and not item.get("auto_delete") and not item.get("exclusive")
    if not shared or version < (3, 11):
        return CLASSIC, ""
    if default.uncertainty:
        return UNKNOWN_TYPE, f"it has no type of its own, and {default.uncertainty}"
    if default.type == CLASSIC:
        return CLASSIC, ""
    if default.type not in KNOWN_TYPES:
        return UNKNOWN_TYPE, f"it has no type of its own, and the default type of virtual host {default.vhost} is {default.type}, which Hareline does not know"
    why = f"it has no type of its own, and the default type of virtual host {default.vhost} is {default.type}"
    if version < (4,):
        return CLASSIC, f"{why}: whether RabbitMQ before 4.0 applies that to an imported queue was not verified"
    return default.type, f"{why}: RabbitMQ imports it with that type, but a queue declared before that default was set is of another"
