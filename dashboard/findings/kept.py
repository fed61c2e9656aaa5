"""What is kept in memory from round to round of a broker, so that each reads only what is new. Lost with the process; then it fills again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta

from brokers.models import Broker
from dashboard.findings.counters import Counters
from dashboard.findings.drift import Drift
from dashboard.findings.drift_reader import DriftReader
from dashboard.findings.gathered_queues import QueueReader
from dashboard.findings.missed_reader import MissedReader
from dashboard.findings.outcomes import Ended, Key, Outcomes, TaskOutcomes
from dashboard.findings.passage import Passages
from dashboard.findings.polled import PolledReader
from dashboard.findings.topology_reader import TopologyReader
from dashboard.findings.worker_groups import WorkerGroups
from workers.models import Worker
from workers.queries.for_rules import WorkerReader
from workers.queries.held_tasks import EndedRow, HeldTasks, ended_tasks, held_tasks

FIRST_LOOK = timedelta(hours=1)
MOST_AT_FIRST, MOST_LATER = 5000, 300
"""So many ended tasks are read at most: of more, the latest."""
OVERLAP = timedelta(seconds=2)
"""Rows that another transaction stored a moment earlier may be seen later."""
REMEMBERED_KEYS = 5000
HELD_EVERY = timedelta(seconds=30)
HELD_FOR = timedelta(minutes=10)
MOST_HELD = 20
"""Of so many workers the tasks are read in one round."""
_NEVER = datetime.min.replace(tzinfo=UTC)


class Kept:
    """Of one broker."""

    def __init__(self) -> None:
        self.counters, self.queues, self.passages = Counters(), QueueReader(), Passages()
        self.workers, self._groups = WorkerReader(), WorkerGroups()
        self.polled = PolledReader(self.queues)
        self._outcomes, self._changed_at = Outcomes(), _NEVER
        self._counted: OrderedDict[int, None] = OrderedDict()
        self._held: dict[int, tuple[datetime | None, datetime, HeldTasks]] = {}
        self._drift, self.missed, self.topology = DriftReader(), MissedReader(), TopologyReader()

    def grouped(self, workers: Sequence[Worker]) -> WorkerGroups:
        """Kept while it is the same list: then nothing has changed but what heartbeats bring."""
        if workers is not self._groups.workers:
            self._groups = WorkerGroups(workers)
        return self._groups

    def outcomes(self, broker: Broker, now: datetime, in_trouble: Collection[Key]) -> list[TaskOutcomes]:
        """How the latest executions of tasks ended; reads those that ended since the last round."""
        is_first = self._changed_at == _NEVER
        since = max(self._changed_at, now - FIRST_LOOK) - OVERLAP
        new = ended_tasks(broker, since, MOST_AT_FIRST if is_first else MOST_LATER, self._counted)
        self._changed_at = max((row[-1] for row in new), default=now if is_first else self._changed_at)
        for row in new:
            self._counted[row[0]] = None
        while len(self._counted) > REMEMBERED_KEYS:
            self._counted.popitem(last=False)
        self._outcomes.add(sorted((_ended(row) for row in new), key=lambda one: one.at))
        return self._outcomes.of_each(now, in_trouble)

    def held_by(self, now: datetime) -> Callable[[Worker], HeldTasks | None]:
        """Reads the tasks that a worker held, for a few workers a round, each again after half a minute."""
        read = 0
        self._held = {pk: known for pk, known in self._held.items() if timedelta(0) <= now - known[1] < HELD_FOR}

        def held(worker: Worker) -> HeldTasks | None:
            nonlocal read
            known = self._held.get(worker.pk)
            if known is not None and known[0] == worker.since and timedelta(0) <= now - known[1] < HELD_EVERY:
                return known[2]
            if read >= MOST_HELD:
                return known[2] if known is not None and known[0] == worker.since else None
            read += 1
            found = held_tasks(worker)
            self._held[worker.pk] = (worker.since, now, found)
            return found

        return held

    def drift(self, broker: Broker, online: Sequence[Worker], now: datetime) -> Sequence[Drift] | None:
        """Where configurations and the broker differ; None while that is not known."""
        return self._drift.drift(broker, online, now)


def _ended(row: EndedRow) -> Ended:
    _, vhost, name, state, worker, exception, ended_at, changed_at = row
    failed = state == "FAILURE"
    return Ended(vhost, name, ended_at or changed_at, failed, worker, exception if failed else "")
