"""The default queue type of a virtual host: reported, and given to queues declared without a type, as the real broker does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from amqp.exceptions import AMQPError
from kombu import Connection

from brokers.management.management_api import ManagementApi
from brokers.routing.default_types import declared_default
from tests.brokers.routing.test_live_refusals import ARGUMENTS
from tests.conftest import TestNode
from workers.destinations.declarations import DeclaredQueue, Predeclared, publish

SHAPES: dict[str, dict[str, bool]] = {"shared": {}, "transient": {"durable": False}, "exclusive": {"exclusive": True}, "auto-delete": {"auto_delete": True}}
CLASSIC, QUORUM = {"x-queue-type": "classic"}, {"x-queue-type": "quorum"}
ALONE: list[dict[str, Any]] = [{}, *({name: value} for name, value in ARGUMENTS.items() if name != "x-queue-leader-locator")]  # ignored by 3.10


@pytest.fixture(params=["none", "classic", "quorum"])
def default_vhost(rabbitmq: TestNode, request: pytest.FixtureRequest) -> Iterator[str]:
    """A virtual host with that default type. Each version takes it from definitions, from one of two places."""
    name = rabbitmq.new_vhost()
    rabbitmq.api("DELETE", f"vhosts/{name}")
    own = {} if request.param == "none" else {"default_queue_type": request.param}
    rabbitmq.api("POST", "definitions", {"vhosts": [{"name": name, "metadata": {"description": "", "tags": [], **own}, **own}]})
    rabbitmq.api("PUT", f"permissions/{name}/{rabbitmq.user}", {"configure": ".*", "write": ".*", "read": ".*"})
    yield name
    rabbitmq.api("DELETE", f"vhosts/{name}")


def reported_default(node: TestNode, vhost: str) -> str:
    (reported,) = [one.default_queue_type for one in ManagementApi(node.address()).vhosts() if one.name == vhost]
    return declared_default(reported, node.version)


def is_declared(connection: Connection, queue: DeclaredQueue) -> bool:
    properties = {"durable": queue.durable, "exclusive": queue.exclusive, "auto_delete": queue.auto_delete}
    try:
        with connection.channel() as channel:
            channel.queue_declare(queue.name, arguments=queue.arguments, **properties)
    except AMQPError:
        return False
    return True


def expected(queue: DeclaredQueue, default: str, existing: DeclaredQueue | None = None) -> tuple[bool, str]:
    """Whether it can be declared, and of which type it then is."""
    before = Predeclared(queues={} if existing is None else {existing.name: existing}, default_queue_type=default)
    after = publish(before, [queue], "", queue.name)
    return after.error is None, after.existing.queues[queue.name].arguments.get("x-queue-type", "classic")


def test_queues_without_a_type_get_it_and_are_refused_where_another_type_exists(rabbitmq: TestNode, default_vhost: str) -> None:
    default = reported_default(rabbitmq, default_vhost)
    with Connection(rabbitmq.amqp_url(default_vhost)) as connection:
        for shape, properties in SHAPES.items():
            queue = DeclaredQueue(shape, **properties)
            assert (is_declared(connection, queue), rabbitmq.api("GET", f"queues/{default_vhost}/{shape}")["type"]) == expected(queue, default)
        for kind in (CLASSIC, QUORUM):
            existing = DeclaredQueue(kind["x-queue-type"], arguments=kind)
            assert is_declared(connection, existing)
            for arguments in (own | alone for own in ({}, CLASSIC, QUORUM) for alone in ALONE):
                again = DeclaredQueue(existing.name, arguments=arguments)
                assert is_declared(connection, again) is expected(again, default, existing)[0], (existing, again)


@pytest.mark.parametrize("kind", [CLASSIC, QUORUM], ids=["classic", "quorum"])
def test_a_queue_is_declared_again_without_the_arguments_it_has_where_the_broker_allows_it(rabbitmq: TestNode, vhost: str, kind: dict[str, Any]) -> None:
    with Connection(rabbitmq.amqp_url(vhost)) as connection:
        for number, argument in enumerate(ALONE):
            existing, again = (DeclaredQueue(f"q{number}", arguments=kind | more) for more in (argument, {}))
            if is_declared(connection, existing):
                assert is_declared(connection, again) is expected(again, "", existing)[0], argument
