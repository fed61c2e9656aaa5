"""What one watch is for: a virtual host of a broker, and what is allowed there."""

from __future__ import annotations

import msgspec

from brokers.addresses import BrokerAddress
from workers.amqp_connection import Target
from workers.celery_names import DEFAULT, CeleryNames


class Place(msgspec.Struct, frozen=True):
    """What is watched and what is allowed there."""

    address: BrokerAddress
    broker_id: int
    vhost: str
    installation: str
    receives_events: bool  # HARELINE_EVENTS names the broker
    inspects: bool  # HARELINE_INSPECT names it
    amqp_port: int | None = None
    amqp_tls: bool = False
    ca_file: str | None = None
    names: CeleryNames = DEFAULT
    variable: str = "HARELINE_CELERY_…"  # by which the names of this broker are set

    @property
    def queue(self) -> str:
        return f"hareline.{self.installation}.events"

    def targets(self) -> list[Target]:
        """Each node of the cluster, in the order of HARELINE_BROKERS; the one of HARELINE_BROKER_AMQP_<NAME> if that is set."""
        urls = [msgspec.structs.replace(self.address, urls=(url,)).amqp(self.amqp_port, self.amqp_tls, self.vhost) for url in self.address.urls]
        return [Target(url, self.vhost, self.ca_file) for url in dict.fromkeys(urls)]
