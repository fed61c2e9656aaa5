"""What reaches a queue, told for a page: each way with its conditions and its example. Pure; `dashboard.why.reach` makes what is told here."""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec

from dashboard.why.story.destinations import End, end
from dashboard.why.story.spans import JSON, Address, Span, spans

REASONS = {
    "expired": "their time ran out",
    "maxlen": "the queue was full",
    "delivery_limit": "they came back too often",
    "rejected": "a consumer rejected them",
}

Explained = Callable[[JSON, str], str]
"""(an example, the queue it should be in) to the address where its way is explained."""


class LegLine(msgspec.Struct, frozen=True):
    """One exchange on a way and what it asks for."""

    exchange: str
    address: str
    condition: list[Span]


class WayLine(msgspec.Struct, frozen=True):
    """One way. `sign` is certain, maybe or never; `key` and `headers` are those of its example, which is explained at `explained` ("" without one)."""

    sign: str
    legs: list[LegLine]
    exchange: str
    key: str
    headers: str
    explained: str
    why: list[Span]


class LetterLine(msgspec.Struct, frozen=True):
    """A queue whose dead letters come, and what they must be like then."""

    queue: str
    address: str
    says: str
    way: WayLine


class TaskEnd(msgspec.Struct, frozen=True):
    """A Celery task that ends in the queue."""

    task: str
    address: str
    certain: bool


class ReachedQueue(msgspec.Struct, frozen=True):
    """`end` is who takes from it; `more_…` are how many are not told."""

    queue: str
    says: list[Span]
    end: End
    ways: list[WayLine]
    more_ways: int
    letters: list[LetterLine]
    more_letters: int
    tasks: list[TaskEnd]
    more_tasks: int
    complete: bool


def reached_queue(told: JSON, address: Address, explained: Explained, most: int) -> ReachedQueue:
    """One queue of an answer, with at most so many of its ways and of its dead letters."""
    queue = told["queue"]
    ways = [_way(one, address, explained, queue) for one in told["ways"][:most]]
    letters = [_letter(one, address, explained) for one in told["dead_letters"][:most]]
    return ReachedQueue(
        queue=queue,
        says=spans(told["text"]),
        end=end(_as_after(told), address),
        ways=ways,
        more_ways=told["ways_left_out"] + len(told["ways"]) - len(ways),
        letters=letters,
        more_letters=told["dead_letters_left_out"] + len(told["dead_letters"]) - len(letters),
        tasks=[TaskEnd(one["task"], address("task", one["task"]), one["certain"]) for one in told["tasks"]],
        more_tasks=told["tasks_left_out"],
        complete=told["complete"],
    )


def level(answer: JSON) -> str:
    """How the whole is marked: queues that nobody consumes warn."""
    return "warning" if answer["waiting"] else "ok" if answer["certain"] else "unknown"


def _as_after(told: JSON) -> JSON:
    return {"queue": told["queue"], "consumers": told["consumers"], "workers": told["workers"]}


def _way(one: JSON, address: Address, explained: Explained, queue: str) -> WayLine:
    example = one["example"] or {}
    headers = example.get("headers")
    return WayLine(
        sign="never" if not example else "certain" if one["certain"] else "maybe",
        legs=[LegLine(leg["exchange"], address("exchange", leg["exchange"]), spans(leg["condition"])) for leg in one["legs"]],
        exchange=example.get("exchange", ""),
        key=example.get("routing_key", ""),
        headers=json.dumps(headers, ensure_ascii=False) if headers else "",
        explained=explained(example, queue) if example else "",
        why=spans(one["why"] or ""),
    )


def _letter(one: JSON, address: Address, explained: Explained) -> LetterLine:
    reasons = [REASONS.get(reason, reason) for reason in one["reasons"]]
    keys = "with the keys they had" if one["key"] is None else f"with the key “{one['key']}”" if one["key"] else "with an empty key"
    return LetterLine(one["queue"], address("reach", one["queue"]), f"when {', or '.join(reasons)}; {keys}", _way(one, address, explained, one["queue"]))
