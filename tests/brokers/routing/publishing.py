"""A topology on a real broker, messages, and what becomes of them: which queues they arrive in, which come back, which are refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import amqp
import msgspec

from tests.conftest import TestNode

REFUSALS = {403: "ACCESS_REFUSED", 404: "NOT_FOUND", 406: "PRECONDITION_FAILED"}


class Fate(msgspec.Struct):
    """What became of messages. `queues`: by message, those that hold it; `refused`: by message, the broker's word."""

    queues: dict[str, list[str]]
    returned: set[str]
    refused: dict[str, str]

    def of(self, message: str) -> tuple[str, list[str]]:
        """(refusal or outcome, sorted queues)."""
        if message in self.refused:
            return self.refused[message], []
        return ("unroutable" if message in self.returned else "routed"), sorted(self.queues.get(message, []))


def different(messages: Mapping[str, Any], answers: Mapping[str, Mapping[str, Any]], fate: Fate) -> dict[str, Any]:
    """Differences by message: question, prediction and what happened."""
    outcomes = {name: (answer["refused"] or answer["outcome"], answer["queues"]) for name, answer in answers.items()}
    return {name: (messages[name], outcomes[name], fate.of(name)) for name in messages if outcomes[name] != fate.of(name)}


def connected(node: TestNode, vhost: str) -> amqp.Connection:
    """A connection that confirms what is published; open within `with`."""
    url = urlsplit(node.amqp_url())
    return amqp.Connection(f"{url.hostname}:{url.port}", node.user, node.password, virtual_host=vhost, confirm_publish=True)


def declare(node: TestNode, vhost: str, connection: amqp.Connection, made: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Makes what `made` holds, in the form of RabbitMQ's definitions. Bindings go by AMQP: the management API takes no void in arguments."""
    kept = {"durable": True, "auto_delete": False, "internal": False, "arguments": {}}
    objects = {kind: [kept | dict(one) for one in made[kind]] for kind in ("exchanges", "queues")}
    node.api("POST", f"definitions/{vhost}", {**objects, "bindings": [], "policies": made.get("policies", [])})
    channel = connection.channel()
    for binding in made["bindings"]:
        bind = channel.queue_bind if binding["destination_type"] == "queue" else channel.exchange_bind
        bind(binding["destination"], binding["source"], binding["routing_key"], arguments=binding["arguments"])
    channel.close()


def publish(connection: amqp.Connection, messages: Mapping[str, Mapping[str, Any]], queues: Sequence[str]) -> Fate:
    """Publishes each {exchange, routing_key, headers} with mandatory and a confirm, then empties the queues. Fails where a queue got one twice."""
    fate = Fate({}, set(), {})
    channel = _channel(connection, fate)
    for name, one in messages.items():
        message = amqp.Message(b"", message_id=name, application_headers=dict(one["headers"]))
        try:
            channel.basic_publish(message, one["exchange"], one["routing_key"], mandatory=True)
        except amqp.ChannelError as error:  # a refusal closes the channel
            fate.refused[name] = REFUSALS[error.reply_code]
            channel = _channel(connection, fate)
    for queue in queues:
        while (got := channel.basic_get(queue, no_ack=True)) is not None:
            holders = fate.queues.setdefault(got.properties["message_id"], [])
            assert queue not in holders
            holders.append(queue)
    return fate


def _channel(connection: amqp.Connection, fate: Fate) -> amqp.Channel:
    channel = connection.channel()
    channel.events["basic_return"].add(lambda error, exchange, key, sent: fate.returned.add(sent.properties["message_id"]))
    return channel
