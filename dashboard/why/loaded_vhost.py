"""Loads a virtual host from the database for explanations: its objects, the consumers of its queues, and what is not visible."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from brokers import parts, queries
from brokers.models import Broker
from brokers.queries import Page, kept
from brokers.routing.default_types import declared_default
from brokers.routing.definitions import NEEDS_ADMINISTRATOR, Right
from brokers.scope import EVERYTHING, Scope
from brokers.visible_topology import visible_topology
from dashboard.layout import formatting, levels
from dashboard.layout.consumption import consumers_by_queue
from dashboard.layout.virtual_hosts import virtual_hosts
from dashboard.why.celery_app import with_application
from dashboard.why.explanations import UNKNOWN_SLOTS, LoadedVhost, Slots, consuming_workers, topology_of
from dashboard.why.task_configuration import KnownTask, ReportingWorkers, Sent
from dashboard.workers.row import free_slots
from workers import queries as worker_queries
from workers.models import Worker

MOST_KEPT = 4
_Key = tuple[int, str, Scope]
_last: dict[_Key, LoadedVhost] = {}
"""By broker, virtual host and scope, which is EVERYTHING for whoever may view all of the virtual host."""
_last_partial: dict[_Key, LoadedVhost] = {}
"""The same for whoever may view a part of it: these do not push out the others, which are loaded ahead."""

PARTLY_VISIBLE = "You may view only some queues of virtual host {vhost}: what is outside your rights is left out, and the outcome in the broker may differ."
PERMISSIONS_HIDDEN = "permissions are visible only to people who may view the whole virtual host"
NO_SETTINGS_THEN = "No worker node’s Celery settings are recorded at that moment: which settings were in force is unknown."


def load(scope: Scope, broker: Broker, vhost: str, now: datetime, at: datetime | None = None) -> LoadedVhost:
    """The virtual host now, or `at` a moment; then consumers are unknown. Raises NotRecorded."""
    if at is not None:
        return _then(scope, broker, vhost, at)
    whole, state = scope.covers(broker.name, vhost), kept.state_of([broker])
    topology, facts = queries.visible_topology(scope, broker, vhost, state), queries.visible_queue_facts(scope, broker, vhost, state)
    consuming = consumers_by_queue(broker.pk, vhost, broker)
    slots = {worker.pk: _slots(worker) for worker in worker_queries.worker_slots(broker.pk, vhost)}
    hidden = levels.unavailable(broker, now)
    partly = [] if whole else [partly_visible(scope, broker, vhost)]
    found = LoadedVhost(
        topology,
        broker.version or None,
        {} if hidden else facts.consumers,
        {
            name: consuming_workers(found, slots)
            for (its_vhost, name), found in consuming.items()
            if its_vhost == vhost and (whole or scope.covers(broker.name, vhost, name))
        },
        [*partly, *_unknown(broker, vhost, hidden, now, bool(topology.exchanges))],
        _rights(scope, broker, vhost) if whole else None,
        NEEDS_ADMINISTRATOR if whole else PERMISSIONS_HIDDEN,
        reported=facts.policies,
        unreported=facts.unreported,
        default_type=_default_type(scope, broker, vhost),
    )
    _take_router(found, (broker.pk, vhost, EVERYTHING if whole else scope))
    return found


def recent() -> list[tuple[int, str]]:
    """(broker id, virtual host) of those that are kept as a whole: the few whose messages were explained last."""
    return [(broker_id, vhost) for broker_id, vhost, _ in list(_last)]


def partly_visible(scope: Scope, broker: Broker, vhost: str) -> str:
    """That the person sees only a part of it, in a sentence; "" where they see all."""
    return "" if scope.covers(broker.name, vhost) else PARTLY_VISIBLE.format(vhost=vhost)


def _take_router(found: LoadedVhost, key: _Key) -> None:
    """Reuses the router of the last load if nothing has changed: building one for 10,000 queues takes half a second. One that met
    a slow pattern is not reused, since its time limit for patterns is used up."""
    kept_loads = _last if key[2].is_everything else _last_partial
    last = kept_loads.pop(key, None)
    same = last is not None and last.topology is found.topology and last.facts == found.facts
    if same and last is not None and last.made is not None and not last.made[1].patterns.seconds:
        found.made = last.made
    kept_loads[key] = found
    for old in list(kept_loads)[:-MOST_KEPT]:
        kept_loads.pop(old, None)


def _then(scope: Scope, broker: Broker, vhost: str, at: datetime) -> LoadedVhost:
    where: dict[str, Any] = {"broker": broker.pk, "vhost": vhost, "at": at}
    queues = _all(lambda page: queries.queues(scope, **where, sort="name", page=page, page_size=queries.LARGEST_PAGE))
    exchanges = _all(lambda page: queries.exchanges(scope, **where, page=page, page_size=queries.LARGEST_PAGE))
    topology = topology_of(vhost, exchanges, queues, queries.bindings(scope, **where), queries.policies(scope, **where))
    topology, partly = visible_topology(topology, scope, broker.name), [text] if (text := partly_visible(scope, broker, vhost)) else []
    return LoadedVhost(topology, broker.version or None, {}, {}, partly, rights_unknown="permissions of the past are not kept")


def reporting_workers(scope: Scope, broker: Broker, vhost: str) -> ReportingWorkers:
    return ReportingWorkers(worker_queries.reported_applications(scope, broker.pk, vhost))


def known_task(scope: Scope, broker: Broker, vhost: str, task: str, at: datetime | None = None) -> KnownTask:
    """What is known of a task: configurations, its attributes, where the last one was actually sent. With `at` all as it was
    recorded at that moment; what HARELINE_CELERY_APP names has no history.
    Whoever may view only some queues of the virtual host gets no configuration of an application, which names others, and of what was sent only what went
    to visible queues alone."""
    whole = scope.covers(broker.name, vhost)
    last = worker_queries.last_sent(scope, broker.pk, vhost, task, at)
    sent = None
    if last is not None and last.sent_at is not None:
        arrived = list(last.found.names) if last.found else []
        if whole or all(name is None or scope.covers(broker.name, vhost, name) for name in (last.sent_queue, *arrived)):
            sent = Sent(last.pk, last.uuid, last.sent_at, last.sent_queue, last.exchange, last.routing_key, arrived)
    if at is not None:
        then = worker_queries.applications_at(scope, broker.pk, vhost, at)
        return msgspec.structs.replace(ReportingWorkers(then).known(task), sent=sent, troubles=[] if then else [NO_SETTINGS_THEN])
    known = msgspec.structs.replace(reporting_workers(scope, broker, vhost).known(task), sent=sent, troubles=[])
    return with_application(known, task) if whole else known


DECIDING_PARTS = frozenset({*parts.TOPOLOGY_PARTS, parts.QUEUES, parts.QUEUE_COUNTERS, parts.PERMISSIONS})
"""Parts of a poll that decide where a message goes."""


def _rights(scope: Scope, broker: Broker, vhost: str) -> tuple[Right, ...] | None:
    if not broker.permissions_known:
        return None
    return tuple(Right(one.user, one.write, one.exchange) for one in kept.shared(kept.state_of([broker]), queries.permissions, scope, broker.pk, vhost))


def _default_type(scope: Scope, broker: Broker, vhost: str) -> str:
    place = next((one for one in virtual_hosts(scope, broker) if one.name == vhost), None)
    return declared_default(place.default_queue_type, broker.version) if place is not None else ""


def _slots(worker: Worker) -> Slots:
    """The slots of an online worker; unknown for others, whose numbers are outdated."""
    if worker.state != Worker.ONLINE:
        return UNKNOWN_SLOTS
    return Slots(worker.concurrency, free_slots(worker), worker.prefetch)


def _unknown(broker: Broker, vhost: str, hidden: str, now: datetime, seen: bool) -> list[str]:
    found = []
    if hidden:
        since = f"; what is shown is from {formatting.moment_text(broker.polled_at, now)}" if broker.polled_at else ""
        found.append(f"{hidden}{since}.")  # it begins with the broker's name, as it is written
    if not seen:
        found.append(f"No exchange of virtual host {vhost} is known: it was not read yet, or Hareline’s user has no permission.")
    for limit in broker.limits:
        if limit.get("part"):
            if limit["part"] in DECIDING_PARTS and not hidden:
                since_text = formatting.moment_text(datetime.fromisoformat(limit["since"]), now)
                found.append(f"The broker's {limit['what']} have not been read since {since_text}: {limit['why']}.")
            continue
        lists = any(word in str(limit.get("what")) for word in ("bindings", "exchanges", "queues", "policies", "permissions"))
        if limit.get("vhost") == vhost or (limit.get("vhost") is None and lists):
            found.append(f"Hareline’s user can’t access everything there ({limit.get('what')}: {limit.get('why')}).")
    return found


def _all(load: Callable[[int], Page[Any]]) -> list[Any]:
    found: list[Any] = []
    number = 1
    while True:
        page = load(number)
        found += page.items
        if number >= page.pages:
            return found
        number += 1


def vhost_names(scope: Scope, broker: Broker) -> list[str]:
    return [vhost.name for vhost in virtual_hosts(scope, broker)]
