"""Changes that would bring a message to a queue that it does not reach: nearest bindings written otherwise, or one more binding.

Pure. Each was tried: it is told only if the message then arrives. What else would arrive there is not computed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec

from brokers.routing.bindings import Bound, Question, compared_headers, x_match
from brokers.routing.changed import changed_router
from brokers.routing.changes import read_changes
from brokers.routing.judging import judge
from brokers.routing.refusals import Message, all_keys
from brokers.routing.route import Hop, Outcome, route
from brokers.routing.topic_alignment import alignment
from brokers.routing.topic_verdicts import MOST_ALIGNED
from brokers.routing.trie import words
from brokers.routing.values import Table, Value, comparable
from brokers.routing.virtual_host import VirtualHostRouter
from brokers.routing.words import key_name, names

MOST_TRIED = 6
MOST_SUGGESTED = 3
_PLAIN = frozenset({"longstr", "bool", "signedint", "long", "double"})
"""Types that JSON tells apart."""

JSON = dict[str, Any]


class Suggestion(msgspec.Struct, frozen=True):
    """`change` as a question's `what_if` takes it; `text` one sentence, names in backticks."""

    change: JSON
    text: str


def suggestions(router: VirtualHostRouter, message: Message, expected: str) -> list[Suggestion]:
    """At most three changes after which the message reaches the queue; none where it does already, or where none is near."""
    outcome = route(router, message)
    if outcome.refusal or expected not in router.queues or expected in outcome.queues:
        return []
    question = Question.of(all_keys(message), message.headers or {}, router.version)
    found: list[Suggestion] = []
    for change, what in islice(_candidates(router, outcome, question, expected), MOST_TRIED):
        after = route(changed_router(router, read_changes([(change, "what_if[0]")])), message)
        if expected in after.queues:
            found.append(Suggestion(change, _told(what, outcome, after, expected)))
        if len(found) == MOST_SUGGESTED:
            break
    return found


def _told(what: str, before: Outcome, after: Outcome, expected: str) -> str:
    lost = sorted(set(before.queues) - set(after.queues))
    also = " also" if set(before.queues) - set(lost) else ""
    return f"{what} would{also} reach `{expected}`" + (f", but no longer {names([f'`{name}`' for name in lost])}." if lost else ".")


def _candidates(router: VirtualHostRouter, outcome: Outcome, question: Question, expected: str) -> Iterator[tuple[JSON, str]]:
    """(change, its beginning of a sentence): bindings to the queue, then near ones to exchanges, then one more binding where the message enters."""
    hops = [hop for hop in outcome.hops if hop.exchange]
    for to_queue in (True, False):
        for hop in hops:
            for binding in _missed(router, hop, question, expected, to_queue):
                yield from _rewritten(router, hop, binding, question)
    for hop in hops[:1]:
        yield from _one_more(hop, question, expected)


def _missed(router: VirtualHostRouter, hop: Hop, question: Question, expected: str, to_queue: bool) -> list[Bound]:
    """Bindings of the exchange that do not match, the nearest first: those to the queue, or those to exchanges."""
    near = [binding for binding, verdict in judge(router, hop, question).told if verdict.near]
    if not to_queue:
        return [binding for binding in near if binding.destination_type == "exchange"]
    rest = [binding for number, binding in enumerate(router.exchanges[hop.exchange].bindings) if number not in hop.matched and binding.destination == expected]
    mine = [binding for binding in near if binding.destination == expected]
    return [binding for binding in [*mine, *(one for one in rest if one not in mine)] if binding.destination_type == "queue"][:MOST_TRIED]


def _rewritten(router: VirtualHostRouter, hop: Hop, binding: Bound, question: Question) -> Iterator[tuple[JSON, str]]:
    change = {
        "change": "replace_binding",
        "source": binding.source,
        "destination": binding.destination,
        "destination_type": binding.destination_type,
        "routing_key": binding.routing_key,
        "arguments": dict(binding.arguments),
    }
    if hop.type in ("direct", "topic"):
        key = question.keys[0] if hop.type == "direct" else generalised(binding.routing_key, question.keys[0])
        if key is not None:
            yield {**change, "with": {"routing_key": key}}, f"Binding {key_name(binding.routing_key)} written as {key_name(key)}"
    elif hop.type == "headers":
        arguments = _with_headers(binding, question.headers, router.version)
        if arguments is not None:
            yield {**change, "with": {"arguments": arguments}}, f"Binding `{_json(binding.arguments)}` written as `{_json(arguments)}`"


def generalised(pattern: str, key: str) -> str | None:
    """The narrowest topic pattern that takes the key and all that the pattern takes; None where they are too long to compare.

    >>> generalised("order.*.eu", "order.new.us"), generalised("order.eu", "order.new.eu")
    ('order.*.*', 'order.#.eu')
    """
    wanted, parts = words(pattern), words(key)
    if max(len(wanted), len(parts)) > MOST_ALIGNED:
        return None
    made: list[str] = []
    for edit in alignment(wanted, parts):
        word = "*" if edit.kind == "change" else edit.wanted if edit.kind == "keep" else "#"
        if word != "#" or made[-1:] != ["#"]:
            made.append(word)
    return ".".join(made)


def _with_headers(binding: Bound, headers: Table, version: tuple[int, ...]) -> JSON | None:
    """The binding's arguments with the headers as the message has them; None where types stand in the way or nothing would be left to compare."""
    wanted = compared_headers(binding.pattern)
    if any(value.type not in _PLAIN for value in wanted.values()) or not isinstance(binding.pattern.get("x-match", Value("longstr", "")).value, str):
        return None
    unmet = [name for name, value in wanted.items() if name not in headers or comparable(headers[name], version, True) != comparable(value, version, False)]
    if x_match(binding.pattern).startswith("any"):
        unmet = [name for name in unmet if name in headers][:1]
    given = {name: headers[name].value for name in unmet if name in headers and headers[name].type in _PLAIN}
    arguments = {name: given.get(name, value) for name, value in binding.arguments.items() if name not in unmet or name in given}
    return arguments if unmet and arguments.keys() & wanted.keys() else None


def _one_more(hop: Hop, question: Question, expected: str) -> Iterator[tuple[JSON, str]]:
    change = {"change": "add_binding", "source": hop.exchange, "destination": expected, "destination_type": "queue", "routing_key": ""}
    if hop.type in ("direct", "topic"):
        key = question.keys[0]
        yield {**change, "routing_key": key}, f"A binding from `{hop.exchange}` with {key_name(key) if not key else f'the key {key_name(key)}'}"
    elif hop.type == "fanout":
        yield change, f"A binding from `{hop.exchange}`"
    elif hop.type == "headers":
        given = {name: value.value for name, value in question.headers.items() if value.type in _PLAIN and not name.startswith("x-")}
        if given:
            yield {**change, "arguments": {"x-match": "all", **given}}, f"A binding from `{hop.exchange}` with `{_json({'x-match': 'all', **given})}`"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
