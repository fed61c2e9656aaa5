"""What the question before looking at messages says, by the kind of queue and its limits."""

from __future__ import annotations

import doctest
from typing import Any

import pytest

from dashboard.queues import peek_text


class Facts:
    """A queue with what its row tells."""

    name, policy, operator_policy, auto_delete, durable = "mail", "", "", False, True

    def __init__(self, **told: Any) -> None:
        usual: dict[str, Any] = {"type": "classic", "arguments": {}, "effective_policy": {}, "consumers": 0, "exclusive": False, "ready": 0, "message_bytes": 0}
        self.__dict__.update(usual | told)


LIMITED = {"type": "quorum", "arguments": {"x-delivery-limit": 3}}


@pytest.mark.parametrize(
    ("told", "version", "words"),
    [
        ({"consumers": 2}, "3.10.8", "For that moment its 2 consumers may be given the messages behind them first."),
        ({"consumers": None}, "3.10.8", "For that moment consumers, if there are any, may be given"),
        ({"arguments": {"x-expires": 9}}, "3.10.8", "(expires) begins anew."),
        ({"effective_policy": {"max-length": 9}, "ready": 9}, "3.10.8", "the oldest messages are dropped when these come back."),
        ({"effective_policy": {"max-length": 9}, "ready": None}, "3.10.8", "the oldest messages are dropped when these come back."),
        ({"arguments": {"x-max-length-bytes": 100}, "message_bytes": 95}, "3.10.8", "the oldest messages are dropped when these come back."),
        ({"type": "quorum"}, "3.10.8", "A quorum queue counts it as a delivery; this one sets no limit to that."),
        (LIMITED, "3.10.8", "a message that came back 3 times already is at its limit (delivery-limit) and is dropped by this."),
        (LIMITED | {"effective_policy": {"dead-letter-exchange": "dlx"}}, "3.10.8", "and goes to its dead letters by this."),
        ({"type": "quorum"}, "4.0.5", "a message that came back 20 times already"),
    ],
)
def test_what_it_changes_is_said(told: dict[str, Any], version: str, words: str) -> None:
    assert any(words in each for each in peek_text.changes(Facts(**told), version))


def test_a_classic_queue_that_nobody_consumes_only_marks_them() -> None:
    assert len(peek_text.changes(Facts(), "3.10.8")) == 2
    assert len(peek_text.changes(Facts(arguments={"x-max-length": 9, "x-overflow": "reject-publish"}, ready=9), "3.10.8")) == 2
    assert len(peek_text.changes(Facts(arguments={"x-max-length": 100}, ready=76), "3.10.8")) == 2


def test_the_examples_hold() -> None:
    assert doctest.testmod(peek_text).failed == 0
