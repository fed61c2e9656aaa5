"""Which policy applies to a queue of which type: as RabbitMQ 3.10.8 and 4.0.5 answered for random topologies."""

from __future__ import annotations

import json
from operator import itemgetter
from typing import Any

from brokers.routing.questions import answer_line
from brokers.routing.virtual_host import VirtualHostRouter
from tests.brokers.routing.corpus import CASES
from tests.every_case import every_case

TOPOLOGIES: list[dict[str, Any]] = json.loads((CASES / "policies.json").read_text(encoding="utf-8"))


def exported(seen: dict[str, Any]) -> dict[str, Any]:
    return {**seen["definitions"], "operator_policies": seen["operator_policies"]}


@every_case("seen", TOPOLOGIES, itemgetter("id"))
def test_the_policy_of_each_queue_and_exchange_is_the_brokers(seen: dict[str, Any]) -> None:
    router = VirtualHostRouter.from_definitions(exported(seen), seen["broker_version"])
    expected = seen["expect"]
    for name, wanted in expected["queues"].items():
        found = router.queue_settings(name)
        assert (found.policy, found.operator_policy, found.merged) == (wanted["policy"], wanted["operator_policy"], wanted["effective"] or {}), name
    for name, policy in (expected["exchanges"] | expected["builtin_exchanges"]).items():
        assert router.exchange_policy(name).policy == policy, name


def test_explain_names_the_policies_and_is_certain() -> None:
    for seen in TOPOLOGIES[::10]:
        cases = [{"exchange": "", "routing_key": name} for name in seen["expect"]["queues"]]
        line = {"id": seen["id"], "definitions": exported(seen), "broker_version": seen["broker_version"], "cases": cases}
        for case, answer in zip(cases, answer_line(json.dumps(line).encode())["results"], strict=True):
            wanted, (found,) = seen["expect"]["queues"][case["routing_key"]], answer["after"]
            assert (found["policy"], found["operator_policy"]) == (wanted["policy"], wanted["operator_policy"])
            assert answer["certain"] is not bool(found["doubts"]), found
