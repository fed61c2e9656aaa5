"""What the page of a task shows of revoking it: the button, and who revoked it."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser
from django.urls import reverse

from brokers.scope import Scope
from dashboard.models import AuditEvent, User
from dashboard.revoke import action as revoking
from workers.control.revocation import ENDED
from workers.models import Task


class RevokeSection:
    """Of one task, for one person."""

    def __init__(self, user: User | AnonymousUser, scope: Scope, task: Task, now: datetime) -> None:
        self.user, self.scope, self.task, self.now = user, scope, task, now

    @property
    def address(self) -> str:
        """Where it can be revoked; "" once it has ended, and for who may not revoke it."""
        if self.task.state in ENDED or not revoking.may_task(self.user, self.task):
            return ""
        return f"{reverse('task_revoke')}?{urlencode({'task': self.task.pk})}"

    @cached_property
    def orders(self) -> list[AuditEvent]:
        """The latest orders that revoked it, for who may view the whole virtual host."""
        is_revoked = self.task.state == "REVOKED" or self.task.revoked_by
        return revoking.history(self.task, self.now) if is_revoked and self.scope.covers(self.task.broker.name, self.task.vhost) else []
