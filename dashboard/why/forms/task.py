"""The form "A Celery task": its name and the options of the call, and the story of where Celery and the broker route it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec
from django.urls import reverse

from dashboard.layout.spans import Span
from dashboard.send import form as send_form
from dashboard.why import loaded_vhost, task_explanations
from dashboard.why.forms.question_form import QuestionForm
from dashboard.why.story import task_sources
from dashboard.why.story.message import Story, story
from dashboard.why.story.plain import plain
from dashboard.why.story.task import TaskLine, task_headline, task_lines
from dashboard.why.story.task_sources import Compared, LastSent, Source

_OWN_FIELDS = {"queue": "queue", "exchange": "task_exchange", "routing_key": "task_routing_key"}


class TaskStory(msgspec.Struct, frozen=True):
    """`source`: the configuration used; `compared`: the keys for which Celery's precedence differs from the expected one."""

    level: str
    headline: list[Span]
    lines: list[TaskLine]
    unknown: list[str]
    certain: bool
    source: Source
    sent: LastSent | None
    compared: list[Compared]


class TaskForm(QuestionForm):
    """`story` is the broker's part, None if nothing is sent to it."""

    of, word, icon = "task", "A Celery task", "checklist"
    form_template, answer_template = "why/_task_form.html", "why/_task.html"
    FIELDS = ("task", "queue", "task_exchange", "task_routing_key", "options", "args", "kwargs", "conf", "what_if")
    FIRST = "task"
    HAS_MOMENT = True
    BESIDE = {f"options.{option}": field for option, field in _OWN_FIELDS.items()}
    task: TaskStory
    story: Story | None = None

    @property
    def summary(self) -> list[Span]:
        return [Span("The task "), Span(self._task, code=True)]

    @property
    def _task(self) -> str:
        return self.where.named("task", self.values["task"])

    @property
    def plain(self) -> str:
        """The answer as text, to copy."""
        unknown = f"Not certain. {' '.join(self.task.unknown)}" if self.task.unknown else ""
        return plain(self.task.headline, [Span(unknown)], self.story, self.task.lines)

    @property
    def send_address(self) -> str:
        """The send page with this task filled in."""
        values = {"task": self._task, "args": self.values["args"], "kwargs": self.values["kwargs"], **self._options()}
        filled = {name: str(value) for name, value in values.items() if name in send_form.TEXTS and value not in (None, "")}
        return f"{reverse('send')}?{urlencode({'broker': self.where.broker.name, 'vhost': self.where.vhost, **filled})}"

    @property
    def more(self) -> bool:
        """Whether one of the collapsed fields is filled in."""
        return any(self.values[name].strip() for name in ("options", "args", "kwargs", "conf"))

    def explain(self) -> None:
        question = self._question()
        if self.problems:
            return
        where = self.where
        known = loaded_vhost.known_task(where.scope, where.broker, where.vhost, question["task"], where.at)
        answer, what_if = self.with_changes(lambda changes: task_explanations.explain_live_task(where.loaded, {**question, **changes}, known))
        if answer.problem:
            self.wrong(*answer.problem)
            return
        level, headline = task_headline(answer, question["task"])
        self.task = TaskStory(
            level,
            headline,
            task_lines(answer),
            answer.unknown,
            answer.certain,
            task_sources.source_of(answer.configuration),
            task_sources.last_sent(answer),
            task_sources.compared(answer),
        )
        what_if.compare(answer, lambda one: task_headline(one, question["task"]), where.page_of)
        if answer.broker:
            self.story = story(answer.broker, where.page_of, sender="your task")

    def _question(self) -> dict[str, Any]:
        question = {"conf": self.json("conf"), "args": self.json("args", list), "kwargs": self.json("kwargs"), "options": self._options()}
        return {"task": self._task, **question}

    def _options(self) -> dict[str, Any]:
        """The options of the call, from their own fields and from JSON."""
        options = self.json("options") or {}
        for option, field in _OWN_FIELDS.items():
            value = self.values[field]
            if value := value if option == "routing_key" else self.where.named(option, value):
                if option in options:
                    self.problems.setdefault("options", []).append(f"{option} is also filled in its own field. Keep one of them.")
                options[option] = value
        return options
