"""The way "What reaches it": a queue, a worker node or a task, and everything that ends there, or waits on the way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from dashboard.why import loaded_vhost, reach
from dashboard.why.explanations import JSON
from dashboard.why.forms.question_form import Way
from dashboard.why.story import reach as reach_lines
from dashboard.why.story.reach import ReachedQueue
from dashboard.why.story.spans import Span, spans
from dashboard.why.task_configuration import Tellers
from dashboard.why.where import NAMES_OFFERED, Where

WAYS_SHOWN_OF_ONE = 200
WAYS_SHOWN_OF_EACH = 20


class ReachWay(Way):
    of, word, icon = "reach", "What reaches it", "stack-2"
    form_template, answer_template = "routing/_reach_form.html", "routing/_reach.html"
    FIELDS = ("queue", "worker", "task")
    FIRST = "queue"
    told: JSON
    level: str
    queues: list[ReachedQueue]

    def __init__(self, where: Where, query: Mapping[str, str]) -> None:
        super().__init__(where, query)
        self._addresses: dict[tuple[str, str], str] = {}

    @property
    def asked(self) -> bool:
        return any(self.values.values())

    @cached_property
    def tellers(self) -> Tellers:
        return loaded_vhost.tellers(self.where.scope, self.where.broker, self.where.vhost)

    @property
    def worker_names(self) -> list[str]:
        return self.tellers.hostnames[:NAMES_OFFERED]

    def explain(self) -> None:
        named = [field for field in self.FIELDS if self.values[field].strip()]
        if len(named) != 1:
            self.problems[named[1] if named else self.FIRST] = ["Name one thing only: a queue, a worker node or a task."]
            return
        told = getattr(self, f"_of_{named[0]}")(self.values[named[0]].strip())
        if told is None:
            return
        self.told, self.level = told, reach_lines.level(told)
        most = WAYS_SHOWN_OF_ONE if len(told["queues"]) == 1 else WAYS_SHOWN_OF_EACH
        self.queues = [reach_lines.reached_queue(one, self._address_of, self._explained, most) for one in told["queues"]]

    def _of_queue(self, name: str) -> JSON | None:
        return reach.of_queue(self.where.place, name, self.tellers)

    def _of_worker(self, name: str) -> JSON | None:
        consumed = self.tellers.queues_of(name)
        if consumed is None:
            online = name in self.tellers.hostnames
            self.problems["worker"] = [f"Worker node {name} has not told its queues yet." if online else f"No worker node {name} is online there."]
            return None
        return reach.of_worker(self.where.place, name, consumed, self.tellers)

    def _of_task(self, name: str) -> JSON | None:
        return reach.of_task(self.where.place, name, loaded_vhost.known_of(self.where.scope, self.where.broker, self.where.vhost, name))

    @property
    def summary(self) -> list[Span]:
        words = {"queue": "What reaches queue ", "worker": "What reaches worker node ", "task": "Where would wait task "}
        field = next(name for name in self.FIELDS if self.values[name].strip())
        return [Span(words[field]), Span(self.values[field].strip(), True)]

    @property
    def says(self) -> list[Span]:
        """The answer in a few sentences."""
        return spans(self.told["text"])

    @property
    def waiting(self) -> list[tuple[str, str, str]]:
        """[(queue, its page, the queue whose dead letters it gets)] of those on a task’s way that nobody consumes."""
        return [(one["queue"], self.where.page_of("queue", one["queue"]), one["dead_letters_of"] or "") for one in self.told["waiting"]]

    def _address_of(self, kind: str, name: str) -> str:
        if (kind, name) not in self._addresses:
            asking = {"reach": {"of": self.of, "queue": name}, "task": {"of": "task", "task": name}}.get(kind)
            self._addresses[kind, name] = self._asking(**asking) if asking else self.where.page_of(kind, name)
        return self._addresses[kind, name]

    def _explained(self, example: Mapping[str, Any], queue: str) -> str:
        headers = {"headers": json.dumps(example["headers"], ensure_ascii=False)} if example["headers"] else {}
        return self._asking(of="message", exchange=example["exchange"], routing_key=example["routing_key"], expected=queue, **headers)

    def _asking(self, **fields: str) -> str:
        return f"{reverse('routing')}?{urlencode({'broker': self.where.broker.name, 'vhost': self.where.vhost, **fields})}"
