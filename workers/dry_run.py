"""Where Celery's own code sends a task, without sending it: an app of its own, no connection, a producer that only notes what it is given.

An edge, with `receiver` and `control` one of the importers of celery. Every call makes its own app, so threads share nothing; nothing here opens
a socket, reads the environment or imports what a text names. Functions run only where they are handed over (`routers`).
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace
from typing import Any

from celery import Celery, chain, group
from celery.app import routes
from celery.app.amqp import AMQP
from celery.backends.base import DisabledBackend
from celery.loaders.base import BaseLoader
from kombu.common import maybe_declare
from kombu.messaging import Producer
from kombu.transport.base import to_rabbitmq_queue_arguments

from workers.destinations.declarations import Declared, DeclaredBinding, DeclaredExchange, DeclaredQueue
from workers.destinations.question import EXECUTION_OPTIONS, SIGNATURE_CALLED, Question
from workers.destinations.sending import Outcome
from workers.destinations.terms import BROADCAST_NAME, Pattern, Queue, Router
from workers.kombu_entities import as_terms, entity
from workers.router_functions import find_router, noting, silent

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_CONF = (
    *("task_default_queue", "task_default_queue_type", "task_default_exchange", "task_default_exchange_type", "task_default_routing_key"),
    *("task_create_missing_queues", "task_create_missing_queue_type", "task_create_missing_queue_exchange_type", "task_queue_max_priority"),
    *("task_default_priority", "task_time_limit", "task_soft_time_limit", "task_protocol"),
)


_RUNNING: ContextVar[bool] = ContextVar("dry_run", default=False)
logging.getLogger("celery.app.base").addFilter(lambda record: not _RUNNING.get())  # warnings to a sender, and nobody sends


class DryRun:
    """What Celery did: the outcome, and what each function router answered, by its place in task_routes."""

    def __init__(self, outcome: Outcome, answers: Mapping[int, Any]) -> None:
        self.outcome, self.answers = outcome, answers


def run(question: Question, routers: Mapping[str, Any] | None = None, now: datetime | None = None) -> DryRun:
    """The outcome of Celery's routing code. `routers` are functions of the user's code by name; without them they count as having no opinion."""
    notes = _Notes()
    running = _RUNNING.set(True)
    try:
        with _App(question, routers or {}, now or datetime.now(UTC), notes) as app:
            _send(app, question)
        outcome = notes.outcome()
    except Exception as error:  # noqa: BLE001  what Celery and the user's routers raise is the answer
        outcome = Outcome(priority=None, error=f"{type(error).__name__}: {_words(error)}")
    finally:
        _RUNNING.reset(running)
    return DryRun(outcome, notes.answers)


def _words(error: BaseException) -> str:
    return str(error.args[0]) if type(error).__name__ == "QueueNotFound" and error.args else str(error)


class _Notes:
    """Everything that one dry run came to know."""

    def __init__(self) -> None:
        self.answers: dict[int, Any] = {}
        self.sent: dict[str, Any] | None = None
        self.queue: str | None = None
        self.declared: list[Declared] = []
        self.made_up: dict[str, str] = {}

    def outcome(self) -> Outcome:
        sent = self.sent or {}
        return Outcome(
            queue=self.shown(self.queue),
            exchange=sent.get("exchange"),
            routing_key=self.shown(sent.get("routing_key")),
            priority=sent.get("priority"),
            declared=tuple(self.declared),
        )

    def shown(self, name: str | None) -> str | None:
        """The name of a broadcast queue without what is made up anew in each process."""
        return None if name is None else self.made_up.get(name, name)

    def note_answer(self, index: int, answer: Any) -> None:
        self.answers[index] = as_terms(answer, self.note_name)

    def note_name(self, queue: Any) -> str:
        self.made_up[queue.name] = _UUID.sub(BROADCAST_NAME.partition(".")[2], queue.name)
        return self.made_up[queue.name]


class _Loader(BaseLoader):
    def read_configuration(self, env: str = "") -> dict[str, Any]:
        return {}


class _Producer(Producer):
    """Notes its first publish and what that declares."""

    connection: Any = None

    def __init__(self, notes: _Notes) -> None:
        super().__init__(None, auto_declare=False)
        self.notes = notes
        self.connection = SimpleNamespace(_reraise_as_library_errors=contextlib.nullcontext, declared_entities=set())

    def publish(self, body: Any, **options: Any) -> Any:  # type: ignore[override]
        return super().publish(body, **{**options, "retry": False})

    def _prepare(self, body: Any, *_: Any, **__: Any) -> tuple[Any, str, str]:
        return body, "application/json", "utf-8"  # the content has no part in routing

    def _publish(self, body: Any, priority: Any, *rest: Any) -> None:
        """In kombu's order: content type and encoding, headers, properties, routing key, mandatory, immediate, exchange, declare, and more."""
        routing_key, exchange, declare = rest[4], rest[7], rest[8]
        if self.notes.sent is not None:
            return
        self.notes.sent = {"exchange": exchange, "routing_key": routing_key, "priority": priority}
        channel = _Channel(self.connection, self.notes)
        for declared in declare:
            maybe_declare(declared, channel)


class _Channel:
    """Takes declarations as a channel would."""

    prepare_queue_arguments = staticmethod(to_rabbitmq_queue_arguments)

    def __init__(self, client: Any, notes: _Notes) -> None:
        self.connection = SimpleNamespace(client=client)
        self._declared = notes.declared

    def exchange_declare(self, exchange: str, type: str, durable: bool, auto_delete: bool, arguments: Any, **_: Any) -> None:
        self._declared.append(DeclaredExchange(exchange, type, durable, auto_delete, arguments=arguments or {}))

    def queue_declare(self, queue: str, durable: bool, exclusive: bool, auto_delete: bool, arguments: Any, **_: Any) -> tuple[str, int, int]:
        self._declared.append(DeclaredQueue(queue, durable, exclusive, auto_delete, arguments or {}))
        return queue, 0, 0

    def queue_bind(self, queue: str, exchange: str, routing_key: str, arguments: Any, **_: Any) -> None:
        self._declared.append(DeclaredBinding(exchange, queue, routing_key, arguments or {}))


