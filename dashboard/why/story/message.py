"""The story of a message: the outcome first, then its path, its destinations and its risks. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from brokers.routing.answer import Explanation
from brokers.routing.verdicts.verdict import folded, one_character_apart
from dashboard.layout import formatting
from dashboard.layout.spans import Address, Span, spans
from dashboard.why.drawing.layout import Drawing, drawn
from dashboard.why.drawing.path import drawn_path
from dashboard.why.story.destinations import Destination, destination
from dashboard.why.story.hops import Hop, hop
from dashboard.why.story.map_path import Reached, map_steps
from dashboard.why.story.risks import Risk, grouped, risks

MOST_QUEUES = 50


class Story(msgspec.Struct, frozen=True):
    """`risks`: what could still go wrong; `drawing`: None if the message enters no exchange. `end` and `end_text`: where it ends if it surely reaches no
    queue, and what then becomes of it; with destinations `end_text` is what it may reach besides, or "". `is_unknown`: an exchange whose rules are not
    known is on the path. `steps`: the path as the map lights it up."""

    level: str
    headline: list[Span]
    text: list[Span]
    certain: bool
    hops: list[Hop]
    destinations: list[Destination]
    more_destinations: int
    risks: list[Risk]
    end: str
    end_text: str
    drawing: Drawing | None
    is_unknown: bool = False
    steps: list[list[Reached]] = []


def missing_queue(expected: str, queues: Sequence[str]) -> str:
    """The problem with the name of an expected queue; "" if the queue exists.

    >>> missing_queue("Orders.eu", ["orders.eu", "mail"])
    'there is no queue of that name; there is `orders.eu`'
    """
    if not expected or expected in queues:
        return ""
    likest = next((name for name in queues if folded(name) == folded(expected)), None)
    likest = likest or next((name for name in queues if one_character_apart(name, expected)), None)
    return f"there is no queue of that name{f'; there is `{likest}`' if likest else ''}"


def story(answer: Explanation, address: Address, expected: str = "", missing: str = "", sender: str = "your message") -> Story:
    """The story of a message; `expected`: the queue it should reach, `missing`: the problem with that name. `sender`: the first box of the
    drawing."""
    level, headline, text = opening(answer, expected, missing)
    queues = sorted(answer.after, key=lambda one: one.consumers != 0)[:MOST_QUEUES]  # those without consumers first
    taken, passed = drawn_path(answer, expected, sender), {step.exchange for step in answer.steps}
    return Story(
        level=level,
        headline=headline,
        text=text,
        certain=answer.certain,
        hops=[hop(step, address, passed) for step in answer.steps],
        destinations=[destination(one, address) for one in queues],
        more_destinations=len(answer.after) - len(queues),
        end=_end(answer),
        end_text=_end_text(answer),
        risks=grouped([risk for one in queues for risk in risks(one)]),
        drawing=drawn(taken) if taken else None,
        is_unknown=answer.outcome == "unknown",
        steps=map_steps(answer),
    )


def opening(answer: Explanation, expected: str, missing: str) -> tuple[str, list[Span], list[Span]]:
    """(level, headline, text) of the story."""
    level, headline = _headline(answer, expected, missing)
    return level, spans(headline), spans(_details(answer, headline))


def _end(answer: Explanation) -> str:
    return "Where it is delivered is unknown" if answer.outcome == "unknown" else "Delivered to no queue"


def _end_text(answer: Explanation) -> str:
    """What becomes of a message that surely reaches no queue; of one with unknown rules on its path, what it may reach."""
    if answer.outcome == "unknown":
        possible = formatting.listed(answer.possible[:MOST_QUEUES])
        return f"It may reach {possible}, or not." if possible else "Hareline does not know the rules of an exchange on its path."
    if answer.queues:
        return ""
    if answer.outcome == "refused":
        return "The broker refuses it and closes the producer’s channel."
    return "The broker drops it without an error. With the mandatory flag it is returned to its publisher."


def _details(answer: Explanation, headline: str) -> str:
    """The rest of the answer, without what is in the headline."""
    rest = answer.text.removeprefix(answer.reason).strip()
    return rest if headline == answer.reason else f"{answer.reason} {rest}".strip()


def _headline(answer: Explanation, expected: str, missing: str) -> tuple[str, str]:
    """(level, sentence); the expected queue takes precedence."""
    if expected and expected in answer.possible:
        return "unknown", f"Whether it reaches `{expected}` is unknown. {answer.reason}"
    if expected and answer.outcome != "refused" and expected not in answer.queues:
        return "warning", f"It does not reach `{expected}`: {missing or _why_not(answer, expected)}."
    if answer.outcome == "refused":
        return "critical", answer.reason
    if answer.outcome == "unknown":
        return "unknown", answer.reason
    if answer.outcome == "unroutable":
        return "warning" if answer.certain else "unknown", answer.reason
    if waits := answer.idle:
        count = len(answer.queues)
        reached = f"`{answer.queues[0]}`" if count == 1 else f"{count} queues"
        return "warning", f"It reaches {reached}, but nobody consumes {formatting.listed([f'`{name}`' for name in waits[:5]])}: it waits there."
    if expected:
        return "ok" if answer.certain else "unknown", f"It reaches `{expected}`."
    return "ok" if answer.certain else "unknown", answer.reason


def _why_not(answer: Explanation, expected: str) -> str:
    bound = [one for step in answer.steps if step.via != "dead-letter" for one in step.bindings if one.destination == expected]
    bound = [one for one in bound if one.destination_type == "queue"]
    missed = sorted((one for one in bound if not one.matched), key=lambda one: not one.near)
    if missed:
        more = f" (the closest of {len(missed)} bindings)" if len(missed) > 1 else ""
        return f"{missed[0].why}{more}"
    return "no exchange on its path has a binding to that queue"
