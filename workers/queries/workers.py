"""Questions about workers and where their events are received."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from django.conf import settings
from django.db import connection
from django.db.models import Case, Count, F, OuterRef, Q, QuerySet, Subquery, TextField, Value, When
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Lower

from brokers.database.rows import RowsOf, moment
from brokers.models import Broker
from brokers.queries.pages import BrokerRef, Page, check_page, in_scope, one_page, place_where, share_brokers, sort_key
from brokers.scope import Scope
from workers.celery_names import DEFAULT, CeleryNames
from workers.models import EventSource, Worker
from workers.presence import LATE_AFTER, left, source_as_of, worker_as_of
from workers.queries.past_workers import workers_as_they_were
from workers.queries.visible_workers import SeenTasks, as_visible, visible_sources, workers_in

WORKER_SORTS = (
    "hostname", "vhost", "state", "pool", "concurrency", "active", "reserved", "processed",
    "succeeded_per_second", "failed_per_second", "lost_events", "heartbeat_at",
)  # fmt: skip
_TEXTS = ("hostname", "vhost", "state", "pool")
_SOURCES, _RECEIVED = RowsOf(EventSource, left_out=("uncertain",)), RowsOf(EventSource, only=("id", "received_at"))


def workers(
    scope: Scope,
    *,
    broker: BrokerRef | None = None,
    vhost: str | None = None,
    state: str | None = None,
    text: str = "",
    sort: str = "hostname",
    page: int = 1,
    page_size: int = 100,
    at: datetime | None = None,
    with_left: bool = False,
) -> Page[Worker]:
    """Workers of every state, unknown values last; of those that left the lists (`workers.presence.has_left`) none unless `with_left`. `text` is a part of
    the host name. ValueError for a sort or page that can't be.

    With `at`: those first seen by then, with the numbers recorded of them; a worker of which any is was online, of others the state is unknown. What is not
    kept of the past is None.
    """
    check_page(page, page_size)
    field, descending = sort_key(sort, WORKER_SORTS)
    rows = Worker.objects.select_related("broker").filter(workers_in(scope, broker, vhost))
    if text:
        rows = rows.filter(hostname__icontains=text)
    if at is not None:
        rows = rows.filter(first_seen_at__lte=at)
    now = datetime.now(UTC)
    if at is None:
        rows = _with_beats(rows if with_left else rows.exclude(left(now, gone_for())))
    if state is not None:
        rows = _in_state(rows, state, now) if at is None else rows.none() if state != Worker.UNKNOWN else rows
    found = one_page(_ordered(rows.defer("configuration", "registered", "periodic"), field if at is None else "hostname", descending), page, page_size)
    found.items = as_visible(scope, found.items)
    found.items = _as_of(found.items, now) if at is None else workers_as_they_were(found.items, at)
    return found


def gone_for() -> timedelta:
    """After how long a worker that is gone leaves the lists."""
    return timedelta(hours=settings.RETENTION_GONE_WORKER_HOURS)


def silent_workers(scope: Scope, broker: BrokerRef | None = None, vhost: str | None = None) -> list[str]:
    """The host names of the online workers whose own count of tasks grows while no task event arrives; in order."""
    where, parameters = place_where(scope, broker, vhost)
    with connection.cursor() as cursor:
        cursor.execute(_SILENT.format(where), [*parameters, moment(datetime.now(UTC) - LATE_AFTER)])
        return [hostname for (hostname,) in cursor.fetchall()]


_SILENT = """
    SELECT hostname FROM workers_worker WHERE events_off AND state = 'online' AND {} AND NOT EXISTS (SELECT 1 FROM workers_eventsource source
    WHERE source.broker_id = workers_worker.broker_id AND source.vhost = workers_worker.vhost AND source.beat_at < %s) ORDER BY hostname"""


def workers_for_list(scope: Scope, broker: Broker, vhost: str | None = None) -> list[Worker]:
    """Every worker of the broker by host name, those that left the lists too, without what only its own page shows: that is another query where it is used."""
    rows = Worker.objects.filter(workers_in(scope, broker.pk, vhost)).defer(
        "configuration", "registered", "periodic", "event_counts", "reconciliation", "processes"
    )
    found = list(_with_beats(rows).order_by("hostname", "vhost", "id"))
    for worker in found:
        worker.broker = broker
    return _as_of(as_visible(scope, found), datetime.now(UTC))


def worker_counts(scope: Scope) -> list[tuple[str, str, str, int]]:
    """[(broker's name, virtual host, state as of now, how many workers)] of the workers that are listed."""
    late = Q(state=Worker.ONLINE, beat_at__lt=datetime.now(UTC) - LATE_AFTER)
    listed = Worker.objects.filter(workers_in(scope)).exclude(left(datetime.now(UTC), gone_for()))
    rows = _with_beats(listed).annotate(state_now=Case(When(late, then=Value(Worker.UNKNOWN)), default=F("state")))
    return list(rows.order_by("broker__name", "vhost", "state_now").values_list("broker__name", "vhost", "state_now").annotate(count=Count("pk")))


def worker(scope: Scope, broker: BrokerRef, vhost: str, hostname: str) -> Worker | None:
    return _one(scope, Worker.objects.select_related("broker").filter(workers_in(scope, broker, vhost), hostname=hostname))


def worker_by_id(scope: Scope, worker_id: int, at: datetime | None = None) -> Worker | None:
    """With `at` as `workers` has it; None if it was not seen yet."""
    rows = Worker.objects.select_related("broker").filter(workers_in(scope), pk=worker_id)
    if at is not None:
        return next(iter(workers_as_they_were(as_visible(scope, rows.filter(first_seen_at__lte=at)), at)), None)
    return _one(scope, rows)


def _one(scope: Scope, rows: QuerySet[Worker]) -> Worker | None:
    found = as_visible(scope, _with_beats(rows)[:1])
    return worker_as_of(found[0], datetime.now(UTC)) if found else None


_BEAT = EventSource.objects.filter(broker_id=OuterRef("broker_id"), vhost=OuterRef("vhost")).values("beat_at")[:1]


def liveliest(counts: Iterable[tuple[str, str, str, int]]) -> Callable[[tuple[Broker, str]], tuple[int, int]]:
    """A sort key of (broker, virtual host), by `worker_counts`: those with most workers online first, then those with most workers at all, as while nothing
    of them is received."""
    online: Counter[tuple[str, str]] = Counter()
    known: Counter[tuple[str, str]] = Counter()
    for broker, vhost, state, count in counts:
        known[broker, vhost] += count
        online[broker, vhost] += count if state == Worker.ONLINE else 0
    return lambda place: (-online[place[0].name, place[1]], -known[place[0].name, place[1]])


def _with_beats(rows: QuerySet[Worker]) -> QuerySet[Worker]:
    """The rows, each with the moment at which the receiver's thread last stored something of its virtual host."""
    return rows.annotate(beat_at=Subquery(_BEAT))


def _in_state(rows: QuerySet[Worker], state: str, now: datetime) -> QuerySet[Worker]:
    """The rows of `_with_beats` that are in the state as of now."""
    late = Q(beat_at__lt=now - LATE_AFTER)
    if state == Worker.ONLINE:
        return rows.filter(Q(state=state) & (Q(beat_at=None) | ~late))
    return rows.filter(Q(state=state) | (Q(state=Worker.ONLINE) & late) if state == Worker.UNKNOWN else Q(state=state))


def _as_of(rows: Iterable[Worker], now: datetime) -> list[Worker]:
    return [worker_as_of(worker, now) for worker in rows]


def workers_by_ids(scope: Scope, ids: Iterable[int]) -> list[Worker]:
    """In no particular order, without those that do not exist or may not be seen."""
    ids = list(ids)
    if not ids:
        return []
    rows = Worker.objects.select_related("broker").filter(workers_in(scope), pk__in=ids).defer("configuration", "periodic")
    return _as_of(as_visible(scope, _with_beats(rows)), datetime.now(UTC))


def all_workers(broker_id: int, vhost: str | None = None) -> list[Worker]:
    """Every worker of a broker as it is stored, for the receiver and for what joins consumers with workers."""
    rows = Worker.objects.filter(broker_id=broker_id)
    return list(rows if vhost is None else rows.filter(vhost=vhost))


def worker_slots(broker_id: int, vhost: str) -> list[Worker]:
    """Every worker of a virtual host with its state, active, concurrency and prefetch alone; reading any other field of a row is another query."""
    rows = Worker.objects.filter(broker_id=broker_id, vhost=vhost).only("state", "active", "concurrency", "prefetch")
    return _as_of(_with_beats(rows), datetime.now(UTC))


def event_sources(scope: Scope, broker_id: int | None = None, brokers: Sequence[Broker] = ()) -> list[EventSource]:
    """Where events are received, or why not, by broker and virtual host. An empty list: no virtual host with Celery's event exchange was seen.
    `brokers`: those that were read already."""
    now = datetime.now(UTC)
    where, parameters = place_where(scope, broker_id)
    found = _SOURCES.read(f"WHERE {where}", parameters)
    missing = {source.broker_id for source in found} - {broker.pk for broker in brokers}
    share_brokers(found, [*brokers, *Broker.objects.filter(pk__in=missing)] if missing else brokers)
    return [source_as_of(source, now) for source in sorted(visible_sources(scope, found), key=lambda source: (source.broker.name, source.vhost))]


def celery_names(broker_id: int) -> dict[str, CeleryNames]:
    """{virtual host: the names of Celery's exchanges there}, where they were found."""
    rows = EventSource.objects.filter(broker_id=broker_id).values_list("vhost", "names")
    return {vhost: msgspec.convert(names, CeleryNames) for vhost, names in rows if names}


def names_of(broker_id: int, vhost: str) -> CeleryNames:
    """The names of Celery's exchanges in a virtual host; Celery's defaults where none were found."""
    names = EventSource.objects.filter(broker_id=broker_id, vhost=vhost).values_list("names", flat=True).first()
    return msgspec.convert(names, CeleryNames) if names else DEFAULT


def reported_names(broker_id: int) -> list[tuple[str, dict[str, str]]]:
    """[(virtual host, settings)]: what workers online report of event_exchange and event_queue_prefix, each once."""
    reported = ("event_exchange", "event_queue_prefix")
    rows = Worker.objects.filter(broker_id=broker_id, state=Worker.ONLINE).exclude(configuration=None)
    found = rows.annotate(**{name: KeyTextTransform(name, "configuration") for name in reported}).order_by().values_list("vhost", *reported).distinct()
    return [(vhost, {name: value for name, value in zip(reported, values, strict=True) if value}) for vhost, *values in found]


def event_source(scope: Scope, broker: Broker, vhost: str) -> EventSource | None:
    """That of a virtual host of which something may be viewed; None where there is none."""
    found = EventSource.objects.defer("uncertain").filter(broker_id=broker.pk, vhost=vhost).first()
    if found is None or not scope.touches(broker.name, vhost):
        return None
    found.broker = broker
    return source_as_of(visible_sources(scope, [found])[0], datetime.now(UTC))


def received_at(broker_id: int, vhost: str) -> datetime | None:
    """When the last event of the virtual host arrived. For the tail."""
    found = _RECEIVED.read("WHERE broker_id = %s AND vhost = %s", [broker_id, vhost])
    return found[0].received_at if found else None


def registered_tasks(scope: Scope, broker: BrokerRef | None = None, vhost: str | None = None) -> list[tuple[str, dict[str, str], list[str]]]:
    """[(task name, attributes, host names)] of the workers that are online (while none is, of those of unknown state), by name. Where workers differ in
    the attributes, those of the first."""
    found: dict[str, tuple[str, dict[str, str], list[str]]] = {}
    rows = Worker.objects.filter(workers_in(scope, broker, vhost), state__in=_REPORTING).exclude(registered=None).order_by("hostname")
    read, seen, place = _Once(), SeenTasks(scope), ("broker__name", "vhost")
    for _, hostname, registered, name, there in _best(rows.annotate(text=Cast("registered", TextField())).values_list("state", "hostname", "text", *place)):
        for task in seen.among(name, there, read(registered)) or ():
            found.setdefault(task["name"], (task["name"], task["attributes"], []))[2].append(hostname)
    return sorted(found.values())


_REPORTING = (Worker.ONLINE, Worker.UNKNOWN)


def _best(rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Those of workers online; all, while none is. Each row begins with the worker's state."""
    found = list(rows)
    return [row for row in found if row[0] == Worker.ONLINE] or found


class ReportedApplication(msgspec.Struct, frozen=True):
    """What a worker reported of its application, by the names of its row. Workers that reported the same share it."""

    id: int
    hostname: str
    configuration: dict[str, Any] | None
    configuration_at: datetime | None
    queues: list[dict[str, Any]] | None
    registered: list[dict[str, Any]] | None


def reported_applications(scope: Scope, broker: BrokerRef, vhost: str) -> list[ReportedApplication]:
    """The workers online of a virtual host, by host name; while none is, those of unknown state with what they reported last."""
    rows = Worker.objects.filter(in_scope(scope, broker, vhost), state__in=_REPORTING).order_by("hostname")
    texts = {f"{name}_text": Cast(name, TextField()) for name in ("configuration", "queues", "registered")}
    read = _Once()
    found = _best(rows.annotate(**texts).values_list("state", "pk", "hostname", "configuration_at", *texts))
    return [ReportedApplication(pk, hostname, read(conf), at, read(queues), read(registered)) for _, pk, hostname, at, conf, queues, registered in found]


class _Once:
    """Reads JSON texts, each only once: hundreds of workers of one application report the same."""

    def __init__(self) -> None:
        self._read: dict[str, Any] = {}

    def __call__(self, text: str | None) -> Any:
        if text is None:
            return None
        if text not in self._read:
            self._read[text] = msgspec.json.decode(text)
        return self._read[text]


def _ordered(rows: QuerySet[Worker], field: str, descending: bool) -> QuerySet[Worker]:
    expression = Lower(field) if field in _TEXTS else F(field)
    first = expression.desc(nulls_last=True) if descending else expression.asc(nulls_last=True)
    return rows.order_by(first, "hostname", "vhost", "id")
