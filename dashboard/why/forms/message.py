"""The way "A message": an exchange, a key and headers that somebody describes, and the story of where it goes."""

from __future__ import annotations

from typing import Any

import msgspec

from brokers.routing.questions import message_of
from brokers.routing.what_if.suggestions import suggestions
from dashboard.why import explanations
from dashboard.why.forms.question_form import Way
from dashboard.why.story.message import Story, missing_queue, story
from dashboard.why.story.plain import plain
from dashboard.why.story.spans import Span


class MessageWay(Way):
    of, word, icon = "message", "A message", "inbox"
    form_template, answer_template = "routing/_message_form.html", "routing/_message.html"
    FIELDS = ("exchange", "routing_key", "headers", "expiration", "user", "expected", "what_if")
    FIRST = "routing_key"
    BESIDE = {"properties.expiration": "expiration"}
    HAS_MOMENT = True
    story: Story

    @property
    def summary(self) -> list[Span]:
        where = self.values["exchange"] or "the default exchange"
        return [Span(f"A message to {where}, with the key "), Span(self.values["routing_key"] or "(empty)", code=True)]

    @property
    def more(self) -> bool:
        """Whether one of the fields that are seldom needed says something."""
        return any(self.values[name] or name in self.problems for name in ("user", "expiration"))

    @property
    def asked(self) -> bool:
        """An empty key and the default exchange are a question too."""
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
        headers = self.json("headers")
        if self.problems:
            return
        asked: dict[str, Any] = {"exchange": values["exchange"], "routing_key": values["routing_key"], "headers": headers}
        if values["user"].strip():
            asked["user"] = values["user"].strip()
        if values["expiration"]:
            asked["properties"] = {"expiration": values["expiration"].strip()}
        expected, place = values["expected"].strip(), self.where.place
        every = {"verdicts": "all"} if self.every or expected else {}
        answer, what_if = self.under_changes(lambda changes: explanations.explain_message(place, {**asked, **every, **changes}))
        missing = missing_queue(expected, [one.name for one in place.topology.queues])
        self.story = story(answer, self.where.page_of, expected, missing)
        what_if.compare(answer, lambda one: self._headline(one, expected, missing), self.where.page_of)
        if expected and expected not in answer["queues"] and not what_if.changes:
            what_if.suggest(suggestions(place.router(), message_of(asked), expected))
        if expected and not self.every:  # every verdict was needed for the headline alone
            told = self.story
            shown = story(explanations.explain_message(place, asked), self.where.page_of, expected)
            self.story = msgspec.structs.replace(shown, level=told.level, headline=told.headline, says=told.says)

    @property
    def plain(self) -> str:
        """The answer as text, to copy."""
        return plain(self.story.headline, self.story.says, self.story)

    def _headline(self, answer: dict[str, Any], expected: str, missing: str) -> tuple[str, list[Span]]:
        told = story(answer, self.where.page_of, expected, missing)
        return told.level, told.headline
