"""What the question forms of the page "Why" have in common: the fields in the address, and their errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.urls import reverse

from brokers.errors import NotRecorded
from brokers.routing.fields import InvalidQuestion
from dashboard.layout import json_fields
from dashboard.layout.map_links import node_id, path_address
from dashboard.layout.moments import EXAMPLES, moment_of
from dashboard.layout.spans import Span
from dashboard.why.forms.what_if import Answer, WhatIf
from dashboard.why.story.message import Story
from dashboard.why.where import Where

LONGEST = 100_000
MOMENT = "at"
MOST_LIT = 30
"""Objects of a step: the map draws 150 in all."""


class QuestionForm:
    """One question form. It reads its `FIELDS` from the query, answers in `explain`, and names its two templates.

    `of` is its name in the address, `word` its label; HAS_MOMENT: it can refer to the past. `BESIDE` maps fields of the question to the form field
    that shows their errors; `FIRST` shows all others."""

    of: ClassVar[str]
    word: ClassVar[str]
    icon: ClassVar[str] = "route"
    form_template: ClassVar[str]
    answer_template: ClassVar[str]
    FIELDS: ClassVar[tuple[str, ...]]
    FIRST: ClassVar[str]
    BESIDE: ClassVar[Mapping[str, str]] = {}
    HAS_MOMENT: ClassVar[bool] = False

    def __init__(self, where: Where, query: Mapping[str, str]) -> None:
        self.where = where
        self.query = query
        fields = (*self.FIELDS, MOMENT) if self.HAS_MOMENT else self.FIELDS
        self.values = {name: query.get(name, "")[:LONGEST] for name in fields}
        self.problems: dict[str, list[str]] = {}
        self.what_if: WhatIf | None = None

    @property
    def has_question(self) -> bool:
        """Whether the address contains a question."""
        return bool(self.values[self.FIRST])

    @property
    def summary(self) -> list[Span]:
        """The question in one line, for the collapsed form."""
        return [Span(self.word)]

    def explain(self) -> None:
        """Computes the answer. Problems are added by field, or raised as InvalidQuestion."""
        raise NotImplementedError

    def answer(self) -> bool:
        """Answers the question; False if it is invalid (`problems` by field)."""
        if self.has_question and self.where.is_known:
            try:
                self.where.set_moment(self._moment())
                self.explain()
            except InvalidQuestion as error:
                self.wrong(error.field, error.why)
            except NotRecorded as error:
                self.problems[MOMENT] = [f"{str(error)[:1].upper()}{str(error)[1:]}."]
        return not self.problems and not (self.what_if and self.what_if.problems)

    def _moment(self) -> datetime | None:
        """The moment in question, None for now. Raises InvalidQuestion."""
        text = self.values.get(MOMENT, "").strip()
        if text in ("", "now"):
            return None
        moment = moment_of(text, self.where.now)
        if moment is None:
            raise InvalidQuestion(MOMENT, f"is not a moment: write {EXAMPLES}")
        if moment > self.where.now:
            raise InvalidQuestion(MOMENT, "is in the future")
        return moment

    @property
    def map_address(self) -> str:
        """The map with the path of the message lit up; "" where it enters no exchange."""
        found: Story | None = getattr(self, "story", None)
        if found is None or not found.steps:
            return ""
        broker, vhost = self.where.broker, self.where.vhost
        steps = [[node_id(kind, broker.pk, vhost, name) for kind, name in step[:MOST_LIT]] for step in found.steps]
        return path_address(broker.name, vhost, steps)

    @property
    def answered(self) -> bool:
        return self.has_question and self.where.is_known and not self.problems

    def address(self, broker: str | None = None, vhost: str | None = None, **changed: str) -> str:
        """The page with this question, or with some of its fields changed, in this virtual host or another."""
        kept = {name: value for name, value in {**self.values, **changed}.items() if value}
        if self.has_question and self.FIRST not in kept:
            kept[self.FIRST] = ""
        vhost_query = {"broker": broker if broker is not None else self.where.broker.name, "vhost": self.where.vhost if vhost is None else vhost}
        return f"{reverse('routing')}?{urlencode({**vhost_query, 'of': self.of, **kept})}"

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """The question as hidden fields of another form on the page."""
        fields = {name: value for name, value in self.values.items() if value or name == self.FIRST}
        return [("broker", self.where.broker.name), ("vhost", self.where.vhost), ("of", self.of), *fields.items()]

    def with_changes(self, explain: Callable[[dict[str, Any]], Answer]) -> tuple[Answer, WhatIf]:
        """The answer of `explain`, which takes fields of a question, also under the changes in the address; and the panel that compares them."""
        self.what_if = WhatIf(self.query, lambda written: self.address(what_if=written))
        answer = self.what_if.explained(explain)
        self.values["what_if"] = self.what_if.written
        return answer, self.what_if

    def json(self, field: str, kind: type[dict[Any, Any]] | type[list[Any]] = dict) -> Any:
        """The object (or list) in a field, None if it is empty or wrong."""
        text = self.values[field]
        if not text.strip():
            return None
        try:
            return json_fields.parse(text, kind)
        except json_fields.JsonProblem as error:
            self.problems.setdefault(field, []).append(str(error))
            return None

    def wrong(self, field: str, why: str) -> None:
        """Adds a problem to the form field it belongs to, with its path."""
        first = field.partition(".")[0].partition("[")[0]
        beside = self.BESIDE.get(field) or self.BESIDE.get(first, first)
        self.problems.setdefault(beside if beside in self.values else self.FIRST, []).append(f"{field} {why}")
