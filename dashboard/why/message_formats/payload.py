"""The body of a parsed message as bytes: from text, from base64 (management API, kombu), or from inline JSON. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import msgspec


class NoPayload(ValueError):
    """The body is not in its declared encoding; `str()` is a sentence."""


def payload_of(item: Mapping[str, Any], properties: Mapping[str, Any]) -> bytes | None:
    """The body; None if it is missing or truncated. Raises NoPayload.

    >>> payload_of({"payload": "aGk=", "payload_encoding": "base64"}, {})
    b'hi'
    """
    found = item.get("payload", item.get("body"))
    if found is None or item.get("payload_truncated") is True:
        return None
    if not isinstance(found, str):
        return msgspec.json.encode(found)
    if "base64" not in (item.get("payload_encoding"), item.get("body_encoding"), properties.get("body_encoding")):
        return found.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(found, validate=True)
    except (binascii.Error, ValueError):
        raise NoPayload("The body is declared as base64 but is not valid, so it is not decoded.") from None
