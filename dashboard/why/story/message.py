"""The story of a message: the outcome first, then its way, its ends and its risks. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from brokers.routing.verdicts.verdict import folded, one_character_apart
from dashboard.layout import formatting
from dashboard.why.drawing.layout import Drawing, drawn
from dashboard.why.drawing.path import way
from dashboard.why.story.destinations import End, end
from dashboard.why.story.hops import Stop, stop
from dashboard.why.story.risks import Risk, gathered, risks
from dashboard.why.story.spans import JSON, Address, Span, spans

MOST_QUEUES = 50


class Story(msgspec.Struct, frozen=True):
    """`headline` first. `risks` are what could still go wrong; `drawing` None where the message enters nowhere."""

    level: str
    headline: list[Span]
    says: list[Span]
    certain: bool
    stops: list[Stop]
    ends: list[End]
    ends_more: int
    risks: list[Risk]
    drawing: Drawing | None


def missing_queue(expected: str, queues: Sequence[str]) -> str:
    """What is wrong with the name of a queue that somebody waits at; "" if there is such a queue.

    >>> missing_queue("Orders.eu", ["orders.eu", "mail"])
    'there is no queue of that name; there is `orders.eu`'
    """
    if not expected or expected in queues:
        return ""
    likest = next((name for name in queues if folded(name) == folded(expected)), None)
    likest = likest or next((name for name in queues if one_character_apart(name, expected)), None)
    return f"there is no queue of that name{f'; there is `{likest}`' if likest else ''}"


def story(answer: JSON, address: Address, expected: str = "", missing: str = "", sender: str = "your message") -> Story:
    """The story of a message; `expected` is the queue that somebody waits for it in, `missing` says that there is none of that name. `sender` is what
    the drawing begins with."""
    level, headline = _headline(answer, expected, missing)
    queues = sorted(answer["after"], key=lambda one: one["consumers"] != 0)[:MOST_QUEUES]  # those that nobody consumes first
    taken, passed = way(answer, expected, sender), {step["exchange"] for step in answer["steps"]}
    return Story(
        level=level,
        headline=spans(headline),
        says=spans(_says(answer, headline)),
        certain=answer["certain"],
        stops=[stop(step, address, passed) for step in answer["steps"]],
        ends=[end(one, address) for one in queues],
        ends_more=len(answer["after"]) - len(queues),
        risks=gathered([risk for one in queues for risk in risks(one)]),
        drawing=drawn(taken) if taken else None,
    )


def _says(answer: JSON, headline: str) -> str:
    """The rest of the answer in sentences; nothing is said twice."""
    rest = answer["text"].removeprefix(answer["reason"]).strip()
    return rest if headline == answer["reason"] else f"{answer['reason']} {rest}".strip()


def _headline(answer: JSON, expected: str, missing: str) -> tuple[str, str]:
    """(level, sentence): first what somebody asked for, the queue they wait at."""
    if expected and answer["outcome"] != "refused" and expected not in answer["queues"]:
        return "warning", f"It does not reach `{expected}`: {missing or _why_not(answer, expected)}."
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
