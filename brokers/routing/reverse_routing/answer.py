"""What reaches a queue, as an answer. Pure; `reach_text` builds it, and `brokers.routing.answer.as_json` makes the JSON of docs/routing.md of it."""

from __future__ import annotations

from typing import Any

import msgspec


class LegBinding(msgspec.Struct, frozen=True):
    routing_key: str
    arguments: dict[str, Any]


class DescribedLeg(msgspec.Struct, frozen=True):
    """One exchange on a path, and the condition for messages there, as a phrase. Any of the `bindings` is enough."""

    exchange: str
    type: str
    leads: str  # binding, alternate, name
    to: str
    condition: str
    bindings: list[LegBinding]
    bindings_left_out: int


class Example(msgspec.Struct, frozen=True):
    """A message that takes the path. `headers` None: without any."""

    exchange: str
    routing_key: str
    headers: dict[str, Any] | None


class DescribedPath(msgspec.Struct, frozen=True):
    """A path from `exchange`. `example` None: no message takes it, or none was found; `why`: the reason of that, or why its arrival is not certain."""

    exchange: str
    legs: list[DescribedLeg]
    example: Example | None
    certain: bool
    why: str | None


class DescribedDeadLetters(msgspec.Struct, frozen=True):
    """A path of the dead letters of `queue`. `key` None: they keep their keys; the rest as in `DescribedPath`."""

    queue: str
    reasons: list[str]
    key: str | None
    legs: list[DescribedLeg]
    example: Example | None
    certain: bool
    why: str | None


class QueueReach(msgspec.Struct, frozen=True):
    """What reaches one queue. `complete` False: there are more paths than are listed; `text`: a few sentences."""

    queue: str
    ways: list[DescribedPath]
    ways_left_out: int
    dead_letters: list[DescribedDeadLetters]
    dead_letters_left_out: int
    complete: bool
    text: str
