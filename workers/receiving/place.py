"""What one watch is for: a virtual host of a broker, and what is allowed there."""

from __future__ import annotations

import msgspec

from brokers import amqp_address
from brokers.addresses import BrokerAddress
from brokers.stats import Listener
from workers.amqp_connection import Target
from workers.celery_names import DEFAULT, CeleryNames
from workers.results.addresses import ResultsAddress


class Place(msgspec.Struct, frozen=True):
    """What is watched and what is allowed there."""

    address: BrokerAddress
    broker_id: int
    vhost: str
    installation: str
    receives_events: bool  # HARELINE_EVENTS names the broker
    inspects: bool  # HARELINE_INSPECT names it
    listeners: tuple[Listener, ...] = ()  # as the broker last reported them
    ca_file: str | None = None
    names: CeleryNames = DEFAULT
    nodes: int = 1  # of the broker, those that are down included
    results: ResultsAddress | None = None  # where HARELINE_RESULTS_<NAME> has the results of its tasks

    @property
    def queue(self) -> str:
        """The name of our own queue; in a cluster others may take its place (`workers.receiving.event_queues`)."""
        return f"hareline.{self.installation}.events"

    def targets(self) -> list[Target]:
        """Each node of the cluster, in the order of HARELINE_BROKERS; the one of HARELINE_BROKER_AMQP_<NAME> if that is set."""
        return [Target(one.url, self.vhost, self.ca_file, one.refusal) for one in amqp_address.addresses(self.address, self.listeners, self.vhost)]
