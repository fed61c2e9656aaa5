"""The worker nodes of a broker in the groups that rules look at: of hundreds most are healthy, so each rule looks at a few. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workers.models import Worker


class WorkerGroups:
    """Made anew once anything but what heartbeats bring has changed of a worker node: so no group may depend on that."""

    def __init__(self, workers: Sequence[Worker] = ()) -> None:
        self.workers = workers

    @cached_property
    def by_queue(self) -> Mapping[tuple[str, str], Sequence[Worker]]:
        """Of every state, by (virtual host, name) of the queues that they are configured to consume."""
        found: dict[tuple[str, str], list[Worker]] = {}
        for worker in self.workers:
            for queue in worker.queues or ():
                found.setdefault((worker.vhost, str(queue.get("name"))), []).append(worker)
        return found

    @cached_property
    def by_host(self) -> Mapping[str, Sequence[Worker]]:
        found: dict[str, list[Worker]] = {}
        for worker in self.workers:
            found.setdefault(worker.hostname.partition("@")[2], []).append(worker)
        return found

    @cached_property
    def by_vhost(self) -> Mapping[str, Sequence[Worker]]:
        found: dict[str, list[Worker]] = {}
        for worker in self.workers:
            found.setdefault(worker.vhost, []).append(worker)
        return found

    @cached_property
    def by_name(self) -> Mapping[tuple[str, str], Worker]:
        """By (virtual host, host name)."""
        return {(worker.vhost, worker.hostname): worker for worker in self.workers}

    @cached_property
    def online(self) -> Sequence[Worker]:
        return [worker for worker in self.workers if worker.state == worker.ONLINE]

    @cached_property
    def not_online(self) -> Sequence[Worker]:
        return [worker for worker in self.workers if worker.state != worker.ONLINE]

    @cached_property
    def unknown(self) -> Sequence[Worker]:
        return [worker for worker in self.not_online if worker.state == worker.UNKNOWN]

    @cached_property
    def without_events(self) -> Sequence[Worker]:
        """Those that are online and send no task events."""
        return [worker for worker in self.online if worker.events_off]

    @cached_property
    def autoscaled(self) -> Sequence[Worker]:
        """Those that are online and have an autoscaler."""
        return [worker for worker in self.online if worker.autoscale_min is not None and worker.autoscale_max is not None]

    @cached_property
    def lost_events(self) -> Mapping[tuple[str, int], int]:
        """Of those that are online, as `dashboard.findings.counters` counts them: events that were lost."""
        return {("lost of worker", worker.id): worker.lost_events for worker in self.online}
