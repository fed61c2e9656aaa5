"""The table of queues as Celery keeps it, and how a name becomes a queue: celery/app/amqp.py (Queues, AMQP.Queues), Celery 5.7. Pure."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from workers.destinations.settings import Settings
from workers.destinations.terms import BadQuestion, Exchange, Queue, queue_keywords


class CeleryRaises(Exception):
    """Celery itself would raise here. `text` begins with the name of its exception."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Queues:
    """Queues by name. Finding a missing one makes it, or raises CeleryRaises. `made` are those names; `origin` is where a queue comes from."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.default_exchange = Exchange(settings.default_exchange_name, settings.task_default_exchange_type)
        self._by_name: dict[tuple[str, int], Queue] = {}
        self._aliases: dict[str, Queue] = {}
        self.made: list[str] = []
        given = settings.task_queues
        if not given:
            arguments = {"x-queue-type": "quorum"} if settings.task_default_queue_type == "quorum" else None
            given = [Queue(settings.task_default_queue, self.default_exchange, settings.default_routing_key, queue_arguments=arguments)]
        if isinstance(given, list):
            given = {(queue.name, queue.serial): queue for queue in map(_queue_in_list, given)}
        for key, queue in given.items():
            self._add(queue if isinstance(queue, Queue) else _from_table(key, queue))

    def find(self, name: str) -> Queue:
        """As `queues[name]`: an alias first, then a name, then a new queue."""
        found = self._aliases.get(name) or self._by_name.get((name, 0))
        if found is not None:
            return found
        if not self._settings.task_create_missing_queues:
            raise KeyError(name)
        self.made.append(name)
        return self._add(self._missing(name))

    def has_quorum(self) -> str | None:
        """The name of a quorum queue among them (celery/utils/quorum_queues.py)."""
        for name, serial in self._by_name:
            queue = self._aliases.get(name) if serial == 0 else None
            queue = queue or self._by_name[name, serial]
            if (queue.queue_arguments or {}).get("x-queue-type") == "quorum":
                return queue.name
        return None

    def _add(self, queue: Queue) -> Queue:
        settings = self._settings
        if queue.exchange is None or queue.exchange.name == "":
            queue = replace(queue, exchange=self.default_exchange)
        if not queue.routing_key:
            queue = replace(queue, routing_key=settings.default_routing_key)
        if settings.task_queue_max_priority is not None:
            queue = replace(queue, queue_arguments={"x-max-priority": settings.task_queue_max_priority, **(queue.queue_arguments or {})})
        self._by_name[queue.name, queue.serial] = queue
        if queue.alias:
            self._aliases[queue.alias] = queue
        return queue

    def _missing(self, name: str) -> Queue:
        kind = self._settings.task_create_missing_queue_type
        if kind and kind not in ("classic", "quorum"):
            raise CeleryRaises(f"ValueError: Invalid queue type '{kind}'. Valid types are 'classic' and 'quorum'.")
        arguments = {"x-queue-type": "quorum"} if kind == "quorum" else None
        exchange = Exchange(name, self._settings.task_create_missing_queue_exchange_type or "direct")
        return Queue(name, exchange, name, queue_arguments=arguments)


def _queue_in_list(entry: Any) -> Queue:
    """Celery takes the name of each entry of a list, so only queues may be in it."""
    if isinstance(entry, Exchange):
        raise CeleryRaises("TypeError: celery.app.amqp.Queues.add_compat() argument after ** must be a mapping, not Exchange")
    if not isinstance(entry, Queue):
        raise CeleryRaises(f"AttributeError: '{type(entry).__name__}' object has no attribute 'name'")
    return entry


def _from_table(name: str, data: Any) -> Queue:
    """The old form {"name": {"exchange": …, "exchange_type": …, "binding_key": …}}: Queues.add_compat and kombu Queue.from_dict."""
    path = f"conf.task_queues.{name}"
    if not isinstance(data, dict):
        raise CeleryRaises(f"TypeError: celery.app.amqp.Queues.add_compat() argument after ** must be a mapping, not {type(data).__name__}")
    if "name" in data:
        raise CeleryRaises("TypeError: Queues.add_compat() got multiple values for argument 'name'")
    key = data.get("routing_key", data.get("binding_key"))
    key = name if key is None else key
    binding_key = data.get("binding_key") or key
    for field, value in (("exchange", data.get("exchange")), ("exchange_type", data.get("exchange_type")), ("binding_key", binding_key)):
        if value is not None and not isinstance(value, str):
            raise BadQuestion(f"{path}.{field}", "must be text")
    bindings = tuple(data.get("bindings") or ())
    arguments = data.get("exchange_arguments")
    exchange = Exchange(
        data.get("exchange") or "",
        data.get("exchange_type") or "direct",
        durable=_first_set(data, "exchange_durable", "durable", otherwise=True),
        auto_delete=_first_set(data, "exchange_auto_delete", "auto_delete", otherwise=False),
        arguments=arguments if isinstance(arguments, dict) else None,
        delivery_mode=data.get("delivery_mode"),
    )
    keywords = queue_keywords({key: value for key, value in data.items() if key not in ("durable", "auto_delete")}, path)
    return Queue(
        name,
        None if bindings else exchange,
        binding_key,
        durable=_first_set(data, "queue_durable", "durable", otherwise=True),
        auto_delete=_first_set(data, "queue_auto_delete", "auto_delete", otherwise=False) or bool(keywords.get("exclusive")),
        bindings=bindings,
        **keywords,
    )


def _first_set(data: dict[str, Any], *names: str, otherwise: bool) -> bool:
    return next((bool(data[name]) for name in names if data.get(name) is not None), otherwise)
