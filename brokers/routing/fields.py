"""Reads and validates fields of JSON from outside; errors name the field. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
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


def exported_table(item: Mapping[str, Any], name: str, path: str) -> Mapping[str, Any]:
    """As `table`; RabbitMQ 4 also exports tables as lists of [name, value].

    >>> exported_table({"definition": [["max-length", 5000]]}, "definition", "")
    {'max-length': 5000}
    """
    value = item.get(name)
    if isinstance(value, list) and value and all(isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) for pair in value):
        return dict(value)
    return table(item, name, path)


def unknown_field(item: Mapping[str, Any], known: Collection[str], path: str, of: str) -> None:
    """Raises InvalidQuestion if the object has a field that is not known: a misspelt one would otherwise be ignored."""
    for name in item:
        if name not in known:
            raise InvalidQuestion(f"{path}{str(name)[:100]}", f"is no field of {of}")


def any_number(item: Mapping[str, Any], name: str, path: str) -> float:
    """A number, 0 when it is missing or null."""
    value = item.get(name)
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidQuestion(f"{path}{name}", f"must be a number, not {kind_of(value)}")
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
