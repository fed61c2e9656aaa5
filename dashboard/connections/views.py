"""The connections page and its fragments."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from brokers.queries.one_moment import one_moment
from dashboard.connections.completion import connection_values
from dashboard.connections.filter import QUALIFIERS
from dashboard.connections.list_page import ConnectionList
from dashboard.layout.addresses import ListAddress
from dashboard.layout.fragments import completions
from dashboard.layout.frame import shell_of
from dashboard.live.seen import live_page

PARTS = ("table", "views", "notices", "figures")


@one_moment()
def page(request: HttpRequest) -> HttpResponse:
    """The whole page, or with `?part=` only table, views, notices, figures or completion."""
    shell = shell_of(request)
    listed = ConnectionList(shell.scope, ListAddress(request.path, request.GET), shell.brokers, shell.broker, shell.vhost, timezone.now())
    part = request.GET.get("part")
    if part == "completion":
        return completions(request, QUALIFIERS, connection_values(listed))
    if part in PARTS:
        return render(request, f"connections/_{part}.html", {"list": listed, "now": listed.now, **(listed.table() if part == "table" else {})})
    table = listed.table()
    return render(
        request, "connections/index.html", {"list": listed, "now": listed.now, **table, **live_page(table["topics"], brokers=shell.brokers, scope=shell.scope)}
    )
