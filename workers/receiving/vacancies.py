"""Which worker is removed to make room for another: the one gone longest; else the oldest name that never sent a heartbeat or an answer. Pure.

A new name costs the same, however many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from workers.receiving.worker_state import WorkerState


class Vacancies:
    """Names in the order in which they are removed, each at most once; those that came back meanwhile are passed over."""

    def __init__(self) -> None:
        self._gone: dict[str, None] = {}
        self._unproven: dict[str, None] = {}

    def note(self, worker: WorkerState) -> None:
        """A worker that is new or has just gone."""
        if worker.state == "gone":
            self._gone.pop(worker.hostname, None)
            self._gone[worker.hostname] = None
        elif not _is_proven(worker):
            self._unproven[worker.hostname] = None

    def take(self, workers: Mapping[str, WorkerState], proven: bool) -> WorkerState | None:
        """The worker to remove; None if all are worth keeping. Names that only appeared in a task's event make room only for a `proven` worker."""
        found = _first(self._gone, workers, lambda worker: worker.state == "gone")
        if found is None and proven:
            found = _first(self._unproven, workers, lambda worker: not _is_proven(worker))
        if found is not None:
            self._gone.pop(found.hostname, None)
            self._unproven.pop(found.hostname, None)
        return found


def _first(names: dict[str, None], workers: Mapping[str, WorkerState], fits: Callable[[WorkerState], bool]) -> WorkerState | None:
    while names:
        hostname = next(iter(names))
        worker = workers.get(hostname)
        if worker is not None and fits(worker):
            return worker
        del names[hostname]
    return None


def _is_proven(worker: WorkerState) -> bool:
    return worker.state == "online" or worker.heartbeat_at is not None or worker.inspected_at is not None or worker.offline_at is not None
