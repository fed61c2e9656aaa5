"""The page "About this installation", whole or its one part."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from brokers.queries.one_moment import one_moment
from dashboard.operations.about import gathered
from dashboard.people.access import scope_of


@one_moment()
def page(request: HttpRequest) -> HttpResponse:
    about = gathered(scope_of(request.user), timezone.now())
    template = "about/_all.html" if request.GET.get("part") == "all" else "about/index.html"
    return render(request, template, {"about": about, "now": about.now})
