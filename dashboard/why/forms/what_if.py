"""The panel "What if" under an answer: the changes in the address, one more from a form, and their effect. Nothing is changed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from brokers.routing.answer import Explanation, ListedBinding
from brokers.routing.fields import InvalidQuestion
from brokers.routing.what_if import change_text
from brokers.routing.what_if.changes import MOST_CHANGES, POLICY_APPLIES_TO, QUEUE_ARGUMENTS, read_changes
from brokers.routing.what_if.suggestions import Suggestion
from dashboard.layout import json_fields
from dashboard.layout.spans import Address, Span, spans
from dashboard.why import route_changes
from dashboard.why.forms import what_if_fields
from dashboard.why.story.before_after import AnswerSummary, answer_summary
from dashboard.why.task_answer import TaskExplanation

JSON = dict[str, Any]
Answer = TypeVar("Answer", Explanation, TaskExplanation)
MOST_BINDINGS = 100


class Line(msgspec.Struct, frozen=True):
    """A change as text, and the page without it (for a suggestion: with it)."""

    text: list[Span]
    address: str


class Choice(msgspec.Struct, frozen=True):
    """A binding that can be changed; `value` names it, `key` and `arguments` are as they are now."""

    value: str
    label: str
    key: str
    arguments: str


class WhatIf:
    """`address` returns the page with another `what_if`. `changes`: those of the address and of the form, as a question takes them;
    one that can't be applied is left out and reported in `problems`."""

    def __init__(self, query: Mapping[str, str], address: Callable[[str], str]) -> None:
        self.address = address
        self.values = {name: query.get(name, "")[: what_if_fields.LONGEST] for name in what_if_fields.NAMES}
        exchange, expected = query.get("exchange", ""), query.get("expected", "")
        self._starts = {"if_source": exchange, "if_destination": expected, "if_route": query.get("task", ""), "if_exchange": exchange, "if_holder": expected}
        self.problems: list[str] = []
        self.changes = self._from_address(query.get("what_if", ""))
        self.requested_change = query.get("change", "")
        self._read_form()
        self.text: list[Span] = []
        self.before_and_after: list[AnswerSummary] = []
        self.suggestions: list[Line] = []
        self.choices: list[Choice] = []

    def _from_address(self, text: str) -> list[JSON]:
        try:
            found = json_fields.parse(text, list) if text.strip() else []
        except json_fields.JsonProblem as error:
            self.problems.append(f"The changes in the address can’t be read. {error}")
            return []
        kept = [one for one in found if isinstance(one, dict)][:MOST_CHANGES]
        if len(kept) < len(found):
            self.problems.append(f"The changes in the address must be at most {MOST_CHANGES} objects; the others are left out.")
        return kept

    def _read_form(self) -> None:
        if not self.requested_change:
            return
        try:
            change = what_if_fields.change(self.requested_change, self.values)
        except json_fields.JsonProblem as error:
            self.problems.append(str(error))
        else:
            if len(self.changes) >= MOST_CHANGES:
                self.problems.append(f"At most {MOST_CHANGES} changes are compared at once; remove one first.")
            elif change not in self.changes:
                self.changes.append(change)

    @property
    def written(self) -> str:
        """The changes as encoded in the address, "" for none."""
        return _written(self.changes)

    def explained(self, explain: Callable[[JSON], Answer]) -> Answer:
        """The answer of `explain`, which takes fields of a question, under all changes that can be applied."""
        while True:
            try:
                return explain({"what_if": self.changes} if self.changes else {})
            except InvalidQuestion as error:
                if not error.field.startswith("what_if"):
                    raise
                self._leave_out(error)

    def _leave_out(self, error: InvalidQuestion) -> None:
        number = re.match(r"what_if\[(\d+)\]\.?(.*)", error.field)
        self.problems.append(f"{number[2] if number and number[2] else 'This change'}: {error.why}.")
        del self.changes[int(number[1]) if number else -1]

    def compare(self, answer: Answer, headline: Callable[[Answer], tuple[str, list[Span]]], page_of: Address) -> None:
        """Takes the comparison from the answer, and the bindings that can be chosen, near misses first. `headline` is (level, sentence) of an answer."""
        broker = _broker(answer)
        if found := answer.what_if:
            after: Answer = found.answer
            self.text = spans(found.text)
            self.before_and_after = [
                answer_summary("Now", *headline(answer), broker, set(found.lost), page_of),
                answer_summary("After the changes", *headline(after), _broker(after), set(found.gained), page_of),
            ]
        bound = [one for step in (broker.steps if broker else ()) for one in step.bindings if one.source]
        self.choices = list(dict.fromkeys(_choice(one) for one in sorted(bound, key=lambda one: not one.near)[:MOST_BINDINGS]))

    def suggest(self, found: Sequence[Suggestion]) -> None:
        """Takes suggested changes, each with the page that compares it."""
        self.suggestions = [Line(spans(one.text), self.address(_written([*self.changes, one.change]))) for one in found]

    @property
    def filled(self) -> dict[str, str]:
        """The values of an invalid form, to be corrected; else initial values from the question."""
        return self.values if self.problems else self._starts

    @property
    def lines(self) -> list[Line]:
        """The changes as text, each with the page without it."""
        return [Line(spans(_change_text(change)), self.address(_written([other for other in self.changes if other is not change]))) for change in self.changes]

    @property
    def applies_to(self) -> list[tuple[str, str]]:
        """[(value, words)] of what a policy can apply to."""
        return [(value, "queues and exchanges" if value == "all" else value.replace("_", " ")) for value in POLICY_APPLIES_TO]

    @property
    def arguments(self) -> Sequence[str]:
        """The arguments of a queue that can be changed."""
        return QUEUE_ARGUMENTS

    @property
    def open(self) -> str:
        """The form that has errors, "" for none."""
        return what_if_fields.FORMS.get(self.requested_change, "") if self.problems else ""


def _broker(answer: Explanation | TaskExplanation) -> Explanation | None:
    """The broker's part of an answer; an answer about a message is that part."""
    return answer.broker if isinstance(answer, TaskExplanation) else answer


def _written(changes: list[JSON]) -> str:
    return json.dumps(changes, ensure_ascii=False, separators=(",", ":")) if changes else ""


def _change_text(change: JSON) -> str:
    if change.get("change") in route_changes.KINDS:
        return route_changes.route_change_text(change, "what_if")
    return change_text.change_text(read_changes([(change, "what_if")])[0][0])


def _choice(binding: ListedBinding) -> Choice:
    named = {name: getattr(binding, name) for name in what_if_fields.BINDING}
    arguments = json.dumps(binding.arguments, ensure_ascii=False) if binding.arguments else ""
    shown = f"{binding.routing_key or '(empty key)'} {arguments}".strip()
    label = f"{binding.source} → {binding.destination}: {shown}"
    return Choice(json.dumps(named, ensure_ascii=False), label, binding.routing_key, arguments)
