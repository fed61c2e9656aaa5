"""The form "What reaches a queue": everything that reaches a queue or a worker, or the queues where a task would wait."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from urllib.parse import urlencode

from django.urls import reverse

from brokers.routing.reverse_routing.answer import Example
from dashboard.layout.spans import Span, spans
from dashboard.why import loaded_vhost, reach
from dashboard.why.forms.question_form import QuestionForm
from dashboard.why.reach import ReachAnswer
from dashboard.why.story import reach as reach_lines
from dashboard.why.story.reach import ReachedQueue
from dashboard.why.task_configuration import ReportingWorkers
from dashboard.why.where import NAMES_OFFERED, Where

PATHS_SHOWN_OF_ONE = 200
PATHS_SHOWN_OF_EACH = 20


class ReachForm(QuestionForm):
    of, word, icon = "reach", "What reaches a queue", "stack-2"
    form_template, answer_template = "why/_reach_form.html", "why/_reach.html"
    FIELDS = ("queue", "worker", "task")
    FIRST = "queue"
    found: ReachAnswer
    level: str
    queues: list[ReachedQueue]

    def __init__(self, where: Where, query: Mapping[str, str]) -> None:
        super().__init__(where, query)
        self._addresses: dict[tuple[str, str], str] = {}

    @property
    def has_question(self) -> bool:
        return any(self.values.values())

    @cached_property
    def reporting_workers(self) -> ReportingWorkers:
        return loaded_vhost.reporting_workers(self.where.scope, self.where.broker, self.where.vhost)

    @property
    def worker_names(self) -> list[str]:
        return self.reporting_workers.hostnames[:NAMES_OFFERED]

    def explain(self) -> None:
        named = self._named
        if len(named) != 1:
            self.problems[[*named][1] if named else self.FIRST] = ["Enter only one: a queue, a worker or a task."]
            return
        [(field, name)] = named.items()
        found = getattr(self, f"_of_{field}")(name)
        if found is None:
            return
        self.found, self.level = found, reach_lines.level(found)
        most = PATHS_SHOWN_OF_ONE if len(found.queues) == 1 else PATHS_SHOWN_OF_EACH
        self.queues = [reach_lines.reached_queue(one, self._address_of, self._explained, most) for one in found.queues]

    @cached_property
    def _named(self) -> dict[str, str]:
        """{field: name} of the fields that are filled in."""
        names = {field: self.where.named(field, self.values[field]) for field in self.FIELDS}
        return {field: name for field, name in names.items() if name}

    def _of_queue(self, name: str) -> ReachAnswer | None:
        return reach.of_queue(self.where.loaded, name, self.reporting_workers)

    def _of_worker(self, name: str) -> ReachAnswer | None:
        consumed = self.reporting_workers.queues_of(name)
        if consumed is None:
            online = name in self.reporting_workers.hostnames
            self.problems["worker"] = [f"Worker node {name} has not reported its queues yet." if online else f"No worker node {name} is online there."]
            return None
        return reach.of_worker(self.where.loaded, name, consumed, self.reporting_workers)

    def _of_task(self, name: str) -> ReachAnswer | None:
        return reach.of_task(self.where.loaded, name, loaded_vhost.known_task(self.where.scope, self.where.broker, self.where.vhost, name))

    @property
    def summary(self) -> list[Span]:
        words = {"queue": "What reaches queue ", "worker": "What reaches worker ", "task": "Queues without consumers for task "}
        field, name = next(iter(self._named.items()))
        return [Span(words[field]), Span(name, True)]

    @property
    def text(self) -> list[Span]:
        """The answer as a few sentences."""
        return spans(self.found.text)

    @property
    def waiting(self) -> list[tuple[str, str, str]]:
        """[(queue, its page, the queue whose dead letters it receives)] of those on a task’s path without consumers."""
        return [(one.queue, self.where.page_of("queue", one.queue), one.dead_letters_of or "") for one in self.found.waiting]

    def _address_of(self, kind: str, name: str) -> str:
        if (kind, name) not in self._addresses:
            query = {"reach": {"of": self.of, "queue": name}, "task": {"of": "task", "task": name}}.get(kind)
            self._addresses[kind, name] = self._address_with(**query) if query else self.where.page_of(kind, name)
        return self._addresses[kind, name]

    def _explained(self, example: Example, queue: str) -> str:
        headers = {"headers": json.dumps(example.headers, ensure_ascii=False)} if example.headers else {}
        return self._address_with(of="message", exchange=example.exchange, routing_key=example.routing_key, expected=queue, **headers)

    def _address_with(self, **fields: str) -> str:
        return f"{reverse('routing')}?{urlencode({'broker': self.where.broker.name, 'vhost': self.where.vhost, **fields})}"
