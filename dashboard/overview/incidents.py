"""Incidents: what happened, since when, what it means, the likely cause with evidence, and what to do.

Pure. `dashboard.layout.levels` decides the levels; here they become the panels of the overview, the worst first. Nothing is guessed: where the
cause can't be known, the evidence stands without one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from brokers import database_file
from brokers.characters import shell_word
from brokers.models import Broker, Node, Queue
from dashboard.layout import formatting, levels, queue_levels
from dashboard.layout.levels import Level
from dashboard.queues.row import in_text
from workers.models import EventSource, Worker
from workers.presence import events_arrive

POLLER_IS_ALIVE = timedelta(seconds=30)


class PageLink(msgspec.Struct, frozen=True):
    """A link to the page of an object; `kind` is "queue", "worker" or "overview"."""

    text: str
    kind: str
    pk: int | None = None


class Fact(msgspec.Struct, frozen=True):
    name: str
    value: str


class Incident(msgspec.Struct, frozen=True):
    """One problem. Texts are whole sentences; `command` is what to type, "" if nothing."""

    key: str
    level: Level
    title: str
    since: datetime | None
    lead: str
    meaning_title: str
    meaning: str
    why: str
    todo: str
    evidence: str = ""
    command: str = ""
    place: PageLink | None = None
    facts: tuple[Fact, ...] = ()
    where: str = ""  # broker and virtual host, for a page about several
    since_at_least: bool = False  # it may have begun before `since`


WHAT_TO_DO = {
    database_file.FULL: "Free space on that disk. Hareline continues by itself then.",
    database_file.LOCKED: "End what holds the lock, such as a shell or a copy of another program. Hareline continues by itself then.",
}
"""By why nothing can be stored."""


def of_broker(
    broker: Broker, sources: Sequence[EventSource], poller_at: datetime | None, now: datetime, not_writable: Callable[[], str] = str
) -> Incident | None:
    """The incident of a broker that is not visible; None if it is. `not_writable` returns why nothing can be stored, "" if it can. An alarm is in
    `blocked_publishers`."""
    level = levels.broker_level(broker, now)
    if level.word != "unknown":
        return None
    known = "It has never responded, so there are no numbers."
    if broker.polled_at:
        known = f"Numbers are from {formatting.moment_text(broker.polled_at, now)}."
    if broker.state in (Broker.UNREACHABLE, Broker.REFUSED):
        how = "is unreachable" if broker.state == Broker.UNREACHABLE else "refuses Hareline's user"
        title = f"{broker.name} {how}; its queues are unknown"
        return _unseen(broker, level, title, broker.since, f"{_reason(broker.reason)} {known}", _why_unseen(broker), sources, now)
    not_stored = not_writable()
    if not_stored or poller_at is None or now - poller_at > POLLER_IS_ALIVE:
        title, cause = f"{broker.name} is not being polled", not_stored or "Hareline's poller is not running."
        why = (cause, WHAT_TO_DO.get(cause, "Check Hareline's log."), "")
    else:
        since = f" since {formatting.moment_text(broker.polled_at, now)}" if broker.polled_at else " yet"
        title = f"{broker.name} has not answered{since}"
        why = ("The poller is waiting for an answer of this broker, which is slow or stands still.", "If it lasts, check the broker's node and its load.", "")
    return _unseen(broker, level, f"{title}; its queues are unknown", broker.polled_at, known, why, sources, now)


def _reason(reason: str) -> str:
    """A reason as a sentence."""
    text = reason.strip().rstrip(".")
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _why_unseen(broker: Broker) -> tuple[str, str, str]:
    """Why, what to do, and what to type."""
    every = formatting.duration(broker.poll_seconds or levels.DEFAULT_POLL_SECONDS)
    again = f"Hareline retries every {every} and recovers automatically."
    if broker.state == Broker.REFUSED:
        return _why_refused(broker, again)
    return (
        "No response on the management port: the node is down, the management plugin is stopped, or the network is cut.",
        f"On the broker's host, check the listeners. {again}",
        "rabbitmq-diagnostics listeners",
    )


def _why_refused(broker: Broker, again: str) -> tuple[str, str, str]:
    """By what the broker gave as its reason, where it did."""
    check = f"Check the entry {broker.name} in HARELINE_BROKERS."
    command = re.search(r"rabbitmqctl set_user_tags .+? monitoring(?= gives it one)", broker.reason)
    if command:
        why = "The password is right, but the user has no tag, which every user of the management API needs."
        return why, f"Give the user the tag monitoring. {again}", command[0]
    if "(Login failed)" in broker.reason:
        return "The password is wrong, or there is no such user at the broker.", f"{check} {again}", "rabbitmqctl list_users"
    why = "The management API rejects the user: the password is wrong, or the user lacks the tag monitoring."
    return why, f"{check} Or give its user the tag. {again}", "rabbitmqctl set_user_tags USER monitoring"


def _unseen(
    broker: Broker, level: Level, title: str, since: datetime | None, lead: str, why: tuple[str, str, str], sources: Sequence[EventSource], now: datetime
) -> Incident:
    still = "Nothing is live. Last known values are kept and marked with their age."
    if any(events_arrive(source, now) for source in sources):
        still = "Celery events still arrive over AMQP, so worker nodes are live."
    reason, todo, command = why
    return Incident(f"broker-{broker.pk}", level, title, since, lead, "What still works", still, reason, todo, command=command)


def of_node(node: Node, broker: Broker, now: datetime) -> Incident | None:
    """The incident of a node that does not run or is cut off; alarms are reported once, by the broker."""
    level = levels.node_level(node, broker, now)
    if level.word != "critical" or node.memory_alarm or node.disk_alarm:
        return None
    return Incident(
        f"node-{node.pk}",
        level,
        f"{node.name} {level.reason}",
        None,
        f"It is a node of {broker.name}.",
        "What it means",
        "Classic queues that live only on this node can't be used; quorum queues keep working while most of their members run.",
        "The other nodes list it, but it does not respond to them.",
        "Check the node.",
        command=f"rabbitmq-diagnostics -n {shell_word(node.name)} status",
    )


def of_queue(queue: Queue, broker: Broker, consumed_by: Sequence[str], now: datetime) -> Incident | None:
    """The incident of a queue in trouble; `consumed_by` are worker nodes that are configured to consume it. None if it is not."""
    level = queue_levels.queue_level(queue, broker, now)
    if not level.is_trouble:
        return None
    abandoned = queue.consumers == 0
    why, evidence = _why_queue(queue, broker, consumed_by)
    return Incident(
        f"queue-{queue.pk}",
        level,
        f"{queue.name} {level.reason}",
        queue.nobody_consumes_since if abandoned else queue.still_since,
        _lead_queue(queue),
        "What it means",
        _meaning_queue(queue),
        why,
        _todo_queue(queue, consumed_by),
        evidence,
        place=PageLink(f"Open {queue.name}", "queue", queue.pk),
        facts=_facts_queue(queue, consumed_by, now),
        where=f"{broker.name} {queue.vhost}",
        since_at_least=abandoned and queue.nobody_since_at_least is not False,
    )


def _lead_queue(queue: Queue) -> str:
    if queue.depth is None:
        return "How many messages it holds is unknown."
    lead = f"{formatting.count(queue.depth, 'message')} {'waits' if queue.depth == 1 else 'wait'}."
    if queue.publish_per_second is None or queue.deliver_per_second is None:
        return lead
    return f"{lead} In {in_text(queue)}/s, out {formatting.rate(queue.deliver_per_second)}/s."


def _facts_queue(queue: Queue, consumed_by: Sequence[str], now: datetime) -> tuple[Fact, ...]:
    facts = [Fact("Ready", formatting.number(queue.ready)), Fact("Consumers", formatting.number(queue.consumers))]
    growth, full_in = queue_levels.growth_per_second(queue), queue_levels.time_to_limit(queue)
    if growth == 0 and queue.last_publish_at is not None:
        facts.insert(1, Fact("Last message", f"{formatting.age(queue.last_publish_at, now)} ago"))
    elif growth is not None:
        facts.insert(1, Fact("Growth", f"+{formatting.slow_rate(growth)}/s" if growth >= 0 else f"-{formatting.slow_rate(-growth)}/s"))
    if full_in is not None:
        facts.append(Fact("Reaches max-length in", f"~{formatting.duration(full_in)}"))
    facts += [Fact("Oldest message", f"{'~' * queue.oldest_estimated}{formatting.age(queue.oldest_at, now)}")] if queue.oldest_at else []
    facts += [Fact("Configured on", formatting.listed(consumed_by, 1))] if queue.consumers == 0 and consumed_by else []
    return tuple(facts)


def _meaning_queue(queue: Queue) -> str:
    full_in, limit = queue_levels.time_to_limit(queue), queue_levels.length_limit(queue)
    if queue_levels.is_broken(queue):
        return "Nothing can be published to it or consumed from it."
    if queue_levels.members_text(queue) and queue.depth is not None:
        effect = "It works, and its messages are safe while most of its members are online."
    else:
        processed = queue.consumers == 0 or queue_levels.stands_still(queue)
        effect = "Nothing processes these messages." if processed else "Messages wait longer and longer before they are processed."
    if full_in is None or limit is None:
        return effect
    settings = {**(queue.effective_policy or {}), **{name.removeprefix("x-"): value for name, value in (queue.arguments or {}).items()}}
    dead_letters = settings.get("dead-letter-exchange")
    overflow = settings.get("overflow", "drop-head")
    if str(overflow).startswith("reject"):
        fate = "new messages are refused"
    else:
        fate = f"the oldest go to {dead_letters}" if dead_letters else "the oldest are dropped"
    return f"{effect} At this rate the length limit of {formatting.number(limit)} is reached in ~{formatting.duration(full_in)}; after that, {fate}."


def _why_queue(queue: Queue, broker: Broker, consumed_by: Sequence[str]) -> tuple[str, str]:
    """Why, and the evidence."""
    if queue.members and queue.online is not None and len(queue.online) < len(queue.members):
        away = [str(name) for name in queue.members if name not in queue.online]
        return f"{formatting.listed(away)} {'is' if len(away) == 1 else 'are'} not running, or cut off from the others.", f"members: {', '.join(queue.members)}"
    if queue_levels.is_broken(queue):
        if queue.leader == "":
            return "Its members have elected no leader.", f"members: {', '.join(queue.members or ['not reported'])}"
        return f"The broker reports the queue as {queue.state}; its node is {queue.node or 'not reported'}.", ""
    if queue.consumers == 0:
        return _why_abandoned(consumed_by), "consumers at the broker: 0"
    if queue.consumers and queue.active_consumers == 0:
        return "The broker lists consumers, and delivers to none of them.", f"active consumers at the broker: 0 of {queue.consumers:,}"
    held = f"{formatting.count(queue.consumers, 'consumer')}, {formatting.number(queue.unacknowledged)} unacknowledged"
    if queue_levels.stands_still(queue):
        whose = f"{formatting.listed(consumed_by)} {'consumes' if len(consumed_by) == 1 else 'consume'} it" if consumed_by else "Its consumers are attached"
        return f"{whose}, but acknowledge nothing: stopped, blocked, or busy with tasks that take long.", held
    growth = queue_levels.growth_per_second(queue)
    return f"{formatting.rate(growth)} messages/s more arrive than leave.", held


def _why_abandoned(consumed_by: Sequence[str]) -> str:
    if not consumed_by:
        return "No known worker is configured for this queue, and no other client consumes it."
    is_or_are = "is" if len(consumed_by) == 1 else "are"
    return f"{formatting.listed(consumed_by)} {is_or_are} configured to consume it, but the broker has no consumer there."


def _todo_queue(queue: Queue, consumed_by: Sequence[str]) -> str:
    if queue_levels.is_broken(queue) or queue_levels.members_text(queue):
        return "Bring the queue's nodes back, or check the broker's log for what stopped it."
    if queue.consumers == 0 and consumed_by:
        return f"Restart {formatting.listed(consumed_by)}, or have {queue.name} consumed again by {'it' if len(consumed_by) == 1 else 'them'}."
    if queue.consumers == 0:
        return f"Start a worker for {queue.name}. If the queue is no longer needed, remove the bindings that feed it."
    if queue_levels.stands_still(queue):
        return "Look at what its consumers are doing, on the pages of their workers; restart one that does not respond."
    return "Add slots or worker nodes for this queue, or slow down what publishes to it."


def of_worker(worker: Worker, now: datetime) -> Incident | None:
    """The incident of a worker node that disappeared while it held tasks; None if it did not."""
    level = levels.worker_level(worker, now)
    if not level.is_trouble:
        return None
    return Incident(
        f"worker-{worker.pk}",
        level,
        f"{worker.hostname} {level.reason}",
        worker.since,
        f"Its last heartbeat was {formatting.age(worker.heartbeat_at, now)} ago.",
        "What it means",
        "Unacknowledged tasks return to their queues once the broker notices; tasks acknowledged early are lost.",
        _reason(worker.reason) or "It stopped sending heartbeats without going offline properly.",
        "Check the host: was the process killed, did it run out of memory, is the network cut?",
        place=PageLink("Show its tasks and queues", "worker", worker.pk),
        facts=(
            Fact("Last heartbeat", formatting.moment_text(worker.heartbeat_at, now)),
            Fact("Running", formatting.count(worker.active, "task")),
            Fact("Reserved", formatting.count(worker.reserved, "task")),
        ),
        where=f"{worker.broker.name} {worker.vhost}",
    )


def worst_first(found: Iterable[Incident | None]) -> list[Incident]:
    """The incidents, the worst first; among equals, the oldest first."""
    real = [incident for incident in found if incident is not None]
    return sorted(real, key=lambda one: (levels.WORST_FIRST.index(one.level.word), one.since.timestamp() if one.since else float("inf")))
