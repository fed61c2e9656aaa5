"""The messaging pattern of a queue or an exchange: point-to-point or publish-subscribe, how many nodes share the work, and whether fairly. Pure.

RabbitMQ hands the messages of a queue to its consumers in turn, those of the highest priority first, and passes over who holds as many as its prefetch count
allows. While something always waits, the share of each is therefore by its speed, and equal only if nothing waits or the prefetch count has no limit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from dashboard.layout import formatting
from dashboard.layout.queues_and_nodes import MEANINGS, NONE, UNKNOWN
from dashboard.layout.wiring import Wiring

Model = Literal["point_to_point", "publish_subscribe", "nowhere"]
Sharing = Literal["none", "one", "single_active", "priority", "round_robin", "stream"]
Fairness = Literal["fair", "uneven", "unknown", ""]
MODEL_TEXTS: Mapping[Model, str] = {"point_to_point": "Point-to-point", "publish_subscribe": "Publish-subscribe", "nowhere": "No queue"}
TOLERANCE = 0.1
"""So much of all may a node take more or less than expected, beyond chance, before it is uneven."""
LEAST_TAKEN = 20
"""Of fewer messages nothing is said about shares."""


class NodeShare(msgspec.Struct, frozen=True):
    """A node that consumes a queue. `taken`: messages it took in the time that was measured; `slots` and `seconds` for a message; `unlimited`: its prefetch
    count has no limit; `priority` of its consumers. None: not known."""

    name: str
    consumers: int = 1
    taken: int | None = None
    slots: int | None = None
    seconds: float | None = None
    unlimited: bool = False
    priority: int = 0


class Share(msgspec.Struct, frozen=True):
    """Shares of all messages, from 0 to 1."""

    name: str
    measured: float
    expected: float


class QueuePattern(msgspec.Struct, frozen=True):
    """`copies`: other queues that may get copies, by exchange. `shares`: where they are measured. `text` are its sentences."""

    model: Model
    sharing: Sharing
    nodes: int
    consumers: int
    copies: Mapping[str, Sequence[str]] = {}
    fairness: Fairness = ""
    shares: Sequence[Share] = ()
    by_speed: bool = False
    relation: str = ""
    """Between queues and nodes, queues first, as `dashboard.layout.queues_and_nodes` has it: "1:M"; "" where it was not worked out."""
    partly: bool = False
    """Only some queues of the virtual host are visible to the person."""
    compared: bool = True
    """All bindings were compared for copies."""

    @property
    def name(self) -> str:
        return MODEL_TEXTS[self.model]

    @property
    def relation_text(self) -> str:
        """ "Queues to nodes 1:M: one queue that several nodes consume, …"; "" where it is not known."""
        among = " among the queues that you may view" if self.partly else ""
        return "" if self.relation in ("", NONE, UNKNOWN) else f"Queues to nodes {self.relation}{among}: {MEANINGS[self.relation]}."

    @property
    def text(self) -> str:
        return " ".join(part for part in (self._model_text, self._sharing_text, self._fairness_text) if part)

    @property
    def short(self) -> str:
        """In a few words, without those of which nothing is known, as in "M:1, round-robin among 3 nodes, fair".

        >>> QueuePattern("point_to_point", "round_robin", 3, 6, fairness="fair", relation="M:1").short
        'M:1, round-robin among 3 nodes, fair'
        """
        texts: Mapping[Sharing, str] = {
            "none": "",
            "one": "one consumer" if self.consumers == 1 else f"{self.consumers:,} consumers of one node",
            "single_active": f"one active of {self.consumers:,} consumers",
            "priority": f"by priority among {formatting.count(self.nodes, 'node')}",
            "round_robin": f"round-robin among {formatting.count(self.nodes, 'node')}",
            "stream": "each consumer reads all",
        }
        relation = "" if self.relation in (NONE, UNKNOWN) else self.relation
        fairness = "" if self.fairness == "unknown" else self.fairness
        return ", ".join(part for part in (relation, texts[self.sharing], fairness) if part)

    @property
    def _model_text(self) -> str:
        if self.sharing == "stream":
            return "Each consumer reads all of its messages."
        if not self.copies:
            if not self.compared:
                return "Whether other queues get copies of its messages was not compared: its exchanges have too many bindings."
            return f"No other queue{' that you may view' if self.partly else ''} gets a copy of its messages."
        exchange, queues = next(iter(self.copies.items()))
        return f"What reaches it by {exchange} may also reach {formatting.listed(list(queues))}: each queue gets a copy of its own."

    @property
    def _sharing_text(self) -> str:
        if self.sharing == "stream" or (self.sharing == "one" and self.consumers == 1):
            return "" if self.sharing == "stream" else "One consumer takes them all."
        texts: Mapping[Sharing, str] = {
            "none": "Nobody consumes it.",
            "one": f"{self.consumers:,} consumers of one node take them in turn.",
            "single_active": f"One of {formatting.count(self.consumers, 'consumer')} is active; another one takes over when it leaves.",
            "priority": f"{self.consumers:,} consumers compete, those with the highest priority first.",
            "round_robin": f"{self.consumers:,} consumers compete: messages go round among {self.nodes:,} nodes.",
        }
        return texts[self.sharing]

    @property
    def _fairness_text(self) -> str:
        if self.fairness in ("", "unknown"):
            return "" if not self.fairness else "How much each node takes is not known."
        basis = "by the speed of each" if self.by_speed else "in equal parts"
        if self.fairness == "fair":
            return f"They take about as much as expected {basis}."
        worst = max(self.shares, key=lambda one: abs(one.measured - one.expected))
        return f"Unevenly: {worst.name} takes {worst.measured:.0%}, where {basis} it would be {worst.expected:.0%}."


def queue_pattern(
    wired: Wiring | None, name: str, nodes: Sequence[NodeShare], *, stream: bool = False, single_active: bool = False, waiting: int | None = None
) -> QueuePattern:
    """The pattern of a queue. `wired`: None where bindings are not known or not to be looked at; `waiting`: its ready messages."""
    found, compared = wired.copies(name) if wired is not None else ({}, True)
    copies = {exchange: sorted(others) for exchange, others in sorted(found.items())}
    model: Model = "publish_subscribe" if copies or stream else "point_to_point"
    consumers = sum(node.consumers for node in nodes)
    sharing = _sharing(nodes, stream, single_active)
    if sharing != "round_robin":
        return QueuePattern(model, sharing, len(nodes), consumers, copies, compared=compared)
    expected, by_speed = expected_shares(nodes, waiting)
    shares = _shares(nodes, expected)
    return QueuePattern(model, sharing, len(nodes), consumers, copies, _fairness(nodes, shares), shares, by_speed, compared=compared)


def _sharing(nodes: Sequence[NodeShare], stream: bool, single_active: bool) -> Sharing:
    if not nodes or stream:
        return "stream" if stream else "none"
    if single_active and sum(node.consumers for node in nodes) > 1:
        return "single_active"
    if len(nodes) == 1:
        return "one"
    return "priority" if len({node.priority for node in nodes}) > 1 else "round_robin"


def expected_shares(nodes: Sequence[NodeShare], waiting: int | None) -> tuple[list[float], bool]:
    """(the share that each node would take, whether by its speed): by speed where messages wait and prefetch counts are limited, else in turn.

    >>> expected_shares([NodeShare("a", slots=4, seconds=1.0), NodeShare("b", slots=4, seconds=3.0)], 100)
    ([0.75, 0.25], True)
    >>> expected_shares([NodeShare("a", slots=4, seconds=1.0), NodeShare("b", slots=4, seconds=3.0)], 0)
    ([0.5, 0.5], False)
    """
    speeds = [node.slots / node.seconds if node.slots and node.seconds else 0.0 for node in nodes]
    by_speed = bool(waiting) and all(speeds) and not any(node.unlimited for node in nodes)
    weights = speeds if by_speed else [float(node.consumers) for node in nodes]
    return [weight / sum(weights) for weight in weights], by_speed


def _shares(nodes: Sequence[NodeShare], expected: Sequence[float]) -> list[Share]:
    taken = [node.taken for node in nodes if node.taken is not None]
    if len(taken) < len(nodes) or sum(taken) < LEAST_TAKEN:
        return []
    return [Share(node.name, (node.taken or 0) / sum(taken), part) for node, part in zip(nodes, expected, strict=True)]


def _fairness(nodes: Sequence[NodeShare], shares: Sequence[Share]) -> Fairness:
    if not shares:
        return "unknown"
    total = sum(node.taken or 0 for node in nodes)
    uneven = any(abs(one.measured - one.expected) > max(TOLERANCE, 2 * math.sqrt(one.expected * (1 - one.expected) / total)) for one in shares)
    return "uneven" if uneven else "fair"


class ExchangePattern(msgspec.Struct, frozen=True):
    """`together`: queues that one message may reach; `queues` that can be reached at all. `compared`: all bindings were compared. `partly`: only
    some queues of the virtual host are visible to the person."""

    model: Model
    queues: int
    together: Sequence[str] = ()
    compared: bool = True
    partly: bool = False

    @property
    def name(self) -> str:
        return MODEL_TEXTS[self.model]

    @property
    def text(self) -> str:
        if self.model == "nowhere":
            return "No binding leads from it to a queue."
        if self.model == "publish_subscribe":
            return f"A message may reach {formatting.listed(list(self.together))}: each queue gets a copy of its own."
        if not self.queues:
            return "Each message reaches the queue that its routing key names."
        if not self.compared:
            return f"It leads to {formatting.count(self.queues, 'queue')}; whether a message may reach several of them was not compared."
        named = "its one queue" if self.queues == 1 else f"one of {self.queues:,} queues"
        return f"Each message reaches {named} at most{', of those that you may view' if self.partly else ''}."


def exchange_pattern(wired: Wiring, name: str) -> ExchangePattern:
    """The pattern of an exchange by its bindings; of the default exchange, each message reaches the queue that its routing key names."""
    if not name:
        return ExchangePattern("point_to_point", 0)
    queues = wired.queues_behind(wired.leaving.get(name, ()))
    if not queues:
        return ExchangePattern("nowhere", 0)
    together, compared = wired.first_overlap(name)
    return ExchangePattern("publish_subscribe" if together else "point_to_point", len(queues), sorted(together), compared)
