"""An explanation told from top to bottom for a page: prepared words, levels and marks. Pure; `dashboard.explanations` makes what is told here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from dashboard import formatting

JSON = Mapping[str, Any]
Address = Callable[[str, str], str]
"""(kind, name) to the page of a queue, an exchange or a worker node; "" where there is none."""

MOST_BINDINGS = 100
MOST_QUEUES = 50


class Span(msgspec.Struct, frozen=True):
    """A part of a sentence; `code` is a name or key in it."""

    text: str
    code: bool = False


class Word(msgspec.Struct, frozen=True):
    """A word of a topic pattern: `mark` is fits, misses or "" where that is not told word by word."""

    text: str
    mark: str = ""


class BindingLine(msgspec.Struct, frozen=True):
    """One binding and its verdict: `verdict` is matched, near or no."""

    verdict: str
    words: list[Word]
    arguments: str
    destination: str
    kind: str
    address: str
    why: list[Span]


class Stop(msgspec.Struct, frozen=True):
    """One exchange on the way."""

    heading: str
    says: str
    icon: str
    exchange: str
    address: str
    bindings: list[BindingLine]
    more: int
    others: list[tuple[str, int]]


class Node(msgspec.Struct, frozen=True):
    hostname: str
    address: str
    exact: bool


class End(msgspec.Struct, frozen=True):
    """A queue that is reached, and who takes from it."""

    queue: str
    address: str
    level: str
    word: str
    says: str
    nodes: list[Node]


class Risk(msgspec.Struct, frozen=True):
    level: str
    queue: str
    text: str


class Story(msgspec.Struct, frozen=True):
    """`headline` first; `certain` is a sentence. `risks` are what could still go wrong."""

    level: str
    headline: list[Span]
    says: list[Span]
    certain: bool
    stops: list[Stop]
    ends: list[End]
    ends_more: int
    risks: list[Risk]


class TaskLine(msgspec.Struct, frozen=True):
    """What one layer of Celery gave: `lost_to` is "" where it stands."""

    layer: str
    key: str
    value: str
    lost_to: str
    why: str


LAYERS = {
    "option": "the call",
    "task": "the task’s class",
    "router": "task_routes",
    "queue": "the queue",
    "default": "a default",
    "delayed": "native delayed delivery",
}
TYPES = {
    "direct": "A direct exchange takes a binding if its key is exactly the routing key.",
    "topic": "A topic exchange compares words between dots: * is exactly one word, # any number, also none.",
    "fanout": "A fanout exchange gives a copy to everything bound to it; the routing key is ignored.",
    "headers": "A headers exchange compares the message’s headers, value and type; the routing key is ignored.",
}


def spans(text: str) -> list[Span]:
    """A sentence with its `quoted` names apart.

    >>> [(span.text, span.code) for span in spans("is `us`, wanted `eu`")]
    [('is ', False), ('us', True), (', wanted ', False), ('eu', True)]
    """
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a name with such a sign in it
        return [Span(text)]
    return [Span(part or "(empty)" if at % 2 else part, bool(at % 2)) for at, part in enumerate(parts) if part or at % 2]


def pattern_words(kind: str, pattern: str, key: str, matched: bool) -> list[Word]:
    """The words of a topic pattern, marked where it and the key stand side by side; else the binding key as it is.

    >>> [(word.text, word.mark) for word in pattern_words("topic", "order.*.eu", "order.new.us", False)]
    [('order', 'fits'), ('*', 'fits'), ('eu', 'misses')]
    """
    if kind != "topic" or not pattern:
        return [Word(pattern, "fits" if matched and pattern else "")] if pattern else []
    wanted, found = pattern.split("."), key.split(".")
    if matched:
        return [Word(word, "fits") for word in wanted]
    if "#" in wanted or len(wanted) != len(found):
        return [Word(word) for word in wanted]
    return [Word(word, "fits" if word in ("*", other) else "misses") for word, other in zip(wanted, found, strict=True)]


def story(answer: JSON, address: Address, expected: str = "") -> Story:
    """The story of a message; `expected` is the queue that somebody waits for it in."""
    level, headline = _headline(answer, expected)
    queues = answer["after"][:MOST_QUEUES]
    return Story(
        level=level,
        headline=spans(headline),
        says=spans(answer["text"] if headline == answer["reason"] else f"{answer['reason']} {answer['text'].removeprefix(answer['reason'])}".strip()),
        certain=answer["certain"],
        stops=[_stop(step, address) for step in answer["steps"]],
        ends=[_end(one, address) for one in queues],
        ends_more=len(answer["after"]) - len(queues),
        risks=[risk for one in queues for risk in _risks(one)],
    )


def task_lines(answer: JSON) -> list[TaskLine]:
    return [
        TaskLine(LAYERS.get(step["layer"], step["layer"]), str(step["key"]), _shown(step["value"]), _layer(step["lost_to"]), step["why"])
        for step in answer["steps"]
    ]


def task_headline(answer: JSON, task: str) -> tuple[str, list[Span]]:
    """(level, sentence) on where Celery sends the task."""
    if answer["error"]:
        return "critical", [Span(task, True), Span(" is not sent: "), Span(answer["error"])]
    if answer["exchange"] is None:
        return "notice", [Span(task, True), Span(" is not sent: it runs in the process that calls it.")]
    broker = answer["broker"]
    reached = broker["queues"] if broker else []
    where = [Span(f"{'queue' if len(reached) == 1 else 'queues'} "), Span(formatting.listed(reached[:5]), True)] if reached else [Span("no queue")]
    if not reached:
        return "warning", [Span(task, True), Span(" reaches "), *where, Span(".")]
    idle = [one["queue"] for one in broker["after"] if one["consumers"] == 0]
    if idle:
        return "warning", [
            Span(task, True),
            Span(" goes to "),
            *where,
            Span(" and waits: nobody consumes "),
            Span(formatting.listed(idle[:5]), True),
            Span("."),
        ]
    return "ok" if answer["certain"] else "unknown", [Span(task, True), Span(" goes to "), *where, Span(".")]


def _layer(name: str | None) -> str:
    return LAYERS.get(name, name) if name else ""


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _headline(answer: JSON, expected: str) -> tuple[str, str]:
    """(level, sentence): first what somebody asked for, the queue they wait at."""
    if expected and answer["outcome"] != "refused" and expected not in answer["queues"]:
        return "warning", f"It does not reach `{expected}`: {_why_not(answer, expected)}."
    if answer["outcome"] == "refused":
        return "critical", answer["reason"]
    if answer["outcome"] == "unroutable":
        return "warning" if answer["certain"] else "unknown", answer["reason"]
    waits = [one["queue"] for one in answer["after"] if one["consumers"] == 0]
    if waits:
        count = len(answer["queues"])
        reached = f"`{answer['queues'][0]}`" if count == 1 else f"{count} queues"
        return "warning", f"It reaches {reached}, but nobody consumes {formatting.listed([f'`{name}`' for name in waits[:5]])}: there it waits."
    if expected:
        return "ok" if answer["certain"] else "unknown", f"It reaches `{expected}`."
    return "ok" if answer["certain"] else "unknown", answer["reason"]


def _why_not(answer: JSON, expected: str) -> str:
    bound = [one for step in answer["steps"] if step["via"] != "dead-letter" for one in step["bindings"] if one["destination"] == expected]
    bound = [one for one in bound if one["destination_type"] == "queue"]
    missed = sorted((one for one in bound if not one["matched"]), key=lambda one: not one["near"])
    if missed:
        more = f" (the nearest of {len(missed)} bindings)" if len(missed) > 1 else ""
        return f"{missed[0]['why']}{more}"
    return "no exchange on its way has a binding to that queue"


def _stop(step: JSON, address: Address) -> Stop:
    name, matched = step["exchange"] or "the default exchange", sum(one["matched"] for one in step["bindings"])
    near = sum(one["near"] and not one["matched"] for one in step["bindings"])
    key = f"the key {step['keys'][0]}" if step["keys"][0] else "an empty key"
    more = f" and {len(step['keys']) - 1} more (CC, BCC)" if len(step["keys"]) > 1 else ""
    headings = {
        "publish": (f"It enters at {name}, with {key}{more}", "arrow-down"),
        "binding": (f"A binding takes it on to {name}", "arrows-split"),
        "alternate": (f"Nothing matched before, so it goes to the alternate {name}", "git-merge"),
        "dead-letter": (f"If it dies in its queue, it goes to {name}, with {key}{more}", "skull"),
    }
    heading, icon = headings.get(step["via"], (name, "arrows-split"))
    others = [(other["why"], other["count"]) for other in step["others"]]
    total = len(step["bindings"]) + sum(count for _, count in others)
    counted = (
        f"{total:,} {'binding' if total == 1 else 'bindings'}: {matched or 'none'} {'matches' if matched == 1 else 'match'}" if total else "It has no bindings"
    )
    says = "The default exchange takes the routing key for a queue’s name." if not step["exchange"] else TYPES.get(step["type"], f"Its type is {step['type']}.")
    lines = [_binding(one, step, address) for one in step["bindings"][:MOST_BINDINGS]]
    return Stop(
        heading=heading,
        says=f"{says} {counted}{f', {near} nearly' if near else ''}.",
        icon=icon,
        exchange=step["exchange"],
        address=address("exchange", step["exchange"]),
        bindings=lines,
        more=len(step["bindings"]) - len(lines),
        others=others,
    )


def _binding(one: JSON, step: JSON, address: Address) -> BindingLine:
    verdict = "matched" if one["matched"] else "near" if one["near"] else "no"
    words = [] if step["type"] in ("headers", "fanout") else pattern_words(step["type"], one["routing_key"], step["keys"][0], one["matched"])
    arguments = ", ".join(f"{name}: {_shown_argument(value)}" for name, value in one["arguments"].items()) if step["type"] == "headers" else ""
    kind = one["destination_type"]
    return BindingLine(verdict, words, arguments, one["destination"], kind, address(kind, one["destination"]), spans(one["why"]))


def _shown_argument(value: Any) -> str:
    """A text keeps its quotes, so that it can be told from a number."""
    return json.dumps(value, ensure_ascii=False, default=str)


def _end(one: JSON, address: Address) -> End:
    nodes = [Node(each["hostname"], address("worker", each["hostname"]), each["exact"]) for each in one["workers"] or ()]
    count = one["consumers"]
    if count is None:
        level, word, says = "unknown", "unknown", "Who consumes it is not known."
    elif count == 0:
        level, word, says = "warning", "waits", "Nobody consumes it: the message stays until somebody does."
    else:
        which = "of Celery" if nodes else "none of them known as a Celery worker"
        level, word, says = "ok", "consumed", f"{count:,} {'consumer' if count == 1 else 'consumers'}, {which}."
    return End(one["queue"], address("queue", one["queue"]), level, word, says, nodes)


def _risks(one: JSON) -> list[Risk]:
    """What could still go wrong in a queue."""
    queue, found = one["queue"], []
    dead = one["dead_letter"]
    if one["ttl_ms"] is not None:
        nobody = one["consumers"] == 0
        found.append(Risk("warning" if nobody else "notice", queue, f"expires after {_ms(one['ttl_ms'])}{', and nobody consumes' if nobody else ''}."))
    if one["max_length"] is not None or one["max_length_bytes"] is not None:
        limits = [f"{one['max_length']:,} messages"] if one["max_length"] is not None else []
        limits += [formatting.data_size(one["max_length_bytes"])] if one["max_length_bytes"] is not None else []
        acts = {"reject-publish": "refuses new ones", "reject-publish-dlx": "refuses new ones and dead-letters them"}.get(one["overflow"], "drops the oldest")
        found.append(Risk("notice", queue, f"{acts} beyond {' or '.join(limits)}."))
    if one["delivery_limit"] is not None:
        found.append(Risk("notice", queue, f"gives a message up after it came back {one['delivery_limit']:,} times."))
    if dead and not dead["queues"]:
        found.append(
            Risk("warning", queue, f"names {dead['exchange'] or 'the default exchange'} for dead letters, which leads them to no queue: they are dropped.")
        )
    elif dead:
        found.append(Risk("notice", queue, f"sends dead letters to {formatting.listed(dead['queues'][:5])}."))
    if dead and dead["cycle"]:
        found.append(Risk("warning", queue, "gets its own dead letters back, and RabbitMQ drops them there."))
    if one["single_active_consumer"]:
        found.append(Risk("notice", queue, "gives messages to one consumer at a time (single active consumer)."))
    return found + [Risk("unknown", queue, doubt) for doubt in one["doubts"]]


def _ms(milliseconds: int) -> str:
    return f"{milliseconds:,} ms" if milliseconds < 10_000 else formatting.duration(milliseconds / 1000)
