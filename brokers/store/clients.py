"""Stores connections, channels and consumers as the broker lists them: a row stays the same while its connection is open, so that a page can show it.

Ten thousand connections cost about half a second of a poll that reads them, and those that did not change next to nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from brokers.models import Broker, Channel, Connection, Consumer
from brokers.stats import ChannelStats, ConnectionStats, ConsumerStats
from brokers.store.client_trends import save_trends
from brokers.store.rows import insert_rows, replace_rows, update_rows

CLOSED_KEPT = timedelta(hours=1)
MOST_CLOSED_KEPT = 1_000
_AT_ONCE = 500

_IDENTITY = ("vhost", "name", "connected_at")  # a port that is used again makes the name of an earlier connection
_OWN = tuple(field for field in ConnectionStats.__struct_fields__ if field not in _IDENTITY)
_SUMS = ("unacknowledged", "publish_per_second", "deliver_per_second", "ack_per_second")
_CHANNEL_IDENTITY = ("vhost", "connection_name", "number")
_CHANNEL_OWN = tuple(field for field in ChannelStats.__struct_fields__ if field not in _CHANNEL_IDENTITY)
_NO_SUMS = (None,) * len(_SUMS)

Sums = dict[tuple[str, str], tuple[int, tuple[Any, ...]]]
"""{(virtual host, connection): (number of its channels, `_SUMS`)}."""


def save_clients(
    broker_id: int,
    connections: Sequence[ConnectionStats] | None,
    channels: Sequence[ChannelStats] | None,
    consumers: Iterable[ConsumerStats] | None,
    at: datetime,
) -> None:
    """Stores what was read, inside the caller's transaction; None was not read and is kept."""
    sums = None if channels is None else _sums(channels)
    if connections is not None:
        _save_connections(broker_id, connections, sums, at)
        save_trends(broker_id, connections, at)
        Broker.objects.filter(pk=broker_id).update(connections_at=at)
    elif sums is not None:
        _save_sums(broker_id, sums)
    if channels is not None:
        _save_channels(broker_id, channels)
        Broker.objects.filter(pk=broker_id).update(channels_at=at)
    if consumers is not None:
        replace_rows(Consumer, broker_id, consumers, ConsumerStats.__struct_fields__)


def client_name(connection: ConnectionStats) -> str:
    """What to call a client: the name that it gave its connection, else its library, else its address.

    >>> client_name(ConnectionStats("/", "c1", "guest", "10.0.0.1", product="Pika 1.3.2"))
    'Pika 1.3.2'
    """
    return connection.provided_name or connection.product or connection.name


def _sums(channels: Iterable[ChannelStats]) -> Sums:
    """What the channels of each connection have together; None where nothing of it is known."""
    values: dict[tuple[str, str], list[list[Any]]] = defaultdict(lambda: [[] for _ in _SUMS])
    counts: Counter[tuple[str, str]] = Counter()
    for channel in channels:
        key = (channel.vhost, channel.connection_name)
        counts[key] += 1
        for known, field in zip(values[key], _SUMS, strict=True):
            if (value := getattr(channel, field)) is not None:
                known.append(value)
    return {key: (counts[key], tuple(sum(known) if known else None for known in lists)) for key, lists in values.items()}


