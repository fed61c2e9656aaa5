"""The way "Paste, or look up a task id", for what exists: a task by its id, a message that was pasted, or a queue to look into; and prediction beside fact."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.urls import reverse

from brokers import queries as broker_queries
from dashboard.layout import json_fields
from dashboard.tasks import states as task_states
from dashboard.why import explanations, message_formats, prediction_and_fact
from dashboard.why.forms.facts import facts_of
from dashboard.why.forms.question_form import Way
from dashboard.why.forms.task import TaskWay
from dashboard.why.message_formats import Pasted
from dashboard.why.prediction_and_fact import Row
from dashboard.why.story.message import Story, story
from dashboard.why.story.plain import plain
from dashboard.why.story.spans import Span
from dashboard.why.where import Where
from workers import queries
from workers.errors import AmbiguousTask
from workers.models import Task

LONGEST_IN_AN_ADDRESS = 2_000
JSON = dict[str, Any]


class Elsewhere(msgspec.Struct, frozen=True):
    """Another place where the task was seen."""

    broker: str
    vhost: str
    address: str


class ExistingWay(Way):
    """`told` is what was pasted, `task` the stored task it is about, `story` the broker's part, `asked_of_celery` Celery's where only the task's name is known.
    `missing` says why there is nothing to explain; `then` what the bindings of the time of sending made of it."""

    of, word, icon = "existing", "Paste, or look up a task id", "copy"
    form_template, answer_template = "routing/_existing_form.html", "routing/_existing.html"
    FIELDS = ("uuid", "pasted", "queue", "look_in")
    FIRST = "pasted"
    told: Pasted | None = None
    task: Task | None = None
    story: Story | None = None
    asked_of_celery: TaskWay | None = None
    missing = ""
    then = ""

    def __init__(self, where: Where, query: Mapping[str, str]) -> None:
        super().__init__(where, query)
        self.values["pasted"] = query.get("pasted", "")
        self.facts: list[Row] = []
        self.elsewhere: list[Elsewhere] = []

    @property
    def asked(self) -> bool:
        return any(self.values[name].strip() for name in ("uuid", "pasted", "look_in"))

    def address(self, broker: str | None = None, vhost: str | None = None, **changed: str) -> str:
        """A long text is not carried in an address."""
        if len(self.values["pasted"]) > LONGEST_IN_AN_ADDRESS:
            changed.setdefault("pasted", "")
        return super().address(broker, vhost, **changed)

    @property
    def summary(self) -> list[Span]:
        """A pasted message counts before a task id, that before a queue to look into."""
        if self.values["pasted"].strip():
            return [Span("A pasted message")]
        uuid = self.values["uuid"].strip()
        return [Span("Task "), Span(uuid, code=True)] if uuid else [Span("A message of "), Span(self.values["look_in"].strip(), code=True)]

    def explain(self) -> None:
        if self.values["pasted"].strip():
            self._explain_pasted(self.values["pasted"])
        elif self.values["uuid"].strip():
            self._explain_task(self.values["uuid"].strip()[:255])

    def _explain_pasted(self, text: str) -> None:
        try:
            told = self.told = message_formats.read(text)
        except message_formats.NotUnderstood as error:
            self.problems["pasted"] = [str(error)]
            return
        self.task = self._stored(told.uuid) if told.uuid else None
        queue = self.values["queue"].strip() or told.queue
        if told.question is not None:
            self._explain_message(told.question, queue)
        elif told.task_question is not None:
            self._ask_celery(told.task, told.task_question)
        elif self.task is not None:
            self._explain_stored(self.task)
        elif told.task:
            self._ask_celery(told.task, {})
        else:
            self.missing = "It tells neither an exchange and a routing key nor the name of a task, so there is nothing to explain."

    def _explain_task(self, uuid: str) -> None:
        self.task = self._stored(uuid)
        if self.task is not None:
            self._explain_stored(self.task)
        else:
            self.elsewhere = self._seen_elsewhere(uuid)
            self.missing = "" if self.elsewhere else f"No event has told of a task {uuid}. Its workers may send no events, or it is older than what is kept."

    def _explain_stored(self, task: Task) -> None:
        if task.exchange is None or task.routing_key is None:
            if task.name:
                self._ask_celery(task.name, {})
            else:
                self.missing = "Neither its name nor how it was sent is known: no event told that."
            return
        self._explain_message(message_formats.sent_task(task.exchange, task.routing_key, task.name or "", task.uuid), "")

    def _explain_message(self, question: JSON, queue: str) -> None:
        answer = explanations.explain_message(self.where.place, question)
        told, real = self.told, prediction_and_fact
        self.story = story(answer, self.where.page_of, queue)
        predicted: list[str] = answer["queues"]
        if queue:
            self.facts.append(real.lies_in(predicted, queue))
        if told is not None and told.routed is not None:
            self.facts.append(real.routed_to(predicted, told.routed))
        if told is not None and told.sent_for and self.task is None:
            self.facts.append(real.sent_for(predicted, told.sent_for))
        if self.task is not None:
            rows, self.then = facts_of(self.where, self.task, None if told and told.deaths.deaths else question)
            self.facts += rows

    def _ask_celery(self, name: str, question: JSON) -> None:
        """The way of a task of that name, as far as it can be said without the message: by Celery's own layers."""
        options = dict(question.get("options") or {}) if isinstance(question.get("options"), Mapping) else {}
        texts = {"task": name, "conf": json_fields.written(question["conf"]) if question.get("conf") is not None else ""}
        for option, field in (("queue", "queue"), ("exchange", "task_exchange"), ("routing_key", "task_routing_key")):
            if isinstance(options.get(option), str):
                texts[field] = options.pop(option)
        way = TaskWay(self.where, {**texts, "options": json_fields.written(options) if options else ""})
        if way.answer():
            self.asked_of_celery = way
        else:
            self.problems["pasted"] = [problem for found in way.problems.values() for problem in found]

    def _stored(self, uuid: str) -> Task | None:
        return queries.task(self.where.scope, uuid, self.where.broker.pk, self.where.vhost)

    def _seen_elsewhere(self, uuid: str) -> list[Elsewhere]:
        try:
            found = queries.task(self.where.scope, uuid)
        except AmbiguousTask as error:
            return [Elsewhere(broker, vhost, self.address(broker, vhost)) for broker, vhost in error.places]
        return [Elsewhere(found.broker.name, found.vhost, self.address(found.broker.name, found.vhost))] if found else []

    @property
    def plain(self) -> str:
        """The broker's part as text, to copy."""
        return plain(self.story.headline, self.story.says, self.story) if self.story else ""

    @property
    def form_address(self) -> str:
        """Where a message is pasted to: the address without any question."""
        return f"{reverse('routing')}?{urlencode({'broker': self.where.broker.name, 'vhost': self.where.vhost, 'of': self.of})}"

    @property
    def task_page(self) -> str:
        return reverse("task", args=[self.task.pk]) if self.task else ""

    @property
    def task_state(self) -> str:
        return task_states.state_words(self.task) if self.task else ""

    @property
    def first_publishing(self) -> str:
        """The address that explains how a dead letter was first published; "" where that is not told."""
        if self.told is None or self.told.deaths.exchange is None or self.told.deaths.key is None:
            return ""
        asked = {"of": "message", "exchange": self.told.deaths.exchange, "routing_key": self.told.deaths.key}
        return f"{reverse('routing')}?{urlencode({'broker': self.where.broker.name, 'vhost': self.where.vhost, **asked})}"

    @cached_property
    def look_address(self) -> str:
        """Where the messages of the queue that was named can be looked at; "" if there is none of that name."""
        name = self.values["look_in"].strip()
        found = broker_queries.queue(self.where.scope, self.where.broker.pk, self.where.vhost, name) if name else None
        return reverse("peek", args=[found.pk]) if found else ""
