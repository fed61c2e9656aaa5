"""The page on which tasks are run again: which can be and with what arguments, how many, how fast, and what has to be typed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property

from django.contrib.auth.models import AnonymousUser
from django.http import QueryDict
from django.urls import reverse
from django.utils.http import urlencode

from brokers.models import Broker
from brokers.scope import Scope
from dashboard import queries
from dashboard.again import action as again
from dashboard.again.action import LeftOut, Ready
from dashboard.again.message import SeenMessage, seen_message
from dashboard.layout import changing, formatting
from dashboard.models import User
from dashboard.tasks.selection import Named, Selection, of_ids, of_list
from workers import queries as worker_queries
from workers.models import Task


def failed_of(scope: Scope, key: int, most: int, now: datetime) -> Selection | None:
    """The tasks of a group of failures that have failed still; None if there is no such group, or it is not visible."""
    found = worker_queries.failure(scope, key, now - timedelta(days=1))
    if found is None:
        return None
    tasks = worker_queries.tasks_of_failure(scope, found, most + 1)
    failed = [task for task in tasks if task.state == "FAILURE"]
    place = " ".join(part for part in (found.group.exception, f"at {found.group.place}" if found.group.place else "") if part)
    return Selection(failed[:most], len(tasks) > most, f"failures: {place}")


class AgainPage(Named):
    """The questions of one request. `given` names the tasks (`task` or `tasks` by number, `uuid` or `all` with `q`, `failure`: a group), or has a `message`;
    `broker` and `vhost` are what the frame's switchers chose."""

    def __init__(self, scope: Scope, user: User | AnonymousUser, given: QueryDict, broker: Broker | None, vhost: str | None, now: datetime) -> None:
        self.scope, self.user, self.given, self.now = scope, user, given, now
        self._broker, self._vhost = broker, vhost
        self.newest_now = 0
        self.problems: dict[str, str] = {}
        self.problem = ""  # why nothing was begun, though all is right

    @cached_property
    def seen(self) -> SeenMessage | None:
        """The message that was given, as from the peek page; None where tasks are chosen."""
        return seen_message(self.given["message"]) if self.given.get("message") else None  # type: ignore[arg-type]

    @cached_property
    def selection(self) -> Selection:
        given, most = self.given, again.MOST_TASKS
        if self.seen is not None:
            return Selection([])
        if given.get("tasks") or given.get("task"):
            return of_ids(self.scope, given.get("tasks") or given.get("task", ""), most)
        if given.get("failure", "").isdecimal() and len(given.get("failure", "")) < 19:
            return failed_of(self.scope, int(given.get("failure", "")), most, self.now) or Selection([])
        if given.get("all") or given.getlist("uuid"):
            return of_list(self.scope, given, self.named_broker, self.named_vhost, again.STATES, most, self.now)
        return Selection([])

    @cached_property
    def broker(self) -> Broker | None:
        """Where it will be sent; None where that is not known."""
        return self.selection.tasks[0].broker if self.selection.tasks else self.named_broker

    @property
    def broker_name(self) -> str:
        return self.broker.name if self.broker else self.given.get("broker", "")

    @property
    def vhost(self) -> str:
        return self.selection.tasks[0].vhost if self.selection.tasks else self.named_vhost or ""

    @property
    def wrong_choice(self) -> str:
        """Why what was chosen can't be run again together; "" if it can."""
        if self.selection.problems:
            return f"The filter can’t be applied, so no task was chosen. {self.selection.problems[0]}"
        if len({(task.broker_id, task.vhost) for task in self.selection.tasks}) > 1:
            return "These tasks are of several virtual hosts. Select those of one."
        if self.selection.more and not self.selection.text:
            return f"At most {again.MOST_TASKS:,} tasks are run again together."
        return ""

    @cached_property
    def refusal(self) -> tuple[str, int]:
        """(why this person can't send there now, "" if they can; the status of the page)."""
        if self.broker is None:
            return changing.why_not(again.CHANGE, self.user, self.broker_name, self.vhost) or "Name a broker.", 403
        return changing.refusal(again.CHANGE, self.user, self.broker, self.vhost, self.now)

    @property
    def include_again(self) -> bool:
        """Whether tasks are taken that were run again already: one that is chosen by itself is, with a warning."""
        return bool(self.given.get("include")) or self.is_single

    @property
    def is_single(self) -> bool:
        return len(self.selection.tasks) == 1

    @cached_property
    def _sorted(self) -> tuple[list[Ready], list[LeftOut]]:
        self.newest_now = queries.newest_run_again()  # before it is looked which were run again
        found = [] if self.wrong_choice else self.selection.tasks
        return again.sorted_out(self.broker_name, self.vhost, found, self.include_again)

    @property
    def ready(self) -> Sequence[Ready]:
        return self._sorted[0]

    @property
    def left_out(self) -> Sequence[LeftOut]:
        return self._sorted[1]

    @property
    def more(self) -> str:
        return f"More tasks match; at most {again.MOST_TASKS:,} are run again together, and these are the newest." if self.selection.more else ""

    @property
    def has_again(self) -> bool:
        """Whether some were left out only because they were run again already."""
        return any(again.ALREADY in one.why for one in self.left_out)

    @property
    def one(self) -> Ready | None:
        """The task, where there is only one."""
        return self.ready[0] if len(self.ready) == 1 else None

    @property
    def warnings(self) -> list[str]:
        found = ["A worker will really run it." if len(self.ready) == 1 or self.seen else "Workers will really run them."]
        if self.seen is not None:
            return [*found, *self._warnings_of_message(self.seen)]
        if kept := sum(one.is_kept for one in self.ready):
            found.append(f"The arguments of {formatting.count(kept, 'task')} are those that the result backend has (result_extended).")
        if kept < len(self.ready):
            found.append("Arguments are as their sender described them in the task’s events, which may differ from what the message held (argsrepr).")
        found.append("Priority, expiration, headers, links, groups and chords are not repeated: events don’t report them.")
        if self.is_single and queries.run_again_already(self.broker_name, self.vhost, [self.selection.tasks[0].uuid]):
            found.append("It was run again already.")
        if self.one and self.one.task.state == "SUCCESS":
            found.append("It succeeded, so that its work is done twice.")
        if self.one and self.one.task.state == "UNKNOWN":
            found.append("Its outcome is unknown: it may have run, or still run.")
        return found

    def _warnings_of_message(self, seen: SeenMessage) -> list[str]:
        found = []
        if seen.waits_in:
            what = "a dead-lettered message" if seen.is_dead else "the message"
            found.append(f"This sends a new task; {what} stays in {seen.waits_in}{'' if seen.is_dead else ', whose consumers run it too'}.")
        if seen.left:
            found.append(f"Not repeated: {formatting.listed(list(seen.left))}.")
        return found

    @property
    def send_url(self) -> str:
        """The form, filled with what is known of the task; "" where no single task was chosen."""
        if not self.is_single or not self.user.is_authenticated:
            return ""
        return f"{reverse('send')}?{urlencode({'broker': self.broker_name, 'vhost': self.vhost, 'like': str(self.selection.tasks[0].pk)})}"

    @property
    def title(self) -> str:
        if self.seen is not None:
            return f"Run {self.seen.order.task} again" if self.seen.order else "Run a message’s task again"
        if self.is_single:
            return f"Run {self.selection.tasks[0].name or self.selection.tasks[0].uuid} again"
        return f"Run {formatting.count(len(self.selection.tasks), 'task')} again" if self.selection.tasks else "Run tasks again"

    @property
    def sample(self) -> Sequence[Ready]:
        return self.ready[: again.SAMPLE]

    @property
    def beyond_sample(self) -> int:
        return len(self.ready) - len(self.sample)

    @cached_property
    def limit(self) -> int:
        """How many are run at most; noted as a problem where it is no number."""
        text = self.given.get("limit", "").strip()
        if text.isdecimal() and 0 < int(text[:6]) <= again.MOST_TASKS:
            return int(text[:6])
        if text:
            self.problems["limit"] = f"Enter a whole number from 1 to {again.MOST_TASKS:,}."
        return again.MOST_TASKS

    @cached_property
    def per_second(self) -> float:
        text = self.given.get("per_second", "").strip()
        try:
            found = float(text[:20]) if text else again.USUAL_PER_SECOND
        except ValueError:
            found = 0.0
        if again.SLOWEST_PER_SECOND <= found <= again.FASTEST_PER_SECOND:
            return found
        self.problems["per_second"] = f"Enter a number from {again.SLOWEST_PER_SECOND:g} to {again.FASTEST_PER_SECOND:g}."
        return again.USUAL_PER_SECOND

    @cached_property
    def newest_run(self) -> int:
        """The newest run of any task when the page was shown, which is posted with it: what is confirmed a second time is not sent a second time."""
        text = self.given.get("newest", "")
        return int(text) if text.isdecimal() and len(text) < 19 else 0

    @property
    def going(self) -> Sequence[Ready]:
        return self.ready[: self.limit]

    @property
    def typed(self) -> str:
        """What is typed to confirm it; "" for one task."""
        return "" if len(self.going) == 1 else f"run {len(self.going)}"

    @property
    def duration(self) -> str:
        return formatting.duration(max(1.0, len(self.going) / self.per_second))

    @property
    def task_numbers(self) -> str:
        """What is posted to run just these."""
        return ",".join(str(one.task.pk) for one in self.ready)

    def confirmed(self) -> bool:
        """Whether what was posted may be begun; else what is wrong is noted."""
        if self.wrong_choice or not self.going or self.per_second is None or self.problems:
            return False
        if self.typed and " ".join(self.given.get("typed", "").split()) != self.typed:
            self.problems["typed"] = f"Type {self.typed} to confirm it."
        elif changing.is_often(again.CHANGE, self.user, self.now):
            self.problem = again.TOO_OFTEN
        return not self.problems and not self.problem

    @property
    def tasks(self) -> Sequence[Task]:
        return self.selection.tasks
