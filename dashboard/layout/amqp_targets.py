"""Where a broker that the environment names is reached by AMQP, for what a person does there."""

from __future__ import annotations

import msgspec
from django.conf import settings

from brokers.addresses import BrokerAddress
from brokers.models import Broker
from workers.amqp_connection import Target


def address(broker: str) -> BrokerAddress | None:
    """The broker's entry of HARELINE_BROKERS, None if it is not there (any more)."""
    return next((found for found in settings.BROKERS if found.name == broker), None)


def targets(broker: Broker, vhost: str) -> list[Target]:
    """Each node of the cluster, in the order of HARELINE_BROKERS; the one of HARELINE_BROKER_AMQP_<NAME> if that is set."""
    found = address(broker.name)
    if found is None:
        return []
    urls = [msgspec.structs.replace(found, urls=(url,)).amqp(broker.amqp_port, broker.amqp_tls, vhost) for url in found.urls]
    return [Target(url, vhost, settings.CA_FILE) for url in dict.fromkeys(urls)]
