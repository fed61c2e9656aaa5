"""The queues page and its fragments."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from brokers.queries.one_moment import one_moment
from dashboard.layout.addresses import ListAddress
from dashboard.layout.filter_language import QUEUES
from dashboard.layout.fragments import completions
from dashboard.layout.frame import shell_of
from dashboard.live.seen import live_page
from dashboard.queues.completion import queue_values
from dashboard.queues.list_page import QueueList


@one_moment()
def page(request: HttpRequest) -> HttpResponse:
    """The whole page, or with `?part=` only table, views, notices or completion."""
    shell = shell_of(request)
    listed = QueueList(shell.scope, ListAddress(request.path, request.GET), shell.brokers, shell.broker, shell.vhost, shell.now)
    part = request.GET.get("part")
    if part == "completion":
        return completions(request, QUEUES, queue_values(listed))
    if part in ("table", "views", "notices"):
        return render(request, f"queues/_{part}.html", {"list": listed, **(listed.table() if part == "table" else {})})
    table = listed.table()
    return render(request, "queues/index.html", {"list": listed, **table, **live_page(table["topics"], brokers=shell.brokers, scope=shell.scope)})
