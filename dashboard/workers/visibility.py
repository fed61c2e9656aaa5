"""What is unknown about worker nodes and why, with the command that grants it; and the steps to the first worker on an empty page.

Pure.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from brokers.models import Broker
from brokers.routing.queue_types import NO_TRANSIENT
from dashboard.layout import formatting, levels
from dashboard.layout.visibility import Step
from workers.models import EventSource, Worker

ATTACHED = re.compile(r", [\d,]+ consumers? attached")
TIME = re.compile(r"\b(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d UTC")
EVENTS_SETTINGS = (
    "Start the workers with -E, or set worker_send_task_events = True in the app; they restart with it. "
    "With task_send_sent_event = True in the producers, sent tasks are seen too."
)


WORKERS_OF_QUEUES = "You may view only some queues of a virtual host. A worker node appears here while it consumes one of them."


def limits(sources: Sequence[EventSource], workers: Sequence[Worker]) -> list[Step]:
    """What is missing where workers are shown; [] if everything may be seen."""
    found = []
    for source in sources:
        found += _events_missing(source) + _inspection_missing(source) + _unwatched(source)
    shown = {source.reason for source in sources}
    found += [step for reason, step in unknown_nodes(workers) if reason not in shown]
    silent = [worker.hostname for worker in workers if worker.events_off and worker.state == Worker.ONLINE]
    if silent:
        verb = "sends" if len(silent) == 1 else "send"
        found.append(Step("notice", f"{formatting.listed(sorted(silent))} {verb} no task events", EVENTS_SETTINGS))
    return found


def unknown_nodes(workers: Iterable[Worker]) -> list[tuple[str, Step]]:
    """(reason, the line shown once above the nodes) for each reason that worker nodes of a virtual host are unknown; the nodes' own rows don't repeat it."""
    return [
        (reason, Step("unknown", f"{formatting.count(amount, 'worker node')} in {vhost} {'is' if amount == 1 else 'are'} unknown", _sentence(reason)))
        for vhost, reason, amount in unknown_by_reason(worker for worker in workers if worker.reason)
    ]


def unknown_by_reason(workers: Iterable[Worker]) -> list[tuple[str, str, int]]:
    """(virtual host, reason, how many worker nodes) of those that are unknown. Reasons that differ only in their time, or in how many
    consumers are attached, are one, of the earliest time: a broker that stands still silences all nodes within some seconds."""
    alike: dict[tuple[str, str], list[str]] = defaultdict(list)
    for worker in workers:
        if worker.state == Worker.UNKNOWN:
            alike[worker.vhost, ATTACHED.sub("", TIME.sub("", worker.reason))].append(worker.reason)
    return sorted((vhost, _earliest(reasons), len(reasons)) for (vhost, _), reasons in alike.items())


def _earliest(reasons: Sequence[str]) -> str:
    """
    >>> _earliest(["silent since 2026-11-29 14:16:59 UTC; it ran", "silent since 2026-11-29 14:17:01 UTC; it ran"])
    'silent since 2026-11-29 14:16:59 UTC or later; it ran'
    """
    if len({TIME.sub("", reason) for reason in reasons}) > 1:
        reasons = [ATTACHED.sub("", reason) for reason in reasons]
    return min(reasons) if len(set(reasons)) == 1 else TIME.sub(r"\g<0> or later", min(reasons))


def _unwatched(source: EventSource) -> list[Step]:
    """Exchanges that look like Celery's; not a second time where that is why no events are received."""
    if not source.hint or source.hint == source.reason:
        return []
    return [Step("notice", f"Perhaps more of Celery in {_place(source)}", _sentence(source.hint))]


def _place(source: EventSource) -> str:
    return f"{source.broker.name}, virtual host {source.vhost}"


def _events_missing(source: EventSource) -> list[Step]:
    if source.state == EventSource.RECEIVING:
        return []
    level = "notice" if source.state == EventSource.OFF else "unknown"
    return [Step(level, f"No events of workers from {_place(source)}", _sentence(source.reason) or "Hareline has not connected for them yet.", source.grant)]


