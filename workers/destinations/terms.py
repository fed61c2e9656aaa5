"""The nouns of Celery routing as plain data, read from the JSON encodings `$queue`, `$exchange`, `$binding`, `$broadcast`, `$regex`, `$router`.

Pure: an encoding becomes a term here and a kombu entity only in `workers.dry_run`. The defaults are those of kombu/entity.py and
kombu/common.py (kombu 5.7). What a text would make Celery import stays a text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from workers.destinations import patterns

DEEPEST, MOST_PARTS, LONGEST_TEXT = 40, 50_000, 100_000
BROADCAST_NAME = "bcast.<uuid>"  # kombu makes a new one in every process


class BadQuestion(ValueError):
    """The question can't be understood. `field` is the path of what is wrong: "conf.task_queues[2].name"."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field = field


class Exchange(msgspec.Struct, frozen=True):
    name: str = ""
    type: str = "direct"
    durable: bool = True
    auto_delete: bool = False
    arguments: dict[str, Any] | None = None
    delivery_mode: Any = None
    no_declare: bool = False
    passive: bool = False


class Binding(msgspec.Struct, frozen=True):
    exchange: Exchange
    routing_key: str = ""
    arguments: dict[str, Any] | None = None


class Queue(msgspec.Struct, frozen=True):
    """`exchange` is None only with `bindings`. `serial` keeps apart broadcast queues, whose names nobody knows yet."""

    name: str = ""
    exchange: Exchange | None = Exchange()
    routing_key: str = ""
    alias: str | None = None
    durable: bool = True
    exclusive: bool = False
    auto_delete: bool = False
    queue_arguments: dict[str, Any] | None = None
    binding_arguments: dict[str, Any] | None = None
    bindings: tuple[Binding, ...] = ()
    no_declare: bool = False
    expires: float | None = None
    message_ttl: float | None = None
    max_length: int | None = None
    max_length_bytes: int | None = None
    max_priority: int | None = None
    broadcast: bool = False
    serial: int = 0


class Pattern(msgspec.Struct, frozen=True):
    """A compiled regular expression of the user's configuration."""

    text: str
    flags: int = 0


class Router(msgspec.Struct, frozen=True):
    """A function or object that the user's code holds, by its name."""

    name: str


class Masked(msgspec.Struct, frozen=True):
    """A value that a worker did not report: Celery masks what looks like a secret."""


class Hidden(msgspec.Struct, frozen=True):
    """An entry of the routes whose answer (or one field of it) is masked."""

    index: int
    entry: str | Pattern
    field: str | None


def plain(value: Any) -> Any:
    """The value as JSON for a reader: entities by their names."""
    if isinstance(value, Queue | Exchange | Router):
        return value.name
    if isinstance(value, Pattern):
        return f"re.compile({value.text!r})"
    if isinstance(value, Binding):
        return {"exchange": value.exchange.name, "routing_key": value.routing_key}
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value if value is None or isinstance(value, str | int | float | bool) else repr(value)


