"""Receipt stands still for 40 seconds amid thousands of tasks: each task's end, and each time, is compared with what really happened."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from brokers import store as broker_store
from brokers.addresses import BrokerAddress
from workers import queries, store
from workers.inspection.inspector import Answer
from workers.models import Task, Worker
from workers.receiving.events import Event
from workers.receiving.liveness import Subscription
from workers.receiving.task_watch import TaskWatch
from workers.receiving.worker_registry import WorkerRegistry
from workers.receiving.worker_state import FIELDS, WorkerState

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ENDS = {"task-succeeded": "SUCCESS", "task-failed": "FAILURE", "task-retried": "RETRY"}
SECONDS = 100
pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class Node:
    """A worker node whose clock is ahead by `fast` seconds; `running` is what it would list."""

    name: str
    fast: float
    pid: int = 7
    clock: int = 0
    begun: int = 0
    running: set[str] = field(default_factory=set)

    def event(self, kind: str, at: float, **fields: object) -> Event:
        self.clock += 1
        return Event(kind, self.name, NOON.timestamp() + at + self.fast, self.pid, self.clock, **fields)


@dataclass
class World:
    """What the nodes sent (with the true time of it), what they answered, and the truth of each task: (state, worker, started, ended)."""

    nodes: list[Node]
    sent: list[tuple[float, Event]] = field(default_factory=list)
    answers: list[tuple[float, Answer]] = field(default_factory=list)
    truth: dict[str, tuple[str, str, float, float]] = field(default_factory=dict)
    starts: int = 0


def world(rng: random.Random, tasks_a_second: int) -> World:
    """Three nodes at work for SECONDS, with clocks that are right, ahead and behind."""
    found = World([Node("a@one", 0.0), Node("b@two", 37.0), Node("c@three", -12.0)])
    happen: list[tuple[float, int, Callable[[float], None]]] = []

    def heartbeat(node: Node) -> Callable[[float], None]:
        return lambda at: found.sent.append((at, node.event("worker-heartbeat", at, freq=2.0, processed=node.begun)))

    def answer(node: Node, command: str) -> Callable[[float], None]:
        return lambda at: found.answers.append((at, _answer(node, command, at)))

    for node in found.nodes:
        happen += [(2 * tick + 0.45, 0, heartbeat(node)) for tick in range(SECONDS // 2)]
        for tick in range(SECONDS // 3):
            happen += [(3 * tick + 0.7 + place / 100, 0, answer(node, command)) for place, command in enumerate(("active", "reserved", "scheduled", "stats"))]
    for number in range(tasks_a_second * (SECONDS - 10)):
        happen += _life(found, f"t{number}", rng, 1 + number / tasks_a_second)
    for at, _, do in sorted(happen, key=lambda one: one[:2]):
        do(at)
    return found


def _life(found: World, uuid: str, rng: random.Random, at: float) -> Iterator[tuple[float, int, Callable[[float], None]]]:
    node, end = rng.choice(found.nodes), rng.choice([*["task-succeeded"] * 8, "task-failed", "task-retried"])
    started, ended = at + rng.uniform(0.001, 3), at + rng.uniform(3.001, 6)

    def receive(now: float) -> None:
        found.sent.append((now, node.event("task-received", now, uuid=uuid, name="shop.pay", args="()", kwargs="{}", retries=0)))

    def start(now: float) -> None:
        node.begun += 1
        found.starts += 1
        node.running.add(uuid)
        found.sent.append((now, node.event("task-started", now, uuid=uuid)))

    def finish(now: float) -> None:
        node.running.discard(uuid)
        found.sent.append((now, node.event(end, now, uuid=uuid, runtime=ended - started)))
        found.truth[uuid] = (ENDS[end], node.name, started, ended)

    yield at, 1, receive
    yield started, 1, start
    yield ended, 1, finish


def _answer(node: Node, command: str, at: float) -> Answer:
    node.clock += 1
    moment = NOON + timedelta(seconds=at)
    fields = {"pid": node.pid} if command == "stats" else {}
    listed = frozenset(node.running) if command == "active" else frozenset()
    clock = node.clock if command == "stats" else None
    return Answer(node.name, dict(fields), moment, command, moment - timedelta(seconds=0.05), listed, command != "stats", clock)


class Receiver:
    """A round of `VhostWatch` without its connection: events, answers, assessment, store."""

    def __init__(self) -> None:
        self.broker = broker_store.ensure_brokers([BrokerAddress("prod", ("http://h:1",), "u", "p")], NOON)["prod"].pk
        self.writer, _ = store.take_over(self.broker, "/", NOON)
        self.begin()

    def begin(self) -> None:
        """Anew, from what is stored."""
        rows = queries.all_workers(self.broker, "/")
        self.registry = WorkerRegistry(WorkerState(id=row.pk, stored_state=row.state, **{name: getattr(row, name) for name in FIELDS}) for row in rows)
        self.watch = TaskWatch(self.broker, "/")

    def round(self, events: list[Event], answers: list[Answer], at: float) -> None:
        now = NOON + timedelta(seconds=at)
        self.registry.apply(events, now)
        self.watch.add_events(events, now)
        for answer in answers:
            self.registry.apply_answer(answer.hostname, answer.fields, answer.at)
            self.watch.note_answer(answer)
        self.registry.assess(Subscription(NOON - timedelta(hours=1)), now)
        self.watch._orphans._next_assessment = 0.0
        tasks = self.watch.prepare(self.registry.workers, receiving=True)
        store.save_batch(self.writer, self.broker, "/", store.Batch(workers=self.registry.take_changes(), tasks=tasks), now)
        self.watch.note_stored(tasks)


@pytest.mark.parametrize("anew", [False, True], ids=["stopped", "killed and started anew"])
def test_every_task_of_a_backlog_ends_as_it_did(anew: bool) -> None:
    happened = world(random.Random(7), tasks_a_second=16)
    receiver, sent, answered = Receiver(), 0, 0
    for second in (half / 2 for half in range(1, 2 * SECONDS + 20)):
        if 40 <= second < 80:
            continue
        events = [event for at, event in happened.sent[sent:] if at <= second]
        if anew and second == 80:
            receiver.begin()
            events = [event for _, event in happened.sent[sent - 60 : sent]] + events  # stored, but not acknowledged
        answers = [answer for at, answer in happened.answers[answered:] if at <= second and (not anew or second < 40 or at > 80)]
        sent, answered = sum(at <= second for at, _ in happened.sent), sum(at <= second for at, _ in happened.answers)
        for start in range(0, len(events), 500):  # the backlog comes in several rounds, and the tasks are assessed amid it
            receiver.round(events[start : start + 500], answers if not start else [], second + start / 10_000)
    found = {task.uuid: task for task in Task.objects.all()}
    wrong = {uuid: (found[uuid].state, true[0]) for uuid, true in happened.truth.items() if found[uuid].state != true[0] or found[uuid].worker != true[1]}
    assert wrong == {}
    assert len(found) == len(happened.truth) > 1000
    for uuid, (_, worker, started, ended) in happened.truth.items():
        if started > 10:  # the skew is known by then, by heartbeats or answers
            assert max(_off(found[uuid].started_at, started), _off(found[uuid].ended_at, ended)) < {"a@one": 0.3, "b@two": 0.3, "c@three": 5.0}[worker]
    assert {worker.hostname: worker.lost_events for worker in Worker.objects.all()} == {"a@one": 0, "b@two": 0, "c@three": 0}


def _off(shown: datetime | None, true: float) -> float:
    return 0.0 if shown is None else abs((shown - NOON).total_seconds() - true)


@pytest.mark.parametrize("odd", [NOON.timestamp() * 1000, 1e300, -5.0])
def test_a_heartbeat_stamped_in_milliseconds_stops_nothing_and_moves_no_task(odd: float) -> None:
    receiver, node = Receiver(), Node("a@one", 0.0)
    started = [node.event("worker-heartbeat", 0, freq=2.0, processed=0), node.event("task-started", 1, uuid="t1")]
    receiver.round(started, [], 2)
    restarted = Event("worker-online", "a@one", odd, 8, 1, freq=2.0, processed=0)
    receiver.round([restarted, Event("worker-heartbeat", "a@one", odd, 8, 2, freq=2.0, processed=0)], [], 4)
    receiver.round([Event("task-started", "a@one", NOON.timestamp() + 5, 8, 3, uuid="t2")], [], 6)
    assert {task.uuid: (task.state, _off(task.started_at, at)) for task, at in zip(Task.objects.order_by("uuid"), (1, 5), strict=True)} == {
        "t1": ("STARTED", 0.0), "t2": ("STARTED", 0.0),
    }  # fmt: skip
