"""Tasks are sent to a queue that no worker node consumes or ever consumed: a route, a queue option or a binding leads them there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from brokers import parts
from brokers.models import Queue
from dashboard.findings import queues
from dashboard.findings.facts import Facts
from dashboard.findings.rule import Cause, Evidence, Found, Link, Report
from dashboard.findings.thresholds import Thresholds
from dashboard.layout import formatting, queue_levels
from dashboard.layout.filter_language import quoted

KEY = "unconsumed_route"
NAME = "Tasks for a queue that no node consumes"
ABOUT = "Celery tasks wait in a queue that no known worker node is configured to consume, nor any client consumed."
NEEDS = ("broker", parts.QUEUES)
THRESHOLDS = ()
OPENS_AFTER = timedelta(seconds=5)
CLEARS_AFTER = timedelta(seconds=20)


def look(facts: Facts, thresholds: Thresholds) -> Iterable[Report]:
    yield from queues.unsure(facts, KEY, lambda one: one.depth is not None and one.consumers is not None, "its messages or consumers are unknown")
    for queue in facts.queues:
        tasks = facts.context.waiting.get((queue.vhost, queue.name), ())
        if not tasks or not _is_left(queue, facts) or thresholds.is_off(KEY, queue.vhost, queue.name):
            continue
        yield _found(queue, tasks, facts)


def _is_left(queue: Queue, facts: Facts) -> bool:
    """Whether it holds messages, and nothing known consumes it, did, or is configured to."""
    unused = queue_levels.nobody_takes(queue) and not queue.last_consumers and not queues.configured(facts, queue)
    return unused and queues.waits_for_consumers(queue) and not queues.only_delays(queue, facts) and not queue_levels.is_broken(queue)


def _found(queue: Queue, tasks: Sequence[str], facts: Facts) -> Found:
    here = [worker for worker in facts.workers if worker.vhost == queue.vhost and worker.state == "online"]
    consumed = sorted({str(one.get("name")) for worker in here for one in worker.queues or ()})
    nodes = f"{formatting.count(len(here), 'node')} online in {queue.vhost}" if here else f"no worker node is online in {queue.vhost}"
    return Found(
        KEY,
        queues.object_of(queue),
        "critical" if here else "warning",
        "gets tasks that no worker node takes",
        since=queues.left_at(queue),
        since_at_least=queue.nobody_since_at_least is not False,
        summary=f"{formatting.listed(tasks)} {'waits' if len(tasks) == 1 else 'wait'} there. {queues.waiting_text(queue)}",
        meaning=" ".join(["These tasks do not run.", queues.limit_sentence(queue)]).strip(),
        evidence=[
            *queues.numbers(queue, facts.its_broker, facts.now),
            Evidence("Tasks", formatting.listed(tasks), source="events of their senders"),
            Evidence("Queues that nodes consume", formatting.listed(consumed, 5) or "none known", source=nodes),
        ],
        causes=[
            Cause("A route or the option queue names a queue that no worker node has in its task_queues or its -Q.", f"nodes configured for {queue.name}: 0"),
            Cause("The worker node for it was never started.", nodes),
        ],
        to_do=[f"Start a worker for {queue.name}, or route these tasks to a queue that is consumed."],
        command=f"celery -A proj worker -Q {queue.name}" if queue.name.replace(".", "").replace("-", "").replace("_", "").isalnum() else "",
        links=[queues.link_to(queue), Link("Show these tasks", "tasks", query=f"queue:{quoted(queue.name)}")],
        clears="when a client consumes it, or it is empty",
    )
