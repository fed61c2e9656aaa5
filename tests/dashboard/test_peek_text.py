"""The confirmation before peeking at messages, by the kind of queue and its limits."""

from __future__ import annotations

import doctest
from typing import Any

import pytest

from dashboard.queues import peek_text


class Facts:
    """The fields of a stored queue."""

    name, policy, operator_policy, auto_delete, durable = "mail", "", "", False, True

    def __init__(self, **fields: Any) -> None:
        usual: dict[str, Any] = {"type": "classic", "arguments": {}, "effective_policy": {}, "consumers": 0, "exclusive": False, "ready": 0, "message_bytes": 0}
        self.__dict__.update(usual | fields)


LIMITED = {"type": "quorum", "arguments": {"x-delivery-limit": 3}}


@pytest.mark.parametrize(
    ("fields", "version", "text"),
    [
        ({"consumers": 2}, "3.10.8", "Meanwhile its 2 consumers may receive the messages behind them first."),
        ({"consumers": None}, "3.10.8", "Meanwhile consumers, if there are any, may receive"),
        ({"arguments": {"x-expires": 9}}, "3.10.8", "(expires) restarts."),
        ({"effective_policy": {"max-length": 9}, "ready": 9}, "3.10.8", "the oldest are dropped when these return."),
        ({"effective_policy": {"max-length": 9}, "ready": None}, "3.10.8", "the oldest are dropped when these return."),
        ({"arguments": {"x-max-length-bytes": 100}, "message_bytes": 95}, "3.10.8", "the oldest are dropped when these return."),
        ({"type": "quorum"}, "3.10.8", "A quorum queue counts this as a delivery; this queue has no delivery limit."),
        (LIMITED, "3.10.8", "a message already returned 3 times is at its limit (delivery-limit) and is dropped."),
        (LIMITED | {"effective_policy": {"dead-letter-exchange": "dlx"}}, "3.10.8", "and is dead-lettered."),
        ({"type": "quorum"}, "4.0.5", "a message already returned 20 times"),
    ],
)
def test_peeking_lists_what_it_changes(fields: dict[str, Any], version: str, text: str) -> None:
    assert any(text in each for each in peek_text.changes(Facts(**fields), version))


def test_a_classic_queue_without_consumers_only_flags_them() -> None:
    assert len(peek_text.changes(Facts(), "3.10.8")) == 2
    assert len(peek_text.changes(Facts(arguments={"x-max-length": 9, "x-overflow": "reject-publish"}, ready=9), "3.10.8")) == 2
    assert len(peek_text.changes(Facts(arguments={"x-max-length": 100}, ready=76), "3.10.8")) == 2


def test_the_examples_hold() -> None:
    assert doctest.testmod(peek_text).failed == 0
