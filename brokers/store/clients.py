"""Stores connections, channels and consumers as the broker lists them: a row stays the same while its connection is open, so that a page can show it.

Ten thousand connections cost about half a second of a poll that reads them, and those that did not change next to nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from brokers.models import Broker, Channel, Connection, Consumer
from brokers.rates import known_total
from brokers.stats import ChannelStats, ConnectionStats, ConsumerStats
from brokers.store.client_trends import save_trends
from brokers.store.last_consumers import noting_last_consumers
from brokers.store.rows import Write, delete_rows, insert_rows, replacing_rows, update_rows

CLOSED_KEPT = timedelta(hours=1)
MOST_CLOSED_KEPT = 1_000

_IDENTITY = ("vhost", "name", "connected_at")  # a port that is used again makes the name of an earlier connection
_OWN = tuple(field for field in ConnectionStats.__struct_fields__ if field not in _IDENTITY)
_SUMS = ("unacknowledged", "publish_per_second", "deliver_per_second", "ack_per_second")
_CHANNEL_IDENTITY = ("vhost", "connection_name", "number")
_CHANNEL_OWN = tuple(field for field in ChannelStats.__struct_fields__ if field not in _CHANNEL_IDENTITY)

Values = tuple[Any, ...]
Sums = dict[tuple[str, str], tuple[int, Values]]
"""{(virtual host, connection): (number of its channels, `_SUMS`)}."""


class _Differences(NamedTuple):
    """What turns the stored rows into those listed now. `gone`: the primary keys of rows that are not listed, or repeat another."""

    changed: list[tuple[int, Values]]
    added: list[Values]
    gone: list[int]


def save_clients(
    broker_id: int,
    connections: Sequence[ConnectionStats] | None,
    channels: Sequence[ChannelStats] | None,
    consumers: Iterable[ConsumerStats] | None,
    at: datetime,
) -> None:
    """Stores what was read, inside the caller's transaction; None was not read and is kept."""
    for write in prepared_clients(broker_id, connections, channels, consumers, at):
        write()


def prepared_clients(
    broker_id: int,
    connections: Sequence[ConnectionStats] | None,
    channels: Sequence[ChannelStats] | None,
    consumers: Iterable[ConsumerStats] | None,
    at: datetime,
) -> Iterator[Write]:
    """What `save_clients` writes, with the differences worked out before."""
    sums = None if channels is None else _sums(channels)
    if connections is not None:
        yield from _connections(broker_id, connections, sums, at)
        yield lambda: save_trends(broker_id, connections, at)
        yield lambda: Broker.objects.filter(pk=broker_id).update(connections_at=at)
    elif sums is not None:
        changed = _changed_sums(broker_id, sums)
        yield lambda: update_rows(Connection, _SUMS, changed)
    if channels is not None:
        yield from _channels(broker_id, channels)
        yield lambda: Broker.objects.filter(pk=broker_id).update(channels_at=at)
    if consumers is not None:
        consumers = list(consumers)
        yield from noting_last_consumers(broker_id, consumers, at)
        yield from replacing_rows(Consumer, broker_id, consumers, ConsumerStats.__struct_fields__)


def client_name(connection: ConnectionStats) -> str:
    """What to call a client: the name that it gave its connection, else its library, else its address.

    >>> client_name(ConnectionStats("/", "c1", "guest", "10.0.0.1", product="Pika 1.3.2"))
    'Pika 1.3.2'
    """
    return connection.provided_name or connection.product or connection.name


def _sums(channels: Iterable[ChannelStats]) -> Sums:
    """What the channels of each connection have together; None where nothing of it is known."""
    values: dict[tuple[str, str], list[Values]] = defaultdict(list)
    for channel in channels:
        values[channel.vhost, channel.connection_name].append(tuple(getattr(channel, field) for field in _SUMS))
    return {key: (len(found), tuple(map(known_total, zip(*found, strict=True)))) for key, found in values.items()}


