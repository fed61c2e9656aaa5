"""What an arrangement means: what fails together, what crosses the network, what competes for processors. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from dashboard.arrangements.arrangement import (
    ALL_APART,
    ALL_ON_ONE,
    BROKER_WITH_CONSUMER,
    PRODUCER_WITH_BROKER,
    PRODUCER_WITH_CONSUMER,
    SEVERAL,
    UNKNOWN,
    Word,
)


class Meaning(msgspec.Struct, frozen=True):
    """`name` is a title; the others are sentences, "" where nothing can be said."""

    name: str
    fails: str = ""
    network: str = ""
    processors: str = ""


MEANINGS: Mapping[Word, Meaning] = {
    ALL_ON_ONE: Meaning(
        "All on one machine",
        "Everything stops with that machine, and what is not stored on its disk is lost.",
        "Nothing crosses the network.",
        "Producers, broker and consumers compete for the same processors, memory and disk.",
    ),
    PRODUCER_WITH_BROKER: Meaning(
        "Producers with the broker",
        "Producers and broker stop together. If the consumers’ machine stops, messages wait in the queue.",
        "Deliveries and acknowledgements cross the network; publishing does not.",
        "Producers compete with the broker, so a burst of publishing slows down the deliveries too.",
    ),
    BROKER_WITH_CONSUMER: Meaning(
        "Broker with the consumers",
        "Broker and consumers stop together, and producers can’t publish then. If the producers’ machine stops, what waits is still processed.",
        "Publishing crosses the network; deliveries don’t.",
        "Consumers compete with the broker: busy tasks slow it down for everybody who uses it.",
    ),
    PRODUCER_WITH_CONSUMER: Meaning(
        "Producers with the consumers",
        "Producers and consumers stop together; the broker keeps what waits. If the broker’s machine stops, neither can work.",
        "Each message crosses the network twice: to the broker and back to the machine that it came from.",
        "Producers compete with consumers; the broker has its machine to itself.",
    ),
    ALL_APART: Meaning(
        "All apart",
        "Each stops alone: without consumers messages wait, without producers nothing new comes. Without the broker nobody can work.",
        "Publishing and deliveries cross the network.",
        "Nothing competes for a processor.",
    ),
    SEVERAL: Meaning("Several arrangements at once"),
    UNKNOWN: Meaning("Unknown"),
}