class Decoder:
    """Turns JSON into terms; one for each question, for it counts what was read. Raises BadQuestion.

    >>> Decoder().decode({"$queue": {"name": "mail", "routing_key": "mail.#"}}, "conf.task_queues[0]").routing_key
    'mail.#'
    """

    def __init__(self) -> None:
        self._parts = 0
        self._broadcasts = 0

    def decode(self, value: Any, path: str, depth: int = 0) -> Any:
        self._parts += 1
        if depth > DEEPEST or self._parts > MOST_PARTS:
            raise BadQuestion(path, "is nested too deeply" if depth > DEEPEST else f"makes the question too large: more than {MOST_PARTS} parts")
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            raise BadQuestion(path, f"is longer than {LONGEST_TEXT} characters")
        if isinstance(value, list | tuple):
            return [self.decode(inner, f"{path}[{index}]", depth + 1) for index, inner in enumerate(value)]
        if not isinstance(value, dict):
            return value
        encoding = next(iter(value)) if len(value) == 1 else None
        if isinstance(encoding, str) and encoding.startswith("$"):
            return self._term(encoding, value[encoding], f"{path}.{encoding}", depth)
        return {key: self.decode(inner, f"{path}.{key}", depth + 1) for key, inner in value.items()}

    def _term(self, encoding: str, value: Any, path: str, depth: int) -> Any:
        if encoding == "$router":
            return Router(_text(value, path, empty=False))
        if encoding == "$masked":
            return Masked()
        if encoding == "$regex":
            return _pattern(value, path)
        build = {"$queue": self._queue, "$exchange": _exchange, "$binding": _binding, "$broadcast": self._broadcast}.get(encoding)
        if build is None:
            raise BadQuestion(path, "is no encoding that we know ($queue, $exchange, $binding, $broadcast, $regex, $router)")
        inner = self.decode({"name": value} if isinstance(value, str) else value, path, depth + 1)
        if not isinstance(inner, dict):
            raise BadQuestion(path, "must be a table of its keywords")
        return build(inner, path)

    def _queue(self, data: dict[str, Any], path: str) -> Queue:
        exchange: Any = data.get("exchange")
        bindings: Any = data.get("bindings") or []
        if isinstance(exchange, list) and isinstance(bindings, list):
            exchange, bindings = None, exchange + bindings
        if not isinstance(bindings, list) or not all(isinstance(each, Binding) for each in bindings):
            raise BadQuestion(f"{path}.bindings", "must be a list of $binding")
        found = Queue(
            name=_text(data.get("name"), f"{path}.name"),
            exchange=None if bindings else _exchange_of(exchange, f"{path}.exchange"),
            routing_key=_text(data.get("routing_key"), f"{path}.routing_key"),
            bindings=tuple(bindings),
            **queue_keywords(data, path),
        )
        return msgspec.structs.replace(found, auto_delete=True) if found.exclusive else found

    def _broadcast(self, data: dict[str, Any], path: str) -> Queue:
        name = _text(data.get("name"), f"{path}.name")
        queue = _text(data.get("queue"), f"{path}.queue")
        made_up = f"{queue or 'bcast'}.<uuid>" if data.get("unique") or not queue else queue
        exchange = data.get("exchange")
        if exchange is None:
            exchange = Exchange(name, "fanout")
        built = self._queue({**data, "name": made_up, "exchange": exchange}, path)
        self._broadcasts += made_up != queue
        alias = data.get("alias") or name or None
        auto_delete = built.exclusive or bool(data.get("auto_delete", True))
        return msgspec.structs.replace(built, alias=alias, auto_delete=auto_delete, broadcast=True, serial=self._broadcasts if made_up != queue else 0)


def queue_keywords(data: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Every keyword of a Queue but name, exchange, routing_key and bindings; None means its default."""
    readers: dict[str, Callable[[Any, str], Any]] = {
        "alias": _text,
        **dict.fromkeys(("durable", "exclusive", "auto_delete", "no_declare"), lambda value, _: bool(value)),
        **dict.fromkeys(("queue_arguments", "binding_arguments"), table),
        **dict.fromkeys(("expires", "message_ttl"), lambda value, path: float(number(value, path))),
        **dict.fromkeys(("max_length", "max_length_bytes", "max_priority"), lambda value, path: int(number(value, path))),
    }
    return {name: read(data[name], f"{path}.{name}") for name, read in readers.items() if data.get(name) is not None}


def number(value: Any, path: str) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -(2.0**53) < value < 2.0**53:
        raise BadQuestion(path, "must be a number")
    return value


def table(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise BadQuestion(path, "must be a table")
    return value


def _exchange(data: dict[str, Any], path: str) -> Exchange:
    flags = {name: bool(data[name]) for name in ("durable", "auto_delete", "no_declare", "passive") if data.get(name) is not None}
    arguments = data.get("arguments")
    return Exchange(
        name=_text(data.get("name"), f"{path}.name"),
        type=_text(data.get("type"), f"{path}.type") or "direct",
        arguments=None if arguments is None else table(arguments, f"{path}.arguments"),
        delivery_mode=data.get("delivery_mode"),
        **flags,
    )


def _exchange_of(value: Any, path: str) -> Exchange:
    if isinstance(value, Exchange):
        return value
    return Exchange(_text(value, path))  # a name alone makes a direct exchange, whatever task_default_exchange_type is


def _binding(data: dict[str, Any], path: str) -> Binding:
    arguments = data.get("arguments")
    return Binding(
        exchange=_exchange_of(data.get("exchange"), f"{path}.exchange"),
        routing_key=_text(data.get("routing_key"), f"{path}.routing_key"),
        arguments=None if arguments is None else table(arguments, f"{path}.arguments"),
    )


def _pattern(value: Any, path: str) -> Pattern:
    data = {"pattern": value} if isinstance(value, str) else value
    if not isinstance(data, dict) or not isinstance(data.get("flags", 0), int):
        raise BadQuestion(path, "must be the text of a regular expression")
    found = Pattern(_text(data.get("pattern"), f"{path}.pattern"), int(data.get("flags", 0)))
    problem = patterns.problem(found.text, found.flags)
    if problem:
        raise BadQuestion(path, problem)
    return found


def _text(value: Any, path: str, *, empty: bool = True) -> str:
    """Text; None counts as empty."""
    if value is None and empty:
        return ""
    if not isinstance(value, str) or not (value or empty):
        raise BadQuestion(path, "must be text" if empty else "must be text that is not empty")
    return value
