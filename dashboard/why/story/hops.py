"""The exchanges on a message’s path, each with its bindings and their verdicts. Pure."""

from __future__ import annotations

from collections.abc import Container, Sequence

import msgspec

from brokers.routing.answer import ListedBinding, Step
from dashboard.layout.spans import Address, Span, Word, pattern_words, spans, written

MOST_BINDINGS = 100
"""Bindings listed in one fold; the rest is counted."""

MOST_MATCHED = 8
MOST_NEAR = 12
TYPES = {
    "direct": "A direct exchange matches bindings whose key equals the routing key.",
    "topic": "A topic exchange compares words between dots: * is exactly one word, # is zero or more.",
    "fanout": "A fanout exchange sends a copy to everything bound to it; the routing key is ignored.",
    "headers": "A headers exchange compares message headers by value and type; the routing key is ignored.",
}


class BindingLine(msgspec.Struct, frozen=True):
    """One binding and its verdict: `verdict` is matched, near or no."""

    verdict: str
    words: list[Word]
    arguments: str
    destination: str
    kind: str
    address: str
    why: list[Span]


class Fold(msgspec.Struct, frozen=True):
    """Bindings in a collapsed section; `reasons` are (why, count), `more` counts those not listed."""

    label: str
    lines: list[BindingLine]
    reasons: list[tuple[str, int]]
    more: int


class Hop(msgspec.Struct, frozen=True):
    """One exchange on the path. `alternate` is a sentence, "" without an alternate exchange."""

    heading: str
    text: str
    icon: str
    exchange: str
    address: str
    bindings: list[BindingLine]
    folds: list[Fold]
    alternate: str


def hop(step: Step, address: Address, passed: Container[str]) -> Hop:
    """The hop for one step of an explanation; `passed`: the exchanges of all steps."""
    matched = [one for one in step.bindings if one.matched]
    near = [one for one in step.bindings if one.near and not one.matched]
    rest = [one for one in step.bindings if not one.matched and not one.near]
    others = [(other.why, other.count) for other in step.others]
    heading, icon = _heading(step)
    return Hop(
        heading=heading,
        text=_details(step, len(matched), len(near), len(rest) + sum(count for _, count in others)),
        icon=icon,
        exchange=step.exchange,
        address=address("exchange", step.exchange),
        bindings=[_binding(one, step, address) for one in (*matched[:MOST_MATCHED], *near[:MOST_NEAR])],
        folds=[
            *_fold(matched[MOST_MATCHED:], "match", step, address),
            *_fold(near[MOST_NEAR:], "are near misses", step, address),
            *_fold(rest, "are unknown" if step.unknown else "do not match", step, address),
            *_counted(others, "are unknown" if step.unknown else "do not match"),
        ],
        alternate=_alternate(step, passed),
    )


def _heading(step: Step) -> tuple[str, str]:
    """(words, icon)"""
    name, keys = step.exchange or "the default exchange", step.keys
    key = f"the key {keys[0]}" if keys[0] else "an empty key"
    more = f" and {len(keys) - 1} more (CC, BCC)" if len(keys) > 1 else ""
    headings = {
        "publish": (f"Published to {name} with {key}{more}", "arrow-down"),
        "binding": (f"A binding {'may route' if step.perhaps else 'routes'} it to {name}", "arrows-split"),
        "alternate": (f"Nothing matched, so it goes to the alternate exchange {name}", "git-merge"),
        "dead-letter": (f"If dead-lettered, it goes to {name} with {key}{more}", "skull"),
    }
    return headings.get(step.via, (name, "arrows-split"))


def _details(step: Step, matched: int, near: int, others: int) -> str:
    if step.unknown:
        return f"Its type is {step.type}, whose rules Hareline does not know: {matched + near + others:,} bindings, of which any may match."
    total = matched + near + others
    counted = f"{matched:,} of {total:,} {'binding' if total == 1 else 'bindings'} {'matches' if matched == 1 else 'match'}" if total else "It has no bindings"
    rule = TYPES.get(step.rules, f"Its type is {step.type}.")
    text = rule if step.exchange else "The default exchange routes to the queue named by the routing key."
    text += f" It routes {step.delay}." if step.delay else ""
    return f"{text} {counted}{f'; {near:,} near' + (' miss' if near == 1 else ' misses') if near else ''}."


def _alternate(step: Step, passed: Container[str]) -> str:
    """A sentence on the alternate exchange; "" without one."""
    alternate = step.alternate
    if not alternate:
        return ""
    named = f"Its alternate exchange {alternate.exchange}{_by_policy(alternate.configured_by)}"
    if not alternate.used:
        return f"{named} is not used, because a binding matched."
    return f"{named} takes it, because no binding matched." if alternate.exchange in passed else f"{named} does not take it: there is no such exchange."


def _by_policy(source: str) -> str:
    return f" (by {source})" if source != "argument" else ""


def _fold(found: Sequence[ListedBinding], words: str, step: Step, address: Address) -> list[Fold]:
    lines = [_binding(one, step, address) for one in found[:MOST_BINDINGS]]
    return [Fold(_more(len(found), words), lines, [], len(found) - len(lines))] if found else []


def _counted(others: list[tuple[str, int]], words: str) -> list[Fold]:
    return [Fold(_more(sum(count for _, count in others), words), [], others, 0)] if others else []


def _more(count: int, words: str) -> str:
    """
    >>> _more(1, "do not match"), _more(2000, "are near misses")
    ('1 more does not match', '2,000 more are near misses')
    """
    singular = {"match": "matches", "are near misses": "is a near miss", "do not match": "does not match", "are unknown": "is unknown"}
    return f"{count:,} more {singular[words] if count == 1 else words}"


def _binding(one: ListedBinding, step: Step, address: Address) -> BindingLine:
    verdict = "matched" if one.matched else "near" if one.near else "no"
    words = [] if step.rules in ("headers", "fanout") else pattern_words(step.rules, one.routing_key, step.keys[0], one.matched)
    arguments = ", ".join(f"{name}: {written(value)}" for name, value in one.arguments.items()) if step.rules == "headers" else ""
    kind = one.destination_type
    return BindingLine(verdict, words, arguments, one.destination, kind, address(kind, one.destination), spans(one.why))
