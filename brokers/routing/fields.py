"""Reads and validates fields of JSON from outside; errors name the field. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SHORT_BYTES = 255
"""The longest name or routing key that AMQP 0-9-1 can carry."""


class InvalidQuestion(ValueError):
    """A question that can't be answered; `field` is the path of what is wrong (`definitions.bindings[3].source`)."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field, self.why = field, why


def kind_of(value: Any) -> str:
    """The name of the value's JSON type, for an error message."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a truth value"
    names = {str: "text", int: "a number", float: "a number", dict: "an object", list: "a list"}
    return names.get(type(value), type(value).__name__)


def short_text(item: Mapping[str, Any], name: str, path: str, default: str | None = None) -> str:
    """A name or routing key: text of at most 255 bytes. Raises InvalidQuestion; without a default also when it is missing."""
    value = item.get(name, default)
    if value is None and name not in item:
        raise InvalidQuestion(f"{path}{name}", "is missing")
    if not isinstance(value, str):
        raise InvalidQuestion(f"{path}{name}", f"must be text, not {kind_of(value)}")
    if len(value) > SHORT_BYTES or len(value.encode("utf-8", "surrogatepass")) > SHORT_BYTES:
        raise InvalidQuestion(f"{path}{name}", f"is longer than {SHORT_BYTES} bytes, the most that AMQP allows")
    return value


def table(item: Mapping[str, Any], name: str, path: str) -> Mapping[str, Any]:
    """An object, {} when it is missing or null (RabbitMQ exports an empty table as [] here and there)."""
    value = item.get(name)
    if value is None or value == []:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidQuestion(f"{path}{name}", f"must be an object, not {kind_of(value)}")
    return value


def rows(item: Mapping[str, Any], name: str, path: str, most: int) -> list[Mapping[str, Any]]:
    """A list of objects, [] when it is missing or null."""
    value = item.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidQuestion(f"{path}{name}", f"must be a list, not {kind_of(value)}")
    if len(value) > most:
        raise InvalidQuestion(f"{path}{name}", f"has {len(value):,} entries; at most {most:,} are read")
    for number, row in enumerate(value):
        if not isinstance(row, Mapping):
            raise InvalidQuestion(f"{path}{name}[{number}]", f"must be an object, not {kind_of(row)}")
    return value


def whole_number(item: Mapping[str, Any], name: str, path: str, default: int = 0) -> int:
    value = item.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidQuestion(f"{path}{name}", f"must be a whole number, not {kind_of(value)}")
    return value


def truth(item: Mapping[str, Any], name: str, path: str) -> bool:
    """False when it is missing or null."""
    value = item.get(name)
    if value is not None and not isinstance(value, bool):
        raise InvalidQuestion(f"{path}{name}", f"must be true or false, not {kind_of(value)}")
    return bool(value)