class _AMQP(AMQP):
    @property
    def _event_dispatcher(self) -> Any:  # task-sent names the queue that Celery used
        return SimpleNamespace(publish=self._note_event)

    def _note_event(self, kind: str, fields: dict[str, Any], *_: Any, **__: Any) -> None:
        if self.app.notes.queue is None:
            self.app.notes.queue = fields["queue"]

    @property
    def producer_pool(self) -> Any:
        transport = SimpleNamespace(driver_type="amqp")
        connections = SimpleNamespace(connection=SimpleNamespace(transport=transport))
        return SimpleNamespace(connections=connections, acquire=lambda **_: contextlib.nullcontext(_Producer(self.app.notes)))

    def flush_routes(self) -> None:
        self._rtable = routes.prepare(self.app.conf.task_routes)
        for router in self._rtable:
            if isinstance(router, routes.MapRoute):
                router.patterns = OrderedDict((self.app.guard(pattern), route) for pattern, route in router.patterns.items())


class _App(Celery):
    builtin_fixups: frozenset[str] = frozenset()
    amqp_cls = _AMQP
    loader_cls = _Loader

    def __init__(self, question: Question, routers: Mapping[str, Any], now: datetime, notes: _Notes) -> None:
        self.notes = notes
        self._moment = now
        self._patterns: dict[re.Pattern[str], Pattern] = {}
        self._routers = routers
        self._matcher = question.matcher
        super().__init__("dry", set_as_current=False, strict_typing=False, loader=_Loader, changes=self._changes(question))

    def _changes(self, question: Question) -> dict[str, Any]:
        settings = question.settings
        found = {name: getattr(settings, name) for name in _CONF}
        found["task_queues"] = self._built(settings.task_queues)
        found["task_routes"] = [self._router(index, router) for index, router in enumerate(settings.routers)]
        found["task_annotations"] = [self._annotated(table) for table in settings.task_annotations or () if isinstance(table, dict)]
        found["task_send_sent_event"] = True
        return {name: value for name, value in found.items() if value is not None}

    def _annotated(self, table: dict[str, Any]) -> dict[str, Any]:
        """Without what is no option of a publish: an annotation could replace any method of the task."""
        return {task: {name: self._built(value) for name, value in own.items() if name in EXECUTION_OPTIONS} for task, own in table.items()}

    def _router(self, index: int, router: Any) -> Any:
        if not isinstance(router, str | Router):
            return self._built(router)  # a table, or what Celery itself can't call
        found = find_router(router, self._routers)
        return silent if found is None else noting(found, partial(self.notes.note_answer, index))

    def _built(self, value: Any) -> Any:
        """Terms as kombu entities."""
        if isinstance(value, Pattern):
            compiled = re.compile(value.text, value.flags)
            self._patterns[compiled] = value
            return compiled
        if isinstance(value, Mapping):
            return {name: self._built(inner) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self._built(inner) for inner in value]
        built = entity(value)
        if isinstance(value, Queue) and value.broadcast:
            self.notes.note_name(built)
        return built

    def guard(self, pattern: re.Pattern[str]) -> Any:
        """The pattern, with a time limit if it came from outside (globs are Celery's own and can't run away)."""
        given = self._patterns.get(pattern)
        if given is None:
            return pattern
        return _Guarded(match=lambda name: self._matcher.matches(given.text, given.flags, name))

    def now(self) -> datetime:
        return self._moment

    def finalize(self, auto: bool = False) -> None:
        """Without the built-in and shared tasks, which have no part here."""
        self.finalized = True

    def _get_backend(self) -> Any:
        return DisabledBackend(app=self)


class _Guarded(SimpleNamespace):
    __hash__ = object.__hash__  # type: ignore[assignment]


def _send(app: _App, question: Question) -> None:
    options = {name: app._built(value) for name, value in question.options.items()}
    own = {name: app._built(value) for name, value in question.signature_options.items()}
    base = type("Base", (app.Task,), {name: app._built(value) for name, value in question.attributes.items()})
    if question.via.startswith("send_task"):
        if question.registered and question.via.endswith("finalize"):
            app._task_from_fun(_task, name=question.task, base=base)
        app.send_task(question.task, question.args, question.kwargs, **options)
        return
    task = app._task_from_fun(_task, name=question.task, base=base)
    if question.via == "delay":
        task.apply_async(question.args, question.kwargs)
    elif question.via == "apply_async":
        task.apply_async(question.args, question.kwargs, **options)
    else:
        _send_signed(task, question, own, options)


def _send_signed(task: Any, question: Question, own: dict[str, Any], options: dict[str, Any]) -> None:
    def signed(**given: Any) -> Any:
        return task.signature(tuple(question.args), dict(question.kwargs), **given)

    if question.via == "signature.set":
        signed(**own).set(**options).apply_async()
    elif question.via == SIGNATURE_CALLED:
        signed(**own).apply_async(**options)
    elif question.via == "signature":
        _ = signed(**own).apply_async(**options) if own else signed(**options).apply_async()
    elif question.via == "group":
        group(signed(**own), signed(**own), app=task.app).apply_async(**options)
    else:
        chain(signed(**own), signed(**own), app=task.app).apply_async(**options)


def _task(*args: Any, **kwargs: Any) -> Iterator[None]:
    """The task's body, which never runs."""
    raise NotImplementedError
