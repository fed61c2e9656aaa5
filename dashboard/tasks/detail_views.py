"""The page of one task and its fragments."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from brokers.queries.one_moment import one_moment
from dashboard.again.section import AgainSection
from dashboard.layout.addresses import statistics_address
from dashboard.layout.fragments import polled, vary_on_htmx
from dashboard.layout.frame import shell_of
from dashboard.live.seen import live_page
from dashboard.revoke.section import RevokeSection
from dashboard.tasks.detail_page import TaskPage
from dashboard.tasks.failure_link import failure_address
from dashboard.tasks.progress import Reports
from dashboard.tasks.state_source import state_source
from dashboard.tasks.time_limit import notice
from workers import queries

PARTS = ("head", "figures", "timeline", "progress", "routing", "arguments", "outcome", "family", "gaps")
GO_ON = ("timeline", "gaps")
"""Parts that the clock alone changes while the task runs."""


@vary_on_htmx
@one_moment()
def page(request: HttpRequest, pk: int) -> HttpResponse:
    """The whole page, or with `?part=` only one of its panels."""
    shell = shell_of(request)
    scope = shell.scope
    read = shell.brokers if shell.at is None else []  # else as they were then
    task = queries.task_by_id(scope, pk, shell.at, read)
    if task is None:
        raise shell.missing(queries.task_by_id(scope, pk), "There is no such task any more, or you may not see it.")
    shown = TaskPage(scope, task, shell.now)
    part = request.GET.get("part")
    context = {"page": shown, "task": task, "row": shown.row, "now": shown.now, "failure_url": failure_address(shown), "reports": Reports(task)}
    context["again"] = AgainSection(request.user, scope, task)
    context |= {"revoke": RevokeSection(request.user, scope, task, shown.now), "past_limit": notice(shown), "source": state_source(task)}
    context |= {"statistics_url": statistics_address(task.broker.name, task.vhost, name=task.name)}
    if part in PARTS:
        return render(request, f"tasks/_{part}.html", context, status=polled(request, part not in GO_ON or shown.goes_on))
    if shell.at is not None:
        return render(request, "tasks/past.html", context)
    return render(request, "tasks/detail.html", {**context, **live_page(shown.topics, [shown.row.key], read, scope=scope)})
