"""The page on which tasks are revoked: which were chosen, what will happen to them with and without a signal, and what has to be typed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

import msgspec
from django.contrib.auth.models import AnonymousUser
from django.http import QueryDict

from brokers import queries as broker_queries
from brokers.models import Broker
from brokers.scope import Scope
from dashboard.layout import changing, formatting
from dashboard.models import User
from dashboard.revoke import action as revoking
from dashboard.revoke.action import Chosen, Place
from dashboard.tasks.selection import Named, Selection, of_ids, of_list
from workers import queries
from workers.control.revocation import MOST_TASKS, SIGNALS, Revocation, read_stamps
from workers.models import Task

LONGEST_UUID = 255


class Confirmation(msgspec.Struct, frozen=True):
    """One of the two orders that the page offers: to revoke, or to terminate too with the signal that is chosen."""

    act: str  # revoke, terminate
    title: str
    plan: Revocation
    problem: str = ""

    @property
    def chooses(self) -> bool:
        return self.act == "terminate"


class RevokePage(Named):
    """The questions of one request. `given` names the tasks (`task` or `tasks` by number, `uuid` or `ids` with the place, or `all` with `q`) or a stamped
    header (`stamp` and `values`); `broker` and `vhost` are what the frame's switchers chose."""

    def __init__(self, scope: Scope, user: User | AnonymousUser, given: QueryDict, broker: Broker | None, vhost: str | None, now: datetime) -> None:
        self.scope, self.user, self.given, self.now = scope, user, given, now
        self._broker, self._vhost = broker, vhost
        self.typed_problem = ""
        self.problem, self.problem_status = "", 429  # why the order was not sent, though all is right

    @property
    def act(self) -> str:
        """Which order is posted, "" before one is."""
        return self.given.get("act", "") if self.given.get("act") in ("revoke", "terminate") else ""

    @property
    def signal(self) -> str:
        return self.given.get("signal", "") if self.given.get("signal") in SIGNALS else "SIGTERM"

    @cached_property
    def ids(self) -> list[str]:
        """The ids of tasks that were entered."""
        return (
            list(dict.fromkeys(re.split(r"[\s,;]+", self.given.get("ids", "").replace("\x00", "").strip())))[: MOST_TASKS + 1] if self.given.get("ids") else []
        )

    @cached_property
    def _stamps(self) -> tuple[dict[str, list[str]], str]:
        name, values = self.given.get("stamp", "").strip(), [line.strip() for line in self.given.get("values", "").splitlines() if line.strip()]
        if not name and not values:
            return {}, ""
        try:
            return read_stamps({name: values}), ""
        except ValueError as error:
            return {}, f"Stamped header: {error}"

    @property
    def stamps(self) -> dict[str, list[str]]:
        return self._stamps[0]

    @cached_property
    def selection(self) -> Selection:
        """The tasks that were chosen in a list or one by one."""
        if self.given.get("tasks") or self.given.get("task"):
            return of_ids(self.scope, self.given.get("tasks") or self.given.get("task", ""), MOST_TASKS)
        if self.given.get("all") or self.given.getlist("uuid"):
            return of_list(self.scope, self.given, self.named_broker, self.named_vhost, revoking.REVOCABLE_STATES, MOST_TASKS, self.now)
        return Selection([])

    @cached_property
    def chosen(self) -> Chosen:
        if self.ids and self.place:
            fits = [uuid for uuid in self.ids if len(uuid) <= LONGEST_UUID]
            return revoking.given_uuids(self.user, self.scope, self.place.broker, self.place.vhost, fits[:MOST_TASKS])
        return revoking.permitted(self.user, self.selection.tasks)

    @cached_property
    def stamped(self) -> list[Task]:
        """The tasks that are known to carry the stamped header."""
        return queries.stamped_tasks(self.scope, self.place.broker, self.place.vhost, self.stamps) if self.place and self.stamps else []

    @property
    def tasks(self) -> Sequence[Task]:
        return self.stamped if self.stamps else self.chosen.tasks

    @cached_property
    def place(self) -> Place | None:
        """Where the order goes; None where that is not known."""
        tasks = self.selection.tasks
        if tasks:
            return Place(tasks[0].broker, tasks[0].vhost)
        broker, vhost = self.named_broker, self.named_vhost
        if broker is None or vhost is None or broker_queries.virtual_host(self.scope, broker.pk, vhost) is None:
            return None
        return Place(broker, vhost)

    @property
    def is_empty(self) -> bool:
        """Nothing was chosen yet: the page has the forms for ids and for a header."""
        return not (self.given.keys() & {"task", "tasks", "all", "uuid"}) and not self.ids and not self.given.get("stamp")

    @property
    def wrong_choice(self) -> str:
        """Why no order can be about what was chosen; "" if one can."""
        places = {(task.broker_id, task.vhost) for task in self.selection.tasks}
        if self.selection.problems:
            return f"The filter can’t be applied, so no task was chosen. {self.selection.problems[0]}"
        if len(places) > 1:
            return "These tasks are of several virtual hosts. Select those of one."
        if self._stamps[1]:
            return self._stamps[1]
        if (self.ids or self.stamps) and self.place is None:
            return "Choose the broker and the virtual host first."
        if len(self.ids) > MOST_TASKS or (self.selection.more and not self.selection.text):
            return f"One order revokes at most {MOST_TASKS:,} tasks."
        return ""

    @property
    def permitted(self) -> bool:
        """Whether this person may revoke any of what was chosen, were it not switched off."""
        if self.place is None:
            return False
        whole = revoking.may(self.user, self.place.broker.name, self.place.vhost)
        return whole or (not self.stamps and bool(self.chosen.tasks))

    @cached_property
    def refusal(self) -> tuple[str, int]:
        """(why nothing can be revoked there by this person now, "" if it can; the status of the page)."""
        if self.place is None:
            named = self.given.get("broker", "") or (self._broker.name if self._broker else "")
            return changing.why_not(revoking.CHANGE, self.user, named, self.named_vhost or ""), 403
        queue = None if self.stamps or not self.chosen.tasks else self.chosen.tasks[0].queue
        return changing.refusal(revoking.CHANGE, self.user, self.place.broker, self.place.vhost, self.now, queue)

    def plan(self, signal: str) -> Revocation | None:
        if self.place is None or self.wrong_choice or self.is_empty:
            return None
        return self.place.planned_by_stamps(self.stamps, self.stamped, signal) if self.stamps else self.place.planned(self.chosen, signal)

    @cached_property
    def confirmations(self) -> list[Confirmation]:
        """The orders that can be sent; the page says why where there is none."""
        found = []
        for act, title, signal in (("revoke", "Revoke", ""), ("terminate", "Revoke and terminate", self.signal)):
            plan = self.plan(signal)
            if plan is not None and plan.text:
                found.append(Confirmation(act, title, plan, self.typed_problem if act == self.act else ""))
        return found

    @property
    def left_out(self) -> list[str]:
        """Which of the chosen tasks no order is about, and why, in sentences."""
        plan = self.plan("")
        refused = self.chosen.refused if not self.stamps else 0
        more = [f"More tasks match; one order revokes at most {MOST_TASKS:,}, and these are the newest."] if self.selection.more and self.selection.text else []
        hidden = [f"{formatting.count(refused, 'task')} can’t be revoked by you: your role does not allow it there."] if refused else []
        return [*more, *hidden, *(plan.left_out if plan else ())]

    @property
    def title(self) -> str:
        if self.is_empty:
            return "Revoke tasks"
        if self.stamps:
            return "Revoke tasks by a stamped header"
        count = len(self.chosen.uuids)
        return f"Revoke {self.tasks[0].name or self.tasks[0].uuid}" if count == 1 and self.tasks else f"Revoke {formatting.count(count, 'task')}"

    @property
    def most(self) -> int:
        return MOST_TASKS

    @property
    def signals(self) -> list[tuple[str, str]]:
        """[(name, what it does)]."""
        return list(SIGNALS.items())

    @property
    def sample(self) -> Sequence[Task]:
        return self.tasks[: revoking.SAMPLE]

    @property
    def beyond_sample(self) -> int:
        return len(self.tasks) - len(self.sample)

    @property
    def fields(self) -> list[tuple[str, str]]:
        """What is posted to revoke just these."""
        if self.place is None:
            return []
        where = [("broker", self.place.broker.name), ("vhost", self.place.vhost), ("confirmation", changing.confirmation())]
        if self.stamps:
            return [*where, *((field, value) for name, values in self.stamps.items() for field, value in (("stamp", name), ("values", "\n".join(values))))]
        if self.ids:
            return [*where, ("ids", "\n".join(self.chosen.uuids))]
        return [("tasks", ",".join(str(task.pk) for task in self.chosen.tasks)), ("confirmation", changing.confirmation())]

    def confirmed(self) -> Revocation | None:
        """The order that was posted, if it may be sent; else what is wrong is noted."""
        signal = self.signal if self.act == "terminate" else ""
        plan = self.plan(signal) if self.act and not self.refusal[0] else None
        if plan is None or not plan.text:
            return None
        if " ".join(self.given.get("typed", "").split()) != " ".join(plan.typed.split()):
            self.typed_problem = f"Type {plan.typed} to confirm it."
            return None
        if changing.is_often(revoking.CHANGE, self.user, self.now):
            self.problem = revoking.TOO_OFTEN
            return None
        if changing.is_repeated(revoking.CHANGE, self.user, self.given.get("confirmation", ""), self.act):
            self.problem, self.problem_status = changing.REPEATED, 409
            return None
        return plan
