"""The reasons for which RabbitMQ refuses a message before routing it, in RabbitMQ's order.

Pure. Rules: channel exceptions of basic.publish on RabbitMQ 3.10.8 and 4.0.5, in the order seen there: write permission, no such exchange,
internal, topic permission, user_id, expiration, direct reply-to, CC and BCC, delivery mode.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from brokers.routing.values import Table

MOST_EXPIRATION_MS = 315360000000
GUEST = "guest"
"""Who publishes, where definitions are given and no user."""
REPLY_TO = "amq.rabbitmq.reply-to"
CODES = {"ACCESS_REFUSED": 403, "NOT_FOUND": 404, "PRECONDITION_FAILED": 406}


class Message(msgspec.Struct):
    """A message to publish. `headers` None: no headers table; `user` None: permissions are not checked. `publisher`: the user that user_id must name, None
    if not known."""

    exchange: str
    routing_key: str
    headers: Table | None = None
    properties: Mapping[str, Any] = {}
    user: str | None = None
    publisher: str | None = GUEST


class Refusal(msgspec.Struct, frozen=True):
    name: str
    reason: str

    @property
    def code(self) -> int:
        """AMQP's reply code."""
        return CODES[self.name]


def all_keys(message: Message) -> list[str]:
    """The routing key, then the texts of CC, then those of BCC; other elements are skipped.

    >>> all_keys(Message("x", "a"))
    ['a']
    """
    keys = [message.routing_key]
    for name in ("CC", "BCC"):
        value = (message.headers or {}).get(name)
        if value is not None and value.type == "array":
            keys += [item.value for item in value.value if item.type == "longstr"]
    return keys


def exchange_refusal(name: str, internal: bool | None, similar: Sequence[str] = ()) -> Refusal | None:
    """NOT_FOUND or ACCESS_REFUSED for an exchange that does not exist (`internal` None) or is internal. `similar`: names that may have been meant."""
    if internal is None:
        quoted = ", ".join(f'"{found}"' for found in similar)
        hint = f"; there is {quoted}" if similar else ""
        return Refusal("NOT_FOUND", f'There is no exchange "{name}" in this virtual host{hint} (names are compared exactly, including case and spaces).')
    if internal:
        return Refusal(
            "ACCESS_REFUSED", f"{name} is an internal exchange: only bindings, alternate exchanges and dead letters lead to it, no client may publish."
        )
    return None


def message_refusal(message: Message, version: tuple[int, ...], impersonators: Collection[str] = ()) -> Refusal | None:
    """The first property or header that RabbitMQ would refuse the message for, or None. `impersonators` may publish in another user's name.

    >>> message_refusal(Message("", "q", properties={"expiration": "1.5"}), (3, 10)).name
    'PRECONDITION_FAILED'
    """
    properties = message.properties
    why = "" if message.publisher in impersonators else _user_id(properties.get("user_id"), message.publisher)
    why = why or _expiration(properties.get("expiration")) or _reply_to(properties.get("reply_to"))
    why = why or _copies(message.headers or {}) or _delivery_mode(properties.get("delivery_mode"), version)
    return Refusal("PRECONDITION_FAILED", why) if why else None


def _user_id(named: Any, user: str | None) -> str:
    if named is None or user is None or named == user:
        return ""
    return f'The property user_id is "{named}", but the publishing user is "{user}": they must be equal.'


def _expiration(value: Any) -> str:
    if value is None or (isinstance(value, str) and re.fullmatch("[0-9]{1,64}", value) and int(value) <= MOST_EXPIRATION_MS):
        return ""
    return f"The property expiration is {_shown(value)}: it must be text of digits only, from 0 to {MOST_EXPIRATION_MS} (milliseconds)."


def _shown(value: Any) -> str:
    return f'"{value[:40]}"' if isinstance(value, str) else f"{str(value)[:40]} (not text)"


def _reply_to(value: Any) -> str:
    return f"Direct reply-to needs a consumer of {REPLY_TO} on the same channel, which a message alone does not show." if value == REPLY_TO else ""


def _copies(headers: Table) -> str:
    for name in ("CC", "BCC"):
        if name in headers and headers[name].type != "array":
            return f"The header {name} must be a list of strings; it is {_article(headers[name].type)}. It adds routing keys, whatever the exchange type."
    return ""


def _article(kind: str) -> str:
    return {"longstr": "text", "void": "empty (void)", "bool": "a truth value", "table": "a table"}.get(kind, "a number")


def _delivery_mode(mode: Any, version: tuple[int, ...]) -> str:
    if mode is None or mode in (1, 2) or version >= (4,):
        return ""
    return f"The property delivery_mode is {str(mode)[:20]}; RabbitMQ before 4.0 takes only 1 (transient) and 2 (persistent)."