def no_events(sources: Iterable[EventSource], vhost: str | None = None) -> list[Step]:
    """Where events are not received now, of one virtual host or of all: what pages show of tasks there is as old as the last event."""
    return [step for source in sources if vhost in (None, source.vhost) for step in _events_missing(source)]


def _inspection_missing(source: EventSource) -> list[Step]:
    if source.inspect_state in (EventSource.INSPECTING, EventSource.UNKNOWN) and not source.inspect_grant:
        return []
    level = "notice" if source.inspect_state == "off" else "unknown"
    title = f"Pool, slots and queues of the workers of {_place(source)} are unknown"
    return [Step(level, title, _sentence(source.inspect_reason) or f"Inspection: {source.inspect_state}.", source.inspect_grant)]


def steps_to_see_workers(brokers: Sequence[Broker], sources: Sequence[EventSource], now: datetime, sources_hidden: bool = False) -> list[Step]:
    """The checklist of a page without worker nodes: what is there already, what is left. `sources_hidden`: none are visible to the person."""
    steps = [_broker_step(broker, now) for broker in brokers]
    if sources_hidden:
        steps.append(Step("unknown", "Whether events of workers are received is not visible to you", WORKERS_OF_QUEUES))
    elif not sources:
        steps.append(
            Step(
                "notice",
                "No virtual host with Celery has been found",
                "Hareline watches every virtual host with Celery’s exchanges, celeryev and celery.pidbox or what the workers call theirs. "
                "A worker creates them when it starts.",
            )
        )
    for source in sources:
        steps += _source_steps(source, now)
    steps += [_refused_queues(broker) for broker in brokers if refuses_transient_queues(broker.version)]
    if not sources_hidden:
        steps.append(Step("notice", "Start a worker", "It appears here with its first heartbeat, within two seconds. For task events, start it with -E."))
    return steps


def refuses_transient_queues(version: str) -> bool:
    """Whether RabbitMQ of this version refuses the queues that Celery before 5.7 declares for remote control and for receiving events.

    >>> refuses_transient_queues("4.3.0"), refuses_transient_queues("4.2.1"), refuses_transient_queues("")
    (True, False, False)
    """
    return tuple(int(part) for part in version.split(".")[:2] if part.isdecimal()) >= NO_TRANSIENT


def _refused_queues(broker: Broker) -> Step:
    return Step(
        "notice",
        f"RabbitMQ {broker.version} refuses the transient queues of Celery before 5.7",
        "Such a worker ends at its start with the AMQP error 541. Upgrade Celery, or set event_queue_exclusive and control_queue_exclusive in its "
        "configuration; until then, deprecated_features.permit.transient_nonexcl_queues = true in rabbitmq.conf permits them.",
    )


def _broker_step(broker: Broker, now: datetime) -> Step:
    level = levels.broker_level(broker, now)
    if level.word == "unknown":
        return Step("unknown", f"Broker {broker.name} is not available", _sentence(broker.reason or level.reason))
    version = f"{broker.software}, " if broker.version else ""
    return Step("ok", f"Broker {broker.name} is up", f"{version}polled {formatting.age(broker.polled_at, now)} ago")


def _source_steps(source: EventSource, now: datetime) -> list[Step]:
    if source.state != EventSource.RECEIVING:
        return _events_missing(source)
    last_event = f"last event {formatting.age(source.received_at, now)} ago" if source.received_at else "none received yet"
    return [Step("ok", f"Events are received from {_place(source)}", _sentence(last_event)), *_inspection_missing(source)]


def _sentence(clause: str) -> str:
    """
    >>> _sentence("access refused"), _sentence("")
    ('Access refused.', '')
    """
    clause = clause.strip()
    return f"{clause[:1].upper()}{clause[1:].rstrip('.')}." if clause else ""
