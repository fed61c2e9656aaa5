"""The answer to a question about a message. `as_json` makes the JSON of docs/routing.md of it: the fields in their order here.

Pure. `explanation` builds it; the consumers and workers of queues are None there, and the dashboard fills them in.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from brokers.routing.policies import PassedOver
from brokers.routing.queue_outcome import DeadLetters

Answer = TypeVar("Answer")


def as_json(value: Any) -> Any:
    """A struct as an object of its fields, also inside of others; a moment in ISO 8601; what is in dicts, such as arguments, as it is. `not_in_json` of a
    struct names the fields that are left out.

    >>> as_json([Other("requires another key", 2)])
    [{'why': 'requires another key', 'count': 2}]
    """
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if not isinstance(value, msgspec.Struct):
        return value
    hidden = getattr(value, "not_in_json", ())
    names = zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True)
    return {shown: as_json(getattr(value, name)) for name, shown in names if name not in hidden}


class ListedBinding(msgspec.Struct, frozen=True):
    """A binding and its verdict. `near`: a single change would make it match; `why`: one sentence without its full stop."""

    source: str
    destination: str
    destination_type: str  # queue, exchange
    routing_key: str
    arguments: dict[str, Any]
    matched: bool
    near: bool
    why: str


class Other(msgspec.Struct, frozen=True):
    """Bindings that are not listed, by the reason why they don't match."""

    why: str
    count: int


class Alternate(msgspec.Struct, frozen=True, rename={"configured_by": "from"}):
    """An alternate exchange. `configured_by`: "argument", or "policy" and its name; `used`: nothing matched, so it took over."""

    exchange: str
    configured_by: str
    used: bool


class Brief(msgspec.Struct, frozen=True):
    """How a step with the verdicts on all bindings is without them: so many of its bindings are listed, and the others counted."""

    listed: int
    others: list[Other]


class Step(msgspec.Struct, frozen=True):
    """One exchange on the path, as `brokers.routing.route.Hop`. `bindings`: matches, then near misses, nearest first, then, if all were requested, the
    others; those not listed are counted in `others`. `delay`: when an exchange of type x-delayed-message routes it, as a phrase. `unknown`: its rules are
    not known. `brief` None: nothing more is listed than usual."""

    exchange: str
    type: str
    rules: str
    via: str  # publish, binding, alternate, dead-letter
    keys: list[str]
    alternate: Alternate | None
    delay: str | None
    unknown: bool
    perhaps: bool
    bindings: list[ListedBinding]
    others: list[Other]
    brief: Brief | None = None

    not_in_json = frozenset({"brief"})

    def shortened(self) -> Step:
        """The step without the verdicts on all bindings."""
        if self.brief is None:
            return self
        return msgspec.structs.replace(self, bindings=self.bindings[: self.brief.listed], others=self.brief.others, brief=None)


class ConsumingWorker(msgspec.Struct, frozen=True):
    """A worker node that consumes a queue. `id` None: it is not in the database; `exact` False: probably this one. Numbers are None if unknown, such as
    those of an offline worker; `free_slots` are the idle slots."""

    id: int | None
    hostname: str
    exact: bool
    concurrency: int | None = None
    free_slots: int | None = None
    prefetch: int | None = None


class AfterQueue(msgspec.Struct, frozen=True, rename={"uncertainties": "doubts"}):
    """What happens to the message in a queue that it reaches, as `brokers.routing.queue_outcome.QueueOutcome`. `consumers` and `workers` None: unknown;
    `uncertainties` are sentences on what is not certain, `notes` on what is, and may surprise."""

    queue: str
    ttl_ms: int | None = None
    max_length: int | None = None
    max_length_bytes: int | None = None
    overflow: str | None = None
    delivery_limit: int | None = None
    max_priority: int | None = None
    single_active_consumer: bool = False
    expires_ms: int | None = None
    type: str | None = None
    policy: str | None = None
    operator_policy: str | None = None
    passed_over: Sequence[PassedOver] = ()
    dead_letter: DeadLetters | None = None
    consumers: int | None = None
    workers: Sequence[ConsumingWorker] | None = None
    uncertainties: Sequence[str] = ()
    notes: Sequence[str] = ()


class Compared(msgspec.Struct, Generic[Answer], frozen=True):
    """The `answer` after changes; `gained` and `lost`: sorted names of queues; `text`: the differences in a few sentences."""

    answer: Answer
    gained: list[str]
    lost: list[str]
    text: str


class Explanation(msgspec.Struct, frozen=True):
    """Where a message goes and why. `outcome`: refused, unknown (an exchange whose rules are not known is on the path), routed or unroutable; `refused`: the
    name of the refusal; `reason`: one sentence. `possible`: with unknown rules, further queues that it may reach. `one_of`: the possible results if the
    broker picks one. `after` has an item for each of `queues`, limited to 5,000. `what_if`: only where the question has changes."""

    outcome: str
    refused: str | None
    reason: str
    queues: list[str]
    possible: list[str]
    one_of: list[list[str]] | None
    certain: bool
    steps: list[Step]
    after: list[AfterQueue]
    text: str
    what_if: Compared[Explanation] | None = None

    @property
    def not_in_json(self) -> frozenset[str]:
        return frozenset() if self.what_if else frozenset({"what_if"})

    @property
    def idle(self) -> list[str]:
        """The queues that it reaches and nobody consumes."""
        return [one.queue for one in self.after if one.consumers == 0]

    def shortened(self) -> Explanation:
        """The explanation without the verdicts on all bindings, as if they had not been requested."""
        return msgspec.structs.replace(self, steps=[step.shortened() for step in self.steps])
