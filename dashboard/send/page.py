"""The send page: where one may send, the form with what is known of the virtual host, the confirmation, and the task that was sent, followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID, uuid4

import msgspec
from django.contrib.auth.models import AnonymousUser
from django.urls import reverse

from brokers import queries as broker_queries
from brokers.models import Broker
from brokers.scope import Scope
from dashboard import queries as own_queries
from dashboard.layout import formatting, levels
from dashboard.live import topics
from dashboard.models import User
from dashboard.send import action as sending
from dashboard.send import form as send_form
from dashboard.send import prefilled
from dashboard.send.action import Prediction
from dashboard.send.follow import Follow
from dashboard.send.form import Place
from dashboard.send.order import Order
from dashboard.send.prediction_panel import ShownPrediction
from dashboard.send.sent_before import Before, address_of, sent_before
from workers import queries
from workers.models import EventSource, Task, Worker
from workers.sending.described_arguments import described
from workers.sending.send_options import Problem, as_given

PLACES_SHOWN = 8
NAMES_OFFERED = 500


class PlaceLink(msgspec.Struct, frozen=True):
    broker: str
    vhost: str
    address: str
    current: bool


class Question(msgspec.Struct, frozen=True):
    """The confirmation before sending."""

    uuid: str
    order: Order
    words: str
    warnings: list[Problem]
    like: str = ""  # the number of the task that it runs again

    @property
    def fields(self) -> list[tuple[str, str]]:
        """What is posted to send just this, the queue that was found for it included."""
        order = self.order
        texts = [("uuid", self.uuid), ("task", order.task), ("args", order.args_text), ("kwargs", order.kwargs_text), ("usual", order.usual)]
        texts += [("like", self.like)] if self.like else []
        return texts + [(name, str(value)) for name, value in as_given(order.options).items()]


class SendPage:
    """The questions of one request. `broker` and `vhost` are what the frame's switchers chose, None for all."""

    def __init__(self, scope: Scope, user: User | AnonymousUser, brokers: Sequence[Broker], broker: Broker | None, vhost: str | None, now: datetime) -> None:
        self.scope, self.user, self.now = scope, user, now
        self.brokers = [broker] if broker else list(brokers)
        self._chosen_vhost = vhost
        self.values: Mapping[str, str] = send_form.EMPTY
        self.problems: dict[str, list[str]] = {}
        self.warnings: dict[str, list[str]] = {}
        self.question: Question | None = None
        self.predicted: Prediction | None = None
        self.like: Task | None = None  # the task that is run again by what the form sends

    @cached_property
    def places(self) -> list[tuple[Broker, str]]:
        """Where one could send: those with most workers first. [] where a virtual host is chosen that there is not, or that may not be viewed."""
        found = [(broker, vhost.name) for broker in self.brokers for vhost in broker_queries.virtual_hosts(self.scope, broker.pk)]
        if self._chosen_vhost is not None:
            found = [place for place in found if place[1] == self._chosen_vhost]
        by_workers = queries.liveliest(self._worker_counts)
        return sorted(found, key=lambda place: (*by_workers(place), place[0].name, place[1]))

    @property
    def broker(self) -> Broker | None:
        return self.places[0][0] if self.places else None

    @property
    def vhost(self) -> str:
        return self.places[0][1] if self.places else self._chosen_vhost or ""

    @property
    def named_broker(self) -> str:
        """The broker of the place, else the one that the address names or means; "" without any."""
        return next((broker.name for broker in (self.broker, *self.brokers) if broker), "")

    @property
    def missing(self) -> str:
        """That there is no such virtual host, as a sentence; "" where it is there, or none is chosen."""
        if self.broker is not None or self._chosen_vhost is None or not self.brokers:
            return ""
        return f"There is no virtual host {self._chosen_vhost} on {formatting.listed([broker.name for broker in self.brokers], 5)}."

    @property
    def place_links(self) -> list[PlaceLink]:
        """The other places, where there is more than one."""
        shown = self.places[:PLACES_SHOWN] if len(self.places) > 1 else []
        return [PlaceLink(broker.name, vhost, address_of(broker.name, vhost), at == 0) for at, (broker, vhost) in enumerate(shown)]

    @property
    def address(self) -> str:
        return address_of(self.broker.name, self.vhost) if self.broker else reverse("send")

    @property
    def confirm_address(self) -> str:
        return f"{reverse('send_now')}?{self.address.partition('?')[2]}"

    @property
    def unreachable(self) -> str:
        """Why sending will probably fail, as a clause; "" while the broker responds."""
        return levels.unavailable(self.broker, self.now) if self.broker else ""

    @cached_property
    def why_not(self) -> str:
        return self.refusal[0]

    @cached_property
    def refusal(self) -> tuple[str, int]:
        if self.broker is not None:
            return sending.refusal(self.user, self.broker, self.vhost, self.now)
        return (sending.why_not(self.user, self.named_broker, self.vhost) or self.missing, 403) if self.missing else ("", 200)

    @cached_property
    def registered(self) -> dict[str, list[str]]:
        if self.broker is None:
            return {}
        found = {name: hostnames for name, _, hostnames in queries.registered_tasks(self.scope, broker=self.broker.pk, vhost=self.vhost)}
        return dict(sorted(found.items(), key=lambda item: (item[0].startswith("celery."), item[0])))

    @property
    def live_workers(self) -> int:
        return self._workers(Worker.ONLINE)

    def _workers(self, state: str) -> int:
        """How many workers of the chosen place are in a state."""
        here = (self.broker.name if self.broker else "", self.vhost, state)
        return sum(count for *where, count in self._worker_counts if tuple(where) == here)

    @cached_property
    def _worker_counts(self) -> list[tuple[str, str, str, int]]:
        return queries.worker_counts(self.scope)

    @property
    def registered_count(self) -> int:
        return sum(not name.startswith("celery.") for name in self.registered)

    @property
    def task_names(self) -> list[str]:
        return list(self.registered)[:NAMES_OFFERED]

    @cached_property
    def place(self) -> Place:
        """What is known of the chosen place."""
        assert self.broker is not None  # noqa: S101  (callers have a broker)
        broker, vhost = self.broker, self.vhost
        hidden = levels.unavailable(broker, self.now)
        exchanges = broker_queries.exchanges(self.scope, broker=broker.pk, vhost=vhost, page_size=broker_queries.LARGEST_PAGE)
        return Place(
            broker=broker.name,
            vhost=vhost,
            workers=self._workers(Worker.ONLINE),
            unknown=self._workers(Worker.UNKNOWN),
            registered=self.registered,
            queues=None if hidden else self._queues,
            exchanges=None if hidden or exchanges.total > broker_queries.LARGEST_PAGE else {exchange.name for exchange in exchanges.items},
            silent=silent(queries.event_source(self.scope, broker, vhost)),
        )

    @cached_property
    def _queues(self) -> dict[str, tuple[int | None, int | None]]:
        """{name: (consumers, highest priority)}; only the first 20 pages where there are very many."""
        assert self.broker is not None  # noqa: S101
        page, found = 1, []
        while page <= 20:
            some = broker_queries.queues(self.scope, broker=self.broker.pk, vhost=self.vhost, sort="name", page=page, page_size=broker_queries.LARGEST_PAGE)
            found += some.items
            if page >= some.pages:
                break
            page += 1
        return {queue.name: (queue.consumers, _highest_priority(queue.arguments)) for queue in found}

    @property
    def queue_names(self) -> list[str]:
        """Queues to choose from, without those of Celery's own machinery."""
        if self.broker is None:
            return []
        return [name for name in self._queues if not name.endswith(".pidbox") and not name.startswith(("celeryev.", "hareline."))][:NAMES_OFFERED]

    def prefill(self, query: Mapping[str, str]) -> None:
        """Fills the form from the page's address."""
        self.values, self.like = prefilled.values(self.scope, query), prefilled.like(self.scope, query.get("like"))

    def fill(self, given: Mapping[str, str]) -> None:
        """Takes what was typed into the form."""
        self.values = {**send_form.EMPTY, **{name: given[name] for name in send_form.TEXTS if name in given}}
        self.like = prefilled.like(self.scope, given.get("like"))

    def check(self, given: Mapping[str, str]) -> bool:
        """Reads the form. True if it is valid: then `question` is the confirmation to show."""
        self.fill(given)
        order, problems = send_form.read(self.values)
        for problem in problems:
            self.problems.setdefault(problem.field, []).append(problem.text)
        if order is None or self.broker is None or self.why_not:
            return False
        if given.get("usual"):  # the confirmation named the queue already
            order = msgspec.structs.replace(order, usual=given["usual"][:300])
        self.predicted = sending.predict(self.scope, order, self.broker, self.vhost, self.now)
        order = self.predicted.order
        warnings = send_form.warnings(order, self.place)
        for warning in warnings:
            self.warnings.setdefault(warning.field, []).append(warning.text)
        self.question = Question(str(uuid4()), order, send_form.words(order, self.place), warnings, str(self.like.pk) if self.like else "")
        return True

    @property
    def incomplete(self) -> str:
        """What of the task to be sent like is not known, so that the form is not filled with it; "" if all is."""
        return described(self.like.args, self.like.kwargs).why if self.like else ""

    @cached_property
    def shown_prediction(self) -> ShownPrediction | None:
        """Where what is in the form would go; None where that can't be read yet."""
        order = send_form.read(self.values)[0] if self.predicted is None and self.values["task"].strip() else None
        if order is not None and self.broker is not None:
            self.predicted = sending.predict(self.scope, order, self.broker, self.vhost, self.now)
        return None if self.predicted is None or self.broker is None else ShownPrediction(self.predicted, self.user.get_username(), self.broker, self.vhost)

    @property
    def unreadable(self) -> str:
        """Why what is in the form can't be read, as sentences."""
        beside = {"args": "Arguments: ", "kwargs": "Keyword arguments: "}
        return " ".join(f"{beside.get(problem.field, '')}{problem.text}" for problem in send_form.read(self.values)[1])

    @property
    def prediction_warnings(self) -> list[str]:
        """What to know about the task before it is sent; [] beside the confirmation, where its field shows it."""
        return [] if self.question or not self.predicted else [one.text for one in send_form.warnings(self.predicted.order, self.place) if one.field == "task"]

    def follow(self, event_id: str | None) -> Follow | None:
        """The task that was sent by this audit event; None if there is no such event, or it may not be seen."""
        number = prefilled.number(event_id)
        event = own_queries.audit_event(number, sending.ACTION) if number else None
        if event is None or not event.detail.get("uuid") or not self.scope.covers(event.broker, event.vhost):
            return None
        broker = broker_queries.broker(self.scope, event.broker)
        return Follow(self.scope, event, broker, self.now) if broker else None

    @property
    def before(self) -> list[Before]:
        return sent_before(self.scope, self.now)

    @property
    def topics(self) -> list[str]:
        broker = self.broker
        return [topics.Topic(topics.BROKER, broker.pk).name, topics.Topic(topics.TASKS, broker.pk, self.vhost).name] if broker else []


def sent_uuid(text: str | None) -> str | None:
    """The uuid that the question's form carries, None for anything else."""
    try:
        return str(UUID(text or ""))
    except ValueError:
        return None


def silent(source: EventSource | None) -> str:
    """Why no events of workers are received in a virtual host, as a clause; "" while they are."""
    if source is None:
        return "no worker has sent an event in this virtual host yet"
    return "" if source.state == EventSource.RECEIVING else source.reason or f"the events of workers there are {source.state}"


def _highest_priority(arguments: Any) -> int | None:
    value = arguments.get("x-max-priority") if isinstance(arguments, Mapping) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
