"""The page of one workflow and its fragments."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from brokers.queries.one_moment import one_moment
from dashboard.flows.place import flow_page
from dashboard.layout.fragments import polled, vary_on_htmx
from dashboard.layout.frame import shell_of
from dashboard.live.seen import live_page

PARTS = ("head", "figures", "canvas", "names")


@vary_on_htmx
@one_moment()
def page(request: HttpRequest) -> HttpResponse:
    """The whole page, or with `?part=` only one of its panels."""
    shell = shell_of(request)
    shown = flow_page(shell, request.GET.get("root", ""))
    if shown is None or not shown.rows.tasks:
        raise Http404("No task of this workflow is kept any more, or you may not see it.")
    if shown.other_root_address:
        return redirect(shown.other_root_address)
    part = request.GET.get("part")
    context = {"page": shown, "now": shown.now, "as_list": request.GET.get("view") == "list"}
    if part in PARTS:
        return render(request, f"flows/_{part}.html", context, status=polled(request, shown.goes_on))
    return render(request, "flows/detail.html", {**context, **live_page(shown.topics, scope=shown.scope)})
