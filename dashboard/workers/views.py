"""The workers page and its fragments."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone

from brokers.queries.one_moment import one_moment
from dashboard.layout.addresses import ListAddress
from dashboard.layout.frame import Shell
from dashboard.live.seen import live_page
from dashboard.people.access import scope_of
from dashboard.workers.list_page import WorkerList, completion

PARTS = ("head", "limits", "board", "table")


@one_moment()
def page(request: HttpRequest) -> HttpResponse:
    """The whole page, or with `?part=` only its head, what is missing, the board or the table."""
    shell = Shell(request)
    listed = WorkerList(scope_of(request.user), ListAddress(request.path, request.GET), shell.brokers, shell.broker, shell.vhost, timezone.now())
    part = request.GET.get("part")
    if part == "completion":
        return JsonResponse({"qualifiers": completion(listed)})
    if part in PARTS:
        return render(request, f"workers/_{part}.html", {"list": listed})
    return render(request, "workers/index.html", {"list": listed, **live_page(listed.topics)})
