"""The page of one worker node and its fragments."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from brokers.queries.one_moment import one_moment
from dashboard.layout.frame import shell_of
from dashboard.live.seen import live_page
from dashboard.workers.detail_page import WorkerDetail
from workers import queries

PARTS = ("listing", "running", "charts", "queues", "pool", "registered", "story")


@one_moment()
def page(request: HttpRequest, pk: int) -> HttpResponse:
    """The whole page, or with `?part=` only one of its panels."""
    scope = shell_of(request).scope
    worker = queries.worker_by_id(scope, pk)
    if worker is None:
        raise Http404("There is no such worker node, or you may not see it.")
    detail = WorkerDetail(scope, worker, request.path, request.GET, timezone.now(), request.user)
    part = request.GET.get("part")
    context = {"detail": detail, "worker": worker, "row": detail.row, "now": detail.now}
    if part in PARTS:
        return render(request, f"workers/_{part}.html", context)
    return render(request, "workers/detail.html", {**context, **live_page(detail.topics, [detail.row.key], scope=scope)})
