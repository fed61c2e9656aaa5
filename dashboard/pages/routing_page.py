"""The page "Why": a message or a task that somebody describes in the address, and the story of where it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.urls import reverse

from brokers import queries
from brokers.models import Broker
from brokers.routing.fields import InvalidQuestion
from brokers.scope import Scope
from dashboard import explanations, json_fields, routing_story
from dashboard.explanations import Place
from dashboard.live import topics
from dashboard.pages import routing_gathered
from dashboard.routing_story import Span, Story, TaskLine
from workers import queries as worker_queries

TEXTS = ("of", "exchange", "routing_key", "headers", "expiration", "expected", "task", "queue", "task_exchange", "task_routing_key", "conf")
LONGEST = 100_000
NAMES_OFFERED = 500
FIELDS = {"properties.expiration": "expiration", "options.queue": "queue", "options.exchange": "task_exchange", "options.routing_key": "task_routing_key"}


class PlaceLink(msgspec.Struct, frozen=True):
    broker: str
    vhost: str
    address: str
    current: bool


class TaskStory(msgspec.Struct, frozen=True):
    level: str
    headline: list[Span]
    lines: list[TaskLine]
    unknown: list[str]
    certain: bool


class RoutingPage:
    """The questions of one request. `broker` and `vhost` are what the frame's switchers chose, None for all."""

    def __init__(self, scope: Scope, brokers: Sequence[Broker], broker: Broker | None, vhost: str | None, query: Mapping[str, str], now: datetime) -> None:
        self.scope, self.now = scope, now
        self._brokers = [broker] if broker else list(brokers)
        self._asked_vhost = vhost
        self.values = {name: query.get(name, "")[:LONGEST] for name in TEXTS}
        self.of = "task" if self.values["of"] == "task" else "message"
        self.asked = bool(self.values["task"]) if self.of == "task" else "routing_key" in query
        self.every = query.get("verdicts") == "all"
        self.problems: dict[str, list[str]] = {}
        self.story: Story | None = None
        self.task_story: TaskStory | None = None

    @cached_property
    def places(self) -> list[tuple[Broker, str]]:
        return [(broker, name) for broker in self._brokers for name in routing_gathered.vhost_names(self.scope, broker)]

    @cached_property
    def _chosen(self) -> tuple[Broker, str] | None:
        """The virtual host that is asked about, else the busiest guess: the one with live workers, `/`, or the first."""
        named = [place for place in self.places if place[1] == self._asked_vhost]
        if self._asked_vhost is not None:
            return named[0] if named else None
        return min(self.places, key=lambda place: (-self._alive(*place), place[1] != "/"), default=None)

    def _alive(self, broker: Broker, vhost: str) -> int:
        return worker_queries.workers(self.scope, broker=broker.pk, vhost=vhost, state="online", page_size=1).total

    @property
    def broker(self) -> Broker | None:
        return self._chosen[0] if self._chosen else None

    @property
    def vhost(self) -> str:
        return self._chosen[1] if self._chosen else self._asked_vhost or ""

    @property
    def place_links(self) -> list[PlaceLink]:
        """The places to ask about, where there is more than one."""
        shown = self.places[:8] if len(self.places) > 1 else []
        return [PlaceLink(broker.name, vhost, self._address(broker.name, vhost), (broker, vhost) == self._chosen) for broker, vhost in shown]

    def _address(self, broker: str, vhost: str, **changed: str) -> str:
        kept = {name: value for name, value in {**self.values, **changed}.items() if value}
        if "routing_key" not in kept and self.asked and self.of == "message":
            kept["routing_key"] = ""
        return f"{reverse('routing')}?{urlencode({'broker': broker, 'vhost': vhost, **kept})}"

    @property
    def ways(self) -> list[tuple[str, str, bool]]:
        """[(word, address, whether we are there)]: a message, a task."""
        broker = self.broker.name if self.broker else ""
        base = urlencode({"broker": broker, "vhost": self.vhost})
        return [(word, f"{reverse('routing')}?{base}&of={of}", of == self.of) for of, word in (("message", "A message"), ("task", "A Celery task"))]

    @property
    def all_address(self) -> str:
        """The same question with every binding's verdict."""
        return f"{self._address(self.broker.name if self.broker else '', self.vhost)}&verdicts=all"

    @cached_property
    def place(self) -> Place:
        assert self.broker is not None  # noqa: S101  (callers have a broker)
        return routing_gathered.place(self.scope, self.broker, self.vhost, self.now)

    @property
    def exchange_names(self) -> list[str]:
        return [one.name for one in self.place.topology.exchanges if one.name][:NAMES_OFFERED] if self.broker else []

    @property
    def queue_names(self) -> list[str]:
        hidden = ("celeryev.", "hareline.")
        names = [one.name for one in self.place.topology.queues] if self.broker else []
        return [name for name in names if not name.startswith(hidden) and not name.endswith(".celery.pidbox")][:NAMES_OFFERED]

    @property
    def task_names(self) -> list[str]:
        if self.broker is None:
            return []
        return [name for name, _, _ in worker_queries.registered_tasks(self.scope, broker=self.broker.pk, vhost=self.vhost)][:NAMES_OFFERED]

    @property
    def default_exchange(self) -> bool:
        return self.asked and not self.values["exchange"]

    def answer(self) -> bool:
        """Explains what is asked; False if it can't be read (`problems` by field)."""
        if not self.asked or self.broker is None:
            return True
        try:
            self._explain_task() if self.of == "task" else self._explain_message()
        except InvalidQuestion as error:
            self._wrong(error.field, error.why)
        return not self.problems

    def _explain_message(self) -> None:
        values = self.values
        headers = self._json("headers")
        if self.problems:
            return
        asked: dict[str, Any] = {"exchange": values["exchange"], "routing_key": values["routing_key"], "headers": headers}
        if values["expiration"]:
            asked["properties"] = {"expiration": values["expiration"].strip()}
        expected = values["expected"].strip()
        answer = explanations.explain_message(self.place, asked | ({"verdicts": "all"} if self.every or expected else {}))
        told = routing_story.story(answer, self._page_of, expected)
        if expected and not self.every:  # every verdict was needed for the headline alone
            shown = routing_story.story(explanations.explain_message(self.place, asked), self._page_of)
            told = msgspec.structs.replace(shown, level=told.level, headline=told.headline, says=told.says)
        self.story = told

    def _explain_task(self) -> None:
        conf = self._json("conf")
        assert self.broker is not None  # noqa: S101
        if self.problems:
            return
        name = self.values["task"].strip()
        given = {"queue": self.values["queue"], "exchange": self.values["task_exchange"], "routing_key": self.values["task_routing_key"]}
        options = {key: value.strip() for key, value in given.items() if value.strip()}
        attributes = routing_gathered.attributes_of(self.scope, self.broker, self.vhost, name)
        answer = explanations.explain_live_task(self.place, {"conf": conf, "task": name, "options": options}, attributes)
        kind, _, why = str(answer["error"] or "").partition(": ")
        if kind == "BadQuestion":
            field, _, rest = why.partition(" ")
            self._wrong(field, rest)
            return
        level, headline = routing_story.task_headline(answer, name)
        self.task_story = TaskStory(level, headline, routing_story.task_lines(answer), answer["unknown"], answer["certain"])
        if answer["broker"]:
            self.story = routing_story.story(answer["broker"], self._page_of)

    def _json(self, field: str) -> Any:
        """The object in a field, None if it is empty."""
        text = self.values[field]
        if not text.strip():
            return None
        try:
            return json_fields.parse(text, dict)
        except json_fields.JsonProblem as error:
            self.problems.setdefault(field, []).append(str(error))
            return None

    def _wrong(self, field: str, why: str) -> None:
        """A problem beside the field of the form that it is about; its place inside of it is told."""
        first = FIELDS.get(field) or field.partition(".")[0].partition("[")[0]
        beside = first if first in TEXTS else self.of if self.of == "task" else "exchange"
        self.problems.setdefault(beside, []).append(f"{field} {why}")

    def _page_of(self, kind: str, name: str) -> str:
        if self.broker is None:
            return ""
        if kind == "worker":
            return self._worker_pages.get(name, "")
        if kind == "exchange":
            found = queries.exchange(self.scope, self.broker.pk, self.vhost, name) if name else None
        else:
            return reverse("queue", args=[self._queue_ids[name]]) if name in self._queue_ids else ""
        return reverse("exchange", args=[found.pk]) if found else ""

    @cached_property
    def _queue_ids(self) -> dict[str, int]:
        assert self.broker is not None  # noqa: S101
        return {name: pk for pk, _, name in queries.queue_names(self.scope, self.broker.pk, self.vhost)}

    @cached_property
    def _worker_pages(self) -> dict[str, str]:
        behind = [worker for found in self.place.workers.values() for worker in found]
        return {worker.hostname: reverse("worker", args=[worker.id]) for worker in behind if worker.id is not None}

    @property
    def topics(self) -> list[str]:
        return [topics.Topic(topics.BROKER, self.broker.pk).name] if self.broker else []
