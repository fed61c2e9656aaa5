"""Where a broker that the environment names is reached by AMQP, for what a person does there."""

from __future__ import annotations

import msgspec
from django.conf import settings

from brokers import amqp_address
from brokers.addresses import BrokerAddress
from brokers.models import Broker
from brokers.stats import Listener
from workers.amqp_connection import Target


def address(broker: str) -> BrokerAddress | None:
    """The broker's entry of HARELINE_BROKERS, None if it is not there (any more)."""
    return next((found for found in settings.BROKERS if found.name == broker), None)


def refusal(broker: Broker) -> str:
    """Why Hareline sends no credentials to the broker by AMQP, as a sentence; "" if it may."""
    found = targets(broker, "/")
    text = found[0].refusal if found else ""
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def targets(broker: Broker, vhost: str) -> list[Target]:
    """Each node of the cluster, in the order of HARELINE_BROKERS; the one of HARELINE_BROKER_AMQP_<NAME> if that is set."""
    found = address(broker.name)
    if found is None:
        return []
    listeners = msgspec.convert(broker.listeners, list[Listener])
    return [Target(one.url, vhost, settings.CA_FILE, one.refusal) for one in amqp_address.addresses(found, listeners, vhost)]