def _connections(broker_id: int, connections: Iterable[ConnectionStats], sums: Sums | None, at: datetime) -> Iterator[Write]:
    fields = (*_OWN, "client", *(_SUMS if sums is not None else ()))
    current: dict[Values, Values] = {}
    for one in connections:
        of_channels: Values = ()
        if sums is not None:
            listed, of_channels = sums.get((one.vhost, one.name), (0, _none_open(one)))
            if listed > (one.channels or 0):  # the broker's count of a connection is up to 5 s older than the list of its channels
                one.channels = listed
        current[tuple(getattr(one, field) for field in _IDENTITY)] = (*(getattr(one, field) for field in _OWN), client_name(one), *of_channels)
    found = _differences(_open(broker_id).values_list("pk", *_IDENTITY, *fields), len(_IDENTITY), current)
    yield lambda: update_rows(Connection, fields, found.changed)
    yield lambda: update_rows(Connection, ("gone_at",), [(pk, (at,)) for pk in found.gone])
    yield lambda: insert_rows(Connection, ("broker", *_IDENTITY, *fields), [(broker_id, *row) for row in found.added])
    yield lambda: _trim(broker_id, at)


def _none_open(connection: ConnectionStats) -> Values:
    """The sums of a connection without a listed channel: nothing if it has none, else unknown."""
    return (0, 0.0, 0.0, 0.0) if connection.channels == 0 else (None,) * len(_SUMS)


def _changed_sums(broker_id: int, sums: Sums) -> list[tuple[int, Values]]:
    rows = _open(broker_id).values_list("pk", "vhost", "name", *_SUMS)
    current = [(pk, tuple(was), sums.get((vhost, name), (0, tuple(was)))[1]) for pk, vhost, name, *was in rows]
    return [(pk, now) for pk, was, now in current if was != now]


def _channels(broker_id: int, channels: Iterable[ChannelStats]) -> Iterator[Write]:
    rows = Channel.objects.filter(broker_id=broker_id).order_by("pk").values_list("pk", *_CHANNEL_IDENTITY, *_CHANNEL_OWN)
    current = {tuple(getattr(one, field) for field in _CHANNEL_IDENTITY): tuple(getattr(one, field) for field in _CHANNEL_OWN) for one in channels}
    found = _differences(rows, len(_CHANNEL_IDENTITY), current)
    yield lambda: update_rows(Channel, _CHANNEL_OWN, found.changed)
    yield lambda: delete_rows(Channel, found.gone)
    yield lambda: insert_rows(Channel, ("broker", *_CHANNEL_IDENTITY, *_CHANNEL_OWN), [(broker_id, *row) for row in found.added])


def _differences(rows: Iterable[Sequence[Any]], length: int, current: Mapping[Values, Values]) -> _Differences:
    """The differences of rows (primary key, the `length` values of the identity, the other values) from `current`, {identity: other values}."""
    known: dict[Values, tuple[int, Values]] = {}
    gone = []
    for pk, *row in rows:
        identity = tuple(row[:length])
        if identity in known:
            gone.append(known[identity][0])
        known[identity] = (pk, tuple(row[length:]))
    changed, added = [], []
    for identity, values in current.items():
        stored = known.pop(identity, None)
        if stored is None:
            added.append((*identity, *values))
        elif stored[1] != values:
            changed.append((stored[0], values))
    return _Differences(changed, added, [*gone, *(pk for pk, _ in known.values())])


def _open(broker_id: int) -> Any:
    return Connection.objects.filter(broker_id=broker_id, gone_at=None).order_by("pk")


def _trim(broker_id: int, at: datetime) -> None:
    """Forgets closed connections: an hour after they closed, and all but the latest thousand."""
    closed = Connection.objects.filter(broker_id=broker_id, gone_at__isnull=False)
    beyond = closed.order_by("-gone_at", "-pk").values_list("pk", flat=True)[MOST_CLOSED_KEPT:]
    delete_rows(Connection, [*closed.filter(gone_at__lt=at - CLOSED_KEPT).values_list("pk", flat=True), *beyond])
