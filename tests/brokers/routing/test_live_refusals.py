"""Which arguments, properties and policies a real broker refuses, by the type of the queue, and which policy it applies."""

from __future__ import annotations

import random
from typing import Any

import pytest
from amqp.exceptions import AMQPError

from brokers.routing.argument_values import value_refusals
from brokers.routing.queue_types import KNOWN_TYPES, argument_refusal, policy_refusal, property_refusal
from brokers.routing.versions import version_tuple
from brokers.routing.virtual_host import VirtualHostRouter
from tests.brokers.routing.publishing import connected
from tests.conftest import TestNode
from tests.waiting import wait_until

ARGUMENTS: dict[str, Any] = {
    "x-message-ttl": 60000,
    "x-expires": 600000,
    "x-max-length": 5,
    "x-max-length-bytes": 5000,
    "x-max-in-memory-length": 5,
    "x-max-in-memory-bytes": 5000,
    "x-max-priority": 3,
    "x-overflow": "drop-head",
    "x-dead-letter-exchange": "dlx",
    "x-dead-letter-strategy": "at-most-once",
    "x-delivery-limit": 3,
    "x-queue-mode": "lazy",
    "x-queue-version": 1,
    "x-queue-master-locator": "client-local",
    "x-queue-leader-locator": "client-local",
    "x-single-active-consumer": True,
    "x-quorum-initial-group-size": 1,
    "x-initial-cluster-size": 1,
    "x-max-age": "1D",
    "x-stream-max-segment-size-bytes": 1000000,
    "x-of-nobody": 1,
}
POLICY_VALUES: dict[str, Any] = {name.removeprefix("x-"): value for name, value in ARGUMENTS.items()} | {
    "dead-letter-routing-key": "k",
    "alternate-exchange": "alt",
    "ha-mode": "all",
    "ha-params": 2,
    "consumer-timeout": 60000,
    "target-group-size": 3,
    "stream-filter-size-bytes": 32,
}


def declared(node: TestNode, vhost: str, kind: str, durable: bool = True, exclusive: bool = False, **arguments: Any) -> bool:
    """Whether the broker declares such a queue; it is deleted again."""
    with connected(node, vhost) as connection:
        channel = connection.channel()
        try:
            channel.queue_declare("tried", durable=durable, exclusive=exclusive, auto_delete=False, arguments={"x-queue-type": kind, **arguments})
            channel.queue_delete("tried")
        except AMQPError:
            return False
    return True


@pytest.mark.parametrize("kind", KNOWN_TYPES)
def test_the_refused_arguments_are_those_that_the_broker_refuses(rabbitmq: TestNode, module_vhost: str, kind: str) -> None:
    version = version_tuple(rabbitmq.version)
    refused = {name for name, value in ARGUMENTS.items() if not declared(rabbitmq, module_vhost, kind, **{name: value})}
    assert refused == {name for name in ARGUMENTS if argument_refusal(name, kind, version)}
    for durable, exclusive in ((False, False), (True, True)):
        assert declared(rabbitmq, module_vhost, kind, durable, exclusive) is not bool(property_refusal(kind, durable, exclusive))


ODD_VALUES: tuple[tuple[str, Any], ...] = (
    *((name, value) for name in ("x-message-ttl", "x-expires", "x-max-length", "x-max-priority", "x-max-length-bytes") for value in ("5", -1, 0, True, 1.5)),
    *(("x-overflow", value) for value in ("drop-tail", 1, "reject-publish-dlx")),
    *(("x-queue-mode", value) for value in ("default", "eager")),
    *(("x-single-active-consumer", value) for value in ("true", 1, False)),
    *(("x-dead-letter-exchange", value) for value in (5, "")),
    ("x-dead-letter-routing-key", "k"),
    ("x-max-priority", 256),
)


def test_the_refused_values_are_those_that_the_broker_refuses(rabbitmq: TestNode, module_vhost: str) -> None:
    version = version_tuple(rabbitmq.version)
    found = {(name, str(value)): declared(rabbitmq, module_vhost, "classic", **{name: value}) for name, value in ODD_VALUES}
    assert found == {(name, str(value)): not value_refusals({name: value}, version) for name, value in ODD_VALUES}


def accepted(node: TestNode, path: str, definition: dict[str, Any], **fields: Any) -> bool:
    try:
        node.api("PUT", path, {"pattern": "^tried$", "definition": definition, **fields})
    except Exception as error:  # noqa: BLE001  the status is what is compared
        assert "400" in str(error), error
        return False
    node.api("DELETE", path)
    return True


def test_the_refused_keys_of_policies_are_those_that_the_broker_refuses(rabbitmq: TestNode, module_vhost: str) -> None:
    version = version_tuple(rabbitmq.version)
    for name, value in POLICY_VALUES.items():
        definition = {name: value} | ({"ha-mode": "exactly"} if name == "ha-params" else {})
        for operator, path in ((False, "policies"), (True, "operator-policies")):
            found = accepted(rabbitmq, f"{path}/{module_vhost}/p", definition)
            assert found is (policy_refusal("all", definition, operator, version) is None), (name, operator)
    for target in ("all", "queues", "exchanges", "classic_queues", "quorum_queues", "streams", "everything"):
        assert accepted(rabbitmq, f"policies/{module_vhost}/p", {"max-length": 5}, **{"apply-to": target}) is (
            policy_refusal(target, {"max-length": 5}, False, version) is None
        ), target


def test_random_policies_apply_to_the_queues_that_the_broker_applies_them_to(rabbitmq: TestNode, vhost: str) -> None:
    rng, version = random.Random(7), version_tuple(rabbitmq.version)
    with connected(rabbitmq, vhost) as connection:
        for kind in KNOWN_TYPES:
            connection.channel().queue_declare(f"q.{kind}", durable=True, auto_delete=False, arguments={"x-queue-type": kind})
    names = [name for name in POLICY_VALUES if not name.startswith("ha-") and policy_refusal("all", {name: POLICY_VALUES[name]}, False, version) is None]
    for number in range(12):
        definition = {name: POLICY_VALUES[name] for name in rng.sample(names, rng.randint(1, 3))}
        policy = {"pattern": rng.choice(["^q", "um$", "", "c"]), "apply-to": rng.choice(["all", "queues"]), "priority": number / 2}
        rabbitmq.api("PUT", f"policies/{vhost}/p{number}", {**policy, "definition": definition})
    router = VirtualHostRouter.from_definitions(rabbitmq.api("GET", f"definitions/{vhost}"), rabbitmq.version)
    predicted = {name: router.queue_settings(name).policy for name in router.queues}

    def applied() -> dict[str, str | None]:
        return {queue["name"]: queue.get("policy") or None for queue in rabbitmq.api("GET", f"queues/{vhost}?disable_stats=true&enable_queue_totals=true")}

    wait_until(lambda: applied() == predicted, seconds=30)
