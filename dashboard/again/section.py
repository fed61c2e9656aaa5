"""What the page of a task shows of running it again: the button, the tasks that run it again, and the one that it runs again."""

from __future__ import annotations

from functools import cached_property
from urllib.parse import urlencode

import msgspec
from django.contrib.auth.models import AnonymousUser
from django.urls import reverse

from brokers.scope import Scope
from dashboard import queries
from dashboard.again import action as again
from dashboard.models import NOT_RUN_AGAIN, RunAgain, User
from workers import queries as worker_queries
from workers.control.revocation import ENDED
from workers.models import Task


class Link(msgspec.Struct, frozen=True):
    """The other task of a run. `url` is "" where nothing is kept of it."""

    item: RunAgain
    uuid: str
    url: str
    batch_url: str
    is_new: bool


class AgainSection:
    """Of one task, for one person."""

    def __init__(self, user: User | AnonymousUser, scope: Scope, task: Task) -> None:
        self.user, self.scope, self.task = user, scope, task

    @property
    def address(self) -> str:
        """Where it can be run again; "" before it has ended, and for who may not send."""
        ended = self.task.state in ENDED or self.task.state == "UNKNOWN"
        may = ended and again.may(self.user, self.task.broker.name, self.task.vhost)
        return f"{reverse('task_again')}?{urlencode({'task': self.task.pk})}" if may else ""

    @cached_property
    def links(self) -> list[Link]:
        """The latest first, for who may view the whole virtual host."""
        task = self.task
        if not self.scope.covers(task.broker.name, task.vhost):
            return []
        return [self._link(item) for item in queries.runs_of_task(task.broker.name, task.vhost, task.uuid) if item.state not in NOT_RUN_AGAIN]

    def _link(self, item: RunAgain) -> Link:
        is_new = item.old_uuid == self.task.uuid
        uuid = item.new_uuid if is_new else item.old_uuid
        found = worker_queries.task(self.scope, uuid, self.task.broker_id, self.task.vhost)
        return Link(item, uuid, reverse("task", args=[found.pk]) if found else "", reverse("run_again_batch", args=[item.batch_id]), is_new)
