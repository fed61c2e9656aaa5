"""`GET arrangements`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import Field

from brokers import queries
from dashboard.api.errors import ERRORS
from dashboard.api.parameters import OfBroker, check_broker, scope
from dashboard.arrangements.flows import Flow, Here
from dashboard.arrangements.loaded import Loaded, loaded
from dashboard.arrangements.meaning import MEANINGS

router = Router(tags=["map"])
Five = Literal["all_on_one", "producer_with_broker", "broker_with_consumer", "producer_with_consumer", "all_apart"]


class ArrangementMachine(Schema):
    name: str | None = Field(description="Its declared name, host name or address; null: not known")
    unknown: str | None = Field(description="Why it is not known")
    clients: int


class ArrangementPart(Schema):
    arrangement: Five
    producer: str
    consumer: str


class ArrangementFlow(Schema):
    broker: str
    vhost: str
    queues: list[str] = Field(description="Queues with the same machines")
    arrangement: Literal["all_on_one", "producer_with_broker", "broker_with_consumer", "producer_with_consumer", "all_apart", "several", "unknown"]
    unknown: list[str] = Field(description="Why it is not known")
    producers: list[ArrangementMachine]
    producers_possible: bool = Field(description="It is not known which of the producers publish to these queues")
    broker_machine: str | None
    consumers: list[ArrangementMachine]
    parts: list[ArrangementPart] = Field(description="The arrangement of each pair of a producer's and a consumer's machine, at most 1,000")
    fails_together: str | None
    crosses_network: str | None
    competes_for_cpu: str | None


class Arrangements(Schema):
    queues_left_out: int = Field(description="Of virtual hosts with more than 500 queues")
    vhosts_left_out: int = Field(description="Of brokers with more than 12 virtual hosts, unless one is chosen")
    flows: list[ArrangementFlow]


MOST_PARTS = 1000


@router.get("/arrangements", response={200: Arrangements, **ERRORS}, operation_id="arrangements")
def arrangements(request: HttpRequest, query: Query[OfBroker]) -> dict[str, Any]:
    """Which machines producers, broker and consumers of each flow share, and what that means."""
    check_broker(request, query.broker)
    visible = scope(request)
    brokers = [broker for broker in queries.brokers(visible) if query.broker in (None, broker.name)]
    places, left_out = loaded(visible, brokers, query.vhost, timezone.now())
    return {
        "queues_left_out": sum(place.more for place in places),
        "vhosts_left_out": left_out,
        "flows": [_flow(place, flow) for place in places for flow in place.flows],
    }


def _flow(place: Loaded, flow: Flow) -> ArrangementFlow:
    found, meaning = flow.arrangement, MEANINGS[flow.arrangement.word]
    parts = [ArrangementPart(arrangement=word, producer=one, consumer=other) for word, pairs in found.parts.items() for one, other in pairs]  # type: ignore[arg-type]
    return ArrangementFlow(
        broker=place.broker.name,
        vhost=place.vhost,
        queues=[name for _, name in flow.queues],
        arrangement=found.word,
        unknown=list(found.unknown),
        producers=_machines(flow.producers),
        producers_possible=flow.producers_possible,
        broker_machine=flow.broker.name or None,
        consumers=_machines(flow.consumers),
        parts=parts[:MOST_PARTS],
        fails_together=meaning.fails or None,
        crosses_network=meaning.network or None,
        competes_for_cpu=meaning.processors or None,
    )


def _machines(places: Sequence[Here]) -> list[ArrangementMachine]:
    return [ArrangementMachine(name=one.machine.name or None, unknown=one.machine.unknown or None, clients=one.clients) for one in places]
