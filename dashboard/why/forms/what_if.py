"""The panel "What if" under an answer: changes that stand in the address, one more of them filled in, and what they would do. Nothing is changed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from brokers.routing.fields import InvalidQuestion
from brokers.routing.what_if import change_text
from brokers.routing.what_if.changes import MOST_CHANGES, POLICY_APPLIES_TO, read_changes
from brokers.routing.what_if.suggestions import Suggestion
from dashboard.layout import json_fields
from dashboard.why import route_changes
from dashboard.why.forms import what_if_fields
from dashboard.why.story.before_after import Side, side
from dashboard.why.story.spans import Address, Span, spans

JSON = dict[str, Any]
MOST_BINDINGS = 100


class Line(msgspec.Struct, frozen=True):
    """A change in words, and the page without it (or, of a suggestion, with it)."""

    words: list[Span]
    address: str


class Choice(msgspec.Struct, frozen=True):
    """A binding that can be changed; `value` names it, `key` and `arguments` are as they are now."""

    value: str
    label: str
    key: str
    arguments: str


class WhatIf:
    """`address` gives the page with another `what_if`. `changes` are those of the address with the one that was filled in, as the question takes them;
    one that does not fit is left out and told in `problems`."""

    def __init__(self, query: Mapping[str, str], address: Callable[[str], str]) -> None:
        self.address = address
        self.values = {name: query.get(name, "")[: what_if_fields.LONGEST] for name in what_if_fields.NAMES}
        self._starts = {"if_source": query.get("exchange", ""), "if_destination": query.get("expected", ""), "if_route": query.get("task", "")}
        self.problems: list[str] = []
        self.changes = self._from_address(query.get("what_if", ""))
        self.asked_for = query.get("change", "")
        self._read_form()
        self.text: list[Span] = []
        self.sides: list[Side] = []
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
        if not self.asked_for:
            return
        try:
            change = what_if_fields.change(self.asked_for, self.values)
        except json_fields.JsonProblem as error:
            self.problems.append(str(error))
        else:
            if len(self.changes) >= MOST_CHANGES:
                self.problems.append(f"At most {MOST_CHANGES} changes are compared at once; take one out first.")
            elif change not in self.changes:
                self.changes.append(change)

    @property
    def written(self) -> str:
        """The changes as they stand in the address, "" for none."""
        return _written(self.changes)

    def explained(self, explain: Callable[[JSON], JSON]) -> JSON:
        """The answer of `explain`, which takes fields of a question, under all changes that fit; with none of them under what the question is without."""
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

    def compare(self, answer: JSON, headline: Callable[[JSON], tuple[str, list[Span]]], page_of: Address) -> None:
        """Takes what the answer says of the changes, and the bindings that can be chosen, near misses first. `headline` is (level, sentence) of an answer."""
        broker, found = _broker(answer), answer.get("what_if")
        if found:
            after = found["answer"]
            self.text = spans(found["text"])
            self.sides = [
                side("Now", *headline(answer), broker, set(found["lost"]), page_of),
                side("After the changes", *headline(after), _broker(after), set(found["gained"]), page_of),
            ]
        bound = [one for step in (broker["steps"] if broker else ()) for one in step["bindings"] if one["source"]]
        self.choices = list(dict.fromkeys(_choice(one) for one in sorted(bound, key=lambda one: not one["near"])[:MOST_BINDINGS]))

    def suggest(self, found: Sequence[Suggestion]) -> None:
        """Takes changes that would help, each with the page that shows it."""
        self.suggestions = [Line(spans(one.text), self.address(_written([*self.changes, one.change]))) for one in found]

    @property
    def filled(self) -> dict[str, str]:
        """What was filled in, to be mended; what the question itself tells once that is among the changes."""
        return self.values if self.problems else self._starts

    @property
    def lines(self) -> list[Line]:
        """The changes in words, each with the page without it."""
        return [Line(spans(_said(change)), self.address(_written([other for other in self.changes if other is not change]))) for change in self.changes]

    @property
    def applies_to(self) -> list[tuple[str, str]]:
        """[(value, words)] of what a policy can apply to."""
        return [(value, "queues and exchanges" if value == "all" else value.replace("_", " ")) for value in POLICY_APPLIES_TO]

    @property
    def open(self) -> str:
        """The form that something was filled into in vain."""
        return what_if_fields.FORMS.get(self.asked_for, "") if self.problems else ""


def _broker(answer: JSON) -> JSON | None:
    """The broker's part of an answer about a task; that about a message is nothing else."""
    found: JSON | None = answer.get("broker", answer)
    return found


def _written(changes: list[JSON]) -> str:
    return json.dumps(changes, ensure_ascii=False, separators=(",", ":")) if changes else ""


def _said(change: JSON) -> str:
    if change.get("change") in route_changes.KINDS:
        return route_changes.said(change, "what_if")
    return change_text.change_text(read_changes([(change, "what_if")])[0][0])


def _choice(binding: JSON) -> Choice:
    named = {name: binding[name] for name in what_if_fields.BINDING}
    arguments = json.dumps(binding["arguments"], ensure_ascii=False) if binding["arguments"] else ""
    shown = f"{binding['routing_key'] or '(empty key)'} {arguments}".strip()
    label = f"{binding['source']} → {binding['destination']}: {shown}"
    return Choice(json.dumps(named, ensure_ascii=False), label, binding["routing_key"], arguments)
