"""Suggests changes that would route a message to a queue it does not reach: a near-miss binding changed, or a binding added.

Pure. Each is tested and suggested only if the message then arrives. Which other messages would match is not computed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec

from brokers.routing.bindings import Bound, Question, compared_headers, x_match
from brokers.routing.definitions import read_binding
from brokers.routing.patched import with_binding
from brokers.routing.refusals import Message, all_keys
from brokers.routing.route import Hop, Outcome, route
from brokers.routing.text import key_name, names
from brokers.routing.trie import words
from brokers.routing.values import Table, Value, comparable
from brokers.routing.verdicts.evaluate import exchange_verdicts
from brokers.routing.verdicts.topic_alignment import alignment
from brokers.routing.verdicts.topic_verdicts import MOST_ALIGNED
from brokers.routing.virtual_host import VirtualHostRouter

MOST_TRIED = 6
MOST_REWRITTEN = 2
_PLAIN = frozenset({"longstr", "bool", "signedint", "long", "double"})
"""Types that JSON distinguishes."""

JSON = dict[str, Any]


class Suggestion(msgspec.Struct, frozen=True):
    """`change`: an entry of a question's `what_if`; `text`: one sentence, names in backticks."""

    change: JSON
    text: str


class Candidate(msgspec.Struct, frozen=True):
    """`binding` replaces the one of that number, or is added (None). `what` begins the sentence."""

    change: JSON
    what: str
    binding: Bound
    number: int | None = None


def suggestions(router: VirtualHostRouter, message: Message, expected: str) -> list[Suggestion]:
    """At most three changes after which the message reaches the queue; none if it already does, or if no change is found."""
    outcome = route(router, message)
    if outcome.refusal or expected not in router.queues or expected in outcome.queues:
        return []
    question = Question.of(all_keys(message), message.headers or {}, router.version)
    rewritten = _arriving(router, message, outcome, islice(_rewritings(router, outcome, question, expected), MOST_TRIED), expected)
    added = _arriving(router, message, outcome, _added_binding(outcome.hops[0], question, expected), expected) if outcome.hops else ()
    return [*islice(rewritten, MOST_REWRITTEN), *added]


def _arriving(router: VirtualHostRouter, message: Message, before: Outcome, candidates: Iterable[Candidate], expected: str) -> Iterator[Suggestion]:
    """The candidates after which the message reaches the queue."""
    for tried in candidates:
        after = route(with_binding(router, tried.binding, tried.number), message)
        if expected in after.queues:
            yield Suggestion(tried.change, _suggestion_text(tried.what, before, after, expected))


def _suggestion_text(what: str, before: Outcome, after: Outcome, expected: str) -> str:
    lost = sorted(set(before.queues) - set(after.queues))
    also = " also" if set(before.queues) - set(lost) else ""
    return f"{what} would{also} deliver to `{expected}`" + (f", but no longer to {names([f'`{name}`' for name in lost])}." if lost else ".")


def _rewritings(router: VirtualHostRouter, outcome: Outcome, question: Question, expected: str) -> Iterator[Candidate]:
    """Bindings to the queue, then those to exchanges, the nearest first."""
    hops = [hop for hop in outcome.hops if hop.exchange]
    for to_queue in (True, False):
        for hop in hops:
            for number in _missed(router, hop, question, expected, to_queue):
                yield from _rewritten(router, hop, number, question)


def _missed(router: VirtualHostRouter, hop: Hop, question: Question, expected: str, to_queue: bool) -> list[int]:
    """Numbers of the exchange's bindings that do not match, the nearest first: those to the queue, or those to exchanges."""
    numbers = {id(binding): number for number, binding in enumerate(router.exchanges[hop.exchange].bindings)}
    near = [binding for binding, verdict in exchange_verdicts(router, hop, question).listed if verdict.near]
    bindings = router.exchanges[hop.exchange].bindings
    nearest = dict.fromkeys(numbers[id(binding)] for binding in near) | dict.fromkeys(set(range(len(bindings))) - hop.matched)
    if not to_queue:
        return [number for number in nearest if bindings[number].destination_type == "exchange"][:MOST_TRIED]
    return [number for number in nearest if (bindings[number].destination_type, bindings[number].destination) == ("queue", expected)][:MOST_TRIED]


