"""The answer before and after changes, side by side: the outcome, and each queue with what happens to the message there. Pure."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from brokers.routing.answer import AfterQueue, Explanation
from dashboard.layout.spans import Address, Span
from dashboard.why.story.destinations import destination
from dashboard.why.story.risks import risks

MOST_QUEUES = 20


class QueueSummary(msgspec.Struct, frozen=True):
    """`differs`: reached on this side only; `text`: sentences on what happens to the message there."""

    queue: str
    address: str
    differs: bool
    level: str
    word: str
    text: list[str]


class AnswerSummary(msgspec.Struct, frozen=True):
    """`more` counts the queues that are not listed."""

    title: str
    level: str
    headline: list[Span]
    queues: list[QueueSummary]
    more: int


def answer_summary(title: str, level: str, headline: list[Span], broker: Explanation | None, own: Collection[str], address: Address) -> AnswerSummary:
    """One side; `broker`: the broker's answer, None if nothing is sent to it; `own`: the queues only on this side, listed first."""
    after = sorted(broker.after if broker else (), key=lambda one: one.queue not in own)
    return AnswerSummary(title, level, headline, [_queue(one, own, address) for one in after[:MOST_QUEUES]], max(0, len(after) - MOST_QUEUES))


def _queue(one: AfterQueue, own: Collection[str], address: Address) -> QueueSummary:
    shown = destination(one, address)
    sentences = [f"It {risk.text}" for risk in risks(one)]
    return QueueSummary(shown.queue, shown.address, shown.queue in own, shown.level, shown.word, [shown.text, *sentences])
