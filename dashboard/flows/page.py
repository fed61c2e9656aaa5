"""The page of one workflow: its tasks drawn and listed, totals, the critical path, and what is not known of it."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from functools import cached_property

import msgspec
from django.urls import reverse
from django.utils.http import urlencode

from brokers.models import Broker
from brokers.scope import Scope
from dashboard.flows import text
from dashboard.flows.boxes import BoxText, box_texts
from dashboard.flows.critical import CriticalPath, critical_path
from dashboard.flows.folded import Box, folded
from dashboard.flows.layout import CERTAIN, MAYBE, Drawing, Framed, PlacedBox, drawn
from dashboard.flows.members import tree_of
from dashboard.flows.tree import Tree
from dashboard.layout import formatting
from dashboard.layout.addresses import tasks_address
from dashboard.layout.filter_language import quoted
from dashboard.layout.visibility import Step
from dashboard.live import topics
from dashboard.tasks.row import runtime_text
from dashboard.workers.visibility import no_events
from workers import queries
from workers.models import Task
from workers.queries import FlowRows

NAMES_LISTED = 50


class Figure(msgspec.Struct, frozen=True):
    words: str
    value: str
    url: str = ""
    note: str = ""


class NameRow(msgspec.Struct, frozen=True):
    """The tasks of one name."""

    name: str
    count: int
    states: str
    slowest: str


class DrawnBox(msgspec.Struct, frozen=True):
    placed: PlacedBox
    text: BoxText


class FlowPage:
    """The questions of one request about the tasks of one root."""

    def __init__(self, scope: Scope, broker: Broker, vhost: str, root: str, now: datetime) -> None:
        self.scope, self.broker, self.vhost, self.root, self.now = scope, broker, vhost, root, now

    @cached_property
    def rows(self) -> FlowRows:
        return queries.flow(self.scope, self.broker, self.vhost, self.root)

    @property
    def limits(self) -> list[Step]:
        """Why what goes on is not known now; [] while events are received, or once all has ended."""
        return no_events(queries.event_sources(self.scope, self.broker.pk, [self.broker]), self.vhost) if self.goes_on else []

    @cached_property
    def tree(self) -> Tree:
        return tree_of(self.root, self.rows)

    @cached_property
    def boxes(self) -> list[Box]:
        return folded(self.tree)

    @cached_property
    def path(self) -> CriticalPath | None:
        return critical_path(self.tree, self.now)

    @cached_property
    def texts(self) -> dict[str, BoxText]:
        return box_texts(self.boxes, self.tree, self.path.tasks if self.path else (), self.now)

    @property
    def lines(self) -> list[BoxText]:
        return [self.texts[box.key] for box in self.boxes]

    @cached_property
    def drawing(self) -> Drawing:
        framed = [Framed(group.tasks, CERTAIN if group.source else MAYBE, "group" if group.source else "may be a group") for group in self.tree.groups]
        return drawn(self.boxes, self.path.tasks if self.path else (), framed)

    @property
    def drawn_boxes(self) -> list[DrawnBox]:
        return [DrawnBox(placed, self.texts[placed.box.key]) for placed in self.drawing.boxes]

    @cached_property
    def root_task(self) -> Task | None:
        return next((task for task in self.rows.tasks if task.uuid == self.root), None)

    @property
    def title(self) -> str:
        return (self.root_task.name if self.root_task else "") or "Root task of unknown name"

    @property
    def goes_on(self) -> bool:
        """True while tasks of it run or wait."""
        return any(one.state in ("STARTED", *text.WAITING) for one in self.rows.counts)

    @property
    def states_text(self) -> str:
        return text.states_text((one.state, one.count) for one in self.rows.counts)

    @property
    def total_text(self) -> str:
        return f"{'more than ' if self.rows.is_more else ''}{formatting.count(self.rows.total, 'task')}"

    @property
    def path_text(self) -> str:
        return text.path_text(self.path, self.tree) if self.path and len(self.tree.members) > 1 else ""

    @property
    def figures(self) -> list[Figure]:
        return [
            Figure("Tasks", f"{'> ' if self.rows.is_more else ''}{formatting.number(self.rows.total)}", note=f"of {formatting.count(len(self.names), 'name')}"),
            Figure("Started", self._started, note="first event of its tasks"),
            Figure("Ended", *self._ended),
            self._slowest,
            self._failed,
            self._waiting,
        ]

    @property
    def _started(self) -> str:
        first = min((one.first_at for one in self.tree.tasks() if one.first_at is not None), default=None)
        return formatting.moment_text(first, self.now) if first else formatting.UNKNOWN

    @property
    def _ended(self) -> tuple[str, str, str]:
        if self.goes_on:
            return "running", "", f"since {self._started}"
        last = max((one.ended_at for one in self.tree.tasks() if one.ended_at is not None), default=None)
        took = f"took {text.long(self.path.took)}" if self.path else ""
        return (formatting.moment_text(last, self.now), "", took) if last else (formatting.UNKNOWN, "", "no event reported its end")

    @property
    def _slowest(self) -> Figure:
        ran = [(length, one) for one in self.tree.tasks() if (length := text.ran_for(one, self.now)) is not None and not one.is_unlock]
        if not ran:
            return Figure("Slowest", formatting.UNKNOWN)
        length, one = max(ran, key=lambda pair: pair[0])
        return Figure("Slowest", text.long(length), reverse("task", args=[one.order]), text.name_of(one))

    @property
    def _failed(self) -> Figure:
        count = sum(one.count for one in self.rows.counts if one.state == "FAILURE")
        first = next((one for one in self.tree.tasks() if one.state == "FAILURE"), None)
        url = reverse("task", args=[first.order]) if first else ""
        return Figure("Failed", formatting.number(count), url, f"the first: {text.name_of(first)}" if first else "")

    @property
    def _waiting(self) -> Figure:
        count = sum(one.count for one in self.rows.counts if one.state in text.WAITING)
        running = sum(one.count for one in self.rows.counts if one.state == "STARTED")
        return Figure("Still waiting", formatting.number(count), note=f"{formatting.number(running)} running")

    @cached_property
    def names(self) -> list[NameRow]:
        """By name, the most frequent first."""
        by_name: dict[str, list[queries.NameCount]] = defaultdict(list)
        for one in self.rows.counts:
            by_name[one.name or "name unknown"].append(one)
        found = [
            NameRow(
                name,
                sum(one.count for one in counts),
                text.states_text((one.state, one.count) for one in counts),
                runtime_text(max((one.slowest_seconds for one in counts if one.slowest_seconds is not None), default=None)),
            )
            for name, counts in by_name.items()
        ]
        return sorted(found, key=lambda row: (-row.count, row.name))

    @property
    def names_listed(self) -> list[NameRow]:
        return self.names[:NAMES_LISTED]

    @property
    def names_left_out(self) -> int:
        return max(0, len(self.names) - NAMES_LISTED)

    @cached_property
    def gaps(self) -> list[str]:
        return text.gaps(self.tree, self.rows, self.scope.covers(self.broker.name, self.vhost))

    @property
    def notes(self) -> list[str]:
        return text.notes(self.tree)

    @property
    def drawing_address(self) -> str:
        return self._address(self.root)

    @property
    def list_address(self) -> str:
        return f"{self.drawing_address}&view=list"

    @property
    def tasks_url(self) -> str:
        """Its tasks in the list of tasks."""
        return tasks_address(self.broker.name, self.vhost, f"root:{quoted(self.root)}")

    @property
    def other_root_address(self) -> str:
        """The page of the workflow that the task of the address is in, "" where that is this one."""
        task = self.root_task
        alone = len(self.rows.tasks) == 1
        return self._address(task.root_id) if task is not None and alone and task.root_id not in (None, self.root) else ""

    def _address(self, root: str) -> str:
        return f"{reverse('flow')}?{urlencode({'broker': self.broker.name, 'vhost': self.vhost, 'root': root})}"

    @property
    def topics(self) -> list[str]:
        return [topics.Topic(topics.BROKER, self.broker.pk).name, topics.Topic(topics.TASKS, self.broker.pk, self.vhost).name]
