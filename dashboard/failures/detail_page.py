"""The page of one group of failures: figures, trend, traceback, where it happened, recent tasks, and what people did about it."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property

import msgspec
from django.contrib.auth.models import AnonymousUser
from django.urls import reverse
from django.utils.http import urlencode

from brokers.scope import Scope
from dashboard.failures import acts
from dashboard.failures.list_page import behind_text, trend_of
from dashboard.failures.text import EVENTS, Mark, mark_of, message_of, title_of
from dashboard.layout import formatting
from dashboard.layout.addresses import tasks_address
from dashboard.layout.filter_language import quoted
from dashboard.live import topics
from dashboard.models import User
from dashboard.people import access
from dashboard.tasks.states import State, state_of
from workers import queries
from workers.failure_groups import Frame, frames_of
from workers.models import Task
from workers.queries import Failures, Sample

TREND = timedelta(days=7)
MOST_TASKS = 20


class Part(msgspec.Struct, frozen=True):
    """A task or a worker node with how many of the failures were there; `url`: the tasks of it that failed."""

    name: str
    count: str
    url: str


class RecentTask(msgspec.Struct, frozen=True):
    task: Task
    url: str
    state: State


class Event(msgspec.Struct, frozen=True):
    at: datetime
    what: str
    user_name: str
    text: str


class FailurePage:
    """The questions of one request about one group."""

    comment = comment_problem = ""

    def __init__(self, scope: Scope, user: User | AnonymousUser, found: Failures, now: datetime) -> None:
        self.scope, self.user, self.found, self.group, self.now = scope, user, found, found.group, now

    @property
    def title(self) -> str:
        return title_of(self.found)

    @property
    def message(self) -> str:
        return message_of(self.found)

    @property
    def mark(self) -> Mark:
        return mark_of(self.found, self.now)

    @property
    def state_text(self) -> str:
        """Since when it is resolved or open again, in a sentence."""
        group = self.group
        if group.resolved_at is not None:
            return f"Resolved at {formatting.moment_text(group.resolved_at, self.now)} by {group.resolved_by}. It opens again by itself when it fails again."
        if group.reopened_at is not None and not self.found.is_partial:
            times = "" if group.reopened == 1 else f", {formatting.count(group.reopened, 'time')} so far"
            return f"It was resolved, and failed again at {formatting.moment_text(group.reopened_at, self.now)}{times}."
        return ""

    @property
    def count_text(self) -> str:
        return f"{self.found.count:,}{'+' if self.found.is_more else ''}"

    @cached_property
    def trend(self) -> tuple[int, ...]:
        return trend_of(self.found, self.now, TREND)

    @property
    def days(self) -> list[tuple[str, str]]:
        """The same by the day, the newest first: (hours back, count)."""
        days = [sum(self.trend[start : start + 24]) for start in range(0, len(self.trend), 24)]
        return [("Last 24 h" if back == 0 else f"{24 * back}–{24 * back + 24} h ago", f"{count:,}") for back, count in enumerate(reversed(days))]

    @cached_property
    def sample(self) -> Sample:
        return queries.failure_sample(self.scope, self.found)

    @cached_property
    def frames(self) -> list[Frame]:
        """Those of the user's code, the innermost first."""
        return [frame for frame in reversed(frames_of(self.sample.traceback)) if frame.is_users]

    @property
    def tasks(self) -> list[Part]:
        return [self._part(name, count, "name") for name, count in self.found.tasks]

    @property
    def workers(self) -> list[Part]:
        return [self._part(name, count, "worker") for name, count in self.found.workers]

    def _part(self, name: str, count: int, qualifier: str) -> Part:
        is_known = name and '"' not in name
        return Part(name or "others", f"{count:,}", self._in_list(f"{qualifier}:{quoted(name)}") if is_known else "")

    def _in_list(self, more: str = "") -> str:
        """The list of tasks, narrowed to the exception: a message and a place can't be searched for exactly."""
        group = self.group
        raised = f"exception:{group.exception}" if group.exception else ""
        return tasks_address(group.broker.name, group.vhost, " ".join(part for part in ("state:failure", raised, more) if part))

    @property
    def find_url(self) -> str:
        """Where the tasks can be selected, for what can be done with several at once."""
        names = [name for name, _ in self.found.tasks]
        return self._in_list(f"name:{quoted(names[0])}" if len(names) == 1 and names[0] and '"' not in names[0] else "")

    @cached_property
    def recent(self) -> list[RecentTask]:
        found = queries.tasks_of_failure(self.scope, self.found, MOST_TASKS)
        return [RecentTask(task, reverse("task", args=[task.pk]), state_of(task)) for task in found]

    @cached_property
    def events(self) -> list[Event]:
        return [Event(one.at, EVENTS.get(one.what, one.what), one.user_name, one.text) for one in queries.failure_events(self.found)]

    @property
    def why_not(self) -> str:
        """Why this person can't resolve or comment on it; "" if they can."""
        return acts.why_not(self.user, self.found)

    @property
    def again_url(self) -> str:
        """Where its failed tasks are run again; "" for who may not send there."""
        may_send = access.may(self.user, "send", self.group.broker.name, self.group.vhost)
        return f"{reverse('task_again')}?{urlencode({'failure': str(self.group.pk)})}" if may_send else ""

    @cached_property
    def behind(self) -> str:
        return behind_text(queries.failures_counted_until(), self.now)

    @property
    def topics(self) -> list[str]:
        return [topics.Topic(topics.BROKER, self.group.broker_id).name]
