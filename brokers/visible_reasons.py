"""Reasons of failures as those read them who may view only a part of a broker: without the addresses and the nodes that they name. Pure."""

from __future__ import annotations

import re
from typing import Any

from brokers.scope import Scope

_REQUEST = re.compile(r":? ?\(?\b(?:GET|PUT|POST|DELETE) https?://[^\s)]*\)?")
_HOST = re.compile(
    r"\b(connection refused at|no (?:complete )?answer (?:within [\d.]+ s )?from|no (?:AMQP )?connection to|TLS with|the host name of|AMQP at) "
    r"\S+?(?=[:;,.]?(?:\s|$))"
)
_USED = re.compile(r"\bthe address \S+ can't be used")
_ITSELF = re.compile(r"(?<!\S)\S+ (?=closed the connection before its answer|speaks (?:AMQP|HTTP|TLS))")
_NODE = re.compile(r"\bthe broker’s node \S+")


def without_address(reason: str) -> str:
    """The reason without the address that failed, as `brokers.management` and `workers.amqp_connection` name it, and without names of nodes.

    >>> without_address("not found (GET http://rabbit:15672/api/queues/%2F/mail)"), without_address("no answer from rabbit:15672 within 3 s")
    ('not found', 'no answer from the broker within 3 s')
    """
    found = _HOST.sub(r"\1 the broker", _REQUEST.sub("", reason))
    found = _ITSELF.sub("the broker ", _USED.sub("the address of the broker can't be used", found))
    return _NODE.sub("a node of the broker", found)


def visible_reason(scope: Scope, broker: str, reason: str) -> str:
    """The reason as it is for who may view the whole broker, else without addresses."""
    return reason if scope.covers(broker) else without_address(reason)


def without_addresses(found: Any) -> Any:
    """The same of every text in a value of JSON."""
    if isinstance(found, dict):
        return {name: without_addresses(value) for name, value in found.items()}
    if isinstance(found, list):
        return [without_addresses(value) for value in found]
    return without_address(found) if isinstance(found, str) else found
