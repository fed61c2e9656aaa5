"""What a person chooses of the list of tasks besides its filter: columns, the views that they keep, what is done with several tasks."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from urllib.parse import urlencode

import msgspec
from django.contrib.auth.models import AnonymousUser

from brokers.scope import Scope
from dashboard import queries
from dashboard.layout.addresses import Heading, ListAddress
from dashboard.layout.named_addresses import address_of
from dashboard.models import TaskView, User
from dashboard.people.access import rights_of
from dashboard.tasks import bulk
from dashboard.tasks import columns as task_columns

PARTS = ("q", "columns", "sort", "broker", "vhost")
"""Of the list's address, what a view keeps."""


class KeptView(msgspec.Struct, frozen=True):
    words: str
    address: str
    current: bool
    note: str = ""


class ListChoices:
    """Of one request."""

    address: ListAddress
    scope: Scope
    sort: str
    user: User | AnonymousUser | None
    at: datetime | None  # the past moment that the list shows

    @cached_property
    def task_views(self) -> list[TaskView]:
        return queries.task_views(self.user.pk if self.user else None, self.scope)

    @cached_property
    def usual_columns(self) -> str:
        """Those of the view that the person chose for it; "" for those that everybody has."""
        own = self.user.pk if self.user else None
        return next((view.columns for view in self.task_views if view.is_usual and view.user_id == own), "")

    @cached_property
    def columns(self) -> tuple[task_columns.Column, ...]:
        return task_columns.chosen(self.address.kept.get("columns", ""), self.usual_columns)

    @property
    def headings(self) -> list[Heading]:
        return task_columns.headings(self.columns, self.address, self.sort)

    @property
    def column_choices(self) -> list[task_columns.Choice]:
        return task_columns.choices(self.columns, self.address, self.usual_columns)

    @property
    def has_everybodys_columns(self) -> bool:
        return not task_columns.as_text(self.columns)

    @property
    def has_usual_columns(self) -> bool:
        return not task_columns.as_text(self.columns, self.usual_columns)

    @property
    def usual_columns_address(self) -> str:
        return self.address.with_(columns=None)

    @property
    def exports(self) -> list[tuple[str, str]]:
        """The whole list as files, with its filter and columns."""
        there = ListAddress.at(address_of("task_export"), self.address)
        return [("CSV", there.with_(format="csv", sort=None)), ("JSON, an object a line", there.with_(format="json", sort=None))]

    @cached_property
    def bulk_acts(self) -> list[bulk.BulkAct]:
        return bulk.acts_for(rights_of(self.user)) if self.at is None else []

    @cached_property
    def kept_views(self) -> list[KeptView]:
        here = {name: value for name in PARTS if (value := self.address.kept.get(name))}
        own = self.user.pk if self.user else None
        return [
            KeptView(view.name, view_address(view), view_parts(view) == here, "" if view.user_id == own else f"shared by {view.user.get_username()}")
            for view in self.task_views
        ]

    @property
    def keep_address(self) -> str:
        """Where this list is kept under a name; "" for who is not logged in."""
        there = ListAddress.at(address_of("task_views"), self.address)
        return there.with_() if self.user and self.user.pk else ""


def view_parts(view: TaskView) -> dict[str, str]:
    """The parts of the list's address that a view stands for."""
    parts = {"q": view.filter, "columns": view.columns, "sort": view.sort, "broker": view.broker, "vhost": view.vhost}
    return {name: value for name, value in parts.items() if value}


def view_address(view: TaskView) -> str:
    parts = view_parts(view)
    return f"{address_of('tasks')}?{urlencode(parts)}" if parts else address_of("tasks")
