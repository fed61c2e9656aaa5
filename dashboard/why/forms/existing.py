"""The form for something that exists: a task by its id, a message as JSON, or a queue to peek into; compares prediction and fact."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.urls import reverse

from brokers import queries as broker_queries
from dashboard.layout import json_fields
from dashboard.layout.spans import Span
from dashboard.tasks import states as task_states
from dashboard.why import explanations, message_formats, prediction_and_fact
from dashboard.why.forms.facts import facts_of
from dashboard.why.forms.question_form import QuestionForm
from dashboard.why.forms.task import TaskForm
from dashboard.why.message_formats import ParsedMessage
from dashboard.why.prediction_and_fact import Row
from dashboard.why.story.message import Story, story
from dashboard.why.story.plain import plain
from dashboard.why.where import Where
from workers import queries
from workers.errors import AmbiguousTask
from workers.models import Task

LONGEST_IN_AN_ADDRESS = 2_000
JSON = dict[str, Any]


class Elsewhere(msgspec.Struct, frozen=True):
    """Another virtual host where the task was seen."""

    broker: str
    vhost: str
    address: str


class ExistingForm(QuestionForm):
    """`parsed`: the given message, `task`: the stored task, `story`: the broker's part, `celery_form`: Celery's part if only the task's name is known.
    `missing`: why there is nothing to explain; `changed_since`: a sentence if the bindings have changed since it was sent."""

    of, word, icon = "existing", "Paste, or look up a task id", "copy"
    form_template, answer_template = "why/_existing_form.html", "why/_existing.html"
    FIELDS = ("uuid", "pasted", "queue", "look_in")
    FIRST = "pasted"
    parsed: ParsedMessage | None = None
    task: Task | None = None
    story: Story | None = None
    celery_form: TaskForm | None = None
    missing = ""
    changed_since = ""

    def __init__(self, where: Where, query: Mapping[str, str]) -> None:
        super().__init__(where, query)
        self.values["pasted"] = query.get("pasted", "")
        self.facts: list[Row] = []
        self.elsewhere: list[Elsewhere] = []

    @property
    def has_question(self) -> bool:
        return any(self.values[name].strip() for name in ("uuid", "pasted")) or bool(self.values["look_in"])

    def address(self, broker: str | None = None, vhost: str | None = None, **changed: str) -> str:
        """The address; without a long message."""
        if len(self.values["pasted"]) > LONGEST_IN_AN_ADDRESS:
            changed.setdefault("pasted", "")
        return super().address(broker, vhost, **changed)

    @property
    def summary(self) -> list[Span]:
        """A message as JSON takes precedence over a task id, that over a queue."""
        if self.values["pasted"].strip():
            return [Span("A message as JSON")]
        uuid = self.values["uuid"].strip()
        return [Span("Task "), Span(uuid, code=True)] if uuid else [Span("A message of "), Span(self._look_in, code=True)]

    @property
    def _look_in(self) -> str:
        return self.where.named("queue", self.values["look_in"])

    def explain(self) -> None:
        if self.values["pasted"].strip():
            self._explain_pasted(self.values["pasted"])
        elif self.values["uuid"].strip():
            self._explain_task(self.values["uuid"].strip()[:255])

    def _explain_pasted(self, text: str) -> None:
        try:
            parsed = self.parsed = message_formats.read(text)
        except message_formats.UnknownFormat as error:
            self.problems["pasted"] = [str(error)]
            return
        self.task = self._stored(parsed.uuid) if parsed.uuid else None
        queue = self.where.named("queue", self.values["queue"]) or parsed.queue
        if parsed.question is not None:
            self._explain_message(parsed.question, queue)
        elif parsed.task_question is not None:
            self._explain_by_celery(parsed.task, parsed.task_question)
        elif self.task is not None:
            self._explain_stored(self.task)
        elif parsed.task:
            self._explain_by_celery(parsed.task, {})
        else:
            self.missing = "It contains neither an exchange and a routing key nor the name of a task, so there is nothing to explain."

    def _explain_task(self, uuid: str) -> None:
        self.task = self._stored(uuid)
        if self.task is not None:
            self._explain_stored(self.task)
        else:
            self.elsewhere = self._seen_elsewhere(uuid)
            self.missing = "" if self.elsewhere else f"No event of task {uuid} is known. Its workers may not send events, or it is older than the kept history."

    def _explain_stored(self, task: Task) -> None:
        if task.exchange is None or task.routing_key is None:
            if task.name:
                self._explain_by_celery(task.name, {})
            else:
                self.missing = "Neither its name nor how it was sent is known: no event contained them."
            return
        self._explain_message(message_formats.sent_task(task.exchange, task.routing_key, task.name or "", task.uuid), "")

    def _explain_message(self, question: JSON, queue: str) -> None:
        answer = explanations.explain_message(self.where.loaded, question)
        parsed, real = self.parsed, prediction_and_fact
        self.story = story(answer, self.where.page_of, queue)
        predicted = answer.queues
        if queue:
            self.facts.append(real.current_queue(predicted, queue))
        if parsed is not None and parsed.routed is not None:
            self.facts.append(real.routed_to(predicted, parsed.routed))
        if parsed is not None and parsed.sent_for and self.task is None:
            self.facts.append(real.sent_for(predicted, parsed.sent_for))
        if self.task is not None:
            is_dead_letter = parsed is not None and bool(parsed.dead_letters.entries)
            rows, self.changed_since = facts_of(self.where, self.task, question, predicted, is_dead_letter)
            self.facts += rows

    def _explain_by_celery(self, name: str, question: JSON) -> None:
        """Explains a task of that name by Celery's layers, without its message."""
        options = dict(question.get("options") or {}) if isinstance(question.get("options"), Mapping) else {}
        texts = {"task": name, "conf": json_fields.written(question["conf"]) if question.get("conf") is not None else ""}
        for option, field in (("queue", "queue"), ("exchange", "task_exchange"), ("routing_key", "task_routing_key")):
            if isinstance(options.get(option), str):
                texts[field] = options.pop(option)
        form = TaskForm(self.where, {**texts, "options": json_fields.written(options) if options else ""})
        if form.answer():
            self.celery_form = form
        else:
            self.problems["pasted"] = [problem for found in form.problems.values() for problem in found]

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
        return plain(self.story.headline, self.story.text, self.story) if self.story else ""

    @property
    def post_address(self) -> str:
        """Where a message is posted to: the address without any question."""
        return f"{reverse('routing')}?{urlencode({'broker': self.where.broker.name, 'vhost': self.where.vhost, 'of': self.of})}"

    @property
    def task_page(self) -> str:
        return reverse("task", args=[self.task.pk]) if self.task else ""

    @property
    def task_state(self) -> str:
        return task_states.state_text(self.task) if self.task else ""

    @property
    def first_publishing(self) -> str:
        """The address that explains how a dead letter was first published; "" if unknown."""
        if self.parsed is None or self.parsed.dead_letters.exchange is None or self.parsed.dead_letters.key is None:
            return ""
        query = {"of": "message", "exchange": self.parsed.dead_letters.exchange, "routing_key": self.parsed.dead_letters.key}
        return f"{reverse('routing')}?{urlencode({'broker': self.where.broker.name, 'vhost': self.where.vhost, **query})}"

    @cached_property
    def look_address(self) -> str:
        """The peek page of the named queue; "" if there is no such queue."""
        name = self._look_in
        found = broker_queries.queue(self.where.scope, self.where.broker.pk, self.where.vhost, name) if name else None
        return reverse("peek", args=[found.pk]) if found else ""
