"""The part of a virtual host reachable from an exchange, with the lifetime of each object. Where messages went is decided in `brokers.routing.past`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec
import zstandard
from django.conf import settings
from django.db.models import Model, Q

from brokers.models import Binding, Broker, Exchange, Queue, TopologyVersion, VirtualHost
from brokers.parts import TOPOLOGY_PARTS
from brokers.queries.fingerprints import Fingerprint, topology_fingerprints
from brokers.queries.recorded_versions import recorded_by
from brokers.routing.past import DELAYED_DELIVERY, PastRouting, Span
from brokers.topology import BindingDefinition, ExchangeDefinition, PolicyDefinition, QueueDefinition

AT_ONCE = 500
MOST_VERSIONS = 50
ALTERNATE = "alternate-exchange"
_EXCHANGE = ("name", "type", "internal", "arguments")
_BINDING = ("source", "destination", "destination_type", "routing_key", "arguments")


class _Policies(msgspec.Struct):
    """The part of a stored topology that is needed here; the decoder skips the rest."""

    policies: tuple[PolicyDefinition, ...] = ()


def routing_state(broker_id: int, vhost: str) -> tuple[datetime | None, Fingerprint]:
    """(when the topology was last read, another value after anything of it changed). No scope: for the receiver.

    A poll whose exchanges, bindings or policies can't be read is stored all the same, so the topology is as old as the first of them that failed.
    """
    polled_at, limits = Broker.objects.filter(pk=broker_id).values_list("polled_at", "limits").first() or (None, [])
    failing = [datetime.fromisoformat(limit["since"]) for limit in limits if limit.get("part") in TOPOLOGY_PARTS]
    read_at = polled_at and min([polled_at, *failing])
    return read_at, tuple(topology_fingerprints(broker_id, vhost).values())


def past_routing(broker_id: int, vhost: str, exchange: str, key: str, since: datetime) -> PastRouting:
    """What is known of it from `since` on. For the default exchange, only the queue that `key` names."""
    version = Broker.objects.filter(pk=broker_id).values_list("version", flat=True).first()
    seen = VirtualHost.objects.filter(broker_id=broker_id, name=vhost, gone_at=None).values_list("first_seen_at", flat=True).first()
    days = max(settings.RETENTION_RAW_HOURS / 24, settings.RETENTION_MINUTE_DAYS, settings.RETENTION_TEN_MINUTE_DAYS)
    kept = max(datetime.now(UTC) - timedelta(days=days), seen or since)
    since, older = max(since, kept), kept < since
    here = Q(broker_id=broker_id, vhost=vhost) & (Q(gone_at=None) | Q(gone_at__gt=since))
    if not exchange:
        return PastRouting(vhost, version or None, since.timestamp(), queues=_queues(here, [key]), reaches_back=older)
    policies = _policies(broker_id, vhost, since)
    named = {name for _, found in policies for policy in found if isinstance(name := policy.definition.get(ALTERNATE), str)}
    exchanges, bindings = _reached(here, {exchange, DELAYED_DELIVERY, *named})
    queues = _queues(here, sorted({span.item.destination for span in bindings if span.item.destination_type == "queue"}))
    return PastRouting(vhost, version or None, since.timestamp(), exchanges, queues, bindings, policies, older)


def _reached(here: Q, frontier: set[str]) -> tuple[list[Span[ExchangeDefinition]], list[Span[BindingDefinition]]]:
    exchanges: list[Span[ExchangeDefinition]] = []
    bindings: list[Span[BindingDefinition]] = []
    seen: set[str] = set()
    while frontier:
        names = sorted(frontier)
        seen |= frontier
        exchanges += [
            Span(ExchangeDefinition(name, kind, internal=internal, arguments=arguments or {}), *when)
            for name, kind, internal, arguments, *when in _rows(Exchange, here, "name", names, _EXCHANGE)
        ]
        rows = _rows(Binding, here, "source", names, _BINDING)
        found = [
            Span(BindingDefinition(source, destination, kind, key, arguments or {}), first, gone)
            for source, destination, kind, key, arguments, first, gone in rows
        ]
        bindings += found
        frontier = {span.item.destination for span in found if span.item.destination_type == "exchange"}
        frontier |= {name for span in exchanges if isinstance(name := span.item.arguments.get(ALTERNATE), str)}
        frontier -= seen
    return exchanges, bindings


def _queues(here: Q, names: Sequence[str]) -> list[Span[QueueDefinition]]:
    return [Span(QueueDefinition(name), first, gone) for name, first, gone in _rows(Queue, here, "name", names, ("name",))]


def _rows(model: type[Model], here: Q, field: str, names: Sequence[str], columns: Iterable[str]) -> Iterator[list[Any]]:
    """The columns of the rows with these names, then when each was seen and was gone, seconds since 1970; in the order of their keys."""
    for start in range(0, len(names), AT_ONCE):
        rows = model._default_manager.filter(here, **{f"{field}__in": names[start : start + AT_ONCE]}).order_by("pk")
        for *values, first, gone in rows.values_list(*columns, "first_seen_at", "gone_at"):
            yield [*values, first.timestamp(), None if gone is None else gone.timestamp()]


def _policies(broker_id: int, vhost: str, since: datetime) -> list[tuple[float, tuple[PolicyDefinition, ...]]]:
    """(from when, the policies) in order, those in force at `since` first."""
    versions = TopologyVersion.objects.filter(broker_id=broker_id, vhost=vhost).order_by("-at", "-pk").values_list("pk", "content_hash", "at")
    found: list[tuple[float, tuple[PolicyDefinition, ...]]] = []
    for key, content_hash, at in [*versions.filter(recorded_by(since))[:1], *reversed(versions.filter(at__gt=since)[:MOST_VERSIONS])]:
        policies = _of_version(key, content_hash)
        if not found or found[-1][1] != policies:
            found.append((at.timestamp(), policies))
    return found


@lru_cache(maxsize=256)
def _of_version(key: int, _content_hash: str) -> tuple[PolicyDefinition, ...]:
    """The policies of a version of the topology, which never changes."""
    data = TopologyVersion.objects.values_list("data", flat=True).get(pk=key)
    return msgspec.json.decode(zstandard.decompress(bytes(data)), type=_Policies).policies
