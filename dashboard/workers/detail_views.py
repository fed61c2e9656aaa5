"""The page of one worker node and its fragments."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from brokers.queries.one_moment import one_moment
from brokers.queries.pages import share_brokers
from dashboard.layout.charted import charts_answer
from dashboard.layout.frame import shell_of
from dashboard.live.seen import live_page
from dashboard.workers.detail_page import WorkerDetail
from workers import queries

PARTS = ("listing", "running", "charts", "queues", "pool", "registered", "story")


@one_moment()
def page(request: HttpRequest, pk: int) -> HttpResponse:
    """The whole page, or with `?part=` only one of its panels."""
    shell = shell_of(request)
    scope = shell.scope
    worker = queries.worker_by_id(scope, pk, shell.at)
    if worker is None:
        raise shell.missing(queries.worker_by_id(scope, pk), "There is no such worker node, or you may not see it.")
    share_brokers([worker], shell.brokers if shell.at else ())
    detail = WorkerDetail(scope, worker, request.path, request.GET, shell.now, request.user)
    part = request.GET.get("part")
    context = {"detail": detail, "worker": worker, "row": detail.row, "now": detail.now}
    if part == "charts":
        return charts_answer(request, "workers/_charts.html", {**context, "charts": detail.charts})
    if part in PARTS:
        return render(request, f"workers/_{part}.html", context)
    template = "workers/past.html" if shell.at else "workers/detail.html"
    return render(request, template, {**context, **live_page(detail.topics, [detail.row.key], scope=scope)})