def _rewritten(router: VirtualHostRouter, hop: Hop, number: int, question: Question) -> Iterator[Candidate]:
    binding = router.exchanges[hop.exchange].bindings[number]
    change = {
        "change": "replace_binding",
        "source": binding.source,
        "destination": binding.destination,
        "destination_type": binding.destination_type,
        "routing_key": binding.routing_key,
        "arguments": dict(binding.arguments),
    }
    if hop.rules in ("direct", "topic"):
        key = question.keys[0] if hop.rules == "direct" else generalized(binding.routing_key, question.keys[0])
        if key is not None:
            what = f"Changing binding {key_name(binding.routing_key)} to {key_name(key)}"
            yield Candidate({**change, "with": {"routing_key": key}}, what, msgspec.structs.replace(binding, routing_key=key), number)
    elif hop.rules == "headers":
        arguments = _with_headers(binding, question.headers, router.version)
        if arguments is not None:
            what = f"Changing binding `{_json(binding.arguments)}` to `{_json(arguments)}`"
            yield Candidate({**change, "with": {"arguments": arguments}}, what, read_binding({**change, "arguments": arguments}, "with"), number)


def generalized(pattern: str, key: str) -> str | None:
    """The narrowest topic pattern that matches the key and everything the pattern matches; None if they are too long to compare.

    >>> generalized("order.*.eu", "order.new.us"), generalized("order.eu", "order.new.eu")
    ('order.*.*', 'order.#.eu')
    """
    wanted, parts = words(pattern), words(key)
    if max(len(wanted), len(parts)) > MOST_ALIGNED:
        return None
    parts_of_pattern: list[str] = []
    for edit in alignment(wanted, parts):
        word = "*" if edit.kind == "change" else edit.wanted if edit.kind == "keep" else "#"
        if word != "#" or parts_of_pattern[-1:] != ["#"]:
            parts_of_pattern.append(word)
    return ".".join(parts_of_pattern)


def _with_headers(binding: Bound, headers: Table, version: tuple[int, ...]) -> JSON | None:
    """The binding's arguments with the message's header values; None if types can't be expressed or nothing would be left to compare."""
    wanted = compared_headers(binding.pattern)
    if any(value.type not in _PLAIN for value in wanted.values()) or not isinstance(binding.pattern.get("x-match", Value("longstr", "")).value, str):
        return None
    unmet = [name for name, value in wanted.items() if name not in headers or comparable(headers[name], version, True) != comparable(value, version, False)]
    if x_match(binding.pattern).startswith("any"):
        unmet = [name for name in unmet if name in headers][:1]
    given = {name: headers[name].value for name in unmet if name in headers and headers[name].type in _PLAIN}
    arguments = {name: given.get(name, value) for name, value in binding.arguments.items() if name not in unmet or name in given}
    return arguments if unmet and arguments.keys() & wanted.keys() else None


def _added_binding(hop: Hop, question: Question, expected: str) -> Iterator[Candidate]:
    """A binding from the exchange that the message is published to."""
    if not hop.exchange:
        return
    change: JSON = {"change": "add_binding", "source": hop.exchange, "destination": expected, "destination_type": "queue", "routing_key": ""}
    what = f"Adding a binding from `{hop.exchange}`"
    if hop.rules in ("direct", "topic"):
        key = question.keys[0]
        change, what = {**change, "routing_key": key}, f"{what} with {f'the key {key_name(key)}' if key else key_name(key)}"
    elif hop.rules == "headers":
        given = {name: value.value for name, value in question.headers.items() if value.type in _PLAIN and not name.startswith("x-")}
        if not given:
            return
        arguments = {"x-match": "all", **given}
        change, what = {**change, "arguments": arguments}, f"{what} with `{_json(arguments)}`"
    elif hop.rules != "fanout":
        return
    yield Candidate(change, what, read_binding(change, "what_if"))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
