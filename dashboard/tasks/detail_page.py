"""The page of one task: its figures, timeline, route, arguments and result, related tasks, and what is unknown."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property

import msgspec
from django.urls import NoReverseMatch, reverse
from django.utils.http import urlencode

from brokers import queries as broker_queries
from brokers.models import Exchange, Queue
from brokers.scope import Scope
from dashboard.layout import formatting
from dashboard.layout.addresses import tasks_address
from dashboard.layout.filter_language import quoted
from dashboard.layout.map_links import task_address
from dashboard.live import topics
from dashboard.live.rows import LiveRow
from dashboard.tasks import drawing as task_drawing
from dashboard.tasks import states as task_states
from dashboard.tasks import timeline
from dashboard.tasks import visibility as task_limits
from dashboard.tasks.drawing import Drawing
from dashboard.tasks.row import queue_text, runtime_text, task_row
from dashboard.tasks.state_source import runtime_source
from dashboard.tasks.timeline import Life, Phase
from workers import queries
from workers.models import Task, Worker
from workers.receiving.task_state import happenings
from workers.task_queue import BOTH, NEVER, ROUTING, WORKER
from workers.task_times import ran_seconds

QUEUE_SOURCES = {
    ROUTING: "by the bindings when it was sent",
    WORKER: "the only queue that its worker node consumes",
    BOTH: "by the bindings when it was sent, and its worker node consumes it",
}


class Figure(msgspec.Struct, frozen=True):
    """`url` leads to the thing named; `note` qualifies the value, or is the reason why there is none."""

    words: str
    value: str
    url: str = ""
    note: str = ""


class Relative(msgspec.Struct):
    """A task of the family: `url` "" where nothing is kept of it but its id."""

    role: str
    name: str
    uuid: str
    state: task_states.State | None = None
    seen: str = ""
    url: str = ""
    runtime: str = ""
    this: bool = False
    below: list[Relative] = []


class TaskPage:
    """The questions of one request about one task."""

    def __init__(self, scope: Scope, task: Task, now: datetime) -> None:
        self.scope, self.task, self.now = scope, task, now

    @cached_property
    def row(self) -> LiveRow:
        return task_row(self.task, self.now)

    @property
    def title(self) -> str:
        return self.task.name or "Task of unknown name"

    @property
    def goes_on(self) -> bool:
        """True while the clock alone changes its timeline."""
        return not self.state.ended and self.task.state != task_states.UNKNOWN

    @property
    def state(self) -> task_states.State:
        return task_states.state_of(self.task)

    @property
    def state_text(self) -> str:
        return task_states.state_text(self.task)

    @cached_property
    def worker(self) -> Worker | None:
        task = self.task
        return queries.worker(self.scope, task.broker_id, task.vhost, task.worker) if task.worker else None

    @property
    def worker_url(self) -> str:
        return reverse("worker", args=[self.worker.pk]) if self.worker else ""

    @property
    def names(self) -> tuple[str, ...]:
        """The queues that it is in or was taken from; () where that is unknown."""
        return self.task.found.names if self.task.found else ()

    @property
    def queue_text(self) -> str:
        return queue_text(self.task)

    @property
    def queue_note(self) -> str:
        """What shows it, or why it is unknown."""
        found = self.task.found
        if found is None or not found.names:
            return f"unknown: {found.reason if found and found.reason else NEVER}"
        copies = "a copy in each, " if len(found.names) > 1 else ""
        return copies + QUEUE_SOURCES.get(found.source, "")

    @property
    def other_sent_queue(self) -> str:
        """The queue that its sender named, "" where that is where it is."""
        return "" if self.task.sent_queue is None or self.task.sent_queue in self.names else self.task.sent_queue

    @cached_property
    def queue(self) -> Queue | None:
        task = self.task
        return broker_queries.queue(self.scope, task.broker_id, task.vhost, task.queue) if task.queue else None

    @property
    def queue_url(self) -> str:
        return reverse("queue", args=[self.queue.pk]) if self.queue else ""

    @cached_property
    def exchange(self) -> Exchange | None:
        task = self.task
        return None if task.exchange is None else broker_queries.exchange(self.scope, task.broker_id, task.vhost, task.exchange)

    @property
    def exchange_url(self) -> str:
        return reverse("exchange", args=[self.exchange.pk]) if self.exchange else ""

    @property
    def map_address(self) -> str:
        """The map with its path lit up; "" where its queue is unknown."""
        task = self.task
        return task_address((task.broker_id, task.broker.name), task.vhost, task.exchange, self.names, task.worker)

    @cached_property
    def phases(self) -> list[Phase]:
        task = self.task
        return timeline.phases(happenings(task.tries), Life(self.names, task.eta, task.state == task_states.UNKNOWN, self.now))

    @cached_property
    def drawing(self) -> Drawing:
        return task_drawing.drawn(self.phases, self.now)

    @property
    def sentence(self) -> str:
        lost = self.task.state == task_states.UNKNOWN
        return "" if lost else timeline.sentence(self.phases, self.now, self.state.ended)

    @property
    def figures(self) -> list[Figure]:
        task = self.task
        return [
            Figure("Worker node", task.worker or formatting.UNKNOWN, self.worker_url, "" if task.worker else "no worker has reported receiving it"),
            Figure("Queue", self.queue_text, self.queue_url, self.queue_note),
            Figure("Attempts", self._tries, "", self._retries) if not self.deliveries else Figure("Deliveries", *self._deliveries),
            Figure("Runtime", runtime_text(ran_seconds(task)), "", runtime_source(task)),
            Figure("Waiting in the broker", self._waited_in_queue, "", self._waited_note),
            Figure("Sent by", task.sender or formatting.UNKNOWN, "", "" if task.sender else "unknown: no event of its sender"),
        ]

    @cached_property
    def deliveries(self) -> list[str]:
        """The worker nodes that had it at the same time, as of a Broadcast; [] if they did not."""
        return timeline.deliveries_of(self.phases)

    @property
    def _deliveries(self) -> tuple[str, str, str]:
        return formatting.number(len(self.deliveries)), "", f"one each to {formatting.listed(self.deliveries)}"

    @property
    def _tries(self) -> str:
        tries = max(timeline.tries_of(self.phases), (self.task.retries or 0) + 1 if self.task.started_at else 0)
        return formatting.number(tries)

    @property
    def _retries(self) -> str:
        retries = self.task.retries
        return "retries unknown" if retries is None else formatting.count(retries, "retry", "retries") if retries else ""

    @property
    def _waited_in_queue(self) -> str:
        first = next((phase for phase in self.phases if phase.kind == timeline.WAIT and phase.label.startswith("in ")), None)
        return timeline.long(first.lasted(self.now)) if first else formatting.UNKNOWN

    @property
    def _waited_note(self) -> str:
        sent, received = self.task.sent_at, self.task.received_at
        if not sent or not received:
            return "unknown: an event is missing"
        return "unknown: it was received before its task-sent event" if self._waited_in_queue == formatting.UNKNOWN and sent > received else ""

    @property
    def gaps(self) -> list[str]:
        return task_limits.gaps(self.task, self.worker)

    @cached_property
    def family(self) -> queries.Family:
        return queries.family(self.scope, self.task)

    @property
    def parent_id(self) -> str | None:
        """Who called it, None if nobody did; a retried task is named as its own parent."""
        return self.task.parent_id if self.task.parent_id != self.task.uuid else None

    @property
    def has_family(self) -> bool:
        task, family = self.task, self.family
        alone = self.parent_id is None and task.root_id in (None, task.uuid)
        return bool(not alone or family.children)

    @cached_property
    def flow_tasks(self) -> int:
        """How many tasks its workflow has, as far as they are kept and may be seen."""
        return queries.flow_size(self.scope, self.task, self.family.root is not None)

    @property
    def flow_text(self) -> str:
        return "" if self.flow_tasks < 2 else f"Workflow: {formatting.count(self.flow_tasks, 'task')}"

    @property
    def flow_url(self) -> str:
        """The page of its workflow."""
        query = {"broker": self.task.broker.name, "vhost": self.task.vhost, "root": self.task.root_id or self.task.uuid}
        return f"{reverse('flow')}?{urlencode(query)}"

    @property
    def relatives_left_out(self) -> int:
        return self.family.more_children + self.family.more_siblings

    @property
    def tree(self) -> Relative:
        """The task with those above and below it, from the root on."""
        task, family = self.task, self.family
        this = self._relative(task, "this task")
        this.this = True
        this.below = [self._relative(child, "child") for child in family.children]
        top = this
        if self.parent_id:
            top = self._relative(family.parent, "parent") if family.parent else Relative("parent", self._absent, self.parent_id)
            top.below = [this, *(self._relative(sibling, "sibling") for sibling in family.siblings)]
        if task.root_id and task.root_id not in (task.uuid, self.parent_id):
            root = self._relative(family.root, "root") if family.root else Relative("root", self._absent, task.root_id)
            root.below = [top]
            top = root
        return top

    @property
    def is_whole(self) -> bool:
        """Whether the person may view all of the virtual host: else what is not found may only be hidden from them."""
        return self.scope.covers(self.task.broker.name, self.task.vhost)

    @property
    def _absent(self) -> str:
        return "no longer kept" if self.is_whole else "no longer kept, or not visible to you"

    def _relative(self, task: Task, role: str) -> Relative:
        url = reverse("task", args=[task.pk]) if task.pk != self.task.pk else ""
        state = task_states.state_of(task)
        runtime = "" if ran_seconds(task) is None else runtime_text(ran_seconds(task))
        return Relative(role, task.name or "name unknown", task.uuid, state, task_states.last_seen(task), url, runtime)

    @property
    def same_name_url(self) -> str:
        """The tasks of the same name, "" where it is unknown."""
        task = self.task
        return tasks_address(task.broker.name, task.vhost, f"name:{quoted(task.name)}") if task.name else ""

    @property
    def send_again_url(self) -> str:
        """The send page filled in with this task; "" where there is no such page."""
        try:
            return f"{reverse('send')}?{urlencode({'broker': self.task.broker.name, 'vhost': self.task.vhost, 'like': str(self.task.pk)})}"
        except NoReverseMatch:
            return ""

    @property
    def why_url(self) -> str:
        """How it came to its queue and worker node, beside where it was predicted to go."""
        query = {"broker": self.task.broker.name, "vhost": self.task.vhost, "of": "existing", "uuid": self.task.uuid}
        return f"{reverse('routing')}?{urlencode(query)}"

    @property
    def topics(self) -> list[str]:
        place = (self.task.broker_id, self.task.vhost)
        return [topics.Topic(topics.BROKER, place[0]).name, topics.Topic(topics.TASKS, *place).name]
