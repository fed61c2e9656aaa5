"""The page "About this installation", whole or its one part."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from brokers.queries.one_moment import one_moment
from dashboard.layout.frame import shell_of
from dashboard.operations.about import gathered


@one_moment()
def page(request: HttpRequest) -> HttpResponse:
    about = gathered(shell_of(request).scope, timezone.now())
    template = "about/_all.html" if request.GET.get("part") == "all" else "about/index.html"
    return render(request, template, {"about": about, "now": about.now})
