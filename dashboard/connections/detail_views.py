"""One connection's page and its fragments."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from brokers import queries
from brokers.queries.one_moment import one_moment
from dashboard.connections.detail_page import ConnectionPage
from dashboard.layout.frame import shell_of
from dashboard.live.seen import live_page

PARTS = ("notice", "channels", "consumes", "publishes")


@one_moment()
def page(request: HttpRequest, pk: int) -> HttpResponse:
    """The whole page, or with `?part=` only one of its parts. A connection that was closed keeps its page for an hour."""
    scope = shell_of(request).scope
    connection = queries.connection_by_id(scope, pk)
    if connection is None:
        raise Http404("No connection has this id, or it was closed more than an hour ago.")
    shown = ConnectionPage(scope, connection, timezone.now())
    part = request.GET.get("part")
    if part in PARTS:
        return render(request, f"connections/_{part}.html", {"page": shown, **shown.head()})
    return render(
        request, "connections/detail.html", {"page": shown, **live_page(shown.topics, [f"connection-{pk}"], [shown.broker], scope=scope), **shown.head()}
    )
