"""Where the page of a failed task leads to all failures of its kind."""

from __future__ import annotations

from typing import Protocol

from django.urls import reverse

from brokers.scope import Scope
from workers import queries
from workers.models import Task


class OfTask(Protocol):
    scope: Scope
    task: Task


def failure_address(page: OfTask) -> str:
    """The page of the group; "" for a task that did not fail, or whose failure is not counted yet."""
    key = queries.failure_of_task(page.scope, page.task) if page.task.state == "FAILURE" else None
    return "" if key is None else reverse("failure", args=[key])
