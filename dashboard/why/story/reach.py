"""What reaches a queue, prepared for a page: each path with its conditions and an example. Pure; `dashboard.why.reach` builds the answer."""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec

from brokers.routing.answer import AfterQueue
from brokers.routing.reverse_routing.answer import DescribedDeadLetters, DescribedPath, Example
from dashboard.layout.spans import Address, Span, spans
from dashboard.why.reach import QueueAnswer, ReachAnswer
from dashboard.why.story.destinations import Destination, destination

REASONS = {
    "expired": "they expired",
    "maxlen": "the queue was full",
    "delivery_limit": "they exceeded the delivery limit",
    "rejected": "a consumer rejected them",
}

Explained = Callable[[Example, str], str]
"""(an example, the queue it should reach) to the address of its explanation."""


class LegLine(msgspec.Struct, frozen=True):
    """One exchange on a path and its condition."""

    exchange: str
    address: str
    condition: list[Span]


class PathLine(msgspec.Struct, frozen=True):
    """One path. `sign` is certain, maybe or never; `key` and `headers` are those of its example, which is explained at `explained` ("" without one)."""

    certainty: str
    legs: list[LegLine]
    exchange: str
    key: str
    headers: str
    explained: str
    why: list[Span]


class DeadLetterLine(msgspec.Struct, frozen=True):
    """A queue whose dead letters reach this one, with reasons and keys."""

    queue: str
    address: str
    text: str
    path: PathLine


class TaskLink(msgspec.Struct, frozen=True):
    """A Celery task that reaches the queue."""

    task: str
    address: str
    certain: bool


class ReachedQueue(msgspec.Struct, frozen=True):
    """`destination`: its consumers; `more_…`: how many are not listed."""

    queue: str
    text: list[Span]
    destination: Destination
    paths: list[PathLine]
    more_paths: int
    letters: list[DeadLetterLine]
    more_letters: int
    tasks: list[TaskLink]
    more_tasks: int
    complete: bool


def reached_queue(answer: QueueAnswer, address: Address, explained: Explained, most: int) -> ReachedQueue:
    """One queue of an answer, with at most `most` paths and dead-letter sources."""
    queue = answer.queue
    paths = [_path(one, address, explained, queue) for one in answer.ways[:most]]
    letters = [_letter(one, address, explained) for one in answer.dead_letters[:most]]
    return ReachedQueue(
        queue=queue,
        text=spans(answer.text),
        destination=destination(AfterQueue(answer.queue, consumers=answer.consumers, workers=answer.workers), address),
        paths=paths,
        more_paths=answer.ways_left_out + len(answer.ways) - len(paths),
        letters=letters,
        more_letters=answer.dead_letters_left_out + len(answer.dead_letters) - len(letters),
        tasks=[TaskLink(one.task, address("task", one.task), one.certain) for one in answer.tasks],
        more_tasks=answer.tasks_left_out,
        complete=answer.complete,
    )


def level(answer: ReachAnswer) -> str:
    """The level of the whole answer; "warning" if a queue has no consumer."""
    return "warning" if answer.waiting else "ok" if answer.certain else "unknown"


def _path(one: DescribedPath | DescribedDeadLetters, address: Address, explained: Explained, queue: str) -> PathLine:
    example = one.example
    headers = example.headers if example else None
    return PathLine(
        certainty="never" if not example else "certain" if one.certain else "maybe",
        legs=[LegLine(leg.exchange, address("exchange", leg.exchange), spans(leg.condition)) for leg in one.legs],
        exchange=example.exchange if example else "",
        key=example.routing_key if example else "",
        headers=json.dumps(headers, ensure_ascii=False) if headers else "",
        explained=explained(example, queue) if example else "",
        why=spans(one.why or ""),
    )


def _letter(one: DescribedDeadLetters, address: Address, explained: Explained) -> DeadLetterLine:
    reasons = [REASONS.get(reason, reason) for reason in one.reasons]
    keys = "with the keys they had" if one.key is None else f"with the key “{one.key}”" if one.key else "with an empty key"
    return DeadLetterLine(one.queue, address("reach", one.queue), f"when {', or '.join(reasons)}; {keys}", _path(one, address, explained, one.queue))
