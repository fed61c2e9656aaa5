"""The workers page and its fragments."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from brokers.queries.one_moment import one_moment
from dashboard.layout.addresses import ListAddress
from dashboard.layout.fragments import completions
from dashboard.layout.frame import shell_of
from dashboard.live.seen import live_page
from dashboard.people.access import rights_of
from dashboard.workers.completion import worker_values
from dashboard.workers.filter import QUALIFIERS
from dashboard.workers.list_page import WorkerList

PARTS = ("head", "limits", "board", "table")


@one_moment()
def page(request: HttpRequest) -> HttpResponse:
    """The whole page, or with `?part=` only its head, what is missing, the board or the table."""
    shell = shell_of(request)
    listed = WorkerList(shell.scope, ListAddress(request.path, request.GET), shell.brokers, shell.broker, shell.vhost, shell.now)
    part = request.GET.get("part")
    if part == "completion":
        return completions(request, QUALIFIERS, worker_values(listed))
    selection = {"selects": shell.at is None and rights_of(request.user).may_somewhere("control"), "selected": request.GET.getlist("node")}
    if part in PARTS:
        return render(request, f"workers/_{part}.html", {"list": listed, **selection})
    return render(request, "workers/index.html", {"list": listed, **selection, **live_page(listed.topics, brokers=shell.brokers, scope=shell.scope)})
