"""Tasks as they were stored, waited for."""

from __future__ import annotations

from collections.abc import Callable

from brokers.scope import EVERYTHING
from tests.waiting import wait_until
from tests.workers.conftest import Watching
from workers import queries
from workers.models import Task
from workers.task_filter import TaskFilter

APP = "tests.workers.celery_app"
THREADS = ("-E", "--pool", "threads", "--concurrency", "2", "-Q", "jobs")


def tasks(watching: Watching, **narrowed: object) -> list[Task]:
    return queries.tasks(EVERYTHING, filter=TaskFilter(vhost=watching.vhost, **narrowed), page_size=500).items


def wait_for_task(watching: Watching, name: str, condition: Callable[[Task], object], seconds: float = 40) -> Task:
    """The whole row of the only task of that name, once the condition holds."""

    def met() -> Task | None:
        found = [task for task in tasks(watching, name=f"{APP}.{name}") if condition(task)]
        return queries.task_by_id(EVERYTHING, found[0].pk) if found else None

    found = wait_until(met, seconds)
    assert found is not None
    return found


def wait_for_uuid(watching: Watching, uuid: str, condition: Callable[[Task], object], seconds: float = 40) -> Task:
    """The whole row of the task, once the condition holds."""

    def met() -> Task | None:
        found = queries.task(EVERYTHING, uuid, watching.broker.name, watching.vhost)
        return found if found and condition(found) else None

    found = wait_until(met, seconds)
    assert found is not None
    return found


def listening(watching: Watching, hostname: str) -> None:
    watching.start()
    watching.wait_for(hostname, lambda worker: worker.state == "online" and worker.heartbeat_at and worker.pool)
