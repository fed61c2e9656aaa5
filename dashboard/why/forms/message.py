"""The form "A message": an exchange, a key and headers, and the story of where the message goes."""

from __future__ import annotations

from typing import Any

import msgspec

from brokers.routing.questions import message_of
from brokers.routing.what_if.suggestions import suggestions
from dashboard.layout.spans import Span
from dashboard.why import explanations
from dashboard.why.forms import header_rows
from dashboard.why.forms.header_rows import HeaderProblem, HeaderRow
from dashboard.why.forms.question_form import QuestionForm
from dashboard.why.story.message import Story, missing_queue, opening, story
from dashboard.why.story.plain import plain


class MessageForm(QuestionForm):
    of, word, icon = "message", "A message", "inbox"
    form_template, answer_template = "why/_message_form.html", "why/_message.html"
    FIELDS = ("exchange", "routing_key", "headers", "expiration", "user", "user_id", "expected", "what_if", *header_rows.FIELDS)
    FIRST = "routing_key"
    BESIDE = {"properties.expiration": "expiration", "properties.user_id": "user_id", "headers_amqp": "headers"}
    HEADER_TYPES = header_rows.TYPES
    HAS_MOMENT = True
    story: Story

    @property
    def summary(self) -> list[Span]:
        where = self.values["exchange"] or "the default exchange"
        return [Span(f"A message to {where}, with the key "), Span(self.values["routing_key"] or "(empty)", code=True)]

    @property
    def more(self) -> bool:
        """Whether one of the collapsed fields is filled in."""
        return any(self.values[name] or name in self.problems for name in ("user", "user_id", "expiration"))

    @property
    def header_rows(self) -> list[HeaderRow]:
        """Headers with their AMQP types, and blank rows for more."""
        return header_rows.rows(self.values)

    @property
    def has_question(self) -> bool:
        """True also for an empty key and the default exchange."""
        return "routing_key" in self.query

    @property
    def every(self) -> bool:
        return self.query.get("verdicts") == "all"

    @property
    def all_address(self) -> str:
        """The same question with every binding's verdict."""
        return f"{self.address(routing_key=self.values['routing_key'])}&verdicts=all"

    def explain(self) -> None:
        values = self.values
        headers = self._headers()
        if self.problems:
            return
        question: dict[str, Any] = {"exchange": values["exchange"], "routing_key": values["routing_key"], **headers}
        if user := self.where.named("user", values["user"]):
            question["user"] = user
        if named := {name: values[name].strip() for name in ("expiration", "user_id") if values[name].strip()}:
            question["properties"] = named
        expected, loaded = self.where.named("queue", values["expected"]), self.where.loaded
        every = {"verdicts": "all"} if self.every or expected else {}
        answer, what_if = self.with_changes(lambda changes: explanations.explain_message(loaded, {**question, **every, **changes}))
        missing = missing_queue(expected, [one.name for one in loaded.topology.queues])
        what_if.compare(answer, lambda one: opening(one, expected, missing)[:2], self.where.page_of)
        if expected and expected not in answer.queues and not what_if.changes:
            what_if.suggest(suggestions(loaded.router(), message_of(question), expected))
        shown = answer if self.every else answer.shortened()  # the headline needs all verdicts on bindings to an expected queue
        level, sentence, text = opening(answer, expected, missing)
        self.story = msgspec.structs.replace(story(shown, self.where.page_of, expected, missing), level=level, headline=sentence, text=text)

    def _headers(self) -> dict[str, Any]:
        """The headers as a field of the question: as JSON, or with exact types where rows are filled in."""
        plain = self.json("headers")
        try:
            exact = header_rows.headers_amqp(self.values, plain)
        except HeaderProblem as error:
            self.problems.setdefault("headers", []).append(str(error))
            return {}
        return {"headers": plain} if exact is None else {"headers_amqp": exact}

    @property
    def plain(self) -> str:
        """The answer as text, to copy."""
        return plain(self.story.headline, self.story.text, self.story)
