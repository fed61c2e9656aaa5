"""The page of the worker nodes whose names have one pattern."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from brokers.queries.one_moment import one_moment
from dashboard.layout.charted import charts_answer
from dashboard.layout.frame import shell_of
from dashboard.live.seen import live_page
from dashboard.workers.group_page import WorkerGroup


@one_moment()
def page(request: HttpRequest) -> HttpResponse:
    """The whole page, or with `?part=` only its charts or its nodes."""
    shell, name = shell_of(request), request.GET.get("name", "")
    if shell.broker is None or shell.vhost is None or not name:
        return render(request, "workers/no_group.html")
    group = WorkerGroup(shell.scope, shell.broker, shell.vhost, name, request.path, request.GET, timezone.now())
    part = request.GET.get("part")
    if part == "charts":
        return charts_answer(request, "workers/_group_charts.html", {"group": group, "charts": group.charts})
    if part == "nodes":
        return render(request, "workers/_group_nodes.html", {"group": group})
    return render(request, "workers/group.html", {"group": group, **live_page(group.topics, brokers=shell.brokers, scope=shell.scope)})