def _save_connections(broker_id: int, connections: Iterable[ConnectionStats], sums: Sums | None, at: datetime) -> None:
    fields = (*_OWN, "client", *(_SUMS if sums is not None else ()))
    split = len(_IDENTITY) + 1
    rows, gone = _by_identity(_open(broker_id).values_list("pk", *_IDENTITY, *fields), split)
    changed, added = [], []
    for identity, one in {tuple(getattr(one, field) for field in _IDENTITY): one for one in connections}.items():
        listed, of_channels = (0, _NO_SUMS) if sums is None else sums.get((one.vhost, one.name), (0, _none_open(one)))
        if listed > (one.channels or 0):  # the broker's count of a connection is up to 5 s older than the list of its channels
            one.channels = listed
        values = (*(getattr(one, field) for field in _OWN), client_name(one), *(of_channels if sums is not None else ()))
        row = rows.pop(identity, None)
        if row is None:
            added.append((broker_id, *identity, *values, *(() if sums is not None else of_channels), None, None, None))
        elif row[1] != values:
            changed.append((row[0], values))
    update_rows(Connection, fields, changed)
    update_rows(Connection, ("gone_at",), [(pk, (at,)) for pk in (*gone, *(pk for pk, _ in rows.values()))])
    insert_rows(Connection, ("broker", *_IDENTITY, *_OWN, "client", *_SUMS, "publishes", "publishes_at", "gone_at"), added)
    _trim(broker_id, at)


def _none_open(connection: ConnectionStats) -> tuple[Any, ...]:
    """The sums of a connection without a listed channel: nothing if it has none, else unknown."""
    return (0, 0.0, 0.0, 0.0) if connection.channels == 0 else _NO_SUMS


def _save_sums(broker_id: int, sums: Sums) -> None:
    rows = _open(broker_id).values_list("pk", "vhost", "name", *_SUMS)
    wanted = [(pk, tuple(was), sums.get((vhost, name), (0, tuple(was)))[1]) for pk, vhost, name, *was in rows]
    update_rows(Connection, _SUMS, [(pk, now) for pk, was, now in wanted if was != now])


def _save_channels(broker_id: int, channels: Iterable[ChannelStats]) -> None:
    split = len(_CHANNEL_IDENTITY) + 1
    known = Channel.objects.filter(broker_id=broker_id).order_by("pk").values_list("pk", *_CHANNEL_IDENTITY, *_CHANNEL_OWN)
    rows, gone = _by_identity(known, split)
    changed, added = [], []
    for identity, one in {tuple(getattr(one, field) for field in _CHANNEL_IDENTITY): one for one in channels}.items():
        values = tuple(getattr(one, field) for field in _CHANNEL_OWN)
        row = rows.pop(identity, None)
        if row is None:
            added.append((broker_id, *identity, *values))
        elif row[1] != values:
            changed.append((row[0], values))
    update_rows(Channel, _CHANNEL_OWN, changed)
    _delete(Channel, [*gone, *(pk for pk, _ in rows.values())])
    insert_rows(Channel, ("broker", *_CHANNEL_IDENTITY, *_CHANNEL_OWN), added)


def _by_identity(rows: Iterable[Sequence[Any]], split: int) -> tuple[dict[tuple[Any, ...], tuple[int, tuple[Any, ...]]], list[int]]:
    """({identity: (primary key, the other values)}, the primary keys of rows whose identity another one has)."""
    found: dict[tuple[Any, ...], tuple[int, tuple[Any, ...]]] = {}
    surplus = []
    for row in rows:
        identity = tuple(row[1:split])
        if identity in found:
            surplus.append(found[identity][0])
        found[identity] = (row[0], tuple(row[split:]))
    return found, surplus


def _open(broker_id: int) -> Any:
    return Connection.objects.filter(broker_id=broker_id, gone_at=None).order_by("pk")


def _trim(broker_id: int, at: datetime) -> None:
    """Forgets closed connections: an hour after they closed, and all but the latest thousand."""
    closed = Connection.objects.filter(broker_id=broker_id, gone_at__isnull=False)
    beyond = closed.order_by("-gone_at", "-pk").values_list("pk", flat=True)[MOST_CLOSED_KEPT:]
    _delete(Connection, [*closed.filter(gone_at__lt=at - CLOSED_KEPT).values_list("pk", flat=True), *beyond])


def _delete(model: type[Connection] | type[Channel], keys: Collection[int]) -> None:
    ordered = sorted(set(keys))
    for start in range(0, len(ordered), _AT_ONCE):
        model._default_manager.filter(pk__in=ordered[start : start + _AT_ONCE]).delete()
