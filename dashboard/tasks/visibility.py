"""What is unknown about tasks and why, with the setting or permission that would change it; and the steps to the first task on an empty page.

Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from brokers.models import Broker
from dashboard.layout import formatting, levels
from dashboard.layout.visibility import Step
from workers.models import EventSource, Task, Worker
from workers.presence import events_arrive

EVENTS_ON = "Start them with -E, or set worker_send_task_events = True in the app; they restart with it."
SENT_ON = "Set task_send_sent_event = True in the app that sends them to see waits in queues, senders and routes."


def limits(brokers: Sequence[Broker], sources: Sequence[EventSource], silent: Sequence[str], now: datetime) -> list[Step]:
    """What is missing where tasks are shown; [] if everything may be seen. `silent`: the host names of workers that send no task events."""
    found = [_not_received(source) for source in sources if source.state != EventSource.RECEIVING]
    known = {source.broker_id for source in sources if source.state != EventSource.RECEIVING or events_arrive(source, now)}
    found += [_standing_still(broker, sources, now) for broker in brokers if broker.polled_at and broker.pk not in known and levels.unavailable(broker, now)]
    found += [_results_not_read(source) for source in sources if source.results_state == EventSource.UNREACHABLE]
    if silent:
        nodes = formatting.count(len(silent), "worker node")
        verb = "sends" if len(silent) == 1 else "send"
        names = formatting.listed(silent)
        found.append(Step("notice", f"{nodes} {verb} no task events: {names}", f"What they run is missing here. {EVENTS_ON}"))
    return found


def _results_not_read(source: EventSource) -> Step:
    """What was read before stays; tasks without an end stay so meanwhile."""
    text = f"{source.results_reason[:1].upper()}{source.results_reason[1:]}. How tasks ended whose events were lost stays unknown until it answers."
    return Step("unknown", f"The result backend of {source.broker.name}, virtual host {source.vhost}, is not read", text)


def _standing_still(broker: Broker, sources: Sequence[EventSource], now: datetime) -> Step:
    """A broker that does not respond: what its workers do meanwhile is not known here."""
    last = max((source.received_at for source in sources if source.broker_id == broker.pk and source.received_at), default=None)
    text = f"The last event of its workers arrived at {formatting.moment_text(last, now)}: tasks are shown as they were then." if last else ""
    return Step("unknown", levels.unavailable(broker, now), text)


def silent_workers(workers: Sequence[Worker]) -> list[Worker]:
    """The online workers whose own count of tasks grows while no task event arrives."""
    return [worker for worker in workers if worker.events_off and worker.state == Worker.ONLINE]


def steps_to_see_tasks(brokers: Sequence[Broker], vhost: str | None, sources: Sequence[EventSource], workers: Sequence[Worker], now: datetime) -> list[Step]:
    """The checklist of a page without tasks: what is there already, what is left."""
    steps = [_broker_step(broker, vhost, now) for broker in brokers]
    steps += [_not_received(source) for source in sources if source.state != EventSource.RECEIVING]
    steps.append(_workers_step(workers))
    online = [worker for worker in workers if worker.state == Worker.ONLINE]
    if online:
        steps.append(_events_step(online))
    steps.append(Step("notice", "No task-sent events from producers yet", SENT_ON))
    return steps


def left(steps: Sequence[Step]) -> str:
    """How much of the checklist is left, in a sentence.

    >>> left([Step("ok", ""), Step("notice", "")])
    'One of two steps is left.'
    """
    missing = sum(step.level != "ok" for step in steps)
    return f"{_word(missing).capitalize()} of {_word(len(steps))} steps {'is' if missing == 1 else 'are'} left." if missing else "Every step is done."


def _word(count: int) -> str:
    words = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    return words[count] if count < len(words) else str(count)


def _not_received(source: EventSource) -> Step:
    reason = source.reason.strip().rstrip(".")
    text = f"{reason[:1].upper()}{reason[1:]}." if reason else "Hareline has not connected for them yet."
    level = "notice" if source.state == EventSource.OFF else "unknown"
    return Step(level, f"Task events are not received from {source.broker.name}, virtual host {source.vhost}", text, source.grant)


def _broker_step(broker: Broker, vhost: str | None, now: datetime) -> Step:
    level = levels.broker_level(broker, now)
    place = f", virtual host {vhost}" if vhost else ""
    if level.word == "unknown":
        return Step("unknown", f"Broker {broker.name} is not available{place}", f"Because {broker.reason or level.reason}.")
    version = f"{broker.software}, " if broker.version else ""
    return Step("ok", f"Broker {broker.name} is up{place}", f"{version}polled {formatting.age(broker.polled_at, now)} ago")


def _workers_step(workers: Sequence[Worker]) -> Step:
    online = [worker for worker in workers if worker.state == Worker.ONLINE]
    if not online:
        gone = f"{formatting.count(len(workers), 'worker node')} {'was' if len(workers) == 1 else 'were'} seen and {'is' if len(workers) == 1 else 'are'} gone."
        return Step("notice", "No worker node answers", gone if workers else "Start one; it is seen with its first heartbeat, within two seconds.")
    pools = Counter(worker.pool or "pool unknown" for worker in online)
    words = ", ".join(f"{pool} {count}" for pool, count in pools.most_common())
    return Step("ok", f"{formatting.count(len(online), 'worker node')} {'answers' if len(online) == 1 else 'answer'}", words)


def _events_step(online: Sequence[Worker]) -> Step:
    silent = silent_workers(online)
    if silent:
        which = f"all {len(silent)} worker nodes" if len(silent) == len(online) > 1 else formatting.count(len(silent), "worker node")
        return Step("warning", f"Events are off on {which}", EVENTS_ON)
    if all(worker.events_off is None for worker in online):
        return Step("notice", "Whether worker nodes send task events is not known yet", f"They have run no tasks since Hareline started. {EVENTS_ON}")
    return Step("ok", "Worker nodes send task events", "They have run no tasks yet.")


def gaps(task: Task, worker: Worker | None) -> list[str]:
    """What is unknown about one task and why, in sentences; [] if everything is known that events contain."""
    found = []
    if task.state == "UNKNOWN":
        found.append(f"Outcome unknown: {task.unknown_reason or 'no event reported its end'}.")
    if task.revoked_by and task.state in ("PENDING", "RECEIVED", "RETRY"):
        found.append(_revoked(task))
    if task.sent_at is None:
        found.append(f"Sender, time and route unknown: no task-sent event arrived. {SENT_ON}")
    if task.received_at is None and task.state != "PENDING":
        found.append("Its arguments and when it was received may be unknown: the task-received event was lost, or sent before Hareline started.")
    if task.received_at and task.started_at is None and task.state in ("SUCCESS", "FAILURE", "RETRY"):
        found.append("When it started is unknown: that event was lost.")
    if task.state == "PENDING":
        silent = "Worker nodes with events off would not report it. " if worker is None else ""
        found.append(f"No worker node has reported receiving it. {_where(task)} {silent}".strip())
    if worker is not None and worker.events_off:
        found.append(f"{worker.hostname} sends no task events now. {EVENTS_ON}")
    return found


def _revoked(task: Task) -> str:
    if task.state == "PENDING":
        return f"It was revoked and will be dropped by the worker node that receives it: {task.revoked_by} lists it as revoked."
    when = f"when its ETA comes, at {formatting.clock(task.eta)}" if task.eta else "before it starts it"
    return f"It was revoked and will be dropped: {task.revoked_by} lists it as revoked and drops it {when}."


def _where(task: Task) -> str:
    found = task.found
    if found is None or not found.names:
        return "It waits in a queue, or was routed to a queue without consumers."
    return f"It waits in {formatting.listed(found.names)}, unless it expired or was moved."
