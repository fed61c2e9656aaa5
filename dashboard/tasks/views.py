"""The list of tasks and its fragments."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from brokers.queries.one_moment import one_moment
from dashboard.layout.addresses import ListAddress
from dashboard.layout.fragments import completions
from dashboard.layout.frame import shell_of
from dashboard.live.seen import live_page
from dashboard.tasks.completion import task_values
from dashboard.tasks.filter import QUALIFIERS
from dashboard.tasks.list_page import TaskList
from dashboard.tasks.parameters import with_terms

PARTS = ("limits", "views", "table", "newer", "kept", "hint")


@one_moment()
def page(request: HttpRequest) -> HttpResponse:
    """The whole page, or with `?part=` only one of its fragments."""
    shell = shell_of(request)
    address = ListAddress(request.path, with_terms(request.GET))
    listed = TaskList(shell.scope, address, shell.brokers, shell.broker, shell.vhost, shell.now, request.user)
    part = request.GET.get("part")
    if part == "completion":
        return completions(request, QUALIFIERS, task_values(listed))
    if part in PARTS:
        return render(request, f"tasks/_{part}.html", {"list": listed, "now": listed.now, "newer": listed.newer(request.GET.get("newest", ""))})
    return render(
        request,
        "tasks/index.html",
        {"list": listed, "now": listed.now, "may_follow": True, **live_page(listed.topics, brokers=shell.brokers, scope=shell.scope)},
    )
