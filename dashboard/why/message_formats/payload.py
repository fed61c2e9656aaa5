"""The bytes of a pasted message's body: text, base64 as the management API and kombu write it, or JSON that stands there itself. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import msgspec


class NoPayload(ValueError):
    """The body claims an encoding that it does not have; `str()` is a sentence."""


def payload_of(item: Mapping[str, Any], properties: Mapping[str, Any]) -> bytes | None:
    """The body, None where none was pasted or it was cut. Raises NoPayload.

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
        raise NoPayload("The body is said to be base64 but is not, so it is not read.") from None
