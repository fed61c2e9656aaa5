"""Definitions as people have them, from the command line: default queue types, lists of pairs, delayed and unknown exchanges, policies by type."""

from __future__ import annotations

import json
from typing import Any

import pytest

from brokers.routing.questions import answer_line
from tests.brokers.routing.corpus import CASES

DELAYED, PAIRS, DEFAULTS, BY_TYPE = "d04-4.2-delayed-missing-dlx", "d08-4.0-export-pairs-secrets", "d09-default-queue-type", "d11-policies-by-type"
LAZY, PLUGINS = "d03-4.1-lazy-stream-policy", "d15-dedup-sac-delayed-retry"


def answered(name: str, routing_key: str, exchange: str = "", **question: Any) -> dict[str, Any]:
    definitions = json.loads((CASES / "field" / f"{name}.json").read_text(encoding="utf-8"))
    found = answer_line(json.dumps({"definitions": definitions, "exchange": exchange, "routing_key": routing_key, **question}).encode())
    assert "error" not in found, found
    return found


def queue(answer: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(answer["after"][0][name] for name in names)


@pytest.mark.parametrize(
    ("definitions", "name", "policy", "operator_policy", "ttl_ms", "max_length"),
    [
        (LAZY, "feed-stream", "stream-retention", None, None, None),
        (LAZY, "old-stream", None, None, None, None),
        (LAZY, "collect-queue", None, None, 21600000, 2500),
        (PAIRS, "work", None, "capped", None, 5000),
        (BY_TYPE, "one.c", "ttl-classic", None, 10000, None),
        (BY_TYPE, "one.q", "ttl-quorum", None, 20000, None),
        (BY_TYPE, "one.s", "age-stream", None, None, None),
        (BY_TYPE, "mix.c", "ttl-classic", None, 10000, None),
        (BY_TYPE, "mix.q", "ttl-quorum", None, 20000, None),
        (BY_TYPE, "mix.s", "age-stream", None, None, None),
    ],
)
def test_a_policy_with_one_key_that_the_type_lacks_is_passed_over_as_a_whole(
    definitions: str, name: str, policy: str | None, operator_policy: str | None, ttl_ms: int | None, max_length: int | None
) -> None:
    answer = answered(definitions, name)
    assert queue(answer, "policy", "operator_policy", "ttl_ms", "max_length") == (policy, operator_policy, ttl_ms, max_length)
    assert answer["certain"]


def test_what_is_passed_over_is_named_with_its_keys() -> None:
    answer = answered(LAZY, "old-stream")
    assert queue(answer, "passed_over") == ([{"policy": "stream-retention", "operator": False, "keys": ["max-age", "stream-max-segment-size-bytes"]}],)
    assert "policy stream-retention does not apply: a classic queue does not support max-age or stream-max-segment-size-bytes" in answer["text"]
    assert "queue-mode has no effect since RabbitMQ 3.12" in answer["text"]


def test_a_delayed_exchange_routes_as_its_type_says_after_the_delay() -> None:
    question = (DELAYED, "feedback.syncReactions", "orch.x.delayed")
    answer = answered(*question)
    assert (answer["outcome"], answer["queues"], answer["certain"]) == ("routed", ["feedback.syncReactions"], True)
    assert "after the delay in its header x-delay, which is unknown here" in answer["reason"]
    assert "after 5 s (header x-delay)" in answered(*question, headers={"x-delay": 5000})["reason"]
    assert "at once, as it has no header x-delay" in answered(*question, headers={})["reason"]
    assert answered(DELAYED, "feedback.other", "orch.x.delayed")["outcome"] == "unroutable"


def test_a_missing_dead_letter_exchange_is_a_warning() -> None:
    answer = answered(DELAYED, "feedback.syncReactions", "orch.x.delayed")
    assert "its dead-letter exchange orch.x.dlx does not exist: its dead letters are discarded without an error" in queue(answer, "notes")[0]


@pytest.mark.parametrize("exchange", ["m.direct", ""])
def test_secrets_of_shovels_and_federation_are_in_no_answer(exchange: str) -> None:
    assert "SECRET" not in json.dumps(answered(PAIRS, "k" if exchange else "work", exchange, verdicts="all"))
    broken = {"definitions": {"parameters": [{"value": "amqp://fed:SECRET2@peer.example"}], "queues": [], "policies": 5}, "exchange": "", "routing_key": ""}
    assert "SECRET" not in json.dumps(answer_line(json.dumps(broken).encode()))


@pytest.mark.parametrize(
    ("vhost", "kind", "limit", "certain"),
    [("plain", "classic", None, True), ("kept", "quorum", 5, False), ("lost", "classic", None, True), ("bare", "classic", None, True)],
)
def test_a_queue_without_type_has_the_default_of_its_virtual_host(vhost: str, kind: str, limit: int | None, certain: bool) -> None:
    answer = answered(DEFAULTS, "jobs", vhost=vhost)
    assert (*queue(answer, "type", "delivery_limit"), answer["certain"]) == (kind, limit, certain)
    assert certain is not ("the default type of virtual host kept is quorum" in answer["text"])


def test_an_exchange_with_unknown_rules_answers_unknown_and_the_rest_is_explained() -> None:
    answer = answered(PLUGINS, "a", "once")
    assert (answer["outcome"], answer["queues"], answer["possible"], answer["certain"]) == ("unknown", [], ["index"], False)
    assert "once is of type x-message-deduplication, whose rules Hareline does not know" in answer["reason"]
    assert [binding["destination"] for binding in answer["steps"][0]["bindings"]] == ["index"]
    assert answered(PLUGINS, "sync", "delayed")["queues"] == ["sync"]
    assert not answered(PLUGINS, "sync", headers={"x-deduplication-header": "1"})["certain"]
