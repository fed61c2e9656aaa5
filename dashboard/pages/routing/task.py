"""The way "A Celery task": its name and the options of the call, and the story of where Celery and then the broker take it."""

from __future__ import annotations

import msgspec

from dashboard import task_explanations
from dashboard.pages.routing import gathered
from dashboard.pages.routing.way import Way
from dashboard.routing_story.story import Story, story
from dashboard.routing_story.task_lines import TaskLine, task_headline, task_lines
from dashboard.routing_story.words import Span


class TaskStory(msgspec.Struct, frozen=True):
    level: str
    headline: list[Span]
    lines: list[TaskLine]
    unknown: list[str]
    certain: bool


class TaskWay(Way):
    """`story` is the broker's part, None where nothing is sent to it."""

    of, word = "task", "A Celery task"
    form_template, answer_template = "routing/_task_form.html", "routing/_task.html"
    FIELDS = ("task", "queue", "task_exchange", "task_routing_key", "conf")
    FIRST = "task"
    BESIDE = {"options.queue": "queue", "options.exchange": "task_exchange", "options.routing_key": "task_routing_key"}
    task: TaskStory
    story: Story | None = None

    def explain(self) -> None:
        conf = self.json("conf")
        if self.problems:
            return
        where, name = self.where, self.values["task"].strip()
        given = {"queue": self.values["queue"], "exchange": self.values["task_exchange"], "routing_key": self.values["task_routing_key"]}
        options = {key: value.strip() for key, value in given.items() if value.strip()}
        known = gathered.known_of(where.scope, where.broker, where.vhost, name)
        answer = task_explanations.explain_live_task(where.place, {"conf": conf, "task": name, "options": options}, known)
        kind, _, why = str(answer["error"] or "").partition(": ")
        if kind == "BadQuestion":
            field, _, rest = why.partition(" ")
            self.wrong(field, rest)
            return
        level, headline = task_headline(answer, name)
        self.task = TaskStory(level, headline, task_lines(answer), answer["unknown"], answer["certain"])
        if answer["broker"]:
            self.story = story(answer["broker"], where.page_of)
