"""What the page "About this installation" and its call show: processes, versions, lags, leases, sizes. Pure, but for `gathered`, which reads all of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.conf import settings

from brokers import queries as broker_queries
from brokers.clock import is_within
from brokers.models import Broker, Heartbeat, Lease
from brokers.polling import holders, leases
from brokers.polling.share import SILENT_AFTER, lives
from brokers.queries.database_sizes import DatabaseSize, Size, database_size, table_sizes
from brokers.scope import Scope
from dashboard import queries as dashboard_queries
from dashboard.layout import formatting
from dashboard.layout.levels import Level
from dashboard.models import RemoteWrite
from dashboard.operations import processes
from dashboard.operations.history_reach import Tier, kept_by, measured_history
from dashboard.operations.remote_write import remote_write_text
from workers import queries as worker_queries
from workers.models import EventSource

SHOWN_FOR = timedelta(hours=1)
"""So long a process that has ended, in whatever way, stays on the page."""
KINDS = ("web", "poller", "receiver", "maintenance")
MOST_TABLES = 15
RETENTION = {
    "RAW_HOURS": ("Numbers of each poll kept", " h"),
    "MINUTE_DAYS": ("Numbers of each minute kept", " d"),
    "TEN_MINUTE_DAYS": ("Numbers of each ten minutes kept", " d"),
    "HISTORY_BYTES": ("Bytes of history kept at most", ""),
    "TASK_DAYS": ("Tasks kept", " d"),
    "TASKS": ("Tasks kept at most", ""),
    "GONE_WORKER_HOURS": ("Gone worker nodes listed", " h"),
    "AUDIT_DAYS": ("Audit log kept", " d"),
    "FINDING_DAYS": ("Closed findings kept", " d"),
    "DELIVERY_DAYS": ("Messages to targets kept", " d"),
}
"""Of each variable what it bounds, and its unit."""


class Process(msgspec.Struct, frozen=True):
    """A process: `state` is working, standby, ended (in good order), replaced or gone."""

    kind: str
    host: str
    number: str
    state: str
    level: Level
    version: str | None
    started_at: datetime | None
    heartbeat_at: datetime
    ended_at: datetime | None
    holds: list[str]
    problem: str
    memory_bytes: int | None
    data_free_bytes: int | None
    sockets: int | None


class Version(msgspec.Struct, frozen=True):
    """`where`: who runs it or reported it, and when."""

    name: str
    version: str
    where: str
    at: datetime | None


class Lag(msgspec.Struct, frozen=True):
    """How far something is behind: `seconds` since `at`; `source` says what stored that moment."""

    what: str
    seconds: float | None
    at: datetime | None
    every_seconds: float | None
    source: str


class Held(msgspec.Struct, frozen=True):
    """A lease; `holder` as "poller 12 on web-1"."""

    name: str
    holder: str
    since: datetime | None
    expires_at: datetime


class Bound(msgspec.Struct, frozen=True):
    """How much or how long something is kept, by which variable."""

    variable: str
    what: str
    value: float
    unit: str


class About(msgspec.Struct, frozen=True):
    now: datetime
    installation: str
    problems: list[str]
    notes: list[str]
    processes: list[Process]
    versions: list[Version]
    lags: list[Lag]
    leases: list[Held]
    database: DatabaseSize
    tables: list[Size]
    tables_at: datetime | None
    history: list[Tier]
    history_at: datetime | None
    retention: list[Bound]


def gathered(scope: Scope, now: datetime) -> About:
    """As of now. Brokers and virtual hosts are those that the person may see. Raises DatabaseError."""
    beats, held = leases.heartbeats(), _named(scope, leases.all_leases())
    brokers = list(broker_queries.brokers(scope))
    sources = worker_queries.event_sources(scope, brokers=brokers)
    size, written = database_size(), dashboard_queries.remote_write(now) if scope.is_everything else None
    tables, tables_at = _tables(size, beats, now)
    history, history_at = measured_history(beats)
    return About(
        now=now,
        installation=broker_queries.installation_id() or "",
        problems=[*_missing(beats, now), *processes.conflicts(beats, now)],
        notes=[text for text in [processes.versions_text(beats, now, settings.VERSION), written and remote_write_text(written, now)] if text],
        processes=_processes(beats, held, now),
        versions=_versions(beats, brokers, size, now),
        lags=[*_of_brokers(brokers, now), *_of_sources(sources, now), *_of_processes(beats, now), *_of_store(written, now)],
        leases=[Held(one.name, _label(one.holder, beats), one.taken_at, one.expires_at) for one in held if one.expires_at > now],
        database=size,
        tables=tables,
        tables_at=tables_at,
        history=history,
        history_at=history_at,
        retention=[Bound(f"HARELINE_RETENTION_{name}", what, kept, unit) for name, (what, unit) in RETENTION.items() if (kept := kept_by(name))],
    )


def _named(scope: Scope, held: Sequence[Lease]) -> Sequence[Lease]:
    """The leases, which are not to be saved. Their names have brokers and virtual hosts ("events prod /shop"): only who may view everything sees more than the
    kind of work."""
    for lease in [] if scope.is_everything else held:
        lease.name = lease.name.partition(" ")[0]
    return held


def _missing(beats: Sequence[Heartbeat], now: datetime) -> list[str]:
    return [
        f"{beat.kind} process {holders.number_of(beat.holder)} on {holders.host_of(beat.holder) or 'an unknown machine'} last stored a heartbeat "
        f"{formatting.age(beat.at, now)} ago, did not end in good order, and none was started in its place"
        for beat in processes.gone(beats, now)
    ]


def _processes(beats: Sequence[Heartbeat], held: Sequence[Lease], now: datetime) -> list[Process]:
    gone = {beat.pk for beat in processes.gone(beats, now)}
    holds: dict[str, list[str]] = defaultdict(list)
    for lease in held:
        if lease.expires_at > now:
            holds[lease.holder].append(lease.name)
    shown = [beat for beat in beats if is_within(beat.ended_at or beat.at, now, SHOWN_FOR)]
    return [_process(beat, holds[beat.holder], beat.pk in gone, now) for beat in sorted(shown, key=lambda beat: (KINDS.index(beat.kind), not lives(beat, now)))]


def _process(beat: Heartbeat, holds: list[str], is_gone: bool, now: datetime) -> Process:
    measured = beat.measured or {}
    state, level = _state(beat, is_gone, now)
    return Process(
        kind=beat.kind,
        host=holders.host_of(beat.holder),
        number=holders.number_of(beat.holder),
        state=state,
        level=level,
        version=beat.version,
        started_at=beat.started_at,
        heartbeat_at=beat.at,
        ended_at=beat.ended_at,
        holds=list(dict.fromkeys(holds)),
        problem=beat.problem,
        memory_bytes=measured.get("memory_bytes"),
        data_free_bytes=measured.get("data_free_bytes"),
        sockets=measured.get("sockets"),
    )


def _state(beat: Heartbeat, is_gone: bool, now: datetime) -> tuple[str, Level]:
    if beat.ended_at is not None:
        return "ended", Level("unknown", "", "ended")
    if not is_within(beat.at, now, SILENT_AFTER):
        return ("gone", Level("critical", "it did not end in good order", "gone")) if is_gone else ("replaced", Level("unknown", "", "replaced"))
    if beat.problem:
        return "working", Level("warning", beat.problem, "has a problem")
    return ("standby", Level("ok", "", "stands by")) if beat.standby else ("working", Level("ok", "", "works"))


def _label(holder: str, beats: Sequence[Heartbeat]) -> str:
    kind = next((beat.kind for beat in beats if beat.holder == holder), "process")
    return f"{kind} {holders.number_of(holder)} on {holders.host_of(holder) or 'an unknown machine'}"


def _versions(beats: Sequence[Heartbeat], brokers: Sequence[Broker], size: DatabaseSize, now: datetime) -> list[Version]:
    found: dict[tuple[str, str], list[Heartbeat]] = defaultdict(list)
    for beat in beats:
        if lives(beat, now):
            software: Mapping[str, str] = (beat.facts or {}).get("software", {})
            for name, version in {"Hareline": beat.version or "an older one", **software}.items():
                found[name, version].append(beat)
    by_name: dict[str, int] = defaultdict(int)
    for name, _ in found:
        by_name[name] += 1
    of_processes = [
        Version(name, version, "all processes" if by_name[name] == 1 else ", ".join(_label(beat.holder, beats) for beat in who), max(beat.at for beat in who))
        for (name, version), who in found.items()
    ]
    of_processes = of_processes or [Version("Hareline", settings.VERSION, "this process", now)]
    of_brokers = [Version(broker.name, broker.software or "unknown", "reported by the broker", broker.polled_at) for broker in brokers]
    return [*of_processes, Version(size.engine, size.version, "reported by the database", now), *of_brokers]


def _since(at: datetime | None, now: datetime) -> float | None:
    return None if at is None else round(max(0.0, (now - at).total_seconds()), 3)


def _of_brokers(brokers: Sequence[Broker], now: datetime) -> list[Lag]:
    found = []
    for broker in brokers:
        took = "" if broker.poll_ms is None else f", which took {formatting.duration(broker.poll_ms / 1000)}"
        found.append(
            Lag(f"depths of {broker.name}", _since(broker.polled_at, now), broker.polled_at, broker.poll_seconds, f"the last poll that was answered{took}")
        )
        found.append(Lag(f"inventory of {broker.name}", _since(broker.inventory_at, now), broker.inventory_at, None, "the last inventory that was stored"))
    return found


def _of_sources(sources: Sequence[EventSource], now: datetime) -> list[Lag]:
    return [
        Lag(
            f"receiver’s round in {source.vhost} at {source.broker.name}",
            _since(source.beat_at, now),
            source.beat_at,
            5.0,
            f"the receiver’s thread; {source.events:,} events, the last {_ago(source.received_at, now)}",
        )
        for source in sources
        if source.broker.configured
    ]


def _ago(at: datetime | None, now: datetime) -> str:
    return "never" if at is None else f"{formatting.age(at, now)} ago"


def _of_processes(beats: Sequence[Heartbeat], now: datetime) -> list[Lag]:
    found = []
    for beat in beats:
        measured: Mapping[str, Any] = beat.measured or {} if lives(beat, now) else {}
        if measured.get("tail_seconds") is not None:
            source = f"its heartbeat {formatting.age(beat.at, now)} ago, {formatting.count(measured.get('sockets'), 'socket')}"
            found.append(Lag(f"tail of {_label(beat.holder, beats)}", measured["tail_seconds"], beat.at, 0.05, source))
        for name, done in measured.get("jobs", {}).items():
            at = datetime.fromisoformat(done["at"])
            source = f"maintenance’s heartbeat {formatting.age(beat.at, now)} ago; it took {formatting.duration(done['seconds'])}"
            found.append(Lag(name, _since(at, now), at, done.get("every_seconds"), source))
    return found


def _of_store(row: RemoteWrite | None, now: datetime) -> list[Lag]:
    """Of the long-term store that is written to, where there is one."""
    if row is None:
        return []
    source = f"maintenance; {formatting.number(row.samples)} samples taken, {formatting.number(row.dropped)} refused"
    return [Lag(f"remote write to {row.address}", _since(row.written_at, now), row.written_at, None, source)]


def _tables(size: DatabaseSize, beats: Sequence[Heartbeat], now: datetime) -> tuple[list[Size], datetime | None]:
    """On SQLite as maintenance measured them last, since that reads the whole file."""
    if size.engine == "PostgreSQL":
        return table_sizes()[:MOST_TABLES], now
    measured = next((beat.measured["tables"] for beat in beats if beat.measured and beat.measured.get("tables")), None)
    if measured is None:
        return [], None
    return [Size(*row) for row in measured["sizes"]][:MOST_TABLES], datetime.fromisoformat(measured["at"])
