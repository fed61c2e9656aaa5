"""Properties of queues and policies that change rarely: limits, dead-lettering, and what newer versions of the broker treat otherwise."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
from django.db.models import Count, Q, TextField
from django.db.models.functions import Cast

from brokers.models import Binding, Broker, Channel, Consumer, Exchange, Policy, Queue

MOST_QUEUES, MOST_BINDINGS, MOST_NAMED = 10_000, 20_000, 5


class StandingQueue(msgspec.Struct, frozen=True):
    """A queue with a limit, a dead-letter exchange or a consumer timeout of its own; `settings` are what is in force, by name without x-, one object of queues
    whose settings are equal."""

    pk: int
    vhost: str
    name: str
    settings: dict[str, Any]


def standing_queues(broker: Broker) -> list[StandingQueue]:
    """The queues with a length limit, a dead-letter exchange or a consumer timeout, by argument or policy; at most MOST_QUEUES."""
    texts = Queue.objects.filter(broker_id=broker.pk, gone_at=None).annotate(
        arguments_text=Cast("arguments", TextField()), policy_text=Cast("effective_policy", TextField())
    )
    named = Q()
    for field in ("arguments_text", "policy_text"):
        for setting in ("max-length", "dead-letter-exchange", "consumer-timeout"):
            named |= Q(**{f"{field}__contains": setting})
    found, read, merged = [], _Once(), dict[tuple[str, str], dict[str, Any]]()
    for pk, vhost, name, arguments, policy in (
        texts.filter(named).order_by("pk").values_list("pk", "vhost", "name", "arguments_text", "policy_text")[:MOST_QUEUES]
    ):
        settings = merged.get((arguments, policy))
        if settings is None:
            own = {key.removeprefix("x-"): value for key, value in read(arguments).items()}
            settings = merged[arguments, policy] = {**read(policy), **own}
        found.append(StandingQueue(pk, vhost, name, settings))
    return found


class _Once:
    """Reads JSON texts, each only once: most queues have the same."""

    def __init__(self) -> None:
        self._read: dict[str, dict[str, Any]] = {}

    def __call__(self, text: str) -> dict[str, Any]:
        if text not in self._read:
            self._read[text] = msgspec.json.decode(text) or {}
        return self._read[text]


def exchange_types(broker: Broker) -> dict[tuple[str, str], str]:
    """{(virtual host, exchange): its type}."""
    rows = Exchange.objects.filter(broker_id=broker.pk, gone_at=None).order_by().values_list("vhost", "name", "type")
    return {(vhost, name): kind for vhost, name, kind in rows}


def bindings_from(broker: Broker, exchanges: Collection[str]) -> list[tuple[str, str, str, str, str]]:
    """[(virtual host, source, destination type, destination, key)] of exchanges of these names; at most MOST_BINDINGS."""
    rows = Binding.objects.filter(broker_id=broker.pk, gone_at=None, source__in=list(exchanges)).order_by("pk")
    return list(rows.values_list("vhost", "source", "destination_type", "destination", "routing_key")[:MOST_BINDINGS])


def queue_keys(broker: Broker, names: Collection[str]) -> dict[tuple[str, str], int]:
    """{(virtual host, queue): primary key} of queues of these names."""
    rows = Queue.objects.filter(broker_id=broker.pk, gone_at=None, name__in=list(names)).order_by()
    return {(vhost, name): pk for vhost, name, pk in rows.values_list("vhost", "name", "pk")}


def queues_by_keys(broker: Broker, keys: Collection[int]) -> dict[int, Queue]:
    return Queue.objects.filter(broker_id=broker.pk, gone_at=None).in_bulk(list(keys)) if keys else {}


def transient_queues(broker: Broker) -> dict[str, tuple[int, list[str]]]:
    """{virtual host: (how many queues are neither durable nor exclusive, the names of some)}; those of Hareline are its own business."""
    rows = Queue.objects.filter(Q(exclusive=False) | Q(exclusive=None), broker_id=broker.pk, gone_at=None, durable=False).exclude(type__in=("quorum", "stream"))
    rows = rows.exclude(name__startswith="hareline.")
    counts = rows.order_by("vhost").values_list("vhost").annotate(many=Count("pk"))
    return {vhost: (many, list(rows.filter(vhost=vhost).order_by("name").values_list("name", flat=True)[:MOST_NAMED])) for vhost, many in counts}


def mirrored_policies(broker: Broker) -> dict[str, list[str]]:
    """{virtual host: the names of policies that mirror classic queues}."""
    found: dict[str, list[str]] = {}
    for vhost, name, definition in Policy.objects.filter(broker_id=broker.pk).order_by("vhost", "name").values_list("vhost", "name", "definition"):
        if any(str(key).startswith("ha-") for key in definition or ()):
            found.setdefault(vhost, []).append(name)
    return found


def global_prefetches(broker: Broker) -> dict[str, int]:
    """{virtual host: how many channels with consumers have a prefetch count that all of these share}."""
    rows = Channel.objects.filter(broker_id=broker.pk, global_prefetch__gt=0, consumers__gt=0).order_by("vhost")
    return dict(rows.values_list("vhost").annotate(many=Count("pk")))


def quorum_queues(broker: Broker, names: Collection[tuple[str, str]]) -> list[Queue]:
    """Those of these queues that are quorum queues, with their broker."""
    wanted = sorted({name for _, name in names})
    found = []
    for start in range(0, len(wanted), 500):
        rows = Queue.objects.filter(broker_id=broker.pk, gone_at=None, type="quorum", name__in=wanted[start : start + 500])
        found += [queue for queue in rows.order_by("pk") if (queue.vhost, queue.name) in names]
    for queue in found:
        queue.broker = broker
    return found


def consumer_limits(broker: Broker, queues: Collection[Queue]) -> dict[tuple[str, str], int]:
    """{(virtual host, queue): how many messages its consumers may hold unacknowledged, all together}; without queues of which one may hold any number."""
    names = {(queue.vhost, queue.name) for queue in queues}
    rows = Consumer.objects.filter(broker_id=broker.pk, queue__in=sorted({name for _, name in names})).order_by()
    found: dict[tuple[str, str], list[int]] = {}
    for vhost, name, prefetch in rows.values_list("vhost", "queue", "prefetch"):
        found.setdefault((vhost, name), []).append(prefetch or 0)
    return {name: sum(each) for name, each in found.items() if name in names and all(each)}


def control_queues_beside(broker: Broker, names: Collection[tuple[str, str]]) -> dict[tuple[str, str], set[str]]:
    """{(virtual host, queue): control queues of worker nodes that are consumed over the connections of its consumers}."""
    queues = sorted({name for _, name in names})
    rows = (
        Consumer.objects.filter(broker_id=broker.pk, queue__in=queues).exclude(connection_name="").order_by().values_list("vhost", "queue", "connection_name")
    )
    mine = [(vhost, queue, link) for vhost, queue, link in rows if (vhost, queue) in names]
    links = sorted({link for _, _, link in mine})
    control: dict[tuple[str, str], str] = {}
    for start in range(0, len(links), 500):
        own = Consumer.objects.filter(broker_id=broker.pk, connection_name__in=links[start : start + 500], queue__endswith=".pidbox").order_by("pk")
        control.update({(vhost, link): queue for vhost, link, queue in own.values_list("vhost", "connection_name", "queue")})
    found: dict[tuple[str, str], set[str]] = {}
    for vhost, queue, link in mine:
        if (vhost, link) in control:
            found.setdefault((vhost, queue), set()).add(control[vhost, link])
    return found


def exchanges_with_rates(broker: Broker) -> list[Exchange]:
    """Those that take messages and pass them on, as far as both is known: without amq.headers, of which RabbitMQ counts only the first."""
    rows = Exchange.objects.filter(broker_id=broker.pk, gone_at=None, publish_in_per_second__gt=0, publish_out_per_second__isnull=False)
    return list(rows.exclude(type="headers", name="amq.headers").only("vhost", "name", "publish_in_per_second", "publish_out_per_second"))
