"""What the worker nodes and the publisher of an experiment reported, counted. Pure.

Counts are of one round of measuring: a change of the plan begins another. Of messages the latest are known one by one.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from math import inf

import msgspec

from brokers.routing.questions import answer
from workers.lab.plan import Plan
from workers.lab.reports import PUBLISHER, Report, variant_of

MOST_MESSAGES = 2_000
SETTLED_SECONDS = 5.0
"""After which a copy that did not come counts as missing."""


class Followed(msgspec.Struct):
    """A message. `got`, `done`: how often by node; `rejected`: when; `waited`: seconds from publishing to the end of its work."""

    id: str
    variant: int
    sent_at: float | None = None
    got: Counter[str] = msgspec.field(default_factory=Counter)
    done: Counter[str] = msgspec.field(default_factory=Counter)
    rejected: list[float] = msgspec.field(default_factory=list)
    replies: int = 0
    done_at: float | None = None

    @property
    def waited(self) -> float | None:
        return None if self.sent_at is None or self.done_at is None else max(0.0, self.done_at - self.sent_at)


class Seen(msgspec.Struct):
    """A worker node as it reported. `address` is None until it is ready, and `problem` why it ended by itself until then. `most_held`: the most messages that
    it held at a time."""

    got: int = 0
    done: int = 0
    rejected: int = 0
    held: int = 0
    most_held: int = 0
    address: str | None = None
    problem: str = ""


class Tally:
    """Of one round. `expected`: the queues that each variant reaches, by the rules of RabbitMQ."""

    def __init__(self, plan: Plan, round_number: int = 1, before: Tally | None = None) -> None:
        """`before`: the round before; nodes whose plan is the same go on."""
        self.plan, self.round_number = plan, round_number
        self.nodes = {node.name: Seen() for node in plan.nodes}
        if before is not None:
            for node in set(before.plan.nodes) & set(plan.nodes):
                self.nodes[node.name].address = before.nodes[node.name].address
        self.messages: OrderedDict[str, Followed] = OrderedDict()
        self.sent = 0
        self.publisher_address: str | None = None
        self.publisher_left = False  # by itself
        self.problem = ""  # why the publisher can't publish
        self.expected = expected_queues(plan)

    def apply(self, report: Report) -> None:
        """Counts a report. Those of messages of an earlier round count for nothing."""
        if report.kind in ("ready", "left", "away", "failed"):
            return self._of_process(report)
        round_number, variant = variant_of(report.message)
        if round_number != self.round_number or variant >= len(self.expected):
            return None
        found = self._message(report.message, variant)
        if report.kind == "sent":
            self.sent, found.sent_at, self.problem = self.sent + 1, report.at, ""
        elif report.kind == "reply":
            found.replies += 1
        elif (seen := self.nodes.get(report.node)) is not None:
            self._of_node(report, seen, found)
        return None

    def _of_process(self, report: Report) -> None:
        if report.node == PUBLISHER:
            self.problem = "" if report.kind == "ready" else report.text
            self.publisher_address = report.text if report.kind == "ready" else None
            self.publisher_left = report.kind == "left"
        elif (seen := self.nodes.get(report.node)) is not None:
            is_ready = report.kind == "ready"
            seen.address = report.text if is_ready else None
            seen.problem = "" if is_ready else seen.problem or report.text  # the first: that it ended comes after why
            seen.held = 0

    def _of_node(self, report: Report, seen: Seen, found: Followed) -> None:
        if report.kind == "got":
            seen.got, seen.held = seen.got + 1, seen.held + 1
            seen.most_held = max(seen.most_held, seen.held)
            found.got[report.node] += 1
            return
        seen.held -= 1  # a process of the node may report this before the node reports what it got
        if report.kind == "done":
            seen.done += 1
            found.done[report.node] += 1
            found.done_at = report.at
        else:
            seen.rejected += 1
            found.rejected.append(report.at)

    def _message(self, key: str, variant: int) -> Followed:
        found = self.messages.get(key)
        if found is None:
            found = self.messages[key] = Followed(key, variant)
            while len(self.messages) > MOST_MESSAGES:
                self.messages.popitem(last=False)
        return found

    def copies(self, message: Followed) -> Counter[str]:
        """How often it was done, by queue."""
        queues = {node.name: node.queue for node in self.plan.nodes}
        found: Counter[str] = Counter()
        for name, count in message.done.items():
            found[queues[name]] += count
        return found

    def settled(self, now: float) -> list[Followed]:
        """The messages of which nothing more is expected: as many copies were done as there should be, or they are older than SETTLED_SECONDS and what is
        missing waits nowhere."""
        places = {node.name: node.queue for node in self.plan.nodes}
        idle = {places[name] for name, seen in self.nodes.items() if seen.address is not None and seen.held <= 0}
        passed = dict.fromkeys(places.values(), -inf)  # by queue, when the latest was sent that a node got: queues keep the order
        for one in self.messages.values():
            for name in one.got:
                passed[places[name]] = max(passed[places[name]], one.sent_at or -inf)

        def waits(one: Followed, sent_at: float, queue: str) -> bool:
            is_held = any(places[name] == queue for name in one.got)
            return queue not in idle and (is_held or sent_at + SETTLED_SECONDS > passed[queue])

        def is_settled(one: Followed, sent_at: float) -> bool:
            if one.done.total() >= len(self.expected[one.variant]):
                return not self.plan.publisher.reply_queue or one.replies > 0 or now - (one.done_at or sent_at) >= SETTLED_SECONDS
            missing = self.expected[one.variant] - self.copies(one).keys()
            return now - sent_at >= SETTLED_SECONDS and not any(waits(one, sent_at, queue) for queue in missing)

        return [one for one in self.messages.values() if one.sent_at is not None and is_settled(one, one.sent_at)]

    def outstanding(self) -> int:
        """How many messages were published and are not done as often as they should be, as far as they are known one by one."""
        return sum(one.sent_at is not None and one.done.total() < len(self.expected[one.variant]) for one in self.messages.values())

    @property
    def is_ready(self) -> bool:
        """Whether every worker node consumes."""
        return all(seen.address is not None for seen in self.nodes.values())


def expected_queues(plan: Plan) -> tuple[frozenset[str], ...]:
    """The queues that each variant reaches."""
    place = {"vhosts": [{"name": "/"}], **{kind: [{"vhost": "/", **one} for one in found] for kind, found in plan.definitions.items()}}
    return tuple(frozenset(_reached(place, plan, number)) for number in range(len(plan.publisher.variants)))


def _reached(place: Mapping[str, object], plan: Plan, number: int) -> Sequence[str]:
    variant = plan.publisher.variants[number]
    question = {"definitions": place, "exchange": plan.publisher.exchange, "routing_key": variant.routing_key, "headers": variant.headers}
    found: list[str] = answer(question)["queues"]
    return found
